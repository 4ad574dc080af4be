import asyncio
from pathlib import Path
from typing import Any

import msgpack
import pytest

from plugin_bridge import bridge
from plugin_bridge.access import Caller
from plugin_bridge.bridge import CONTROL
from scene_schema.envelope import Envelope
from scene_schema.messages import REPLIES, REQUESTS
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room

NAN = float("nan")


def edit(
    layer: str = "env", base_revision: int | None = None, render: bool = True, **changes: Any
) -> dict[str, Any]:
    return {
        "scene": "rain",
        "layer": layer,
        "base_revision": base_revision,
        "render": render,
        "changes": changes,
    }


async def rendered(room: Room) -> None:
    """The scene of `scene()`, its stems fresh."""
    await room.ask("scene.create", {"scene": scene(), "render": True})
    for _ in range(2):
        await room.render()


def test_the_way_of_one_edit(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        created = await room.ask("scene.create", {"scene": scene()}, id="c1")
        assert (created.type, created.parent, created.session) == (
            "scene.create.reply",
            "c1",
            room.bridge.session,
        )
        assert created.content == {"scene": "rain", "revision": 1, "stale": ["env", "music"], "jobs": []}
        edited = await room.ask("layer.edit", edit(caption="storm"), id="e1")
        assert (edited.content["revision"], edited.content["stale"]) == (2, ["env"])
        (job,) = edited.content["jobs"]
        assert (job["layer"], job["state"], job["revision"]) == ("env", "queued", 2)
        assert (await room.render())["state"] == "done"
        got = (await room.ask("scene.get", {"scene": "rain"})).content
        assert [(one["layer"], one["stem"]) for one in got["layers"]] == [
            ("env", "fresh"),
            ("music", "missing"),
        ]
        revised = room.announced("event.scene")
        assert [one.content["revision"] for one in revised] == [1, 2]
        assert (
            [one.parent for one in revised] == [one.content["caused_by"] for one in revised] == ["c1", "e1"]
        )
        assert {topic for topic, event in room.events if event.type != "event.worker"} == {"scene.rain"}
        (take,) = room.announced("event.take")
        assert (take.parent, take.content["layer"], take.content["take"]["length_samples"]) == (
            "e1",
            "env",
            12_000,
        )

    in_room(tmp_path, story)


@pytest.mark.parametrize("kind", sorted(REQUESTS))
def test_every_request_has_an_answer_of_its_class(tmp_path: Path, kind: str) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        for gain_db in (-1.0, -2.0):
            await room.ask("layer.edit", edit(gain_db=gain_db))
        await room.ask("scene.undo", {"scene": "rain"})
        job = room.worker.renders()[0].id
        layer = {"id": "new", "view": "sfx", "caption": "door"}
        contents: dict[str, Any] = {
            "scene.create": {"scene": scene("other")},
            "scene.edit": {"scene": "rain", "changes": {"title": "Rain"}},
            "scene.extend": {"scene": "rain", "duration_s": 0.75},
            "layer.edit": edit(gain_db=-3.0),
            "layer.add": {"scene": "rain", "layer": layer},
            "layer.remove": {"scene": "rain", "layer": "env"},
            "layer.move": {"scene": "rain", "layer": "env", "index": 1},
            "job.get": {"job": job},
            "job.cancel": {"job": job},
            "scene.import": {"as_id": "other"},
        }
        content = contents.get(kind, {"scene": "rain"} if kind.startswith("scene.") else {})
        if kind == "scene.list":
            content = {}
        binary = (await room.ask("scene.export", {"scene": "rain"})).binary if kind == "scene.import" else ()
        asked = asyncio.ensure_future(room.ask(kind, content, binary=binary, client="me"))
        if kind == "scene.fit":
            await room.say_length(0.75)
        answer = await asked
        assert answer.type == f"{kind}.reply", answer.content
        REPLIES[kind].model_validate(answer.content)

    in_room(tmp_path, story)


BAD: list[tuple[str, str, Any, str, str]] = [
    ("unknown view", "layer.edit", edit(view="smell"), "invalid", "$.changes.view"),
    ("empty caption", "layer.edit", edit(caption=" "), "invalid", "$.changes.caption"),
    ("cue outside the clip", "layer.edit", edit(cues=[{"at_s": 0.5}]), "invalid", "$.changes.cues[0].at_s"),
    ("2 MB caption", "layer.edit", edit(caption="x" * 2_000_000), "invalid", "$.changes.caption"),
    ("gain of NaN", "layer.edit", edit(gain_db=NAN), "invalid", "$.changes.gain_db"),
    ("misspelt change", "layer.edit", edit(gian_db=0.0), "invalid", "$.changes.gian_db"),
    ("change of the id", "layer.edit", edit(id="other"), "invalid", "$.changes.id"),
    ("unknown layer", "layer.edit", edit("drums", gain_db=0.0), "not_found", ""),
    ("unknown scene", "scene.get", {"scene": "sea"}, "not_found", ""),
    ("unknown revision", "scene.get", {"scene": "rain", "revision": 9}, "not_found", ""),
    ("id that is a path", "scene.get", {"scene": "../etc"}, "invalid", "$.scene"),
    ("misspelt field", "scene.get", {"scene": "rain", "revison": 1}, "invalid", "$.revison"),
    ("missing field", "scene.get", {}, "invalid", "$.scene"),
    ("unknown type", "scene.paint", {}, "unknown_type", ""),
    ("scene that is there", "scene.create", {"scene": scene()}, "exists", ""),
    ("bad scene", "scene.create", {"scene": scene(duration_s=0.0)}, "invalid", "$.scene.duration_s"),
    (
        "two layers of one id",
        "layer.add",
        {"scene": "rain", "layer": scene()["layers"][0]},
        "invalid",
        "$.layer.id",
    ),
    (
        "scene too short",
        "scene.edit",
        {"scene": "rain", "changes": {"duration_s": 0}},
        "invalid",
        "$.changes.duration_s",
    ),
    ("unknown job", "job.cancel", {"job": "x"}, "not_found", ""),
    ("a number of no revision", "scene.get", {"scene": "rain", "revision": 2**63}, "not_found", ""),
    ("unknown job", "job.get", {"job": "x"}, "not_found", ""),
    ("unknown layer", "scene.render", {"scene": "rain", "layers": ["drums"]}, "not_found", ""),
    ("odd rate", "scene.deliver", {"scene": "rain", "rate_hz": 12_345}, "invalid", "$.rate_hz"),
    ("odd depth", "scene.deliver", {"scene": "rain", "bit_depth": 8}, "invalid", "$.bit_depth"),
    ("no stem yet", "scene.deliver", {"scene": "bare"}, "not_rendered", ""),
    ("no layers", "scene.deliver", {"scene": "empty"}, "not_rendered", ""),
]


@pytest.mark.parametrize(
    "kind, content, code, field", [one[1:] for one in BAD], ids=[f"{b[1]}: {b[0]}" for b in BAD]
)
def test_bad_input_is_named_and_costs_nothing(
    tmp_path: Path, kind: str, content: dict[str, Any], code: str, field: str
) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        await room.ask(
            "scene.create", {"scene": scene("bare", {"id": "sea", "view": "env", "caption": "sea"})}
        )
        await room.ask("scene.create", {"scene": {"id": "empty"}})
        before, events = (await room.ask("scene.get", {"scene": "rain"})).content, len(room.events)
        answer = await room.ask(kind, content, id="bad")
        assert (answer.type, answer.parent, answer.content["code"]) == ("error", "bad", code), answer.content
        assert [one["field"] for one in answer.content["findings"]][:1] == ([field] if field else [])
        assert answer.content["message"]
        assert len(str(answer.content)) < 3000, "a long value is not sent back whole"
        assert (await room.ask("scene.get", {"scene": "rain"})).content == before
        assert len(room.events) == events

    in_room(tmp_path, story)


def test_sent_twice_is_done_once_also_after_a_restart(tmp_path: Path) -> None:
    first: dict[str, Any] = {}

    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()}, id="c1")
        first.update((await room.ask("layer.edit", edit(caption="storm"), id="e1")).content)
        await room.render()
        again = await room.ask("layer.edit", edit(caption="storm"), id="e1")
        assert again.content == first
        assert len(room.worker.renders()) == 1
        assert (await room.ask("scene.list")).content == {"scenes": {"rain": 2}}

    async def sequel(room: Room) -> None:
        again = await room.ask("layer.edit", edit(caption="storm"), id="e1")
        assert again.content == {**first, "jobs": []}  # jobs end with the engine that made them
        assert (await room.ask("scene.create", {"scene": scene()}, id="c1")).content["revision"] == 1
        assert (await room.ask("scene.list")).content == {"scenes": {"rain": 2}}

    in_room(tmp_path, story)
    in_room(tmp_path, sequel)


def test_a_reply_too_large_to_be_remembered_is_found_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "REPLIES_BYTES", 0)

    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()}, id="c1")
        first = (await room.ask("layer.edit", edit(caption="storm"), id="e1")).content
        again = (await room.ask("layer.edit", edit(caption="storm"), id="e1")).content
        assert again == {**first, "jobs": []}
        assert (await room.ask("scene.list")).content == {"scenes": {"rain": 2}}

    in_room(tmp_path, story)


def nested(depth: int) -> dict[str, Any]:
    return {"x": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    "odd", [b"\xff", nested(300), msgpack.Timestamp(1)], ids=["bytes", "too deep", "timestamp"]
)
def test_what_json_has_no_word_for_is_refused_with_a_new_id_and_with_a_used_one(
    tmp_path: Path, odd: Any
) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()}, id="c1")
        await room.ask("layer.edit", edit(caption="storm"), id="e1")
        assert (await room.ask("layer.edit", edit(caption=odd), id="new")).content["code"] == "invalid"
        assert (await room.ask("layer.edit", edit(caption=odd), id="e1")).content["code"] == "exists"

    async def sequel(room: Room) -> None:  # the journal remembers the id
        assert (await room.ask("layer.edit", edit(caption=odd), id="e1")).content["code"] == "exists"

    in_room(tmp_path, story)
    in_room(tmp_path, sequel)


def test_another_message_with_a_used_id_is_refused(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()}, id="c1")
        answer = await room.ask("layer.edit", edit(caption="storm"), id="c1")
        assert answer.content["code"] == "exists"
        await room.ask("scene.render", {"scene": "rain"}, id="r1")
        assert (await room.ask("scene.render", {"scene": "rain", "layers": []}, id="r1")).content[
            "code"
        ] == "exists"

    in_room(tmp_path, story)


def test_a_conflict_brings_the_newest_scene(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        await room.ask("layer.edit", edit(base_revision=1, gain_db=-3.0))
        answer = await room.ask("layer.edit", edit(base_revision=1, gain_db=-6.0))
        assert answer.content["code"] == "conflict"
        assert answer.content["newest"] == (await room.ask("scene.get", {"scene": "rain"})).content
        assert answer.content["newest"]["revision"] == 2

    in_room(tmp_path, story)


def test_mixing_makes_nothing_stale(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        for changes in ({"gain_db": -3.0}, {"pan": 1.0}, {"mute": True}, {"solo": True}, {"lock": True}):
            answer = await room.ask("layer.edit", edit(**changes))
            assert (answer.content["stale"], answer.content["jobs"]) == ([], [])
        moved = await room.ask("layer.move", {"scene": "rain", "layer": "env", "index": 1})
        assert moved.content["stale"] == []
        assert len(room.worker.renders()) == 2

    in_room(tmp_path, story)


def test_undo_is_fresh_at_once_and_supersedes(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        storm = (await room.ask("layer.edit", edit(caption="storm"))).content["jobs"][0]["job"]
        undone = await room.ask("layer.edit", edit(caption="light rain"))
        assert (undone.content["stale"], undone.content["jobs"]) == ([], [])
        assert room.worker.cancels() == [storm]
        await room.stopped(storm)
        assert room.states(storm) == ["queued", "running", "superseded"]

    in_room(tmp_path, story)


def test_render_false_makes_stale_and_no_job(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        answer = await room.ask("layer.edit", edit(render=False, caption="storm"))
        assert (answer.content["stale"], answer.content["jobs"]) == (["env"], [])
        render = await room.ask("scene.render", {"scene": "rain"})
        assert [one["layer"] for one in render.content["jobs"]] == ["env"]

    in_room(tmp_path, story)


def test_render_of_some_layers(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        some = await room.ask("scene.render", {"scene": "rain", "layers": ["music"]})
        assert [one["layer"] for one in some.content["jobs"]] == ["music"]
        rest = await room.ask("scene.render", {"scene": "rain"})
        assert [one["layer"] for one in rest.content["jobs"]] == ["env", "music"]
        assert rest.content["jobs"][1]["job"] == some.content["jobs"][0]["job"], "not asked for twice"

    in_room(tmp_path, story)


def test_removing_a_layer_ends_its_jobs(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        jobs = (await room.ask("scene.create", {"scene": scene(), "render": True})).content["jobs"]
        await room.ask("layer.remove", {"scene": "rain", "layer": "music"})
        assert room.states(jobs[1]["job"]) == ["queued", "superseded"]
        await room.ask("layer.remove", {"scene": "rain", "layer": "env"})
        assert room.worker.cancels() == [jobs[0]["job"]]

    in_room(tmp_path, story)


def test_replacing_a_scene_is_a_revision(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        fewer = scene("rain", scene()["layers"][0])
        answer = await room.ask("scene.create", {"scene": fewer, "replace": True})
        assert (answer.content["revision"], answer.content["stale"]) == (2, [])
        first = await room.ask("scene.get", {"scene": "rain", "revision": 1})
        assert len(first.content["scene"]["layers"]) == 2

    in_room(tmp_path, story)


def test_the_control_socket_takes_what_never_waits(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        for kind in REQUESTS:
            (answer,) = await room.bridge.handle(plain(kind), control=True)
            refused = answer.content.get("code") == "unknown_type"
            assert refused == (kind not in CONTROL), kind

    in_room(tmp_path, story)


def plain(kind: str) -> Envelope:
    contents: dict[str, Any] = {
        "scene.create": {"scene": scene()},
        "scene.edit": {"scene": "rain", "changes": {"title": "x"}},
        "scene.extend": {"scene": "rain", "duration_s": 9.0},
        "layer.edit": edit(gain_db=0.0),
        "layer.add": {"scene": "rain", "layer": scene()["layers"][0]},
        "layer.remove": {"scene": "rain", "layer": "env"},
        "layer.move": {"scene": "rain", "layer": "env", "index": 0},
        "scene.list": {},
        "scene.import": {},
    }
    default = (
        {"scene": "rain"} if kind.startswith("scene.") else {"job": "x"} if kind.startswith("job.") else {}
    )
    return Envelope(kind, contents.get(kind, default))


def test_stop_is_answered_and_then_nothing_else_is(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        job = (await room.ask("scene.create", {"scene": scene(), "render": True})).content["jobs"][0]["job"]
        assert (await room.ask("engine.stop")).type == "engine.stop.reply"
        assert room.bridge.stopping.is_set()
        assert (await room.ask("status")).content["code"] == "shutting_down"
        await room.bridge.close()
        assert room.announced("event.job")[-1].content["error"]["code"] == "shutting_down"
        assert room.states(job)[-1] == "failed"

    in_room(tmp_path, story)


def test_a_disk_that_fails_refuses_the_edit_and_serves_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        events = len(room.events)

        def full(*_: object) -> None:
            raise OSError("no space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(room.journal, "add_revision", full)
            answer = await room.ask("layer.edit", edit(caption="storm"))
        assert (answer.content["code"], "no space left" in answer.content["message"]) == ("internal", True)
        assert len(room.events) == events
        assert (await room.ask("scene.get", {"scene": "rain"})).content["revision"] == 1
        assert (await room.ask("layer.edit", edit(caption="storm"))).content["revision"] == 2

    in_room(tmp_path, story)


def test_only_who_asked_for_a_job_or_an_operator_cancels_it(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        created = await room.ask("scene.create", {"scene": scene(), "render": True}, client="ann")
        running, waiting = (job["job"] for job in created.content["jobs"])
        assert created.content["jobs"][0]["owners"] == ["ann"]
        for client in ("bob", ""):
            refused = await room.ask("job.cancel", {"job": waiting}, client=client)
            assert (refused.content["code"], "ann" in refused.content["message"]) == ("denied", True)
        assert room.states(waiting) == ["queued"]
        # who asks for the very same sound shares its job
        await room.ask("scene.render", {"scene": "rain"}, client="bob")
        assert (await room.ask("job.get", {"job": waiting})).content["owners"] == ["ann", "bob"]
        assert (await room.ask("job.cancel", {"job": waiting}, client="bob")).type == "job.cancel.reply"
        assert room.states(waiting) == ["queued", "cancelled"]
        (answer,) = await room.bridge.handle(
            Envelope("job.cancel", {"job": running}), Caller("desk", operator=True), control=True
        )
        assert answer.type == "job.cancel.reply"
        assert room.worker.cancels() == [running]

    in_room(tmp_path, story)


def test_an_anonymous_job_is_everybodys(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        created = await room.ask("scene.create", {"scene": scene(), "render": True})
        waiting = created.content["jobs"][1]["job"]
        assert (await room.ask("job.cancel", {"job": waiting}, client="bob")).type == "job.cancel.reply"

    in_room(tmp_path, story)


def test_a_host_says_how_it_plays_and_everyone_hears_it(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        assert (await room.ask("transport.get")).content["playing"] is False
        said = await room.ask("transport.set", {"playing": True, "bpm": 97.0}, client="daw", id="t1")
        assert (said.content["playing"], said.content["bpm"], said.content["set_by"]) == (True, 97.0, "daw")
        moved = await room.ask("transport.set", {"position_s": 12.5}, client="desk")
        assert (moved.content["bpm"], moved.content["position_s"]) == (97.0, 12.5)
        assert (await room.ask("transport.get")).content == moved.content
        topics = {topic for topic, event in room.events if event.type == "event.transport"}
        assert topics == {"transport"}
        assert room.announced("event.transport")[0].parent == "t1"
        refused = await room.ask("transport.set", {"bpm": 0.0})
        assert refused.content["findings"][0]["field"] == "$.bpm"

    in_room(tmp_path, story)


def test_the_engine_says_that_it_lives(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        room.now_s = 7.0
        await room.bridge.beat()
        (beat,) = room.announced("event.heartbeat")
        assert beat.content == {"session": room.bridge.session, "uptime_s": 7.0, "worker": "ready"}

    in_room(tmp_path, story)
