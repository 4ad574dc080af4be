"""The audio on disk stays within its budget, what is in use stays, and no take is without its file."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plugin_bridge import audio_budget, take_use
from plugin_bridge.audio_store import Audio, AudioStore
from scene_schema.messages import RenderDone
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import FAKE, Room, in_room

KIB = 2**10
TAKE_BYTES = 48_000  # of samples: half a second at 24 kHz
MUCH = 2**30


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_budget, "RETRY_S", 0.0)
    monkeypatch.setattr(take_use, "UNDOABLE", 2)


async def make(room: Room, seed: int, layer: str = "env", scene_id: str = "rain") -> str:
    """A take of its own sound for a layer, whose id is returned."""
    edit = {"scene": scene_id, "layer": layer, "changes": {"seed": seed}}
    answer = await room.ask("layer.edit", edit)
    assert answer.type == "layer.edit.reply", answer.content
    samples = np.random.default_rng(seed).normal(0, 0.1, (12_000, 1)).astype("<f4")
    take: str = (await room.render(binary=samples.tobytes()))["take"]
    return take


async def one_layer(room: Room, scene_id: str = "rain") -> None:
    await room.ask("scene.create", {"scene": scene(scene_id, scene()["layers"][0])})


async def until(what: Callable[[], Any]) -> None:
    for _ in range(2000):
        if what():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("waited in vain")


async def settled(room: Room) -> None:
    """What the budget has to do now is done."""
    budget = room.bridge._budget
    budget.grew()
    await until(lambda: not budget._grown.is_set())
    await until(lambda: budget._task.done() or _waits(budget))


def _waits(budget: audio_budget.AudioBudget) -> bool:
    inner = budget._task.get_coro().cr_await  # type: ignore[union-attr]
    return inner is not None and "Event.wait" in getattr(inner, "__qualname__", "")


def age(room: Room, take: str, hours: float) -> None:
    """As if its sound had not been used for so long."""
    path = room.audio.path(room.store.take(take).audio_sha256)
    then_ns = time.time_ns() - int(hours * 3600e9)
    os.utime(path, ns=(then_ns, then_ns))


def files(room: Room) -> set[str]:
    return {path.stem for path in room.audio.folder.rglob("*") if path.is_file()}


def sounds(room: Room) -> set[str]:
    return {room.store.take(take).audio_sha256 for take in room.store.takes}


def test_the_least_recently_used_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await one_layer(room)
        takes = [await make(room, seed) for seed in range(1, 7)]
        await settled(room)
        for hours, take in enumerate([takes[2], takes[1], takes[0], takes[3], takes[4], takes[5]]):
            age(room, take, 10.0 - hours)
        status = room.bridge._budget.status
        assert (status.takes, status.pruned, status.detail) == (6, 0, "")
        assert 6 * TAKE_BYTES < status.audio_bytes < 6 * TAKE_BYTES + 6 * KIB
        room.bridge._budget._budget_bytes = 5 * TAKE_BYTES + 24 * KIB
        await settled(room)
        assert set(takes) - room.store.takes == {takes[2]}, "the one that was used last long ago"
        assert files(room) == sounds(room)
        # the two newest revisions, so that an undo is fresh; the first plays, whatever its age
        room.bridge._budget._budget_bytes = 1
        await settled(room)
        assert room.store.takes == {takes[4], takes[5]}
        assert files(room) == sounds(room)
        told = (await room.ask("status")).content["store"]
        assert (told["takes"], told["pruned"], told["budget_bytes"]) == (2, 4, 1)
        assert "over its budget" in told["detail"]
        undone = await room.ask("scene.undo", {"scene": "rain"})
        assert (undone.content["stale"], undone.content["jobs"]) == ([], [])

    in_room(tmp_path, story, audio_bytes=MUCH)


def test_a_take_that_is_gone_is_rendered_again(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await one_layer(room)
        takes = [await make(room, seed) for seed in range(1, 5)]
        room.bridge._budget._budget_bytes = 1
        await settled(room)
        assert takes[0] not in room.store.takes
        assert await make(room, 1) == takes[0]
        assert takes[0] in room.store.takes and sounds(room) <= files(room)

    in_room(tmp_path, story, audio_bytes=MUCH)


def test_what_cannot_go_is_said_once_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(room: Room) -> None:
        await one_layer(room)
        await make(room, 1)
        for _ in range(3):
            await settled(room)
        assert len(room.store.takes) == 1 and files(room) == sounds(room)
        said = [one for one in caplog.records if "over its budget" in one.getMessage()]
        assert len(said) == 1
        room.bridge._budget._budget_bytes = MUCH
        await settled(room)
        assert (await room.ask("status")).content["store"]["detail"] == ""

    with caplog.at_level(logging.WARNING):
        in_room(tmp_path, story, audio_bytes=1)


def test_takes_of_locked_layers_running_jobs_and_deliveries_stay(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await one_layer(room)
        locked = await make(room, 1)
        lock = {"scene": "rain", "layer": "env", "changes": {"lock": True}}
        await room.ask("layer.edit", lock)
        for duration_s in (0.6, 0.7, 0.8):  # it asks for other sounds now, and keeps the one that it has
            await room.ask("scene.edit", {"scene": "rain", "changes": {"duration_s": duration_s}})
        await one_layer(room, "sea")
        takes = [await make(room, seed, scene_id="sea") for seed in range(2, 6)]
        room.bridge._reading[takes[0]] += 1
        room.bridge._budget._budget_bytes = 1
        await settled(room)
        assert room.store.takes == {locked, takes[0], takes[2], takes[3]}
        room.bridge._reading.clear()
        await settled(room)
        assert room.store.takes == {locked, takes[2], takes[3]}

    in_room(tmp_path, story, audio_bytes=MUCH)


def test_one_sound_of_two_takes_stays_for_the_one_in_use(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await one_layer(room)
        same = np.full((12_000, 1), 0.2, "<f4").tobytes()
        for seed in range(1, 5):
            await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": {"seed": seed}})
            await room.render(binary=same)
        assert len(files(room)) == 1 and len(room.store.takes) == 4
        room.bridge._budget._budget_bytes = 1
        await settled(room)
        assert files(room) == sounds(room) and len(room.store.takes) == 4

    in_room(tmp_path, story, audio_bytes=MUCH)


def test_delivered_files_go_once_their_host_had_time(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await one_layer(room)
        await make(room, 1)
        paths = []
        for rate_hz in (24_000, 48_000):
            asked = {"scene": "rain", "hand_off": "path", "rate_hz": rate_hz}
            delivered = (await room.ask("scene.deliver", asked)).content
            paths.append([Path(one["path"]) for one in delivered["files"]])
        await settled(room)
        assert room.bridge._budget.status.audio_bytes > sum(
            path.stat().st_size for some in paths for path in some
        )
        room.bridge._budget._budget_bytes = 1
        await settled(room)
        assert all(path.exists() for some in paths for path in some), "handed out a moment ago"
        for path in paths[0]:
            os.utime(path, (time.time() - 7200.0,) * 2)
        await settled(room)
        assert [[path.exists() for path in some] for some in paths] == [[False] * 2, [True] * 2]
        again = await room.ask("scene.deliver", {"scene": "rain", "hand_off": "path", "rate_hz": 24_000})
        assert [Path(one["path"]) for one in again.content["files"]] == paths[0], "made again under its name"
        assert all(path.exists() for path in paths[0])

    in_room(tmp_path, story, audio_bytes=MUCH)


def test_what_an_earlier_run_left_goes_at_the_start_and_nothing_else(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await one_layer(room)
        await make(room, 1)
        await room.ask("scene.deliver", {"scene": "rain", "hand_off": "path"})

    in_room(tmp_path, story)
    audio, deliveries = tmp_path / "audio", tmp_path / "deliveries" / "rain"
    kept = {path for path in [*audio.rglob("*"), *deliveries.rglob("*")] if path.is_file()}
    store = AudioStore(audio)
    orphan = store.path(store.write(Audio(np.zeros((100, 1), np.float32), 24_000)))
    fresh = store.path(store.write(Audio(np.ones((100, 1), np.float32), 24_000)))
    leftovers = [orphan.parent / ".writing-x.wav", deliveries / ".a.wav.77-0.part"]
    for path in leftovers:
        path.write_bytes(b"half a fi")
    soon = leftovers[1].with_name(".b.wav.78-0.part")
    soon.write_bytes(b"of another process, that is writing it")
    past, future = time.time() - 60.0, time.time() + 60.0
    for path in [orphan, *leftovers, *kept]:
        os.utime(path, (past, past))
    for path in (fresh, soon):
        os.utime(path, (future, future))

    async def sequel(room: Room) -> None:
        await settled(room)

    in_room(tmp_path, sequel)
    found = {path for path in [*audio.rglob("*"), *deliveries.rglob("*")] if path.is_file()}
    assert found == kept | {fresh, soon}


def test_a_new_journal_does_not_cost_the_sounds_of_the_old_one(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await one_layer(room)
        await make(room, 1)

    in_room(tmp_path, story)
    sounds = set((tmp_path / "audio").rglob("*.wav"))
    past = time.time() - 60.0
    for path in sounds:
        os.utime(path, (past, past))
    for path in tmp_path.glob("journal.sqlite*"):
        path.rename(path.with_suffix(".moved"))

    async def sequel(room: Room) -> None:
        await settled(room)

    in_room(tmp_path, sequel)
    assert sounds and set((tmp_path / "audio").rglob("*.wav")) == sounds


def test_a_kill_between_forgetting_and_removing_leaves_a_file_without_a_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(room: Room) -> None:
        await one_layer(room)
        for seed in range(1, 5):
            await make(room, seed)
        with monkeypatch.context() as patch:
            patch.setattr(AudioStore, "remove", lambda *_: 0)  # the process is gone by then
            room.bridge._budget._budget_bytes = 1
            await settled(room)
        assert (len(room.store.takes), len(files(room))) == (2, 4)
        for path in room.audio.folder.rglob("*.wav"):
            os.utime(path, (time.time() - 60.0,) * 2)

    async def sequel(room: Room) -> None:
        assert len(room.store.takes) == 2
        await settled(room)
        assert files(room) == sounds(room) and len(files(room)) == 2

    in_room(tmp_path, story, audio_bytes=MUCH)
    in_room(tmp_path, sequel, audio_bytes=MUCH)


def test_a_disk_that_refuses_to_forget_keeps_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(room: Room) -> None:
        await one_layer(room)
        takes = [await make(room, seed) for seed in range(1, 5)]

        def full() -> None:
            batch, room.journal.batch = room.journal.batch, None
            if batch is None:
                return
            batch.is_over, batch.error = True, sqlite3.OperationalError("disk is full")
            room.journal._db.execute("ROLLBACK")
            room.journal.when_lost()
            raise batch.error

        with monkeypatch.context() as patch:
            patch.setattr(room.journal, "commit", full)
            room.bridge._budget._budget_bytes = 1
            await settled(room)
        assert room.store.takes == set(takes)
        assert files(room) == sounds(room) and len(files(room)) == 4
        await settled(room)
        assert room.store.takes == set(takes[2:])

    in_room(tmp_path, story, audio_bytes=MUCH)


def test_a_sound_that_is_written_again_is_not_removed(tmp_path: Path) -> None:
    store = AudioStore(tmp_path)
    sound = Audio(np.zeros((100, 1), np.float32), 24_000)
    sha256 = store.write(sound)
    store.condemn([sha256])
    assert store.remove(sha256) == 0, "its take is on the way"
    store.release(sha256)
    store.condemn([sha256])
    store.write(sound)
    assert store.remove(sha256) == 0, "found again before it went"
    store.release(sha256)
    store.condemn([sha256])
    store.spare([sha256])
    assert store.remove(sha256) == 0
    store.condemn([sha256])
    assert store.remove(sha256) > 400 and not store.path(sha256).exists()
    store.write(sound)
    assert store.path(sha256).exists()


def test_edits_renders_undos_and_pruning_at_the_same_time(tmp_path: Path) -> None:
    """However they mix, every take has its file, and all that plays is there."""

    async def story(room: Room) -> None:
        for name in ("a", "b"):
            await one_layer(room, name)
        done: set[str] = set()
        for round_ in range(60):
            name = "ab"[round_ % 2]
            change = {"scene": name, "layer": "env", "changes": {"seed": round_ * 7 % 11}}
            await room.ask("layer.edit", change)
            if round_ % 5 == 0:
                await room.ask("scene.undo", {"scene": name})
            for job in room.worker.renders():
                if job.id not in done and room.worker.status.state == "rendering":
                    done.add(job.id)
                    if job.id in room.worker.cancels():
                        await room.stopped(job.id)
                        continue
                    samples = np.random.default_rng(job.request.seed).normal(0, 0.1, (12_000, 1))
                    values = {
                        "rate_hz": FAKE.rate_hz, "channels": 1, "length_samples": 12_000, "rendered_s": 0.1
                    }  # fmt: skip
                    done_now = RenderDone(job=job.id, **values)
                    await room.tell("render.done", done_now, samples.astype("<f4").tobytes())
                    await room.become("ready")
            await asyncio.sleep(0.002)
            assert sounds(room) <= files(room)
        await until(lambda: not room.bridge._jobs._tasks)
        await settled(room)
        assert sounds(room) == files(room)
        assert room.bridge._budget.status.pruned > 0

    in_room(tmp_path, story, audio_bytes=3 * TAKE_BYTES)
