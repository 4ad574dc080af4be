"""Where a sound is heard: small synthetic rooms, distance and muffling.

Knows nothing of the sound itself. The direct sound is never delayed, so a cue stays where it was.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

from engine.training.corpus.noise import Rng, Wave, white
from engine.training.corpus.resonator import highpass, lowpass


def impulse_response(rng: Rng, rate_hz: int, rt60_s: float, *, damping_hz: float = 4500.0) -> Wave:
    """Reverberation without its direct sound (samples,): energy 1, first reflection after 4 to 15 ms."""
    samples = int(rate_hz * rt60_s * 1.1)
    t = np.arange(samples) / rate_hz
    raw = white(rng, samples).astype(np.float64)
    dark = lowpass(raw, rate_hz, damping_hz * 0.35, 1)
    bright = lowpass(raw - dark, rate_hz, damping_hz, 1)
    tail = dark * np.exp(-6.908 * t / rt60_s) + bright * np.exp(-6.908 * t / (0.55 * rt60_s))
    first = int(rng.uniform(0.004, 0.015) * rate_hz)
    build = np.clip((t * rate_hz - first) / (0.012 * rate_hz), 0.0, 1.0)
    tail *= build
    for _ in range(6):
        at = first + int(rng.uniform(0.0, 0.04) * rate_hz)
        if at < samples:
            tail[at] += rng.choice([-1.0, 1.0]) * rng.uniform(1.0, 3.0)
    tail[-int(0.05 * samples) - 2 :] *= np.linspace(1.0, 0.0, int(0.05 * samples) + 2)
    tail = highpass(tail, rate_hz, 90.0, 1)
    return np.asarray(tail / np.sqrt(np.sum(tail**2) + 1e-12))


def reverberate(
    x: Wave,
    rng: Rng,
    rate_hz: int,
    rt60_s: float,
    wet: float,
    *,
    damping_hz: float = 4500.0,
    dry: float = 1.0,
) -> Wave:
    """dry * x + wet * reverberation, cut to the length of x. wet 0.2 is a room, 0.8 a cathedral."""
    response = impulse_response(rng, rate_hz, rt60_s, damping_hz=damping_hz)
    tail = signal.fftconvolve(x, response)[: len(x)]
    return np.asarray(dry * x + wet * tail)


def muffle(x: Wave, rate_hz: int, corner_hz: float) -> Wave:
    """x as heard through a wall or door: a low-pass of 12 dB an octave (causal, delay under 1 ms)."""
    return lowpass(x, rate_hz, corner_hz, 2)


def far(x: Wave, rng: Rng, rate_hz: int, amount: float) -> Wave:
    """x as heard from afar; amount 0..1 takes away treble and adds late sound (level is the caller's)."""
    dull = lowpass(x, rate_hz, 5500.0 * (1.0 - amount) + 1400.0, 1)
    return reverberate(dull, rng, rate_hz, 0.5 + 1.0 * amount, 0.25 + 0.5 * amount, damping_hz=2200.0)
