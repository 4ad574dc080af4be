"""A throat: a voiced and breathy source through formants, for calls of animals and people without words.

Knows no animal. Arrays are (samples,); frequencies in Hz.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.training.corpus.noise import Rng, Wave, drift, unit, white
from engine.training.corpus.resonator import harmonics, resonance


def throat(
    rng: Rng,
    rate_hz: int,
    freq_hz: Wave,
    formants_hz: Sequence[float] | Wave,
    *,
    tilt: float = 0.8,
    rough: float = 0.0,
    breath: float = 0.05,
) -> Wave:
    """A call (samples,) with peak 1 that follows freq_hz; rough shakes its level, breath adds noise."""
    voice = unit(harmonics(freq_hz, rate_hz, 1.0 / np.arange(1, 40) ** tilt))
    if rough:
        voice = voice * (1.0 + rough * drift(rng, len(freq_hz), rate_hz, 110.0))
    source = voice + breath * white(rng, len(freq_hz))
    out = 0.15 * source
    for number, centre_hz in enumerate(formants_hz):
        out = out + 0.75**number * resonance(source, rate_hz, centre_hz, 60.0 + 0.12 * centre_hz)
    return np.asarray(out / (np.max(np.abs(out)) + 1e-9))
