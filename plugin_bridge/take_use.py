"""Which takes the scenes ask for in their newest revisions, so that an undo finds them. Knows no files.

Kept up step by step: a revision is read once, and a layer that did not change asks for what it asked before.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from plugin_bridge.planner import HEARD_OF_SCENE
from plugin_bridge.scene_store import SceneStore
from scene_schema.capabilities import Capabilities
from scene_schema.identity import identity
from scene_schema.origin import take_of
from scene_schema.rendering import request_for
from scene_schema.scene import Scene

UNDOABLE: Final = 50  # revisions of each scene whose takes stay; an undo of more may have to render again


class AskedTakes:
    """What one scene's revisions ask for, given one after the other."""

    def __init__(self, model: Capabilities) -> None:
        self._model = model
        self._scene: Scene | None = None
        self._of_layer: dict[str, str] = {}

    def by(self, scene: Scene) -> frozenset[str]:
        """The takes that make every layer of the next revision fresh, and those that they start from."""
        before = self._scene
        same = before is not None and all(
            getattr(before, name) == getattr(scene, name) for name in HEARD_OF_SCENE
        )
        old = {layer.id: layer for layer in before.layers} if before is not None and same else {}
        self._of_layer = {
            layer.id: self._of_layer[layer.id]
            if old.get(layer.id) == layer
            else identity(request_for(scene, layer, self._model))
            for layer in scene.layers
        }
        self._scene = scene
        origins = {take for layer in scene.layers if (take := take_of(layer.origin)) is not None}
        return frozenset(self._of_layer.values()) | origins


class _Window:
    """The newest revisions of one scene, oldest first, each with the takes that it asks for."""

    def __init__(self, model: Capabilities) -> None:
        self.asked = AskedTakes(model)
        self.takes: deque[frozenset[str]] = deque()
        self.newest = 0


class TakeUse:
    """To be used from the event loop's thread only."""

    def __init__(self, store: SceneStore, model: Capabilities) -> None:
        self._store = store
        self._model = model
        self._windows: dict[str, _Window] = {}
        self._asked: Counter[str] = Counter()
        self._losses = store.losses

    def __contains__(self, take: str) -> bool:
        return take in self._asked

    async def look(self) -> None:
        """Reads all revisions that are new, with a turn for others between any two."""
        for _ in self._steps():
            await asyncio.sleep(0)

    def catch_up(self) -> None:
        """The same at once: quick where `look` was called a moment ago."""
        for _ in self._steps():
            pass

    def _steps(self) -> Iterator[None]:
        if self._losses != self._store.losses:  # revisions that were read may never have been made
            self._losses = self._store.losses
            self._windows.clear()
            self._asked.clear()
        for scene_id, newest in self._store.revisions().items():
            window = self._windows.get(scene_id)
            if window is None:
                window = self._windows[scene_id] = _Window(self._model)
            for revision in range(max(window.newest, newest - UNDOABLE) + 1, newest + 1):
                self._take_in(window, self._store.get(scene_id, revision).scene)
                window.newest = revision
                yield

    def _take_in(self, window: _Window, scene: Scene) -> None:
        window.takes.append(window.asked.by(scene))
        self._asked.update(window.takes[-1])
        if len(window.takes) > UNDOABLE:
            for take in window.takes.popleft():
                self._asked[take] -= 1
                if not self._asked[take]:
                    del self._asked[take]
