import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from scene_schema.envelope import Envelope
from scene_schema.messages import Failure, RenderProgress, WorkerBroken
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room

BROKEN = Failure(code="model_failed", message="the weights are torn", remedy="Install them again.")


async def start(room: Room) -> list[str]:
    """Two jobs on their way: the first runs."""
    created = await room.ask("scene.create", {"scene": scene(), "render": True})
    return [one["job"] for one in created.content["jobs"]]


async def edit(room: Room, caption: str, layer: str = "env") -> str:
    answer = await room.ask("layer.edit", {"scene": "rain", "layer": layer, "changes": {"caption": caption}})
    return str(answer.content["jobs"][0]["job"])


def test_states_of_a_job_from_start_to_end(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        first, second = await start(room)
        done = await room.render()
        assert room.states(first) == ["queued", "running", "delivering", "done"]
        assert done["take"] == room.worker.renders()[0].take
        assert room.states(second) == ["queued", "running"]

    in_room(tmp_path, story)


def test_loading_is_told_while_the_worker_loads(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.become("loading", pid=2)
        first, second = await start(room)
        assert room.worker.renders() == []
        await room.become("ready", pid=2)
        assert room.states(first) == ["queued", "loading", "running"]
        assert room.states(second) == ["queued"]
        assert [job.id for job in room.worker.renders()] == [first]

    in_room(tmp_path, story)


def test_cancel_queued_and_running_then_the_next_job_runs(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        first, second = await start(room)
        cancelled = await room.ask("job.cancel", {"job": second})
        assert cancelled.content["job"]["state"] == "cancelled"
        assert (await room.ask("job.cancel", {"job": first})).content["job"]["state"] == "running"
        assert (await room.ask("job.cancel", {"job": first})).type == "job.cancel.reply"
        assert room.worker.cancels() == [first], "told once"
        await room.stopped(first)
        assert room.states(first)[-1] == room.states(second)[-1] == "cancelled"
        third = await edit(room, "storm")
        assert (await room.render())["job"] == third
        assert (await room.ask("job.cancel", {"job": third})).content["job"]["state"] == "done"

    in_room(tmp_path, story)


def test_a_newer_edit_stops_the_running_job(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        first, _second = await start(room)
        newer = await edit(room, "storm")
        newest = await edit(room, "hurricane")
        assert room.states(newer) == ["queued", "superseded"]
        assert room.worker.cancels() == [first]
        await room.stopped(first)
        assert room.states(first) == ["queued", "running", "superseded"]
        await room.render()
        assert (await room.render())["job"] == newest

    in_room(tmp_path, story)


def test_a_dead_worker_costs_a_delay_and_two_cost_the_job(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        first, second = await start(room)
        for restarts in (1, 2):
            await room.become("lost", restarts=restarts, detail="was ended by SIGKILL")
            await room.become("loading", pid=3)
            await room.become("ready", pid=3)
        failed = await room.ended(first)
        assert (failed["state"], failed["error"]["code"]) == ("failed", "worker_lost")
        assert "SIGKILL" in failed["error"]["message"]
        assert room.states(first) == ["queued", "running", "queued", "loading", "running", "failed"]
        assert (await room.render())["job"] == second

    in_room(tmp_path, story)


def test_a_broken_model_fails_waiting_and_coming_jobs(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.become("loading")
        jobs = await start(room)
        await room.tell("worker.broken", WorkerBroken(failure=BROKEN))
        await room.become("failed", detail=BROKEN.message)
        jobs.append(await edit(room, "storm"))
        for job in jobs:
            assert (await room.ended(job))["error"] == BROKEN.model_dump(mode="json")

    in_room(tmp_path, story)


def test_a_failed_render_says_why_and_the_next_runs(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        first, second = await start(room)
        await room.failed(first, BROKEN)
        assert (await room.ended(first))["error"]["message"] == "the weights are torn"
        assert (await room.render())["job"] == second

    in_room(tmp_path, story)


@pytest.mark.parametrize(
    "wrong",
    [
        {"length_samples": 11_999},
        {"channels": 2},
        {"rate_hz": 48_000},
        {"binary": b""},
        {"binary": b"\0" * (4 * 12_000 - 1)},
        {"binary": b"\0\0\xc0\x7f" * 12_000},  # not a number
        {"binary": b"\0\0\x80\x7f" * 12_000},  # infinite
    ],
    ids=["length", "channels", "rate", "empty", "torn", "nan", "inf"],
)
def test_a_render_that_is_not_sane_is_no_take(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async def story(room: Room) -> None:
        await start(room)
        failed = await room.render(**wrong)
        assert (failed["state"], failed["error"]["code"]) == ("failed", "internal")
        assert room.store.takes == set()
        assert (await room.render())["state"] == "done"

    in_room(tmp_path, story)


def test_two_layers_of_one_sound_are_rendered_once(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        twins = [{"id": name, "view": "env", "caption": "rain"} for name in ("left", "right")]
        created = await room.ask("scene.create", {"scene": scene("rain", *twins), "render": True})
        jobs = [one["job"] for one in created.content["jobs"]]
        await room.render()
        assert (await room.ended(jobs[1]))["state"] == "done"
        assert room.states(jobs[1]) == ["queued", "done"]
        assert len(room.worker.renders()) == 1
        assert [one.content["layer"] for one in room.announced("event.take")] == ["left", "right"]

    in_room(tmp_path, story)


def test_a_take_that_comes_late_does_not_push_out_a_fresh_one(tmp_path: Path) -> None:
    """Edited while it was being written: the take is kept, but what the layer asks for now plays."""

    async def story(room: Room) -> None:
        await start(room)
        await room.render()
        rain = room.worker.renders()[0].take
        await room.render()
        await edit(room, "storm")
        storm = room.worker.renders()[-1]
        write, block = room.audio.write, threading.Event()
        room.audio.write = lambda audio: write(audio) if block.wait() else ""  # type: ignore[method-assign]
        finishing = asyncio.ensure_future(room.render(storm))
        for _ in range(5):
            await asyncio.sleep(0)
        back = {"scene": "rain", "layer": "env", "changes": {"caption": "light rain"}}
        assert (await room.ask("layer.edit", back)).content["stale"] == []
        block.set()
        assert (await finishing)["state"] == "done"
        assert storm.take in room.store.takes
        assert room.store.stems("rain")["env"] == rain

    in_room(tmp_path, story)


def test_steps_are_told_no_closer_than_the_interval_and_the_last_always(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        job = (await start(room))[0]
        for step in range(1, 21):
            room.now_s += 2.0**-7  # exact in binary: three of them pass the 20 ms
            await room.tell("render.progress", RenderProgress(job=job, stage="sampling", step=step, steps=20))
        told = [
            one.content["step"] for one in room.announced("event.job") if one.content["stage"] == "sampling"
        ]
        assert told == [1, 4, 7, 10, 13, 16, 19, 20]

    in_room(tmp_path, story)


def test_time_left_is_measured(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        first, second = await start(room)
        assert (await room.ask("job.get", {"job": second})).content["seconds_left"] is None
        await room.render(rendered_s=0.5)
        third = await edit(room, "storm")
        assert (await room.ask("job.get", {"job": third})).content["seconds_left"] == 1.0
        await room.tell("render.progress", RenderProgress(job=second, stage="sampling", step=5, steps=20))
        assert (await room.ask("job.get", {"job": second})).content["seconds_left"] == 0.375
        assert (await room.ask("job.get", {"job": third})).content["seconds_left"] == 0.875
        assert (await room.ask("job.get", {"job": first})).content["seconds_left"] is None

    in_room(tmp_path, story)


def test_places_in_the_queue_are_told_as_they_change(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await start(room)
        third = await edit(room, "third", "music")
        await room.ask("layer.add", {"scene": "rain", "layer": {"id": "x", "view": "sfx", "caption": "x"}})
        jobs = (await room.ask("status")).content["jobs"]
        assert [job["position"] for job in jobs] == [None, 1, 2]
        assert jobs[1]["job"] == third
        await room.render()
        places = [
            one.content["position"] for one in room.announced("event.job") if one.content["layer"] == "x"
        ]
        assert places == [2, 1]

    in_room(tmp_path, story)


def test_a_render_that_will_not_stop_costs_the_worker_its_life(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        first, _ = await start(room)
        await room.ask("job.cancel", {"job": first})
        while not room.worker.kills:
            await asyncio.sleep(0.01)
        await room.become("lost")
        assert room.states(first)[-1] == "cancelled"

    in_room(tmp_path, story, cancel_s=0.01)


def test_nonsense_from_the_worker_costs_the_worker_its_life(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await start(room)
        await room.bridge.heard(0, Envelope("render.sung", {}))
        await room.bridge.heard(0, Envelope("render.done", {"job": 7}))
        assert room.worker.kills == 2
        assert (await room.ask("status")).type == "status.reply"

    in_room(tmp_path, story)


def test_what_the_worker_says_of_a_job_that_is_over_is_dropped(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        first, _ = await start(room)
        await room.render()
        events = len(room.events)
        await room.tell("render.progress", RenderProgress(job=first, stage="sampling", step=1, steps=20))
        await room.stopped(first)
        assert (room.states(first)[-1], room.worker.kills) == ("done", 0)
        assert {event.type for _, event in room.events[events:]} <= {"event.worker"}

    in_room(tmp_path, story)


def test_a_job_may_end_before_the_take_that_it_starts_from_is_read(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        faults: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, said: faults.append(said))
        await start(room)
        for _ in range(2):
            await room.render()
        for strength in (0.3, 0.6):
            changes = {"origin": {"kind": "variation", "strength": strength}}
            edited = await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": changes})
            (job,) = edited.content["jobs"]
            if strength == 0.3:  # nothing else had a turn since: its take is not being read yet
                await room.ask("job.cancel", {"job": job["job"]})
        await asyncio.sleep(0.1)
        gc.collect()
        assert faults == []
        assert room.worker.renders()[-1].id == job["job"]

    in_room(tmp_path, story)
