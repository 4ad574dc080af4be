"""What a server must do, one function a case; its docstring is the rule it holds the server to.

Cases take a `Talk` and raise AssertionError. They work on scenes of their own, so any engine will do: one
that renders for real only takes longer.
"""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from tests.conformance.talk import Answer, HttpTalk, Talk, ZmqTalk, until

Case = Callable[[Any], None]
CASES: Final[dict[str, list[Case]]] = {"any": [], "tcp": [], "http": []}

DURATION_S: Final = 1.0
FINAL: Final = ("done", "failed", "cancelled", "superseded")


def case(door: str = "any") -> Callable[[Case], Case]:
    """Enters a case; `door` is the only one that it is for."""

    def enter(one: Case) -> Case:
        CASES[door].append(one)
        return one

    return enter


def scene(*layers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A small scene with an id of its own, and with seeds that no engine has rendered before."""
    seed = uuid.uuid4().int % 2**31
    usual = [
        {"id": "rain", "view": "env", "caption": "light rain", "seed": seed},
        {"id": "piano", "view": "music", "caption": "slow piano", "seed": seed, "gain_db": -6.0},
    ]
    return {
        "id": f"conformance-{uuid.uuid4().hex[:12]}",
        "duration_s": DURATION_S,
        "layers": list(layers) or usual,
        **fields,
    }


def created(talk: Talk, *layers: dict[str, Any], render: bool = False, **fields: Any) -> Answer:
    """The reply to creating one."""
    return ok(talk.ask("scene.create", {"scene": scene(*layers, **fields), "render": render}))


def rendered(talk: Talk, *layers: dict[str, Any], **fields: Any) -> str:
    """The id of a scene whose stems are all there."""
    reply = created(talk, *layers, render=True, **fields)
    for job in reply.content["jobs"]:
        ended(talk, job["job"], "done")
    return str(reply.content["scene"])


def ended(talk: Talk, job: str, *states: str) -> dict[str, Any]:
    """A job once it is over, in one of these states."""

    def over() -> dict[str, Any] | None:
        status = ok(talk.ask("job.get", {"job": job})).content
        return status if status["state"] in FINAL else None

    status: dict[str, Any] = until(over)
    assert status["state"] in states, f"the job ended as {status['state']}: {status.get('error')}"
    return status


def ok(answer: Answer) -> Answer:
    assert answer.type != "error", f"refused: {answer.content}"
    return answer


def refused(answer: Answer, code: str, field: str = "") -> Answer:
    assert answer.code == code, f"expected the error {code}, got {answer.type} {answer.content}"
    if field:
        fields = [finding["field"] for finding in answer.content["findings"]]
        assert field in fields, f"expected a finding about {field}, got {fields}"
    return answer


def edit(
    talk: Talk, scene_id: str, layer: str, header: dict[str, Any] | None = None, **changes: Any
) -> Answer:
    return talk.ask("layer.edit", {"scene": scene_id, "layer": layer, "changes": changes}, **(header or {}))


# --- who is there -----------------------------------------------------------------------------------------


@case()
def hello_says_who_is_there(talk: Talk) -> None:
    """`hello` is answered with version, protocol 1, session, model and addresses."""
    answer = ok(talk.ask("hello"))
    assert answer.type == "hello.reply"
    assert answer.content["engine"] == "stemscape" and answer.content["protocol"] == 1
    assert answer.head["session"] == answer.content["session"] != ""
    model = answer.content["model"]
    assert model["rate_hz"] > 0 and model["channels"] in (1, 2) and "sfx" in model["views"]


@case()
def status_says_what_the_engine_does(talk: Talk) -> None:
    """`status` names the worker's state and the jobs on their way."""
    content = ok(talk.ask("status")).content
    assert content["worker"]["state"] in (
        "starting",
        "loading",
        "ready",
        "rendering",
        "unloaded",
        "lost",
        "failed",
    )
    assert isinstance(content["jobs"], list) and content["uptime_s"] >= 0


@case()
def the_engine_beats(talk: Talk) -> None:
    """`event.heartbeat` comes by itself, with the session."""
    beat = talk.wait_event("event.heartbeat")
    assert beat.content["session"] == ok(talk.ask("hello")).content["session"]


# --- what is no message -----------------------------------------------------------------------------------


@case()
def bytes_that_are_no_message_are_refused(talk: Talk) -> None:
    """Whatever is sent is answered; what is no message with `malformed`."""
    for data in (b"\xc1", b"hello", b"\x93\x01\x02\x03", b"{", b"[1, 2]", b"null"):
        assert talk.ask_raw(data).code == "malformed", data


@case()
def another_version_is_refused(talk: Talk) -> None:
    """A protocol version that is not spoken is refused with `version`."""
    refused(talk.ask("hello", version=2), "version")


@case()
def an_unknown_request_is_refused(talk: Talk) -> None:
    """A type that does not exist is refused with `unknown_type`, and the remedy lists those that do."""
    answer = refused(talk.ask("scene.destroy", {"scene": "x"}), "unknown_type")
    assert "scene.create" in answer.content["remedy"]


@case()
def a_misspelt_field_is_refused_by_name(talk: Talk) -> None:
    """Unknown fields of a request are refused: nothing passes in silence."""
    refused(talk.ask("scene.get", {"scene": "x", "revison": 1}), "invalid", "$.revison")


@case()
def header_keys_that_nobody_knows_are_ignored(talk: Talk) -> None:
    """Unknown keys of the envelope MUST be ignored."""
    ok(talk.ask("hello", colour="blue"))


@case()
def too_large_a_message_is_refused(talk: Talk) -> None:
    """A first frame over 4 MiB is refused with `too_large`, and the connection lives on."""
    blob = json.dumps({"version": 1, "content": "x" * (4 * 2**20)}).encode()
    assert talk.ask_raw(blob).code == "too_large"
    ok(talk.ask("hello"))


# --- scenes and edits -------------------------------------------------------------------------------------


@case()
def a_scene_is_created_once(talk: Talk) -> None:
    """A new scene is revision 1; its id is then taken, unless `replace` makes it the next revision."""
    document = scene()
    assert ok(talk.ask("scene.create", {"scene": document})).content["revision"] == 1
    refused(talk.ask("scene.create", {"scene": document}), "exists")
    again = ok(talk.ask("scene.create", {"scene": document, "replace": True}))
    assert again.content["revision"] == 2
    assert ok(talk.ask("scene.list")).content["scenes"][document["id"]] == 2


@case()
def a_scene_is_kept_as_it_was_sent(talk: Talk) -> None:
    """`scene.get` gives back what was created, and old revisions stay."""
    reply = created(talk, title="Platform 2", tempo={"bpm": 97.0}, chords=["C", "F#m"])
    scene_id = reply.content["scene"]
    ok(edit(talk, scene_id, "rain", caption="storm"))
    newest = ok(talk.ask("scene.get", {"scene": scene_id})).content
    first = ok(talk.ask("scene.get", {"scene": scene_id, "revision": 1})).content
    assert (newest["revision"], first["revision"]) == (2, 1)
    assert newest["scene"]["layers"][0]["caption"] == "storm"
    assert first["scene"]["layers"][0]["caption"] == "light rain"
    assert first["scene"]["chords"] == ["C", "F#m"] and first["scene"]["title"] == "Platform 2"


@case()
def every_edit_makes_a_revision(talk: Talk) -> None:
    """Each accepted edit is the next revision, whatever it changes."""
    scene_id = created(talk).content["scene"]
    layer = {"id": "bell", "view": "sfx", "caption": "a bell", "cues": [{"at_s": 0.5}]}
    edits: list[tuple[str, dict[str, Any]]] = [
        ("layer.edit", {"layer": "rain", "changes": {"pan": -0.5}}),
        ("layer.add", {"layer": layer, "index": 0}),
        ("layer.move", {"layer": "bell", "index": 2}),
        ("scene.edit", {"changes": {"title": "new"}}),
        ("layer.remove", {"layer": "piano"}),
    ]
    for revision, (kind, content) in enumerate(edits, start=2):
        reply = ok(talk.ask(kind, {"scene": scene_id, "render": False, **content}))
        assert (reply.type, reply.content["revision"]) == (f"{kind}.reply", revision)
    layers = ok(talk.ask("scene.get", {"scene": scene_id})).content["scene"]["layers"]
    assert [one["id"] for one in layers] == ["rain", "bell"]


@case()
def a_wrong_field_is_named_and_changes_nothing(talk: Talk) -> None:
    """`invalid` names the field as the sender wrote it; the scene stays as it was."""
    scene_id = created(talk).content["scene"]
    refused(edit(talk, scene_id, "rain", gain_db=60.0), "invalid", "$.changes.gain_db")
    refused(edit(talk, scene_id, "rain", caption=""), "invalid", "$.changes.caption")
    refused(edit(talk, scene_id, "rain", colour="blue"), "invalid", "$.changes.colour")
    refused(
        talk.ask("scene.create", {"scene": scene({"id": "a b", "view": "env", "caption": "x"})}),
        "invalid",
        "$.scene.layers[0].id",
    )
    assert ok(talk.ask("scene.get", {"scene": scene_id})).content["revision"] == 1


@case()
def what_is_not_there_is_not_found(talk: Talk) -> None:
    """Unknown scenes, revisions, layers and jobs are refused with `not_found`."""
    scene_id = created(talk).content["scene"]
    refused(talk.ask("scene.get", {"scene": "no-such-scene"}), "not_found")
    refused(talk.ask("scene.get", {"scene": scene_id, "revision": 99}), "not_found")
    refused(edit(talk, scene_id, "cello", gain_db=0.0), "not_found")
    refused(talk.ask("job.get", {"job": "no-such-job"}), "not_found")
    refused(talk.ask("job.cancel", {"job": "no-such-job"}), "not_found")


@case()
def an_edit_from_an_old_revision_brings_the_newest(talk: Talk) -> None:
    """`base_revision` that is not the newest is refused with `conflict`, and the newest scene comes along."""
    scene_id = created(talk).content["scene"]
    ok(edit(talk, scene_id, "rain", gain_db=-3.0))
    late = talk.ask(
        "layer.edit",
        {"scene": scene_id, "layer": "rain", "base_revision": 1, "changes": {"gain_db": -9.0}},
    )
    newest = refused(late, "conflict").content["newest"]
    assert newest["revision"] == 2 and newest["scene"]["layers"][0]["gain_db"] == -3.0


@case()
def sending_twice_is_safe(talk: Talk) -> None:
    """The same id and content is carried out once; the same id with other content is refused."""
    scene_id = created(talk).content["scene"]
    header = {"id": uuid.uuid4().hex}
    first = ok(edit(talk, scene_id, "rain", header, gain_db=-3.0))
    second = ok(edit(talk, scene_id, "rain", header, gain_db=-3.0))
    assert first.content["revision"] == second.content["revision"] == 2
    refused(edit(talk, scene_id, "rain", header, gain_db=-4.0), "exists")
    assert ok(talk.ask("scene.get", {"scene": scene_id})).content["revision"] == 2


@case()
def an_edit_is_told_to_everyone(talk: Talk) -> None:
    """`event.scene` follows every revision; its parent is the request that caused it."""
    scene_id = created(talk).content["scene"]
    header = {"id": uuid.uuid4().hex}
    ok(edit(talk, scene_id, "rain", header, gain_db=-3.0))
    event = talk.wait_event("event.scene", scene=scene_id, revision=2)
    assert event.head["parent"] == event.content["caused_by"] == header["id"]
    assert event.content["stale"] == []


# --- renders ----------------------------------------------------------------------------------------------


@case()
def an_edit_renders_what_it_made_stale(talk: Talk) -> None:
    """A caption makes its own layer stale and renders it; gain, pan, mute and solo make nothing stale."""
    scene_id = rendered(talk)
    for changes in ({"gain_db": -3.0}, {"pan": 0.5}, {"mute": True}, {"solo": True}):
        reply = ok(edit(talk, scene_id, "rain", **changes)).content
        assert (reply["stale"], reply["jobs"]) == ([], []), changes
    reply = ok(edit(talk, scene_id, "rain", caption="storm")).content
    assert reply["stale"] == ["rain"] and [job["layer"] for job in reply["jobs"]] == ["rain"]
    ended(talk, reply["jobs"][0]["job"], "done")
    stems = ok(talk.ask("scene.get", {"scene": scene_id})).content["layers"]
    assert [one["stem"] for one in stems] == ["fresh", "fresh"]


@case()
def an_undo_is_fresh_at_once(talk: Talk) -> None:
    """A sound that was rendered before needs no render."""
    scene_id = rendered(talk)
    reply = ok(edit(talk, scene_id, "rain", caption="storm")).content
    ended(talk, reply["jobs"][0]["job"], "done")
    back = ok(edit(talk, scene_id, "rain", caption="light rain")).content
    assert back["stale"] == [] and back["jobs"] == []


@case()
def a_job_is_told_from_start_to_end(talk: Talk) -> None:
    """`event.take` comes before the job's `done`, and names the same take."""
    reply = created(talk, {"id": "rain", "view": "env", "caption": uuid.uuid4().hex}, render=True).content
    job = reply["jobs"][0]
    assert job["state"] in ("queued", "loading", "running")
    take = talk.wait_event("event.take", scene=reply["scene"], layer="rain").content["take"]
    done = talk.wait_event("event.job", job=job["job"], state="done").content
    assert done["take"] == take["id"] and done["owners"] == ["conformance"]


@case()
def a_draft_comes_before_its_take(talk: Talk) -> None:
    """`event.draft` comes before `event.take`, and only where the model makes drafts; a draft is no take."""
    scene_id = created(talk).content["scene"]
    asked = {"scene": scene_id, "layer": "rain", "changes": {"caption": f"slow {uuid.uuid4().hex}"}}
    reply = ok(talk.ask("layer.edit", {**asked, "draft": True})).content
    if ok(talk.ask("hello")).content["model"].get("draft_steps") is None:
        ended(talk, reply["jobs"][0]["job"], "done")
        return
    draft = talk.wait_event("event.draft", scene=scene_id, layer="rain").content
    take = talk.wait_event("event.take", scene=scene_id, layer="rain").content["take"]
    assert draft["job"] == reply["jobs"][0]["job"] and draft["draft"]["id"] != take["id"]
    assert draft["draft"]["length_samples"] == take["length_samples"]


@case()
def the_newest_edit_wins(talk: Talk) -> None:
    """A newer edit of a layer supersedes the job of the older one."""
    scene_id = created(talk).content["scene"]
    jobs = []
    for _ in range(4):
        reply = ok(edit(talk, scene_id, "rain", caption=f"slow {uuid.uuid4().hex}")).content
        jobs.append(reply["jobs"][0]["job"])
    states = [ended(talk, job, "done", "superseded")["state"] for job in jobs]
    assert states[-1] == "done" and "superseded" in states, states


@case()
def a_job_is_cancelled_by_its_owner_alone(talk: Talk) -> None:
    """Somebody else's job is refused with `denied`; one's own becomes `cancelled`, which is not failed."""
    layers = [
        {"id": f"l{number}", "view": "env", "caption": f"slow {uuid.uuid4().hex}"} for number in range(4)
    ]
    jobs = [job["job"] for job in created(talk, *layers, render=True).content["jobs"]]
    refused(talk.ask("job.cancel", {"job": jobs[-1]}, client="somebody-else"), "denied")
    ok(talk.ask("job.cancel", {"job": jobs[-1]}))
    ended(talk, jobs[-1], "cancelled")
    for job in jobs[:-1]:
        ended(talk, job, "done")


@case()
def a_clients_jobs_end_together(talk: Talk) -> None:
    """`jobs.cancel` ends the sender's own; what somebody else asked for too loses one owner and goes on."""
    layers = [
        {"id": f"l{number}", "view": "env", "caption": f"slow {uuid.uuid4().hex}"} for number in range(4)
    ]
    reply = created(talk, *layers, render=True).content
    jobs = [job["job"] for job in reply["jobs"]]
    shared = {"scene": reply["scene"], "layers": ["l3"]}
    assert ok(talk.ask("scene.render", shared, client="somebody-else")).content["jobs"][0]["job"] == jobs[3]
    refused(talk.ask("jobs.cancel", {"owner": "conformance"}, client="somebody-else"), "denied")
    stand = ok(talk.ask("jobs.cancel", {"scene": reply["scene"]})).content["jobs"]
    assert [job["job"] for job in stand][-1] == jobs[3], stand
    assert ended(talk, jobs[2], "cancelled")["owners"] == ["conformance"]
    assert ended(talk, jobs[3], "done")["owners"] == ["somebody-else"]


@case()
def a_locked_layer_keeps_its_sound(talk: Talk) -> None:
    """What would change a locked layer's sound is refused with `locked`; its gain may change."""
    scene_id = rendered(talk)
    ok(edit(talk, scene_id, "rain", lock=True))
    refused(edit(talk, scene_id, "rain", caption="storm"), "locked")
    ok(edit(talk, scene_id, "rain", gain_db=-3.0))


# --- transport --------------------------------------------------------------------------------------------


@case()
def a_host_says_how_it_plays(talk: Talk) -> None:
    """`transport.set` changes what is named, is answered with the whole, and told to everyone."""
    position_s = round(uuid.uuid4().int % 10**6 / 100, 2)
    said = ok(talk.ask("transport.set", {"playing": True, "bpm": 97.0, "position_s": position_s})).content
    assert (said["bpm"], said["position_s"], said["set_by"]) == (97.0, position_s, "conformance")
    assert talk.wait_event("event.transport", position_s=position_s).content["playing"] is True
    assert ok(talk.ask("transport.get")).content == said


# --- deliveries -------------------------------------------------------------------------------------------


@case()
def stems_line_up_and_add_up(talk: Talk) -> None:
    """Equal start, length, rate and channels; the mix is the sum of the stems with their gains."""
    scene_id = rendered(talk)
    for rate_hz in (44_100, 48_000):
        content, files = delivered(talk, scene_id, rate_hz=rate_hz)
        assert content["length_samples"] == round(DURATION_S * rate_hz)
        sounds = {name: sound for name, (sound, found_hz) in files.items() if found_hz == rate_hz}
        assert set(sounds) == {"rain.wav", "piano.wav", "mix.wav"}
        assert len({sound.shape for sound in sounds.values()}) == 1
        gains = {f"{one['layer']}.wav": 10 ** (one["gain_db"] / 20) for one in content["files"][:-1]}
        total = sum(gains[name] * sounds[name] for name in gains) * 10 ** (content["master_gain_db"] / 20)
        error = float(np.abs(total - sounds["mix.wav"]).max())
        assert error < 2e-6, f"the mix is off by {error}"


@case()
def the_same_delivery_is_the_same_bytes(talk: Talk) -> None:
    """A delivery depends on the request alone: no clock, no counter."""
    scene_id = rendered(talk)
    content = {"scene": scene_id, "rate_hz": 48_000, "bit_depth": 16, "hand_off": "path"}
    first, second = (ok(talk.ask("scene.deliver", content)).content["files"] for _ in range(2))
    assert [one["sha256"] for one in first] == [one["sha256"] for one in second]


@case()
def a_stem_that_is_missing_is_said(talk: Talk) -> None:
    """A scene without a take for some layer is refused with `not_rendered`."""
    scene_id = created(talk).content["scene"]
    refused(ask_delivery(talk, scene_id), "not_rendered")


@case()
def a_delivery_that_cannot_be_is_refused_by_field(talk: Talk) -> None:
    """Rates, bits, bars and folders that cannot be are refused, naming the field."""
    scene_id = rendered(talk)

    refused(ask_delivery(talk, scene_id, rate_hz=12_345), "invalid", "$.rate_hz")
    refused(ask_delivery(talk, scene_id, bit_depth=20), "invalid", "$.bit_depth")
    refused(ask_delivery(talk, scene_id, length_bars=2), "invalid", "$.length_bars")
    refused(ask_delivery(talk, scene_id, layers=["cello"]), "not_found")
    refused(ask_delivery(talk, scene_id, hand_off="path", folder="/"), "denied", "$.folder")
    refused(ask_delivery(talk, scene_id, hand_off="path", folder="../../etc"), "denied", "$.folder")


@case()
def bars_are_exact_to_the_sample(talk: Talk) -> None:
    """`length_bars` cuts to bars of the tempo grid, rounded once; the receipt says where it belongs."""
    tempo = {"bpm": 97.0, "beats_per_bar": 4, "bar_offset_s": 0.25}
    layer = {"id": "piano", "view": "music", "caption": "slow piano"}
    scene_id = rendered(talk, layer, duration_s=3.0, tempo=tempo)
    for rate_hz in (44_100, 48_000, 96_000):
        content, files = delivered(talk, scene_id, rate_hz=rate_hz, length_bars=1)
        exact = round(4 * 60 / 97 * rate_hz)
        assert content["length_samples"] == exact
        assert all(len(sound) == exact for sound, _ in files.values())
        receipt = content["files"][0]
        assert receipt["length_samples"] == exact and abs(receipt["length_bars"] - 1.0) < 1e-3


@case()
def a_loop_has_its_points(talk: Talk) -> None:
    """A loop is shorter by its crossfade, and the receipt has its first and last sample."""
    scene_id = rendered(talk)
    content, files = delivered(talk, scene_id, rate_hz=48_000, loop=True, loop_crossfade_s=0.1)
    assert content["length_samples"] == round(48_000 * (DURATION_S - 0.1))
    for one in content["files"]:
        assert one["loop"] == {"start_samples": 0, "end_samples": content["length_samples"] - 1}
    for sound, _ in files.values():
        step = np.abs(np.diff(sound, axis=0)).max()
        assert np.abs(sound[0] - sound[-1]).max() <= 2 * step + 1e-6, "the seam clicks"


@case()
def a_flac_is_the_same_sound(talk: Talk) -> None:
    """FLAC holds what the WAV of the same depth holds; floats are refused."""
    scene_id = rendered(talk)
    _, wav = delivered(talk, scene_id, bit_depth=16)
    _, flac = delivered(talk, scene_id, bit_depth=16, format="flac")
    for name, (sound, rate_hz) in wav.items():
        other, other_hz = flac[name.replace(".wav", ".flac")]
        assert rate_hz == other_hz and np.array_equal(sound, other), name
    refused(ask_delivery(talk, scene_id, bit_depth=32, format="flac"), "invalid", "$.bit_depth")


def ask_delivery(talk: Talk, scene_id: str, **fields: Any) -> Answer:
    """In binary frames where the door has them; else by path, which works on the engine's own machine."""
    hand_off = {} if talk.door == "tcp" else {"hand_off": "path"}
    return talk.ask("scene.deliver", {"scene": scene_id, **hand_off, **fields})


def delivered(
    talk: Talk, scene_id: str, **fields: Any
) -> tuple[dict[str, Any], dict[str, tuple[np.ndarray[Any, Any], int]]]:
    """The receipt and every file by its layer's name: samples and rate."""
    answer = ok(ask_delivery(talk, scene_id, **{"bit_depth": 24, **fields}))
    found = {}
    for one in answer.content["files"]:
        data = Path(one["path"]).read_bytes() if one["path"] else answer.binary[one["frame"]]
        assert hashlib.sha256(data).hexdigest() == one["sha256"], f"{one['name']} is not what its hash says"
        name = f"{one['layer'] or 'mix'}.{fields.get('format', 'wav')}"
        found[name] = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    return answer.content, found


# --- ZeroMQ alone -----------------------------------------------------------------------------------------


@case("tcp")
def control_never_takes_work(talk: ZmqTalk) -> None:
    """The control socket takes what never waits, and refuses the rest with `unknown_type`."""
    ok(talk.ask_control("hello"))
    ok(talk.ask_control("status"))
    refused(talk.ask_control("scene.list"), "unknown_type")


@case("tcp")
def a_req_socket_works_too(talk: ZmqTalk) -> None:
    """The empty frame of a REQ socket comes back before the answer."""
    ok(talk.ask_as_req("hello"))


@case("tcp")
def a_path_is_handed_off_on_the_same_machine(talk: ZmqTalk) -> None:
    """`hand_off: path` names files that hold the same bytes as the frames."""
    scene_id = rendered(talk)
    by_frame = ok(talk.ask("scene.deliver", {"scene": scene_id}))
    by_path = ok(talk.ask("scene.deliver", {"scene": scene_id, "hand_off": "path"}))
    assert not by_path.binary
    for one, other in zip(by_frame.content["files"], by_path.content["files"], strict=True):
        assert Path(other["path"]).read_bytes() == by_frame.binary[one["frame"]], one["name"]


# --- HTTP alone -------------------------------------------------------------------------------------------


@case("http")
def health_and_metrics_are_there(talk: HttpTalk) -> None:
    """`/health` says ready, `/metrics` is Prometheus text; `/openapi.json` and `/schema.json` are there."""
    until(lambda: talk.http.get("/health").status_code == 200)
    metrics = talk.http.get("/metrics")
    assert metrics.status_code == 200 and metrics.headers["content-type"].startswith("text/plain")
    assert "# TYPE stemscape_" in metrics.text
    assert talk.http.get("/openapi.json").json()["openapi"].startswith("3.")
    assert "$defs" in talk.http.get("/schema.json").json()


@case("http")
def a_stem_is_served_with_ranges_and_tags(talk: HttpTalk) -> None:
    """A stem has a strong ETag, answers 304 to it, 206 to a range, 416 to one beyond its end, and HEAD."""
    scene_id = rendered(talk)
    url = f"/scenes/{scene_id}/stems/rain.wav?rate_hz=48000&bit_depth=16"
    whole = talk.http.get(url)
    assert whole.status_code == 200 and whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] in ("audio/wav", "audio/x-wav", "audio/vnd.wave")
    tag = whole.headers["etag"]
    assert not tag.startswith("W/")
    assert talk.http.get(url, headers={"If-None-Match": tag}).status_code == 304
    part = talk.http.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206 and part.content == whole.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    tail = talk.http.get(url, headers={"Range": "bytes=-10"})
    assert tail.content == whole.content[-10:]
    assert talk.http.get(url, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416
    head = talk.http.head(url)
    assert head.headers["content-length"] == str(len(whole.content)) and not head.content
    sound, rate_hz = soundfile.read(io.BytesIO(whole.content))
    assert (len(sound), rate_hz) == (round(DURATION_S * 48_000), 48_000)


@case("http")
def a_strange_page_is_turned_away(talk: HttpTalk) -> None:
    """A browser's page from another origin, or with another host's name, is refused."""
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        reply = talk.http.get("/scenes", headers=headers)
        assert reply.status_code in (400, 401, 403, 421), f"{headers} got {reply.status_code}"


@case("http")
def rest_and_messages_are_the_same(talk: HttpTalk) -> None:
    """REST paths do what messages do: If-Match is base_revision, Idempotency-Key is the message's id."""
    document = scene()
    url = f"/scenes/{document['id']}"
    assert talk.http.put(url, json=document).json()["revision"] == 1
    key = {"Idempotency-Key": uuid.uuid4().hex}
    for _ in range(2):
        reply = talk.http.patch(f"{url}/layers/rain", json={"gain_db": -3.0}, headers=key)
        assert (reply.status_code, reply.json()["revision"]) == (200, 2)
    late = talk.http.patch(f"{url}/layers/rain", json={"gain_db": -9.0}, headers={"If-Match": '"1"'})
    assert late.status_code in (409, 412) and late.json()["newest"]["revision"] == 2
    assert talk.http.get(url).json()["scene"]["layers"][0]["gain_db"] == -3.0
    assert talk.http.get("/scenes/no-such-scene").status_code == 404
