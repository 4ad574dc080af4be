"""Layers of a scene that a worker renders as one batch: what clients see of each is as if it were alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from scene_schema.messages import Failure, RenderFailed
from tests.plugin_bridge.engine_process import EngineProcess, scene
from tests.plugin_bridge.fakes import Room, in_room

LAYERS = [
    {"id": name, "view": "env", "caption": caption}
    for name, caption in (("rain", "slow rain"), ("wind", "wind"), ("sea", "sea"), ("fire", "fire"))
]


def create(engine: EngineProcess, *layers: dict[str, Any]) -> dict[str, str]:
    """Layer → its job."""
    created = engine.ask("scene.create", {"scene": scene("rain", *layers), "render": True})
    return {job["layer"]: job["job"] for job in created.content["jobs"]}


def running_together(engine: EngineProcess, jobs: dict[str, str]) -> set[str]:
    """The layers that render once the first one does."""
    engine.wait_job(jobs["rain"], "running")
    return {one["layer"] for one in engine.ask("status").content["jobs"] if one["state"] == "running"}


def told(engine: EngineProcess, kind: str) -> dict[str, Any]:
    """Layer → what an event said of it, once it was said of all."""
    events: dict[str, Any] = {}
    while len(events) < len(LAYERS):
        content = engine.wait_event(kind).content
        events[content["layer"]] = content
    return events


def test_a_scene_is_rendered_as_one_batch_and_sounds_as_always(tmp_path: Path) -> None:
    found = []
    for number, options in enumerate((("--together", "3"), ())):
        with EngineProcess(tmp_path / str(number), *options) as engine:
            (worker,) = engine.ask("status").content["workers"] if engine.wait_ready() else ()
            assert worker["together"] == (3 if options else 1)
            jobs = create(engine, *LAYERS)
            together = running_together(engine, jobs)
            assert together == ({"rain", "wind", "sea"} if options else {"rain"})
            takes = told(engine, "event.take")
            found.append({layer: one["take"]["audio_sha256"] for layer, one in takes.items()})
    assert found[0] == found[1]


def test_one_of_a_batch_is_cancelled_and_another_edited(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, "--together", "4") as engine:
        engine.wait_ready()
        jobs = create(engine, *LAYERS)
        assert len(running_together(engine, jobs)) == 4
        engine.ask_control("job.cancel", {"job": jobs["wind"]})
        assert engine.wait_job(jobs["wind"], "cancelled", "done")["state"] == "cancelled"
        changed = {"scene": "rain", "layer": "sea", "changes": {"caption": "a storm at sea"}}
        (edited,) = engine.ask("layer.edit", changed).content["jobs"]
        assert engine.wait_job(jobs["sea"], "superseded", "done")["state"] == "superseded"
        for job in (jobs["rain"], jobs["fire"], edited["job"]):
            assert engine.wait_job(job, "done", "failed")["state"] == "done"


def test_all_of_a_batch_are_cancelled_and_the_worker_is_free(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, "--together", "4") as engine:
        engine.wait_ready()
        jobs = create(engine, *LAYERS)
        running_together(engine, jobs)
        for job in jobs.values():
            engine.ask_control("job.cancel", {"job": job})
        for job in jobs.values():
            assert engine.wait_job(job, "cancelled", "done")["state"] == "cancelled"
        assert engine.wait_ready()["state"] == "ready"
        again = engine.ask("scene.render", {"scene": "rain"}).content["jobs"]
        assert [engine.wait_job(one["job"], "done", "failed")["state"] for one in again] == ["done"] * 4


def test_one_that_fails_leaves_the_others_of_its_batch(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, "--together", "4") as engine:
        engine.wait_ready()
        broken = {"id": "broken", "view": "env", "caption": "broken glass"}
        jobs = create(engine, *LAYERS[:2], broken)
        states = {layer: engine.wait_job(job, "done", "failed")["state"] for layer, job in jobs.items()}
        assert states == {"rain": "done", "wind": "done", "broken": "failed"}


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_worker_dies_under_a_batch_and_the_next_one_renders_it(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, "--together", "4") as engine:
        pid = engine.wait_ready()["pid"]
        jobs = create(engine, *LAYERS)
        running_together(engine, jobs)
        os.kill(pid, signal.SIGKILL)
        for job in jobs.values():
            assert engine.wait_job(job, "done", "failed")["state"] == "done"


def test_drafts_come_for_each_of_a_batch(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, "--together", "4") as engine:
        engine.wait_ready()
        engine.ask("scene.create", {"scene": scene("rain", *LAYERS)})
        engine.ask("scene.render", {"scene": "rain", "draft": True})
        drafts = {layer: one["draft"]["audio_sha256"] for layer, one in told(engine, "event.draft").items()}
        takes = {layer: one["take"]["audio_sha256"] for layer, one in told(engine, "event.take").items()}
        assert all(drafts[layer] != takes[layer] for layer in takes)


def test_what_fails_in_memory_is_tried_alone_by_the_worker_and_the_desk_hears_each(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.become("ready", together=2)
        await room.ask("scene.create", {"scene": scene(), "render": True})
        first, second = room.worker.renders()
        assert (first.together, second.together) == (2, 2)
        failure = Failure(code="out_of_memory", message="too large")
        await room.tell("render.failed", RenderFailed(job=first.id, failure=failure))
        assert (await room.ended(first.id))["error"]["code"] == "out_of_memory"
        assert (await room.ask("job.get", {"job": second.id})).content["state"] == "running"
        assert (await room.render(second))["state"] == "done"

    in_room(tmp_path, story)
