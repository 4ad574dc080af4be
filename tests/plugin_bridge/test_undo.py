"""Undo and redo against a plain stack of scenes, and through the bridge: fresh, durable, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.scene_store import Kept
from plugin_bridge.undo import redo, undo
from scene_schema.errors import Refused
from scene_schema.scene import Scene
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room


def kept(revision: int, content_of: int | None = None, redo: int | None = None) -> Kept:
    return Kept(Scene(id="rain", title=f"of {content_of or revision}"), revision, (), content_of, redo)


@given(st.lists(st.sampled_from(["edit", "undo", "redo"]), max_size=40))
def test_it_is_a_stack_of_edits(steps: list[str]) -> None:
    revisions = {1: kept(1)}
    past, future = ["of 1"], list[str]()
    for step in steps:
        newest = revisions[len(revisions)]
        number = newest.revision + 1
        if step == "edit":
            revisions[number] = kept(number)
            past.append(f"of {number}")
            future.clear()
            continue
        there = past[1:] if step == "undo" else future
        if not there:
            with pytest.raises(Refused, match=f"nothing to {step}") as refused:
                (undo if step == "undo" else redo)(newest, revisions.__getitem__)
            assert refused.value.code == "not_found"
            continue
        if step == "undo":
            future.append(past.pop())
        else:
            past.append(future.pop())
        made = (undo if step == "undo" else redo)(newest, revisions.__getitem__)
        assert made.scene.title == past[-1] == f"of {made.content_of}"
        revisions[number] = Kept(made.scene, number, (), made.content_of, made.redo)


def edit(**changes: Any) -> dict[str, Any]:
    return {"scene": "rain", "layer": "env", "changes": changes}


async def titles(room: Room, *kinds: str) -> list[tuple[int, int | None, list[str], int]]:
    """Revision, whose content, what is stale, how many jobs, for each request of these kinds."""
    found = []
    for kind in kinds:
        answer = await room.ask(f"scene.{kind}", {"scene": "rain"})
        assert answer.type == f"scene.{kind}.reply", answer.content
        said = answer.content
        found.append((said["revision"], said.get("content_of"), said["stale"], len(said["jobs"])))
    return found


async def caption(room: Room) -> str:
    content = (await room.ask("scene.get", {"scene": "rain"})).content
    return str(content["scene"]["layers"][0]["caption"])


def test_undo_and_redo_render_nothing_and_survive_a_restart(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene(), "render": True})
        for _ in range(2):
            await room.render()
        for words in ("storm", "hail"):
            await room.ask("layer.edit", edit(caption=words))
            await room.render()
        renders = len(room.worker.renders())
        assert await titles(room, "undo", "undo") == [(4, 2, [], 0), (5, 1, [], 0)]
        assert await caption(room) == "light rain"
        got = (await room.ask("scene.get", {"scene": "rain"})).content
        assert [one["stem"] for one in got["layers"]] == ["fresh", "fresh"]
        assert len(room.worker.renders()) == renders
        revised = [one.content["revision"] for one in room.announced("event.scene")]
        assert revised == [1, 2, 3, 4, 5]

    async def sequel(room: Room) -> None:
        refused = await room.ask("scene.undo", {"scene": "rain"})
        assert (refused.content["code"], "nothing to undo" in refused.content["message"]) == (
            "not_found",
            True,
        )
        assert await titles(room, "redo") == [(6, 2, [], 0)]
        assert await caption(room) == "storm"
        assert await titles(room, "redo") == [(7, 3, [], 0)]
        assert (await room.ask("scene.redo", {"scene": "rain"})).content["code"] == "not_found"
        assert await titles(room, "undo") == [(8, 2, [], 0)]
        await room.ask("layer.edit", edit(caption="snow", gain_db=-3.0))
        assert (await room.ask("scene.redo", {"scene": "rain"})).content["code"] == "not_found"
        assert await titles(room, "undo", "undo") == [(10, 2, [], 0), (11, 1, [], 0)]
        hail = await room.ask("scene.get", {"scene": "rain", "revision": 3})
        assert hail.content["scene"]["layers"][0]["caption"] == "hail", "no revision is ever lost"

    in_room(tmp_path, story)
    in_room(tmp_path, sequel)


def test_an_undo_sent_twice_is_one_and_a_late_one_a_conflict(tmp_path: Path) -> None:
    first: dict[str, Any] = {}

    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        for gain_db in (-1.0, -2.0):
            await room.ask("layer.edit", edit(gain_db=gain_db))
        first.update((await room.ask("scene.undo", {"scene": "rain"}, id="u")).content)
        assert first == {"scene": "rain", "revision": 4, "stale": [], "jobs": [], "content_of": 2}
        assert (await room.ask("scene.undo", {"scene": "rain"}, id="u")).content == first
        late = await room.ask("scene.undo", {"scene": "rain", "base_revision": 3})
        assert (late.content["code"], late.content["newest"]["revision"]) == ("conflict", 4)

    async def sequel(room: Room) -> None:
        assert (await room.ask("scene.undo", {"scene": "rain"}, id="u")).content == first
        other = await room.ask("scene.redo", {"scene": "rain"}, id="u")
        assert other.content["code"] == "exists"

    in_room(tmp_path, story)
    in_room(tmp_path, sequel)


def test_an_undo_brings_back_a_layer_its_lock_and_its_sound(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene(), "render": True})
        for _ in range(2):
            await room.render()
        await room.ask("layer.remove", {"scene": "rain", "layer": "env"})
        assert await titles(room, "undo") == [(3, 1, [], 0)]
        await room.ask("layer.edit", edit(lock=True))
        assert await titles(room, "undo", "redo") == [(5, 1, [], 0), (6, 4, [], 0)]
        got = (await room.ask("scene.get", {"scene": "rain"})).content
        assert got["scene"]["layers"][0]["lock"] is True
        delivered = await room.ask("scene.deliver", {"scene": "rain"})
        assert delivered.type == "scene.deliver.reply"

    in_room(tmp_path, story)


def test_an_undo_stops_what_it_takes_back_and_renders_what_was_never_there(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        storm = (await room.ask("layer.edit", edit(caption="storm"))).content["jobs"][0]["job"]
        assert await titles(room, "undo") == [(3, 1, ["env"], 1)]
        assert room.worker.cancels() == [storm]
        silent = await room.ask("scene.redo", {"scene": "rain", "render": False})
        assert (silent.content["stale"], silent.content["jobs"]) == (["env"], [])

    in_room(tmp_path, story)
