"""Small things struck once: a tap of noise and a ping of a few partials.

Knows nothing of what is struck.
"""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import Rng, Wave, white
from engine.training.corpus.resonator import bandpass, decay, fade_tail, modes, times


def tap(rng: Rng, rate: int, low_hz: float, high_hz: float, t60_s: float) -> Wave:
    """A short noise burst with a peak of about 1."""
    t = times(1.2 * t60_s + 0.004, rate)
    burst = bandpass(white(rng, len(t)), rate, low_hz, high_hz) * decay(t, t60_s, 0.0003)
    return np.asarray(burst / (np.max(np.abs(burst)) + 1e-9))


def ping(
    rng: Rng, rate: int, base_hz: float, t60_s: float, ratios: tuple[float, ...] = (1.0, 1.52, 2.3)
) -> Wave:
    """A small ringing thing struck once: a few damped partials with a peak near 1."""
    t = times(1.2 * t60_s, rate)
    numbers = np.arange(len(ratios))
    ring = modes(t, base_hz * np.array(ratios), t60_s * 0.75**numbers, 0.7**numbers, rate, rng)
    return fade_tail(0.6 * ring, rate, 0.1 * t60_s)


def together(*sounds: Wave) -> Wave:
    """Sounds of any lengths that start at the same moment."""
    out = np.zeros(max(map(len, sounds)))
    for sound in sounds:
        out[: len(sound)] += sound
    return out
