"""Noise, slow random curves and scattered grains: the raw material of textures.

Knows nothing of rain or bells. Arrays are (samples,) unless said otherwise; rates in Hz, times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

Wave = npt.NDArray[Any]
Rng = np.random.Generator


def db(gain_db: float) -> float:
    """Amplitude factor of a gain in dB."""
    return float(10.0 ** (gain_db / 20.0))


def rms(x: Wave) -> float:
    """Root mean square of x; never zero, so that it can divide."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) + 1e-12


def unit(x: Wave) -> Wave:
    """x scaled to an RMS of 1."""
    return np.asarray(x / np.float32(rms(x)))


def white(rng: Rng, samples: int) -> Wave:
    """Gaussian white noise (samples,) of RMS 1."""
    return rng.standard_normal(samples, dtype=np.float32)


def shaped(rng: Rng, samples: int, rate_hz: int, gain: Callable[[Wave], Wave]) -> Wave:
    """Noise (samples,) of RMS 1 whose amplitude spectrum follows gain(freqs_hz). No DC."""
    size = fft.next_fast_len(samples, real=True)
    freqs_hz = fft.rfftfreq(size, 1.0 / rate_hz).astype(np.float32)
    spectrum = fft.rfft(white(rng, size)) * gain(np.maximum(freqs_hz, 1.0)).astype(np.float32)
    spectrum[0] = 0.0
    return unit(fft.irfft(spectrum, size)[:samples])


def band(
    rng: Rng,
    samples: int,
    rate_hz: int,
    low_hz: float,
    high_hz: float,
    *,
    slope_db_oct: float = 0.0,
    order: float = 2.0,
) -> Wave:
    """Noise of RMS 1 between two soft corners, tilted by slope_db_oct inside (−3 is pink, −6 brown)."""

    def gain(f: Wave) -> Wave:
        tilt = (f / 1000.0) ** (slope_db_oct / 6.02)
        edges = np.sqrt(1.0 + (low_hz / f) ** (2 * order)) * np.sqrt(1.0 + (f / high_hz) ** (2 * order))
        return np.asarray(tilt / edges)

    return shaped(rng, samples, rate_hz, gain)


def peaks(
    rng: Rng, samples: int, rate_hz: int, centres_hz: list[float], widths_hz: list[float], gains: list[float]
) -> Wave:
    """Noise of RMS 1 with resonance bumps at the given centres."""

    def gain(f: Wave) -> Wave:
        total = np.zeros_like(f)
        for centre, width, level in zip(centres_hz, widths_hz, gains, strict=True):
            total = total + level / np.sqrt(1.0 + ((f - centre) / width) ** 2)
        return total

    return shaped(rng, samples, rate_hz, gain)


def drift(rng: Rng, samples: int, rate_hz: int, speed_hz: float) -> Wave:
    """A smooth random curve (samples,), about normal with deviation 1, turning speed_hz times a second."""
    knots = max(4, int(np.ceil(samples / rate_hz * speed_hz * 2.0)) + 4)
    values = rng.standard_normal(knots)
    where = np.linspace(0.0, knots - 3.001, samples)
    where += rng.uniform(0.0, 1.0)
    where = np.minimum(where, knots - 2.001)
    left = where.astype(np.int64)
    part = where - left
    ease = part * part * (3.0 - 2.0 * part)
    return np.asarray((values[left] * (1.0 - ease) + values[left + 1] * ease) * 1.2, np.float32)


def narrow(rng: Rng, samples: int, rate_hz: int, centre_hz: Wave | float, width_hz: float) -> Wave:
    """Narrow-band noise of RMS 1 whose centre may move: slow complex noise on a carrier of centre_hz."""
    half = shaped(rng, samples, rate_hz, lambda f: 1.0 / (1.0 + (f / width_hz) ** 4))
    other = shaped(rng, samples, rate_hz, lambda f: 1.0 / (1.0 + (f / width_hz) ** 4))
    step = np.broadcast_to(np.asarray(centre_hz, np.float64), (samples,)) * (2.0 * np.pi / rate_hz)
    phase = np.cumsum(step)
    return unit(half * np.cos(phase) + other * np.sin(phase)).astype(np.float32)


def scatter(samples: int, starts: Wave, grains: list[Wave], which: Wave, gains: Wave) -> Wave:
    """Sum (samples,) of grains[which[i]] * gains[i] at sample starts[i]; what passes the end is cut off."""
    out = np.zeros(samples, np.float64)
    for number, grain in enumerate(grains):
        mine = np.flatnonzero(which == number)
        if mine.size == 0:
            continue
        index = starts[mine].astype(np.int64)[:, None] + np.arange(len(grain))[None, :]
        value = gains[mine][:, None] * grain[None, :]
        keep = (index >= 0) & (index < samples)
        out += np.bincount(index[keep], weights=value[keep], minlength=samples)
    return out.astype(np.float32)


def poisson_starts(rng: Rng, samples: int, rate_hz: int, per_s: float, lead_s: float = 0.0) -> Wave:
    """Random sample positions, per_s a second on average, from −lead_s to the end of the clip."""
    lead = int(lead_s * rate_hz)
    count = rng.poisson(per_s * (samples + lead) / rate_hz)
    return np.sort(rng.integers(-lead, samples, count))


def place(out: Wave, sound: Wave, start: int) -> None:
    """Add sound into out at sample start, in place; what lies outside is cut off."""
    first = max(0, -start)
    stop = min(len(sound), len(out) - start)
    if stop > first:
        out[start + first : start + stop] += sound[first:stop]
