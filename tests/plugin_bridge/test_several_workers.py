"""The job desk over several workers, which the tests play: who gets what, and what the end of one costs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.checkpoint import describe
from scene_schema.envelope import Envelope
from scene_schema.identity import identity
from scene_schema.messages import Failure, RenderProgress, WorkerBroken
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room

LAYERS = [{"id": name, "view": "env", "caption": name} for name in ("rain", "wind", "sea")]
BROKEN = Failure(code="model_failed", message="the weights are torn", remedy="Install them again.")


async def start(room: Room, *layers: dict[str, Any], scene_id: str = "place") -> list[str]:
    created = await room.ask("scene.create", {"scene": scene(scene_id, *layers), "render": True})
    return [one["job"] for one in created.content["jobs"]]


async def edit(room: Room, layer: str, scene_id: str = "place", **changes: Any) -> dict[str, Any]:
    answer = await room.ask("layer.edit", {"scene": scene_id, "layer": layer, "changes": changes})
    job: dict[str, Any] = answer.content["jobs"][0]
    return job


def running(room: Room) -> list[list[str]]:
    """The captions that each worker was sent."""
    return [[job.request.caption for job in one.renders()] for one in room.pool.workers]


def test_every_worker_has_a_job_and_the_first_to_be_done_gets_the_next(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        first, second, third = await start(room, *LAYERS)
        assert running(room) == [["rain"], ["wind"]]
        status = (await room.ask("status")).content
        assert [job["worker"] for job in status["jobs"]] == [0, 1, None]
        assert [job["position"] for job in status["jobs"]] == [None, None, 2]
        assert (await room.render(worker=1))["job"] == second
        assert running(room) == [["rain"], ["wind", "sea"]]
        assert (await room.render(worker=1))["job"] == third
        assert (await room.render())["job"] == first

    in_room(tmp_path, story, workers=2)


def test_an_edit_goes_where_its_layer_was_rendered(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await start(room, *LAYERS[:2])
        await room.render(worker=0)
        await room.render(worker=1)
        await edit(room, "wind", caption="gale")
        assert running(room) == [["rain"], ["wind", "gale"]]
        await edit(room, "rain", caption="drizzle")
        assert running(room) == [["rain", "drizzle"], ["wind", "gale"]]

    in_room(tmp_path, story, workers=2)


def test_no_worker_is_idle_while_a_job_waits(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await start(room, *LAYERS[:2])
        await room.render(worker=1)
        await edit(room, "wind", caption="gale")
        await room.render(worker=0)
        assert running(room) == [["rain"], ["wind", "gale"]]
        newer = await edit(room, "wind", caption="storm")  # its worker is still stopping the gale
        assert running(room) == [["rain", "storm"], ["wind", "gale"]]
        assert room.pool.workers[1].cancels() == [room.pool.workers[1].renders()[-1].id]
        assert (await room.render(worker=0))["job"] == newer["job"]

    in_room(tmp_path, story, workers=2)


def test_one_sound_is_made_by_one_worker(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        twins = [{"id": name, "view": "env", "caption": "rain"} for name in ("left", "right")]
        jobs = await start(room, *twins, LAYERS[1])
        assert running(room) == [["rain"], ["wind"]], "and nobody waits behind the twin"
        await room.render(worker=0)
        assert (await room.ended(jobs[1]))["state"] == "done"
        assert room.states(jobs[1]) == ["queued", "done"]

    in_room(tmp_path, story, workers=2)


def test_a_dead_worker_costs_its_own_job_alone(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        first, second, third = await start(room, *LAYERS)
        await room.become("lost", number=0, restarts=1, detail="was ended by SIGKILL")
        assert room.states(first) == ["queued", "running", "queued", "loading"]
        assert (await room.ask("job.get", {"job": first})).content["worker"] is None
        assert (await room.render(worker=1))["job"] == second
        assert running(room) == [["rain"], ["wind", "rain"]], "it goes first, and to who is ready first"
        await room.become("ready", number=0)
        assert running(room) == [["rain", "sea"], ["wind", "rain"]]
        assert (await room.render(worker=1))["job"] == first
        assert (await room.render(worker=0))["job"] == third

    in_room(tmp_path, story, workers=2)


def test_a_cancel_goes_to_the_worker_that_has_the_job(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        _, second, _ = await start(room, *LAYERS)
        await room.ask("job.cancel", {"job": second})
        assert [one.cancels() for one in room.pool.workers] == [[], [second]]
        while not room.pool.workers[1].kills:
            await asyncio.sleep(0.01)
        assert room.pool.workers[0].kills == 0
        await room.become("lost", number=1)
        assert room.states(second) == ["queued", "running", "cancelled"]

    in_room(tmp_path, story, workers=2, cancel_s=0.01)


def test_steps_of_jobs_side_by_side_are_each_told(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        jobs = (await start(room, *LAYERS))[:2]
        for step in (1, 2):
            for worker, job in enumerate(jobs):
                progress = RenderProgress(job=job, stage="sampling", step=step, steps=20)
                await room.tell("render.progress", progress, worker=worker)
        told = [
            (one.content["job"], one.content["step"])
            for one in room.announced("event.job")
            if one.content["stage"] == "sampling"
        ]
        assert told == [(jobs[0], 1), (jobs[1], 1)]

    in_room(tmp_path, story, workers=2)


def test_time_left_counts_on_every_worker(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await start(room, *LAYERS)
        await room.render(worker=0, rendered_s=0.5)  # a second for a second of sound; each has half of one
        await edit(room, "rain", caption="drizzle")
        left = [job["seconds_left"] for job in (await room.ask("status")).content["jobs"]]
        assert left == [0.5, 0.5, 1.0]

    in_room(tmp_path, story, workers=2)


def test_one_worker_that_cannot_load_leaves_the_work_to_the_others(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.become("loading", number=0)
        await room.become("loading", number=1)
        first, second = await start(room, *LAYERS[:2])
        await room.tell("worker.broken", WorkerBroken(failure=BROKEN), worker=0)
        await room.become("failed", number=0, detail=BROKEN.message)
        assert (await room.ask("status")).content["worker"]["number"] == 1, "the one that is best off"
        await room.become("ready", number=1)
        assert (await room.render(worker=1))["state"] == "done"
        assert (await room.render(worker=1))["state"] == "done"
        assert {first, second} == {job.id for job in room.pool.workers[1].renders()}
        await edit(room, "rain", caption="hail")
        await room.become("lost", number=1)
        await room.tell("worker.broken", WorkerBroken(failure=BROKEN), worker=1)
        await room.become("failed", number=1, detail=BROKEN.message)
        last = await edit(room, "rain", caption="sleet")
        assert (await room.ended(last["job"]))["error"]["code"] == "model_failed"

    in_room(tmp_path, story, workers=2)


def test_an_unloaded_worker_is_loaded_by_the_next_job(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        answer = await room.ask("engine.unload")
        assert [one["number"] for one in answer.content["workers"]] == [0]
        assert room.worker.unloads == 1
        await room.become("unloaded")
        (job,) = await start(room, LAYERS[0])
        assert room.worker.loads == 1
        await room.become("loading", pid=2)
        await room.become("ready", pid=2)
        assert room.states(job) == ["queued", "loading", "running"]
        await room.ask("engine.unload")
        assert room.worker.unloads == 1, "one that has a job is left alone"
        assert (await room.render())["state"] == "done"

    in_room(tmp_path, story)


def test_one_of_several_is_loaded_by_its_number(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("engine.unload", {"worker": 1})
        await room.ask("engine.load", {"worker": 0})
        assert [(one.loads, one.unloads) for one in room.pool.workers] == [(1, 0), (0, 1)]
        (control,) = await room.bridge.handle(Envelope("engine.unload", {}), control=True)
        assert control.type == "engine.unload.reply"
        wrong = await room.ask("engine.unload", {"worker": 2})
        assert (wrong.content["code"], "this engine has 2" in wrong.content["remedy"]) == ("not_found", True)

    in_room(tmp_path, story, workers=2)


async def killed_twice(room: Room) -> str:
    """The id of a job that two workers died of."""
    (job,) = await start(room, LAYERS[0])
    for restarts in (1, 2):
        await room.become("lost", restarts=restarts, detail="was ended by SIGSEGV")
        await room.become("ready")
    return job


def test_a_sound_that_killed_two_workers_is_set_aside(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        failed = await room.ended(await killed_twice(room))
        assert failed["error"]["code"] == "worker_lost"
        assert "not tried again" in failed["error"]["remedy"]
        sent = len(room.worker.sent)
        again = await room.ask("scene.render", {"scene": "place"})
        (job,) = again.content["jobs"]
        assert (job["state"], job["error"]["code"]) == ("failed", "set_aside")
        assert "SIGSEGV" in job["error"]["message"]
        other = await room.ask(
            "scene.create", {"scene": scene("elsewhere", {**LAYERS[0], "id": "x"}), "render": True}
        )
        assert other.content["jobs"][0]["error"]["code"] == "set_aside", "whoever asks for the same sound"
        assert len(room.worker.sent) == sent
        changed = await edit(room, "rain", seed=7)
        assert changed["error"] is None
        assert (await room.render())["state"] == "done"
        back = await room.ask("scene.undo", {"scene": "place"})
        assert back.type == "scene.undo.reply", "the revision stands"
        assert back.content["jobs"][0]["error"]["code"] == "set_aside"

    in_room(tmp_path, story)


def test_a_twin_that_waited_for_a_deadly_sound_fails_with_it(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        twins = [{"id": name, "view": "env", "caption": "rain"} for name in ("left", "right")]
        jobs = await start(room, *twins)
        for restarts in (1, 2):
            await room.become("lost", restarts=restarts)
            await room.become("ready")
        codes = [(await room.ended(job))["error"]["code"] for job in jobs]
        assert codes == ["worker_lost", "set_aside"]
        assert len(room.worker.renders()) == 2

    in_room(tmp_path, story)


def test_a_job_that_no_worker_began_is_not_set_aside(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.become("loading")
        (job,) = await start(room, LAYERS[0])
        for _ in range(2):
            await room.become("lost", detail="ended with status 1")
            await room.become("loading")
        assert (await room.ended(job))["error"]["code"] == "worker_lost"
        await room.become("ready")
        again = await room.ask("scene.render", {"scene": "place"})
        assert room.states(again.content["jobs"][0]["job"])[-1] == "running"

    in_room(tmp_path, story)


def test_a_render_in_fewer_steps_is_a_take_of_its_own(tmp_path: Path) -> None:
    """Memory ran out: the layer plays what there is, and is still stale."""

    async def story(room: Room) -> None:
        (job,) = await start(room, LAYERS[0])
        asked = room.worker.renders()[0]
        done = await room.render(reduced_to_steps=4)
        assert (done["job"], done["state"], done["reduced_to_steps"]) == (job, "done", 4)
        reduced = identity(asked.request.model_copy(update={"steps": 4}))
        assert (done["take"], room.store.takes) == (reduced, {reduced})
        (layer,) = (await room.ask("scene.get", {"scene": "place"})).content["layers"]
        assert (layer["stem"], layer["take"]) == ("stale", reduced)
        (take,) = room.announced("event.take")
        assert take.content["take"]["request"]["steps"] == 4
        delivered = (await room.ask("scene.deliver", {"scene": "place"})).content["files"][0]
        assert (delivered["stale"], delivered["take"]) == (True, reduced)

        again = await room.ask("scene.render", {"scene": "place"})
        assert room.states(again.content["jobs"][0]["job"])[-1] == "running", "the full one is not there"
        whole = await room.render()
        assert (whole["take"], whole["reduced_to_steps"]) == (asked.take, None)
        (layer,) = (await room.ask("scene.get", {"scene": "place"})).content["layers"]
        assert (layer["stem"], layer["take"]) == ("fresh", asked.take)

    in_room(tmp_path, story)


@pytest.mark.parametrize("steps", [1, describe("fake").draft_steps])
def test_a_render_that_runs_out_of_memory_again_replaces_its_take(tmp_path: Path, steps: int) -> None:
    async def story(room: Room) -> None:
        await start(room, LAYERS[0])
        first = await room.render(reduced_to_steps=steps)
        await room.ask("scene.render", {"scene": "place"})
        second = await room.render(reduced_to_steps=steps)
        assert (second["state"], second["take"]) == ("done", first["take"])

    in_room(tmp_path, story)
