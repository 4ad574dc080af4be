"""Where a sound begins: the steepest rise of its energy near a moment. Numpy only."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

HOP_S: Final = 0.002
WINDOW_S: Final = 0.008
REACH_S: Final = 0.25
RISE_DB: Final = 6.0  # what counts as an onset at all
FLOOR: Final = 1e-9  # power, −90 dBFS


def onset_error_s(audio: NDArray[np.float32], rate_hz: int, cue_s: float) -> float | None:
    """Seconds from a cue to the steepest rise within ±0.25 s of it; None where nothing rises by 6 dB."""
    hop, window = round(HOP_S * rate_hz), round(WINDOW_S * rate_hz)
    padded = np.pad(audio.astype(np.float64) ** 2, (window, window))
    sums = np.concatenate([[0.0], np.cumsum(padded)])
    starts = np.arange(0, len(audio), hop)
    # the window behind a moment against the window before it: an attack is where they differ most
    after_db = 10 * np.log10((sums[starts + 2 * window] - sums[starts + window]) / window + FLOOR)
    before_db = 10 * np.log10((sums[starts + window] - sums[starts]) / window + FLOOR)
    rise_db = after_db - before_db
    times_s = starts / rate_hz
    near = np.flatnonzero(np.abs(times_s - cue_s) <= REACH_S)
    if len(near) == 0:
        return None
    loudness = after_db[near] - after_db[near].max()
    score = rise_db[near] + np.minimum(0.0, loudness + 12.0)  # a rise out of silence into nothing is no hit
    best = near[int(np.argmax(score))]
    return float(times_s[best] - cue_s) if rise_db[best] >= RISE_DB else None
