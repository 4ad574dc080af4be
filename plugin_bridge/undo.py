"""Undo and redo over revisions that are never rewritten. Pure: knows neither journal nor messages.

An undo is a new revision with the content of an older one, so history stays a line and what the stack of
edits looks like follows from two numbers in the revisions that are undos or redos:

    content_of  the edit whose content it has. An undo from there goes to what was there before that edit.
    redo        the revision that a redo goes back to: the one that was undone.

An edit has neither: its content is its own, and it ends what could be redone. So a step reads one other
revision, however long the history is, and needs nothing that a restart could lose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from plugin_bridge.scene_store import Kept
from scene_schema.errors import Refused
from scene_schema.scene import Scene


@dataclass(frozen=True)
class Step:
    """What the next revision will be: its content, whose content that is, and where a redo leads."""

    scene: Scene
    content_of: int
    redo: int | None


def undo(newest: Kept, get: Callable[[int], Kept]) -> Step:
    """The step back. `get` reads a revision. Raises `Refused` (`not_found`) at the first edit."""
    edit = _content_of(newest)
    if edit == 1:
        raise Refused(
            "not_found",
            f"there is nothing to undo in scene '{newest.scene.id}': it is as it was created",
            remedy="Send scene.redo to go forward again, or edit the scene.",
        )
    before = get(edit - 1)
    return Step(before.scene, _content_of(before), newest.revision)


def redo(newest: Kept, get: Callable[[int], Kept]) -> Step:
    """The step forward. Raises `Refused` (`not_found`) where the newest revision is no undo."""
    if newest.redo is None:
        raise Refused(
            "not_found",
            f"there is nothing to redo in scene '{newest.scene.id}': nothing was undone since the last edit",
            remedy="Older revisions are still there: scene.get with their number.",
        )
    undone = get(newest.redo)
    return Step(undone.scene, _content_of(undone), undone.redo)


def _content_of(kept: Kept) -> int:
    return kept.revision if kept.content_of is None else kept.content_of
