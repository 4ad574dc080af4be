"""A draft from worker to file, and what becomes of it however its job ends. Real processes, fake model."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from scene_schema.messages import RenderDraft, RenderProgress
from tests.plugin_bridge.engine_process import EngineProcess, scene
from tests.plugin_bridge.fakes import FAKE, Room, in_room

DRAFT_SHARE = (FAKE.draft_steps or 0) / FAKE.steps  # of the stem's level, as the fake model makes drafts


def rendered(engine: EngineProcess) -> None:
    """A scene of one layer with its stem."""
    engine.wait_ready()
    layer = {"id": "env", "view": "env", "caption": "rain"}
    created = engine.ask("scene.create", {"scene": scene("rain", layer), "render": True}).content
    engine.wait_job(created["jobs"][0]["job"], "done")


def edit(engine: EngineProcess, caption: str, **more: Any) -> str:
    asked = {"scene": "rain", "layer": "env", "changes": {"caption": caption}, "draft": True, **more}
    return str(engine.ask("layer.edit", asked).content["jobs"][0]["job"])


def deliver(engine: EngineProcess, **more: Any) -> tuple[dict[str, Any], list[Any]]:
    """The stem's receipt, and the samples of stem and mix."""
    answer = engine.ask("scene.deliver", {"scene": "rain", "bit_depth": 32, **more})
    sounds = [soundfile.read(io.BytesIO(frame))[0] for frame in answer.binary]
    return answer.content["files"], sounds


def test_a_draft_is_heard_until_its_stem_is_there(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        rendered(engine)
        before, _ = deliver(engine)
        job = edit(engine, "slow storm")
        event = engine.wait_event("event.draft", layer="env")
        assert (event.content["job"], event.content["revision"]) == (job, 2)
        assert event.content["draft"]["request"]["steps"] == FAKE.draft_steps
        heads, (draft, draft_mix) = deliver(engine, drafts=True)
        assert [head["draft"] for head in heads] == [True, True] and not heads[0]["stale"]
        assert heads[0]["caption"] == "slow storm" and heads[0]["take"] == event.content["draft"]["id"]
        assert np.array_equal(draft, draft_mix)
        plays, _ = deliver(engine)
        assert (plays[0]["sha256"], plays[0]["stale"]) == (before[0]["sha256"], True)

        take = engine.wait_event("event.take", layer="env").content["take"]
        engine.wait_event("event.job", job=job, state="done")
        heads, (stem, _) = deliver(engine, drafts=True)
        assert (heads[0]["take"], heads[0]["draft"]) == (take["id"], False)
        assert take["id"] != event.content["draft"]["id"]
        assert np.allclose(draft, DRAFT_SHARE * stem, atol=1e-6)
        steps = [one.content for one in engine.heard if one.content.get("job") == job]
        assert {"draft", "sampling"} <= {one.get("stage") for one in steps}


def test_no_draft_unless_asked_for_nor_where_others_wait(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        rendered(engine)
        job = edit(engine, "slow storm", draft=False)
        engine.wait_event("event.job", job=job, state="done")
        layer = {"id": "bell", "view": "sfx", "caption": "slow bell"}
        added = engine.ask("layer.add", {"scene": "rain", "layer": layer, "render": False})
        assert added.type == "layer.add.reply"
        asked = {"scene": "rain", "layer": "env", "changes": {"caption": "slow hail"}, "render": False}
        engine.ask("layer.edit", asked)
        jobs = engine.ask("scene.render", {"scene": "rain", "draft": True}).content["jobs"]
        assert len(jobs) == 2
        for one in jobs:
            engine.wait_event("event.job", job=one["job"], state="done")
        drafts = [one.content["job"] for one in engine.heard if one.type == "event.draft"]
        assert drafts == [jobs[1]["job"]], "the first had one behind it"


def test_a_stopped_job_leaves_the_last_good_stem(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        rendered(engine)
        good, _ = deliver(engine)
        for caption in ("slow storm", "slow hail"):
            job = edit(engine, caption)
            engine.wait_event("event.draft", job=job)
            engine.ask_control("job.cancel", {"job": job})
            heads, _ = deliver(engine, drafts=True)  # at once, not only when the worker has stopped
            assert (heads[0]["sha256"], heads[0]["draft"]) == (good[0]["sha256"], False)
            engine.wait_event("event.job", job=job, state="cancelled")
        older = edit(engine, "slow fog")
        engine.wait_event("event.draft", job=older)
        newer = edit(engine, "slow snow")
        heads, _ = deliver(engine, drafts=True)
        assert heads[0]["sha256"] == good[0]["sha256"]
        engine.wait_event("event.job", job=older, state="superseded")
        engine.wait_event("event.draft", job=newer)
        layers = engine.ask("scene.get", {"scene": "rain"}).content["layers"]
        assert layers[0]["stem"] == "stale", "a draft makes nothing fresh"


def test_a_draft_is_lost_without_harm(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        rendered(engine)
        good, _ = deliver(engine)
        job = edit(engine, "slow storm")
        engine.wait_event("event.draft", job=job)
        os.kill(engine.ask("status").content["worker"]["pid"], signal.SIGKILL)
        engine.wait_event("event.draft", job=job)  # the next worker makes it again
        engine.kill()
    with EngineProcess(tmp_path) as engine:
        heads, _ = deliver(engine, drafts=True)
        assert (heads[0]["sha256"], heads[0]["draft"], heads[0]["stale"]) == (good[0]["sha256"], False, True)
        assert len(list((tmp_path / "audio").rglob("*.wav"))) == 1


def test_an_edit_from_before_there_were_drafts_is_the_same_edit(tmp_path: Path) -> None:
    edits = {"scene": "rain", "layer": "env", "changes": {"gain_db": -3.0}}

    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        first = await room.ask("layer.edit", edits, id="same")
        assert "draft" not in room.journal.revision_by_request("same").request  # type: ignore[union-attr]
        again = await room.ask("layer.edit", {**edits, "draft": False}, id="same")
        assert again.content["revision"] == first.content["revision"]
        assert (await room.ask("layer.edit", {**edits, "draft": True}, id="same")).content["code"] == "exists"

    in_room(tmp_path, story)


def test_a_draft_that_is_no_sound_or_comes_late_is_dropped(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        asked = {"scene": scene("rain", {"id": "env", "view": "env", "caption": "rain"})}
        await room.ask("scene.create", asked)
        (job,) = (await room.ask("scene.render", {"scene": "rain", "draft": True})).content["jobs"]
        (sent,) = room.worker.renders()
        assert sent.draft_steps == FAKE.draft_steps
        await room.tell("render.progress", RenderProgress(job=job["job"], stage="draft", step=1, steps=4))
        length = round(sent.request.duration_s * FAKE.rate_hz)
        said = {"rate_hz": FAKE.rate_hz, "channels": 1, "length_samples": length, "rendered_s": 0.1}
        silence = np.zeros(length, "<f4").tobytes()
        await room.tell("render.draft", RenderDraft(job=job["job"], **said), silence[:-4])
        await room.render()
        await room.tell("render.draft", RenderDraft(job=job["job"], **said), silence)
        assert room.announced("event.draft") == []
        assert room.states(job["job"]) == ["queued", "running", "delivering", "done"]
        delivered = (await room.ask("scene.deliver", {"scene": "rain", "drafts": True})).content
        assert [file["draft"] for file in delivered["files"]] == [False, False]

    in_room(tmp_path, story)
