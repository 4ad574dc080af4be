"""When the render of an edit may begin, so that none is begun for each letter typed. Pure: told, not timing.

Edits of a layer that follow each other within `quiet_s` are one burst. Its render waits until the layer was
quiet for that long, or until `longest_s` after the burst's first edit.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

LayerKey: TypeAlias = tuple[str, str]
"""Scene and layer."""


class _Burst(NamedTuple):
    first_s: float
    due_s: float


class QuietTime:
    """All layers. Times are of one clock, in seconds.

    There is no wait where renders take less than `from_s`, since a render that is thrown away then costs less
    than the wait, nor where nobody knows yet how long they take: on an idle engine that may be a quick
    one the first sound must not come late because of a guess.
    """

    def __init__(self, *, quiet_s: float, longest_s: float, from_s: float) -> None:
        self._quiet_s = quiet_s
        self._longest_s = longest_s
        self._from_s = from_s
        self._bursts: dict[LayerKey, _Burst] = {}

    def edited(self, layer: LayerKey, now_s: float, render_s: float | None) -> float | None:
        """When the render of this edit may begin; None: at once. `render_s`: what it will take, if known."""
        self._bursts = {one: burst for one, burst in self._bursts.items() if now_s < burst.due_s}
        burst = self._bursts.pop(layer, None)
        if render_s is None or render_s < self._from_s or not self._quiet_s:
            return None
        first_s = now_s if burst is None else burst.first_s
        due_s = min(now_s + self._quiet_s, first_s + self._longest_s)
        self._bursts[layer] = _Burst(first_s, due_s)
        return due_s
