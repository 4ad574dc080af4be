"""Which idle worker gets a job: the one that remembers most of what the job needs. Pure: told, not asking.

A worker keeps what it worked out for its last renders (the states of a caption's words, the stems of a
mix), so a layer's next edit is quicker where its last one was rendered. No job waits for a warm worker while
another is idle.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Final

REMEMBERED: Final = 32
"""Layers that a worker is taken to remember: as many prompts as its renderer keeps."""

Key = tuple[str, str]
"""A scene and one of its layers."""


class Placement:
    """What each worker rendered last, by the worker's number."""

    def __init__(self) -> None:
        self._last: dict[int, OrderedDict[Key, None]] = {}

    def choose(self, scene: str, layer: str, idle: Collection[int]) -> int | None:
        """The worker for a layer's render; None where none is idle.

        First the one that rendered this layer, then one that rendered this scene, then the one that remembers
        fewest layers of other scenes; the lowest number where that decides nothing.
        """
        return min(idle, key=lambda worker: (*self._cold(worker, scene, layer), worker), default=None)

    def note(self, worker: int, scene: str, layer: str) -> None:
        """A worker gets a layer's render."""
        for other in self._last.values():  # the newest render of a layer is the one worth staying with
            other.pop((scene, layer), None)
        last = self._last.setdefault(worker, OrderedDict())
        last[scene, layer] = None
        while len(last) > REMEMBERED:
            last.popitem(last=False)

    def forget(self, worker: int) -> None:
        """The worker's process ended, and what it remembered with it."""
        self._last.pop(worker, None)

    def _cold(self, worker: int, scene: str, layer: str) -> tuple[int, int]:
        """How far from warm: 0, 1 or 2, then how much is there for others."""
        last = self._last.get(worker, OrderedDict())
        others = sum(1 for of_scene, _ in last if of_scene != scene)
        if (scene, layer) in last:
            return 0, others
        return (1 if others < len(last) else 2), others
