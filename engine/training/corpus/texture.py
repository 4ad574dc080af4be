"""What environment textures share: their form, and murmur, drops and birdsong, of which several are made.

Knows nothing of classes or captions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    drift,
    place,
    poisson_starts,
    scatter,
    unit,
    white,
)
from engine.training.corpus.resonator import (
    chirp,
    decay,
    fade_tail,
    harmonics,
    lowpass,
    swell,
    times,
)


@dataclass(frozen=True)
class Texture:
    """A class's raw sound (samples,), its audible traits and its level (RMS over the clip)."""

    audio: Wave
    traits: tuple[str, ...]
    level_dbfs: float


Render = Callable[[Rng, int, int], Texture]  # (rng, rate in Hz, samples)


def pick(rng: Rng, *options: str) -> str:
    return options[int(rng.integers(len(options)))]


def breathing(rng: Rng, n: int, rate: int, depth_db: float, speed_hz: float) -> Wave:
    """Slow level movement around 0 dB."""
    return np.asarray(10.0 ** (depth_db * np.clip(drift(rng, n, rate, speed_hz), -2, 2) / 20.0))


def drops(rng: Rng, n: int, rate: int, per_s: float, low_hz: float, high_hz: float, t60_s: float) -> Wave:
    """Impacts of drops: short damped resonances between two frequencies, most of them faint."""
    grains = []
    for _ in range(10):
        t = times(1.2 * t60_s + 0.004, rate)
        freq = np.exp(rng.uniform(np.log(low_hz), np.log(high_hz)))
        tone = np.sin(2 * np.pi * freq * t * (1 + rng.uniform(-0.5, 3.0) * t)) + 0.9 * white(rng, len(t))
        grains.append(tone * decay(t, t60_s * rng.uniform(0.5, 1.0), 0.0002))
    starts = poisson_starts(rng, n, rate, per_s)
    gains = np.minimum(rng.pareto(2.2, len(starts)) + 0.1, 4.0) * rng.choice([-1.0, 1.0], len(starts))
    return scatter(n, starts, grains, rng.integers(0, 10, len(starts)), gains)


def thunder_roll(rng: Rng, rate: int, seconds: float) -> Wave:
    """A rolling rumble: several overlapping low bursts, each duller than the last."""
    t = times(seconds, rate)
    out = np.zeros(len(t))
    for _ in range(int(rng.integers(3, 7))):
        at = rng.uniform(0.0, 0.45) * seconds
        size = min(seconds - at, rng.uniform(0.6, 2.5))
        grain = times(size, rate)
        burst = band(rng, len(grain), rate, 28, rng.uniform(90, 320), slope_db_oct=-4.0)
        burst = burst * swell(grain, rng.uniform(0.08, 0.35) * size, size, 1.3)
        place(out, burst * rng.uniform(0.4, 1.0), int(at * rate))
    return fade_tail(out, rate, 0.2)


def bird_song(rng: Rng, rate: int, base_hz: float) -> Wave:
    """One bird's phrase: a few fast swept notes, of a kind that the bird keeps through the phrase."""
    kind = pick(rng, "chirp", "trill", "warble", "whistle")
    count = {
        "chirp": rng.integers(1, 5),
        "trill": rng.integers(8, 18),
        "warble": rng.integers(3, 7),
        "whistle": rng.integers(1, 4),
    }
    notes = []
    slope = rng.uniform(-0.35, 0.35)
    size = {"chirp": 0.07, "trill": 0.032, "warble": 0.11, "whistle": 0.28}[kind] * rng.uniform(0.7, 1.3)
    gap = {"chirp": 0.09, "trill": 0.018, "warble": 0.03, "whistle": 0.12}[kind] * rng.uniform(0.7, 1.3)
    for _ in range(int(count[kind])):
        t = times(size, rate)
        u = t / size
        centre = base_hz * (
            rng.uniform(0.85, 1.15) if kind in ("warble", "whistle") else rng.uniform(0.98, 1.02)
        )
        bend = slope * (u - 0.5) + (
            0.1 * np.sin(2 * np.pi * rng.uniform(1.0, 3.0) * u) if kind == "warble" else 0.0
        )
        if kind == "warble":
            bend = bend + 0.04 * np.sin(2 * np.pi * rng.uniform(25, 45) * t)
        freq = np.minimum(centre * np.exp(bend), 0.44 * rate)
        note = chirp(freq, rate) + 0.12 * chirp(np.minimum(2 * freq, 0.46 * rate), rate)
        notes.append(note * swell(t, 0.3 * size, size) * rng.uniform(0.7, 1.0))
        notes.append(np.zeros(int(gap * rate)))
    return np.concatenate(notes)


VOWELS = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (390, 1990, 2550),
    (570, 840, 2410),
    (440, 1020, 2240),
    (490, 1350, 1690),
)


def babble(rng: Rng, rate: int, n: int, voices: int, raised: float = 1.0) -> Wave:
    """Speech-like murmur without words: syllables of random vowels; raised lifts it to children's pitch."""
    slow_rate = 8000
    slow_n = int(n * slow_rate / rate) + 1
    out = np.zeros(slow_n, np.float32)
    for _ in range(min(voices, 10)):
        pitch = rng.uniform(90, 150) if rng.random() < 0.5 else rng.uniform(165, 260)
        scale = (1.0 if pitch < 155 else 1.16) * raised**0.3
        pitch *= raised
        grains = []
        for _ in range(5):
            size = rng.uniform(0.10, 0.30)
            t = times(size, slow_rate)
            formants = scale * np.array(VOWELS[int(rng.integers(len(VOWELS)))])
            freq = pitch * rng.uniform(0.85, 1.2) * (1.0 + rng.uniform(-0.25, 0.12) * t / size)
            count = int(3400 / (pitch * 1.2))
            where = np.arange(1, count + 1) * pitch
            gains = sum(
                level / (1.0 + ((where - f) / width) ** 2)
                for f, width, level in zip(formants, (70, 90, 140), (1.0, 0.5, 0.2), strict=True)
            )
            grains.append(
                unit(harmonics(freq, slow_rate, gains)) * swell(t, rng.uniform(0.2, 0.4) * size, size, 0.8)
            )
        copies = max(1, round(voices / 10))
        for _ in range(copies):
            starts = poisson_starts(rng, slow_n, slow_rate, 3.3, 0.3)
            talking = np.clip(drift(rng, slow_n, slow_rate, 0.5) + 0.9, 0.0, 1.2)
            gains = (
                talking[np.clip(starts, 0, slow_n - 1)]
                * rng.uniform(0.5, 1.0, len(starts))
                * rng.uniform(0.4, 1.0)
            )
            out += scatter(slow_n, starts, grains, rng.integers(0, 5, len(starts)), gains)
    where_s = np.arange(n) * (slow_rate / rate)
    voiced = unit(lowpass(np.interp(where_s, np.arange(slow_n), out), rate, 3600, 4))
    breath = band(rng, n, rate, 3000, 7500, slope_db_oct=-2.0)
    gate = np.clip(drift(rng, n, rate, 5.0), 0.0, 2.0) / np.sqrt(voices / 6.0) + 0.4
    return np.asarray(voiced + 0.09 * breath * gate)


def strewn(rng: Rng, rate: int, n: int, per_s: float, make: Callable[[], Wave], lead_s: float = 0.0) -> Wave:
    """Sounds at random times, per_s a second on average; make gives another sound every time."""
    out = np.zeros(n)
    for start in poisson_starts(rng, n, rate, per_s, lead_s):
        place(out, make(), int(start))
    return out


def repeated(
    rng: Rng, rate: int, n: int, gap_s: float, make: Callable[[], Wave], jitter: float = 0.0
) -> Wave:
    """Sounds that return every gap_s, each gap off by up to the share jitter."""
    out = np.zeros(n)
    at = -rng.uniform(0.0, 1.0) * gap_s
    while at < n / rate:
        place(out, make(), int(at * rate))
        at += gap_s * rng.uniform(1.0 - jitter, 1.0 + jitter)
    return out


def turning(
    rng: Rng, rate: int, n: int, base_hz: float, *, slope: float = 1.0, count: int = 20, wander: float = 0.004
) -> Wave:
    """A motor's harmonics of RMS 1: their levels fall as number ** -slope, the pitch wanders a little."""
    freq = base_hz * (1.0 + wander * np.clip(drift(rng, n, rate, 0.6), -2.0, 2.0))
    return unit(harmonics(freq, rate, np.arange(1, count + 1) ** -slope * rng.uniform(0.3, 1.0, count)))


def night_air(rng: Rng, rate: int, n: int) -> Wave:
    """Faint air outdoors (RMS 1): dark noise that hardly moves."""
    return band(rng, n, rate, 150, 2800, slope_db_oct=-4.0) * breathing(rng, n, rate, 1.0, 0.4)
