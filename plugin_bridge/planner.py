"""Which stems of a scene are fresh, stale or missing, and which of them to render. Pure: values in and out.

A stem is fresh when the very sound that its layer asks for has been rendered, whenever and for whatever
layer that was. So gain, pan, mute and order make nothing stale, and an undo is fresh at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from scene_schema.capabilities import Capabilities, check_supported
from scene_schema.identity import identity
from scene_schema.rendering import RenderRequest, request_for
from scene_schema.scene import SOUNDING, Layer, Scene

Stem = Literal["fresh", "stale", "missing"]


HEARD_OF_SCENE: Final = ("id", "duration_s", "tempo", "chords")
"""The fields of a scene that a layer's request depends on."""


@dataclass(frozen=True)
class Standing:
    """How one layer stands: the sound it asks for, and the take that plays until it has it."""

    layer: Layer
    request: RenderRequest
    stem: Stem
    take: str | None

    @property
    def wanted(self) -> str:
        """The id of the take that would make this layer fresh."""
        return identity(self.request)


def standing(
    scene: Scene, model: Capabilities, takes: Collection[str], stems: Mapping[str, str]
) -> list[Standing]:
    """Every layer of the scene, in order.

    Args:
        takes: ids of all takes there are.
        stems: layer id → the take that last played for it.
    """
    found = []
    for layer in scene.layers:
        request = request_for(scene, layer, model)
        wanted, last = identity(request), stems.get(layer.id)
        if wanted in takes:
            found.append(Standing(layer, request, "fresh", wanted))
        elif last in takes:
            found.append(Standing(layer, request, "stale", last))
        else:
            found.append(Standing(layer, request, "missing", None))
    return found


def resounding(before: Scene | None, after: Scene, model: Capabilities) -> set[str]:
    """The layers that ask for another sound than before; new layers are among them, removed ones not."""
    if before is None:
        return {one.id for one in after.layers}
    old = {one.id: one for one in before.layers}
    # Most edits touch one layer: what is the same in the same scene need not be asked what it sounds like.
    same = all(getattr(before, name) == getattr(after, name) for name in HEARD_OF_SCENE)
    changed = [one for one in after.layers if not same or not _sounds_as(old.get(one.id), one)]
    return {
        one.id
        for one in changed
        if one.id not in old or request_for(before, old[one.id], model) != request_for(after, one, model)
    }


def _sounds_as(before: Layer | None, after: Layer) -> bool:
    return before is after or (
        before is not None and all(getattr(before, name) == getattr(after, name) for name in SOUNDING)
    )


def to_render(scene: Scene, model: Capabilities, standings: Iterable[Standing]) -> list[Standing]:
    """Those that need a render: not fresh, and not locked with a stem to keep.

    Raises `Refused` (`unsupported`) that names the field, where the model cannot render one of them.
    """
    chosen = [
        one for one in standings if one.stem == "missing" or (one.stem == "stale" and not one.layer.lock)
    ]
    for one in chosen:
        check_supported(scene, one.layer, model)
    return chosen
