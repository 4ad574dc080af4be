"""How loud each clip of a corpus is where it is loudest, which the caption encoder learns to expect."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.audio import loudest_db
from engine.training.clips import VIEWS, Clips


def clip_levels_db(clips: Clips, rate_hz: int) -> dict[str, NDArray[np.float32]]:
    """Levels (N,) in dBFS by view."""
    return {
        view: np.array(
            [loudest_db(clips.audio(view, number), rate_hz) for number in range(clips.count(view))],
            dtype=np.float32,
        )
        for view in VIEWS
    }
