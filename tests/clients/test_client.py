"""Both SDKs against a real engine with the fake model, over real sockets."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue

import pytest
import soundfile

from clients.python import AsyncClient, Client, LocalEngine
from clients.python.client import _within
from clients.python.promises import STEP_16_BIT, check_edit, sum_error
from scene_schema.errors import Refused
from scene_schema.job_states import FINAL
from scene_schema.messages import Accepted, DraftReady, Failure, JobStatus
from scene_schema.scene import Layer, Scene

NewScene = Callable[..., Scene]


def test_the_blocking_client_has_every_method_of_the_async_one() -> None:
    own = {"open", "connect"}  # it connects when it is made
    asked = {
        name: member
        for name, member in inspect.getmembers(AsyncClient, inspect.isfunction)
        if not name.startswith("_") and name not in own
    }
    for name, method in asked.items():
        blocking = getattr(Client, name)
        assert inspect.signature(blocking).parameters.keys() == inspect.signature(method).parameters.keys()


def test_hello_and_status(client: Client) -> None:
    assert client.welcome.model.name == "fake"
    status = client.status()
    assert status.session == client.welcome.session == client.session.engine
    assert status.worker.state in ("ready", "rendering")


def test_a_scene_from_caption_to_file(client: Client, new_scene: NewScene, tmp_path: Path) -> None:
    scene = new_scene()
    assert client.create_scene(scene).revision == 1
    seen: list[JobStatus] = []
    rendered = client.render(scene.id, on_progress=seen.append)
    assert {job.layer: job.state for job in rendered.jobs} == dict.fromkeys(["voice", "door", "rain"], "done")
    assert {"running", "done"} <= {job.state for job in seen}
    assert client.render(scene.id).jobs == []  # nothing is stale

    before = client.deliver(scene.id, tmp_path / "before", rate_hz=48_000)
    assert list(before.stems) == ["voice", "door", "rain"]
    assert {soundfile.info(path).frames for path in [*before.stems.values(), before.mix]} == {48_000}
    assert sum_error(before.folder) < STEP_16_BIT

    accepted = client.edit_layer(scene.id, "rain", {"caption": "ocean waves"})
    assert accepted.stale == ["rain"]
    client.wait(accepted)
    after = client.deliver(scene.id, tmp_path / "after", rate_hz=48_000)
    assert all(promise.kept for promise in check_edit(before.folder, after.folder, "rain"))
    manifest = json.loads(after.manifest.read_text("utf-8"))
    assert [file.get("caption") for file in manifest["files"]] == [
        "a man",
        "a door slams",
        "ocean waves",
        None,
    ]


@pytest.mark.parametrize(("bit_depth", "subtype"), [(16, "PCM_16"), (24, "PCM_24"), (32, "FLOAT")])
def test_files_are_what_was_asked_for(
    client: Client, new_scene: NewScene, tmp_path: Path, bit_depth: int, subtype: str
) -> None:
    scene = new_scene()
    client.create_scene(scene, render=True)
    client.render(scene.id)
    delivered = client.deliver(scene.id, tmp_path, rate_hz=44_100, bit_depth=bit_depth, channels=2)  # type: ignore[arg-type]
    info = soundfile.info(delivered.mix)
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (44_100, 2, 44_100, subtype)
    assert sum_error(tmp_path) < STEP_16_BIT


def test_the_engine_writes_files_itself(client: Client, new_scene: NewScene) -> None:
    scene = new_scene()
    client.create_scene(scene, render=True)
    client.render(scene.id)
    placed = client.place(scene.id, layers=["door"], mix=False, rate_hz=44_100)
    (door,) = placed.files
    assert door.path is not None
    assert soundfile.info(door.path).frames == 44_100
    assert placed.manifest is not None
    assert json.loads(Path(placed.manifest).read_text("utf-8"))["files"][0]["caption"] == "a door slams"
    with pytest.raises(Refused) as refused:
        client.place(scene.id, "/somewhere/else")
    assert refused.value.code == "denied"
    with pytest.raises(Refused) as refused:
        client.deliver(scene.id, "nowhere", bars=4)
    assert refused.value.findings[0].field == "$.bars"


def test_every_edit(client: Client, new_scene: NewScene) -> None:
    scene = new_scene()
    client.create_scene(scene)
    client.edit_scene(scene.id, {"title": "New"}, render=False)
    client.add_layer(scene.id, Layer(id="wind", view="env", caption="wind"), index=0, render=False)
    client.move_layer(scene.id, "wind", 2, render=False)
    client.remove_layer(scene.id, "door", render=False)
    client.edit_layer(scene.id, "rain", {"gain_db": -9.0}, base_revision=5, render=False)
    kept = client.get_scene(scene.id)
    assert (kept.scene.title, [layer.id for layer in kept.scene.layers]) == ("New", ["voice", "wind", "rain"])
    assert kept.revision == client.list_scenes()[scene.id] == 6
    assert client.get_scene(scene.id, 1).scene == scene


@pytest.mark.parametrize(
    ("changes", "layer", "code", "named"),
    [
        ({"gain_db": 40.0}, "rain", "invalid", r"\$\.changes\.gain_db"),
        ({"captoin": "x"}, "rain", "invalid", r"\$\.changes\.captoin"),
        ({"caption": "x"}, "snow", "not_found", "voice, door, rain"),
    ],
)
def test_a_refused_edit_names_the_field_and_changes_nothing(
    client: Client, new_scene: NewScene, changes: dict[str, object], layer: str, code: str, named: str
) -> None:
    scene = new_scene()
    client.create_scene(scene)
    with pytest.raises(Refused, match=named) as raised:
        client.edit_layer(scene.id, layer, changes)
    assert raised.value.code == code
    assert client.get_scene(scene.id).revision == 1


def test_more_refusals(client: Client, new_scene: NewScene, tmp_path: Path) -> None:
    scene = new_scene()
    client.create_scene(scene)
    for code, attempt in {
        "exists": lambda: client.create_scene(scene),
        "not_rendered": lambda: client.deliver(scene.id, tmp_path / "out"),
        "conflict": lambda: client.edit_layer(scene.id, "rain", {"seed": 99}, base_revision=7),
        "not_found": lambda: client.get_job("no-such-job"),
    }.items():
        with pytest.raises(Refused) as raised:
            attempt()
        assert raised.value.code == code
    assert not (tmp_path / "out").exists()


def test_cancel_midway_and_the_next_render_runs(client: Client, new_scene: NewScene) -> None:
    scene = new_scene("slow rain")
    client.create_scene(scene)
    accepted = client.start_render(scene.id, ["rain"])
    ended = client.cancel(accepted.jobs[0].job)
    assert ended.state in {"queued", "loading", "running", "cancelled"}
    assert client.wait(accepted).jobs[0].state == "cancelled"
    assert client.get_scene(scene.id).layers[2].stem == "missing"
    accepted = client.edit_layer(scene.id, "rain", {"caption": "wind"})
    assert client.wait(accepted).jobs[0].state == "done"


def test_an_edit_that_could_not_be_queued_is_no_render() -> None:
    why = Failure(code="too_many_jobs", message="256 jobs wait", remedy="Wait.")
    kept = Accepted(scene="rain", revision=2, stale=["env"], jobs=[], unqueued=why)
    with pytest.raises(Refused) as refused:
        asyncio.run(AsyncClient().wait(kept))
    assert (refused.value.code, refused.value.remedy) == ("too_many_jobs", "Wait.")


def test_a_draft_is_delivered_while_its_stem_is_made(
    client: Client, new_scene: NewScene, tmp_path: Path
) -> None:
    scene = new_scene()
    client.create_scene(scene)
    client.render(scene.id)
    accepted = client.edit_layer(scene.id, "rain", {"caption": "slow hail"}, draft=True)
    heard: Queue[DraftReady] = Queue()
    told: list[str] = []

    def deliver() -> None:
        assert heard.get(timeout=20).layer == "rain"
        delivered = client.deliver(scene.id, tmp_path, drafts=True)
        told.extend(file.layer or "mix" for file in delivered.delivery.files if file.draft)

    listener = threading.Thread(target=deliver)
    listener.start()
    assert client.wait(accepted, on_draft=heard.put).jobs[0].state == "done"
    listener.join()
    assert told == ["rain", "mix"]
    assert not any(file.draft for file in client.deliver(scene.id, tmp_path, drafts=True).delivery.files)
    client.edit_layer(scene.id, "rain", {"caption": "slow snow"}, render=False)
    client.render(scene.id, on_draft=heard.put)
    assert heard.get_nowait().draft.request.caption == "slow snow"


def test_events_from_another_clients_edit(engine: LocalEngine, client: Client, new_scene: NewScene) -> None:
    scene = new_scene()
    client.create_scene(scene)
    events = client.events()
    with Client(engine.address) as other:
        other.wait(other.edit_layer(scene.id, "rain", {"caption": "hail"}))
    heard = list(itertools.islice((e for e in events if e.topic == f"scene.{scene.id}"), 3))
    assert heard[0].kind == "event.scene"
    assert {event.kind for event in heard[1:]} <= {"event.job", "event.take"}


def test_closing_ends_the_iterator_of_events(engine: LocalEngine) -> None:
    connected = Client(engine.address)
    events = connected.events()
    ended = threading.Event()

    def read() -> None:
        for _ in events:
            pass
        ended.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    connected.close()
    assert ended.wait(5)


def test_one_async_client_does_many_things_at_once(engine: LocalEngine, new_scene: NewScene) -> None:
    scenes = [new_scene() for _ in range(3)]

    async def story() -> list[str]:
        async with AsyncClient(engine.address) as client:

            async def one(scene: Scene) -> list[str]:
                await client.create_scene(scene)
                return [job.state for job in (await client.render(scene.id)).jobs]

            states = await asyncio.gather(*(one(scene) for scene in scenes))
            return [state for row in states for state in row]

    assert asyncio.run(story()) == ["done"] * 9


def test_a_wait_that_is_given_up_leaves_the_client_usable(engine: LocalEngine, new_scene: NewScene) -> None:
    scene = new_scene("slow rain that is given up")

    async def story() -> str:
        async with await AsyncClient.connect(engine.address) as client:
            await client.create_scene(scene)
            accepted = await client.start_render(scene.id)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.wait(accepted), 0.05)
            for job in accepted.jobs:
                await client.cancel(job.job)
            return (await client.wait(accepted)).jobs[-1].state

    assert asyncio.run(story()) in FINAL


def test_a_cancel_that_comes_with_the_result_is_not_lost() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()

        async def work() -> int:
            return await answer

        waiting = asyncio.ensure_future(_within(work(), 10.0))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        answer.set_result(1)
        loop.call_soon(waiting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(asyncio.TimeoutError):
            await _within(asyncio.sleep(10.0), 0.01)
        assert await _within(asyncio.sleep(0.0, 5), 10.0) == 5

    asyncio.run(story())
