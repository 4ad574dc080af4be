"""Things that ring and sweep: decaying modes, envelopes, chirps and causal filters.

Knows nothing of which sound uses them. Arrays are (samples,); rates and frequencies in Hz, times in seconds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import signal

from engine.training.corpus.noise import Rng, Wave


def times(seconds: float, rate_hz: int) -> Wave:
    """Sample times (samples,) of a sound of the given length."""
    return np.arange(max(1, int(seconds * rate_hz))) / rate_hz


def decay(t: Wave, t60_s: float, attack_s: float = 0.0005) -> Wave:
    """Envelope: raised-cosine attack, then exponential decay by 60 dB in t60_s."""
    rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(t / max(attack_s, 1e-6), 1.0))
    return np.asarray(rise * np.exp(-6.908 * np.maximum(t - attack_s, 0.0) / t60_s))


def swell(t: Wave, peak_s: float, length_s: float, power: float = 1.0) -> Wave:
    """Envelope that rises smoothly to 1 at peak_s and falls smoothly to 0 at length_s."""
    up = 0.5 - 0.5 * np.cos(np.pi * np.clip(t / peak_s, 0.0, 1.0))
    down = 0.5 + 0.5 * np.cos(np.pi * np.clip((t - peak_s) / max(length_s - peak_s, 1e-6), 0.0, 1.0))
    return np.asarray((up * down) ** power)


def modes(
    t: Wave,
    freqs_hz: ArrayLike,
    t60_s: ArrayLike,
    gains: ArrayLike,
    rate_hz: int,
    rng: Rng | None = None,
    attack_s: float = 0.0005,
) -> Wave:
    """Sum of decaying sinusoids; modes above 0.47 of the rate are left out. rng gives random phases."""
    f = np.atleast_1d(np.asarray(freqs_hz, np.float64))
    d = np.broadcast_to(np.asarray(t60_s, np.float64), f.shape)
    g = np.broadcast_to(np.asarray(gains, np.float64), f.shape)
    out = np.zeros_like(t)
    for freq, t60, gain in zip(f, d, g, strict=True):
        if freq >= 0.47 * rate_hz or gain == 0.0:
            continue
        stop = min(len(t), max(8, int(1.35 * t60 * rate_hz)))
        phase = 0.0 if rng is None else rng.uniform(0.0, 2.0 * np.pi)
        out[:stop] += gain * np.exp(-6.908 * t[:stop] / t60) * np.sin(2.0 * np.pi * freq * t[:stop] + phase)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(t / attack_s, 1.0))
    return np.asarray(out * rise)


def chirp(freq_hz: Wave, rate_hz: int, phase: float = 0.0) -> Wave:
    """Sine (samples,) following a frequency curve (samples,)."""
    return np.asarray(np.sin(phase + 2.0 * np.pi * np.cumsum(freq_hz) / rate_hz))


def harmonics(freq_hz: Wave, rate_hz: int, gains: ArrayLike) -> Wave:
    """Harmonic sum following a frequency curve; harmonics that would pass 0.47 of the rate are left out."""
    phase = 2.0 * np.pi * np.cumsum(freq_hz) / rate_hz
    twice = 2.0 * np.cos(phase)
    before, now = np.zeros(len(phase)), np.sin(phase)  # sin(k x) = 2 cos(x) sin((k-1) x) - sin((k-2) x)
    out = np.zeros(len(phase))
    top = float(np.max(freq_hz))
    for number, gain in enumerate(np.asarray(gains, np.float64), start=1):
        if number * top >= 0.47 * rate_hz:
            break
        out += gain * now
        before, now = now, twice * now - before
    return out


@lru_cache(maxsize=512)
def _butter(kind: str, order: int, rate_hz: int, corners_hz: tuple[float, ...]) -> Any:
    top = 0.49 * rate_hz
    corners = [float(np.clip(c, 5.0, top)) for c in corners_hz]
    return signal.butter(order, corners if len(corners) > 1 else corners[0], kind, fs=rate_hz, output="sos")


def lowpass(x: Wave, rate_hz: int, corner_hz: float, order: int = 2) -> Wave:
    """Causal Butterworth low-pass."""
    return np.asarray(signal.sosfilt(_butter("lowpass", order, rate_hz, (corner_hz,)), x))


def highpass(x: Wave, rate_hz: int, corner_hz: float, order: int = 2) -> Wave:
    """Causal Butterworth high-pass."""
    return np.asarray(signal.sosfilt(_butter("highpass", order, rate_hz, (corner_hz,)), x))


def bandpass(x: Wave, rate_hz: int, low_hz: float, high_hz: float, order: int = 1) -> Wave:
    """Causal Butterworth band-pass."""
    high_hz = min(high_hz, 0.48 * rate_hz)
    return np.asarray(
        signal.sosfilt(_butter("bandpass", order, rate_hz, (min(low_hz, 0.8 * high_hz), high_hz)), x)
    )


def resonance(x: Wave, rate_hz: int, centre_hz: float, width_hz: float) -> Wave:
    """Two-pole resonance with unit peak gain."""
    radius = np.exp(-np.pi * width_hz / rate_hz)
    angle = 2.0 * np.pi * min(centre_hz, 0.45 * rate_hz) / rate_hz
    top = abs(1.0 - 2.0 * radius * np.cos(angle) * np.exp(-1j * angle) + radius**2 * np.exp(-2j * angle))
    return np.asarray(signal.lfilter([top], [1.0, -2.0 * radius * np.cos(angle), radius**2], x))


def fade_tail(x: Wave, rate_hz: int, fade_s: float = 0.03) -> Wave:
    """x with its last fade_s brought smoothly to zero, so that a tail never ends in a step."""
    size = min(len(x), max(2, int(fade_s * rate_hz)))
    out = np.array(x, np.float64)
    out[-size:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, size + 1) / size)
    return out
