"""How long renders take, from how long the last ones took. Pure: told, not timing."""

from __future__ import annotations

from collections import deque
from typing import Final

RECENT: Final = 8  # enough to smooth, few enough to follow a machine that got busy


class RenderPace:
    """Seconds of work for a second of audio, over recent renders."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT)

    def add(self, rendered_s: float, duration_s: float) -> None:
        """A render of `duration_s` of audio took `rendered_s`."""
        self._recent.append(rendered_s / duration_s)

    def seconds_for(self, duration_s: float) -> float | None:
        """What a render of this length will take; None before the first."""
        if not self._recent:
            return None
        return duration_s * sum(self._recent) / len(self._recent)
