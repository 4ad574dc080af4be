"""What the log and the counts say of jobs, in a room whose clock and worker the test turns by hand."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from scene_schema.messages import Failure, RenderProgress
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room

ENV = {"id": "env", "view": "env", "caption": "rain"}


def lines(
    caplog: pytest.LogCaptureFixture, logger: str = "stemscape.job"
) -> list[tuple[str, dict[str, Any]]]:
    records = [one for one in caplog.records if one.name == logger and one.levelno >= logging.INFO]
    return [(one.getMessage(), getattr(one, "fields", {})) for one in records]


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


async def create(room: Room, **header: Any) -> str:
    answer = await room.ask("scene.create", {"scene": scene("rain", ENV), "render": True}, **header)
    job: str = answer.content["jobs"][0]["job"]
    return job


async def edit(room: Room, caption: str, **header: Any) -> str:
    change = {"scene": "rain", "layer": "env", "changes": {"caption": caption}}
    job: str = (await room.ask("layer.edit", change, **header)).content["jobs"][0]["job"]
    return job


def test_a_render_from_message_to_stem(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(room: Room) -> None:
        job = await create(room, id="m1", client="daw")
        for step in (1, 2, 3):
            room.now_s += 0.5
            await room.tell("render.progress", RenderProgress(job=job, stage="sampling", step=step, steps=20))
        await room.render()
        told = lines(caplog)
        assert [words for words, _ in told] == ["job queued", "job started", "job done"]
        for _, said in told:
            whose = {name: said[name] for name in ("request", "job", "scene", "layer", "client")}
            assert whose == {"request": "m1", "job": job, "scene": "rain", "layer": "env", "client": "daw"}
        assert told[-1][1]["seconds"] == 1.5
        ((words, said),) = lines(caplog, "stemscape.bridge")
        assert (words, said["jobs"], said["revision"]) == ("scene.create accepted", [job], 1)
        measured = (await room.ask("status")).content["measured"]
        assert measured["jobs_ended"] == {"done": 1}
        assert measured["takes"]["rendered"] == 1
        assert (measured["step"]["p50_s"], measured["step"]["of"]) == (0.5, 2)
        assert measured["edit_stem"]["p50_s"] == 1.5
        assert measured["cancel_free"] is None

    in_room(tmp_path, story)


def test_a_cancel_counts_until_the_worker_is_free(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(room: Room) -> None:
        job = await create(room)
        await room.ask("job.cancel", {"job": job})
        room.now_s += 0.25
        await room.stopped(job)
        words, said = lines(caplog)[-1]
        assert (words, said["stopped_s"]) == ("job cancelled", 0.25)
        measured = (await room.ask("status")).content["measured"]
        assert measured["cancel_free"]["p50_s"] == 0.25
        assert measured["jobs_ended"] == {"cancelled": 1}
        assert measured["edit_stem"] is None

    in_room(tmp_path, story)


def test_a_newer_edit_stops_the_older_and_each_has_its_own_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(room: Room) -> None:
        first = await create(room, id="m1")
        second = await edit(room, "storm", id="m2")
        await room.stopped(first)
        await room.render()
        ended = {said["job"]: (words, said["request"]) for words, said in lines(caplog) if "seconds" in said}
        assert ended == {first: ("job superseded", "m1"), second: ("job done", "m2")}
        assert room.metrics.cancel.percentiles() is not None

    in_room(tmp_path, story)


def test_a_failure_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(room: Room) -> None:
        job = await create(room, id="m1")
        await room.failed(job, Failure(code="out_of_memory", message="too long for this machine"))
        words, said = lines(caplog)[-1]
        assert words == "job failed: too long for this machine"
        assert (said["code"], said["request"]) == ("out_of_memory", "m1")

    in_room(tmp_path, story)


def test_a_lost_worker_is_part_of_the_story(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(room: Room) -> None:
        await create(room)
        await room.become("lost", detail="was ended by SIGKILL")
        await room.become("ready")
        await room.render()
        words = [words for words, _ in lines(caplog)]
        assert words == [
            "job queued", "job started", "job queued again: its worker was lost", "job started", "job done"
        ]  # fmt: skip

    in_room(tmp_path, story)


def test_a_take_that_was_kept_is_a_hit(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await create(room)
        await room.render()
        await edit(room, "storm")
        await room.render()
        change = {"scene": "rain", "layer": "env", "changes": {"caption": "rain"}}
        assert (await room.ask("layer.edit", change)).content["jobs"] == []
        assert room.metrics.takes.by_label() == {"kept": 1, "rendered": 2}

    in_room(tmp_path, story)


def test_what_is_refused_is_told_with_its_code(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.get", {"scene": "nowhere"}, id="m9")
        await room.ask("status")
        ((words, said),) = lines(caplog, "stemscape.bridge")
        assert words.startswith("'scene.get' refused: ")
        assert said["code"] == "not_found"

    in_room(tmp_path, story)
