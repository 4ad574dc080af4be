"""Edits share one wait for the disk; none is acknowledged before it; a disk that refuses refuses them all."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room


def edit(number: int) -> dict[str, Any]:
    return {"scene": "rain", "layer": "env", "changes": {"gain_db": -float(number)}}


class Commits:
    """Counts a room's commits, and may refuse them as a full disk does."""

    def __init__(self, room: Room, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.full = False
        self._execute = room.journal._db.execute
        self._room = room
        patch.setattr(room.journal, "_db", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._execute.__self__, name)

    def execute(self, statement: str, *values: Any) -> Any:
        if statement == "COMMIT":
            if self.full:
                raise sqlite3.OperationalError("database or disk is full")
            self.count += 1
        return self._execute(statement, *values)


def test_edits_at_the_same_time_share_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        commits = Commits(room, monkeypatch)
        answers = await asyncio.gather(*(room.ask("layer.edit", edit(number)) for number in range(20)))
        assert [one.content["revision"] for one in answers] == list(range(2, 22))
        assert commits.count == 1
        revisions = [one.content["revision"] for one in room.announced("event.scene")]
        assert revisions == list(range(1, 22))

    in_room(tmp_path, story)


def test_nothing_is_told_before_the_disk_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        commits = Commits(room, monkeypatch)
        told = len(room.events)
        editing = asyncio.create_task(room.ask("layer.edit", edit(1)))
        await asyncio.sleep(0)
        assert room.journal.batch is not None and commits.count == 0 and len(room.events) == told
        seen = await room.ask("scene.get", {"scene": "rain"})  # waits as well
        assert (commits.count, seen.content["revision"]) == (1, 2)
        assert (await editing).content["revision"] == 2

    in_room(tmp_path, story)


def test_a_full_disk_refuses_the_batch_and_the_scene_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        commits = Commits(room, monkeypatch)
        told = len(room.events)
        commits.full = True
        answers = await asyncio.gather(
            room.ask("layer.edit", edit(1), id="one"),
            room.ask("layer.edit", edit(2), id="two"),
            room.ask("scene.create", {"scene": scene("sea")}, id="three"),
            room.ask("layer.edit", edit(1), id="one"),
        )
        assert {one.content["code"] for one in answers} == {"internal"}
        assert "disk is full" in answers[0].content["message"]
        assert len(room.events) == told
        commits.full = False
        assert (await room.ask("scene.get", {"scene": "rain"})).content["revision"] == 1
        assert (await room.ask("scene.list")).content["scenes"] == {"rain": 1}
        again = await room.ask("layer.edit", edit(1), id="one")
        assert again.content["revision"] == 2

    in_room(tmp_path, story)


def test_a_message_sent_twice_at_once_is_one_edit(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        change = {"scene": "rain", "layer": "env", "changes": {"caption": "storm"}}
        first, second = await asyncio.gather(*(room.ask("layer.edit", change, id="one") for _ in range(2)))
        assert first.content == second.content and first.content["jobs"]
        other = await room.ask("layer.edit", edit(3), id="one")
        assert other.content["code"] == "exists"

    in_room(tmp_path, story)


def test_a_batch_that_another_write_took_along_does_not_stand_for_the_next(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        first = asyncio.create_task(room.ask("layer.edit", edit(1)))
        await asyncio.sleep(0)
        assert room.journal.batch is not None
        room.store.set_stem("rain", "env", "t1")  # commits the first edit's batch at once
        second = await room.ask("layer.edit", edit(2))
        assert second.content["revision"] == 3
        assert room.journal.batch is None, "an edit was acknowledged before it was on disk"
        assert (await first).content["revision"] == 2

    in_room(tmp_path, story)
