"""How loud a sound is, and whether it holds its level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FLOOR_DB = -90.0


def rms_dbfs(audio: NDArray[np.floating]) -> float:
    """Root mean square of a whole sound (S,), in dB of full scale; at least FLOOR_DB."""
    power = float(np.mean(np.square(audio, dtype=np.float64))) if len(audio) else 0.0
    return float(max(FLOOR_DB, 10 * np.log10(power + 1e-12)))


def drift_db(audio: NDArray[np.floating], rate_hz: int, edge_s: float = 0.05) -> float:
    """How far the level of the last second lies from that of the first, in dB, without its faded edges."""
    edge = round(edge_s * rate_hz)
    inner = audio[edge : len(audio) - edge]
    return abs(rms_dbfs(inner[-rate_hz:]) - rms_dbfs(inner[:rate_hz]))
