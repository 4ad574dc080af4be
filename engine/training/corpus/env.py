"""Environment textures: rain, wind, crowds, machines. One function a class.

Each returns its sound, the traits that can be heard in it and its RMS level.
Knows nothing of captions' words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.training.corpus import captions
from engine.training.corpus.clip import Clip, finish
from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    db,
    drift,
    narrow,
    peaks,
    place,
    poisson_starts,
    rms,
    scatter,
    shaped,
    unit,
    white,
)
from engine.training.corpus.resonator import (
    bandpass,
    chirp,
    decay,
    fade_tail,
    harmonics,
    highpass,
    lowpass,
    modes,
    swell,
    times,
)
from engine.training.corpus.rooms import far, reverberate


@dataclass(frozen=True)
class Texture:
    """A class's raw sound (samples,), its audible traits and its level (RMS over the clip)."""

    audio: Wave
    traits: tuple[str, ...]
    level_dbfs: float


def _pick(rng: Rng, *options: str) -> str:
    return options[int(rng.integers(len(options)))]


def _breathing(rng: Rng, n: int, rate: int, depth_db: float, speed_hz: float) -> Wave:
    """Slow level movement around 0 dB."""
    return np.asarray(10.0 ** (depth_db * np.clip(drift(rng, n, rate, speed_hz), -2, 2) / 20.0))


def _drops(rng: Rng, n: int, rate: int, per_s: float, low_hz: float, high_hz: float, t60_s: float) -> Wave:
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


def rain(rng: Rng, rate: int, n: int) -> Texture:
    """Rain from drizzle to downpour, in the open, on a roof, on leaves or on a window."""
    strength = _pick(rng, "light", "moderate", "heavy")
    surface = _pick(rng, "open", "open", "roof", "leaves", "window")
    amount = {"light": 0.0, "moderate": 0.5, "heavy": 1.0}[strength] + rng.uniform(0.0, 0.3)
    bed = band(
        rng,
        n,
        rate,
        900 - 600 * amount + rng.uniform(0, 250),
        rng.uniform(6500, 11000),
        slope_db_oct=-1.5 * amount,
    )
    low, high, ring = {
        "open": (1200, 5500, 0.010),
        "roof": (500, 2200, 0.035),
        "leaves": (2500, 7500, 0.006),
        "window": (900, 3000, 0.018),
    }[surface]
    per_s = {"light": rng.uniform(18, 60), "moderate": rng.uniform(120, 260), "heavy": rng.uniform(400, 700)}[
        strength
    ]
    drops = _drops(rng, n, rate, per_s, low, high, ring)
    mix = {"light": 1.3, "moderate": 0.9, "heavy": 0.7}[strength]
    audio = bed * _breathing(rng, n, rate, 0.5, 0.5) + mix * unit(drops)
    if surface == "roof":
        audio = audio + 0.6 * peaks(
            rng, n, rate, [rng.uniform(250, 500), rng.uniform(700, 1300)], [120.0, 250.0], [1.0, 0.7]
        )
    base = {"light": -34.0, "moderate": -29.0, "heavy": -23.5}[strength]
    traits = [strength] + ([surface] if surface != "open" else [])
    level = base + rng.uniform(-1.2, 1.5)
    if rng.random() < 0.12:
        audio = far(audio, rng, rate, 0.8)
        traits.append("distant")
        level -= 3.0
    return Texture(audio, tuple(traits), level)


def _thunder_roll(rng: Rng, rate: int, seconds: float) -> Wave:
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


def storm(rng: Rng, rate: int, n: int) -> Texture:
    """Storm: driving rain, gusting wind and rolling thunder."""
    near = rng.random() < 0.55
    gust = np.clip(1.0 + 0.45 * drift(rng, n, rate, rng.uniform(0.4, 1.0)), 0.25, 2.2)
    fall = band(rng, n, rate, rng.uniform(300, 700), rng.uniform(6000, 10000), slope_db_oct=-1.0)
    fall = fall * (0.55 + 0.45 * gust)
    blow = band(rng, n, rate, 60, rng.uniform(300, 700), slope_db_oct=-2.0) * gust
    howl = narrow(rng, n, rate, 420 + 120 * np.clip(drift(rng, n, rate, 0.5), -2, 2), 25.0) * gust**2
    out = fall + rng.uniform(0.6, 1.3) * blow + rng.uniform(0.1, 0.35) * howl
    out = out + 0.5 * unit(_drops(rng, n, rate, 300, 900, 4500, 0.012))
    rumble = np.zeros(n)
    for _ in range(int(rng.integers(1, 3))):
        roll = unit(_thunder_roll(rng, rate, rng.uniform(2.2, 4.2)))
        place(rumble, roll * rng.uniform(0.9, 1.4), int(rng.uniform(-0.15, 0.6) * n))
    out = out + (2.0 if near else 0.9) * rumble
    traits = ("heavy", "near thunder" if near else "distant thunder")
    return Texture(out, traits, rng.uniform(-22.5, -20.0))


def wind(rng: Rng, rate: int, n: int) -> Texture:
    """Wind: a breeze, a steady wind, gusts or a howl."""
    kind = _pick(rng, "gentle", "steady", "gusty", "howling", "strong")
    speed, depth = {
        "gentle": (0.35, 0.22),
        "steady": (0.25, 0.08),
        "gusty": (0.9, 0.75),
        "howling": (0.6, 0.45),
        "strong": (0.6, 0.3),
    }[kind]
    force = np.exp(depth * np.clip(drift(rng, n, rate, speed), -2.0, 1.8))
    dull = band(rng, n, rate, 70, rng.uniform(220, 380), slope_db_oct=-2.0)
    mid = band(rng, n, rate, rng.uniform(250, 400), rng.uniform(800, 1300), slope_db_oct=-2.0)
    air = band(rng, n, rate, rng.uniform(1000, 1800), rng.uniform(3000, 6000), slope_db_oct=-3.0)
    out = dull * force + rng.uniform(0.4, 0.9) * mid * force**1.6 + rng.uniform(0.05, 0.22) * air * force**2.4
    if kind == "howling":
        for _ in range(2):
            centre = rng.uniform(380, 1000) * np.exp(0.16 * np.clip(drift(rng, n, rate, 0.6), -2, 2))
            out = out + rng.uniform(0.6, 1.2) * narrow(rng, n, rate, centre, rng.uniform(8, 22)) * force**2
    level = {"gentle": -34.0, "steady": -29.0, "gusty": -26.0, "howling": -26.0, "strong": -22.5}[kind]
    return Texture(out, (kind,), level + rng.uniform(-1.2, 1.2))


def waves(rng: Rng, rate: int, n: int) -> Texture:
    """Ocean waves breaking on a shore: every swell rises, breaks bright and drains away."""
    kind = _pick(rng, "gentle", "moderate", "rough")
    pace = _pick(rng, "slow", "fast")
    period = {"slow": rng.uniform(4.5, 6.5), "fast": rng.uniform(2.2, 3.4)}[pace]
    seconds = n / rate
    low = band(rng, n, rate, 60, 450, slope_db_oct=-3.0)
    mid = band(rng, n, rate, 250, 2500, slope_db_oct=-2.0)
    hiss = band(rng, n, rate, 1800, 9000, slope_db_oct=-1.0)
    envelopes = np.zeros((3, n))
    at = -rng.uniform(0.0, 1.0) * period
    while at < seconds:
        size = rng.uniform(0.75, 1.2)
        length = period * rng.uniform(1.1, 1.5)
        t = np.arange(n) / rate - at
        inside = (t > 0) & (t < length)
        crest = rng.uniform(0.32, 0.45) * length
        for row, (shift, power) in enumerate([(-0.10, 1.2), (0.0, 1.6), (0.06, 2.2)]):
            envelopes[row] += size * np.where(inside, swell(t, crest + shift * length, length, power), 0.0)
        at += period * rng.uniform(0.85, 1.15)
    floor = {"gentle": 0.10, "moderate": 0.12, "rough": 0.18}[kind]
    weights = {"gentle": (0.5, 0.8, 0.5), "moderate": (0.8, 1.0, 0.6), "rough": (1.5, 1.1, 0.7)}[kind]
    out = low * (envelopes[0] + floor) * weights[0] + mid * (envelopes[1] + floor) * weights[1]
    out = out + hiss * (envelopes[2] + 0.7 * floor) * weights[2]
    level = {"gentle": -31.0, "moderate": -27.0, "rough": -22.0}[kind] + rng.uniform(-1.2, 1.2)
    traits = [kind, pace]
    if rng.random() < 0.2:
        out = lowpass(out, rate, rng.uniform(900, 1800), 1)
        traits.append("distant")
        level -= 4.0
    return Texture(out, tuple(traits), level)


def stream(rng: Rng, rate: int, n: int) -> Texture:
    """Running water, from a trickle to a rushing river: many rising bubble tones over a bed of noise."""
    kind = _pick(rng, "trickling", "babbling", "rushing")
    per_s, low, high, bed_gain = {
        "trickling": (rng.uniform(25, 60), 700, 3200, 0.12),
        "babbling": (rng.uniform(90, 220), 400, 2600, 0.4),
        "rushing": (rng.uniform(200, 350), 250, 1600, 1.6),
    }[kind]
    grains = []
    for _ in range(16):
        freq = np.exp(rng.uniform(np.log(low), np.log(high)))
        ring = rng.uniform(0.02, 0.07) * (800 / freq) ** 0.35
        t = times(1.1 * ring, rate)
        grains.append(chirp(freq * (1.0 + rng.uniform(0.5, 5.0) * t), rate) * decay(t, ring, 0.0025))
    starts = poisson_starts(rng, n, rate, per_s, 0.1)
    gains = rng.lognormal(-0.5, 0.7, len(starts))
    bubbles = unit(scatter(n, starts, grains, rng.integers(0, 16, len(starts)), gains))
    bubbles = bubbles * _breathing(rng, n, rate, 1.0, 2.0)
    bed = band(rng, n, rate, rng.uniform(200, 500), rng.uniform(2500, 6000), slope_db_oct=-2.5)
    out = bubbles + bed_gain * bed
    if kind == "rushing":
        out = out + 0.8 * band(rng, n, rate, 70, 500, slope_db_oct=-2.0)
    level = {"trickling": -34.0, "babbling": -30.0, "rushing": -23.5}[kind] + rng.uniform(-1.2, 1.2)
    return Texture(out, (kind,), level)


def _song(rng: Rng, rate: int, base_hz: float) -> Wave:
    """One bird's phrase: a few fast swept notes, of a kind that the bird keeps through the phrase."""
    kind = _pick(rng, "chirp", "trill", "warble", "whistle")
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


def birds(rng: Rng, rate: int, n: int) -> Texture:
    """Songbirds over faint rustling leaves."""
    many = rng.random() < 0.6
    air = band(rng, n, rate, 200, 3500, slope_db_oct=-4.0) * _breathing(rng, n, rate, 2.0, 0.4)
    calls = np.zeros(n)
    for bird in range(int(rng.integers(3, 7)) if many else 1):
        base = np.exp(rng.uniform(np.log(2100), np.log(6000)))
        level = rng.uniform(0.25, 1.0) if bird else 1.0
        at = rng.uniform(0.0, 0.6) if bird == 0 else rng.uniform(0.0, 2.5)
        while at < n / rate - 0.3:
            song = _song(rng, rate, base)
            place(calls, song * level, int(at * rate))
            at += len(song) / rate + rng.uniform(0.25, 1.6 if many else 1.2)
    traits = ["many" if many else "one"]
    if rng.random() < 0.25:
        calls = far(calls, rng, rate, 0.5)
        traits.append("distant")
    else:
        calls = reverberate(calls, rng, rate, rng.uniform(0.5, 1.2), rng.uniform(0.1, 0.3))
    away = "distant" in traits
    out = unit(calls) + (0.3 if away else 0.12) * air
    return Texture(out, tuple(traits), (-34.0 if away else -29.0) + rng.uniform(-1.0, 2.5))


def crickets(rng: Rng, rate: int, n: int) -> Texture:
    """Crickets on a quiet night: trains of pulses on a high carrier, or a steady trill."""
    many = rng.random() < 0.6
    trill = rng.random() < 0.3
    seconds = n / rate
    t = np.arange(n) / rate
    out = np.zeros(n)
    pace = _pick(rng, "slow", "fast")
    for voice in range(int(rng.integers(3, 6)) if many else 1):
        carrier = rng.uniform(3300, 5600)
        level = 1.0 if voice == 0 else rng.uniform(0.15, 0.6)
        pulse_hz = rng.uniform(35, 60) if trill else rng.uniform(18, 32)
        gate = np.clip(np.sin(2 * np.pi * pulse_hz * t + rng.uniform(0, 6)), 0.0, 1.0) ** 0.8
        if not trill:
            per_s = rng.uniform(2.2, 3.4) if pace == "fast" else rng.uniform(0.8, 1.5)
            pulses = int(rng.integers(3, 6))
            group = np.zeros(n)
            at = rng.uniform(-0.5, 0.5) / per_s
            while at < seconds:
                group += (t >= at) & (t < at + pulses / pulse_hz)
                at += (1.0 + rng.uniform(-0.06, 0.06)) / per_s
            begin = np.maximum.accumulate(np.where(np.diff(group, prepend=0.0) > 0, t, -1.0))
            gate = np.clip(np.sin(2 * np.pi * pulse_hz * (t - begin)), 0.0, 1.0) ** 0.8 * np.minimum(
                group, 1.0
            )
        tone = np.sin(2 * np.pi * carrier * t) + 0.08 * np.sin(4 * np.pi * carrier * t)
        out += level * gate * tone
    night = band(rng, n, rate, 150, 2500, slope_db_oct=-4.0)
    out = unit(reverberate(out, rng, rate, 0.6, 0.15)) + 0.1 * night
    traits = ["many" if many else "one", "steady" if trill else pace]
    level = rng.uniform(-33.0, -27.0)
    if rng.random() < 0.2:
        out = lowpass(out, rate, 3000, 1)
        level = rng.uniform(-36.0, -34.0)
        traits.append("distant")
    return Texture(out, tuple(traits), level)


def fire(rng: Rng, rate: int, n: int) -> Texture:
    """A wood fire: soft flutter, hiss, and crackles of very different loudness."""
    kind = _pick(rng, "gentle", "crackling", "roaring")
    flutter = np.clip(1.0 + 0.35 * drift(rng, n, rate, 6.0) + 0.2 * drift(rng, n, rate, 1.0), 0.1, 3.0)
    roar = band(rng, n, rate, 45, rng.uniform(200, 420), slope_db_oct=-3.0) * flutter
    hiss = band(rng, n, rate, 1500, 8000, slope_db_oct=-2.0) * np.sqrt(flutter)
    grains = []
    for _ in range(14):
        ring = np.exp(rng.uniform(np.log(0.003), np.log(0.025)))
        t = times(1.3 * ring, rate)
        low = np.exp(rng.uniform(np.log(500), np.log(3500)))
        burst = bandpass(white(rng, len(t)), rate, low, min(3.0 * low, 0.45 * rate)) * decay(t, ring, 0.0002)
        grains.append(burst / (np.max(np.abs(burst)) + 1e-9))
    per_s = {"gentle": rng.uniform(8, 16), "crackling": rng.uniform(25, 50), "roaring": rng.uniform(30, 60)}[
        kind
    ]
    starts = poisson_starts(rng, n, rate, per_s)
    gains = np.minimum(0.12 * (rng.pareto(1.5, len(starts)) + 0.2), 1.6)
    crackle = scatter(n, starts, grains, rng.integers(0, 14, len(starts)), gains)
    weights = {"gentle": (0.020, 0.010), "crackling": (0.022, 0.012), "roaring": (0.16, 0.045)}[kind]
    out = crackle + weights[0] * roar + weights[1] * hiss
    level = {"gentle": -34.0, "crackling": -29.5, "roaring": -23.5}[kind] + rng.uniform(-1.0, 1.2)
    return Texture(out, (kind,), level)


def traffic(rng: Rng, rate: int, n: int) -> Texture:
    """City traffic: a bed of tyre and engine noise with single vehicles passing by."""
    kind = _pick(rng, "light", "moderate", "heavy")
    bed = band(rng, n, rate, 50, rng.uniform(500, 1000), slope_db_oct=-3.0) * _breathing(
        rng, n, rate, 1.0, 0.4
    )
    out = {"light": 0.35, "moderate": 0.7, "heavy": 1.0}[kind] * bed
    cars = {"light": 1, "moderate": 2, "heavy": 4}[kind] + int(rng.integers(0, 2))
    t = np.arange(n) / rate
    for _ in range(cars):
        at = rng.uniform(0.05, 0.95) * n / rate
        width = rng.uniform(0.5, 1.4)
        near = 1.0 / (1.0 + ((t - at) / width) ** 2)
        tyres = band(rng, n, rate, 150, rng.uniform(1600, 3500), slope_db_oct=-3.0)
        shift = 1.0 - 0.06 * np.tanh((t - at) / (0.5 * width))
        engine = harmonics(rng.uniform(38, 85) * shift, rate, 1.0 / np.arange(1, 14) ** rng.uniform(0.8, 1.4))
        size = rng.uniform(0.6, 1.3)
        out = out + size * near**1.5 * (tyres + 0.4 * unit(engine))
    traits = [kind]
    level = {"light": -32.0, "moderate": -27.5, "heavy": -22.5}[kind] + rng.uniform(-1.0, 1.0)
    if rng.random() < 0.2:
        out = lowpass(out, rate, rng.uniform(500, 900), 1)
        level -= 4.0
        traits.append("distant")
    if kind == "heavy" and "distant" not in traits and rng.random() < 0.4:
        honk_t = times(rng.uniform(0.25, 0.6), rate)
        base = rng.uniform(330, 480)
        honk = harmonics(np.full(len(honk_t), base), rate, 1 / np.arange(1, 9) ** 0.7)
        honk = honk + harmonics(np.full(len(honk_t), base * 1.25), rate, 1 / np.arange(1, 9) ** 0.7)
        honk = honk * swell(honk_t, 0.03, honk_t[-1], 0.4)
        far_honk = np.zeros(n)
        place(far_honk, honk, int(rng.uniform(0.1, 0.75) * n))
        out = out + 0.5 * rms(out) * far(far_honk, rng, rate, 0.5) / (rms(honk) * 0.7)
        traits.append("honking")
    return Texture(out, tuple(traits), level)


_VOWELS = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (390, 1990, 2550),
    (570, 840, 2410),
    (440, 1020, 2240),
    (490, 1350, 1690),
)


def _babble(rng: Rng, rate: int, n: int, voices: int) -> Wave:
    """Speech-like murmur without words: syllables of random vowels from several voices."""
    slow_rate = 8000
    slow_n = int(n * slow_rate / rate) + 1
    out = np.zeros(slow_n, np.float32)
    for _ in range(min(voices, 10)):
        pitch = rng.uniform(90, 150) if rng.random() < 0.5 else rng.uniform(165, 260)
        scale = 1.0 if pitch < 155 else 1.16
        grains = []
        for _ in range(5):
            size = rng.uniform(0.10, 0.30)
            t = times(size, slow_rate)
            formants = scale * np.array(_VOWELS[int(rng.integers(len(_VOWELS)))])
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


def crowd(rng: Rng, rate: int, n: int) -> Texture:
    """A murmuring crowd, from a quiet café with clinking cups to a busy room."""
    kind = _pick(rng, "quiet", "busy", "cafe")
    voices = {
        "quiet": int(rng.integers(5, 9)),
        "busy": int(rng.integers(20, 40)),
        "cafe": int(rng.integers(8, 16)),
    }[kind]
    out = unit(_babble(rng, rate, n, voices))
    if kind == "cafe":
        clinks = np.zeros(n)
        for start in poisson_starts(rng, n, rate, 1.4):
            t = times(0.16, rate)
            base = rng.uniform(2300, 4500)
            place(
                clinks,
                modes(t, [base, 1.52 * base, 2.3 * base], [0.12, 0.08, 0.05], [1, 0.6, 0.4], rate, rng)
                * rng.uniform(0.2, 1.0),
                int(start),
            )
        out = out + rng.uniform(0.5, 1.0) * clinks
    rt60 = rng.uniform(0.4, 0.9)
    out = reverberate(out, rng, rate, rt60, 0.5 if kind != "busy" else 0.8)
    out = unit(out) + 0.12 * band(rng, n, rate, 60, 500, slope_db_oct=-3.0)
    level = {"quiet": -33.0, "busy": -24.0, "cafe": -28.5}[kind] + rng.uniform(-1.2, 1.2)
    traits = [kind]
    if rng.random() < 0.15:
        out = lowpass(out, rate, 700, 2)
        traits.append("muffled")
        level -= 3.0
    return Texture(out, tuple(traits), level)


def station(rng: Rng, rate: int, n: int) -> Texture:
    """A large reverberant hall: blurred voices, a low rumble, footsteps far away, at times a gong."""
    kind = _pick(rng, "busy", "quiet")
    voices = _babble(rng, rate, n, 24 if kind == "busy" else 8)
    steps = _drops(rng, n, rate, 4.0, 500, 1800, 0.03)
    dry = unit(voices) + 0.25 * unit(steps + 1e-6 * white(rng, n))
    traits = [kind]
    if rng.random() < 0.35:
        gong = np.zeros(n)
        base = rng.uniform(420, 620)
        at = rng.uniform(0.05, 0.5) * n / rate
        for step, ratio in enumerate(((1.0, 0.8), (1.0, 1.25, 1.5))[int(rng.integers(2))]):
            t = times(1.2, rate)
            place(
                gong,
                modes(t, [base * ratio, 2 * base * ratio], [1.3, 0.7], [1.0, 0.25], rate, attack_s=0.01),
                int((at + 0.45 * step) * rate),
            )
        dry = dry + 1.3 * gong
        traits.append("announcement chime")
    out = reverberate(dry, rng, rate, rng.uniform(2.2, 3.8), 1.3, damping_hz=3500, dry=0.25)
    rumble = band(rng, n, rate, 30, rng.uniform(100, 180), slope_db_oct=-3.0) * _breathing(
        rng, n, rate, 2.0, 0.3
    )
    out = unit(out) + rng.uniform(0.3, 0.6) * rumble
    level = {"busy": -25.0, "quiet": -31.0}[kind] + rng.uniform(-1.0, 1.2)
    return Texture(out, tuple(traits), level)


def hum(rng: Rng, rate: int, n: int) -> Texture:
    """A running machine: harmonics of mains or motor with noise, steady or pulsing."""
    pitch = _pick(rng, "low", "high")
    base = rng.choice([50.0, 60.0]) if pitch == "low" and rng.random() < 0.5 else rng.uniform(32, 75)
    base = rng.uniform(115, 260) if pitch == "high" else float(base)
    t = np.arange(n) / rate
    freq = base * (1.0 + 0.002 * drift(rng, n, rate, 0.5))
    numbers = np.arange(1, 25)
    gains = numbers ** -rng.uniform(0.7, 1.6) * rng.uniform(0.2, 1.0, 24)
    tone = unit(harmonics(freq, rate, gains))
    air = band(rng, n, rate, rng.uniform(80, 250), rng.uniform(1000, 4500), slope_db_oct=-3.0)
    out = tone + rng.uniform(0.15, 0.6) * air
    traits = [pitch]
    if rng.random() < 0.35:
        out = out * (1.0 + rng.uniform(0.45, 0.8) * np.sin(2 * np.pi * rng.uniform(1.5, 7.0) * t))
        traits.append("pulsing")
    else:
        traits.append("steady")
    return Texture(out, tuple(traits), rng.uniform(-33.0, -24.0))


def spaceship(rng: Rng, rate: int, n: int) -> Texture:
    """A spaceship's interior drone: detuned deep partials, filtered noise, slow movement."""
    kind = _pick(rng, "deep", "pulsing", "humming")
    base = rng.uniform(28, 55) if kind == "deep" else rng.uniform(45, 95)
    t = np.arange(n) / rate
    out = np.zeros(n)
    for ratio in (1.0, 1.0 + rng.uniform(0.004, 0.012), 1.5, 2.0 + rng.uniform(-0.01, 0.01), 3.01):
        move = 1.0 + 0.45 * np.clip(drift(rng, n, rate, 0.4), -1.8, 1.8)
        partials = 1.0 / np.arange(1, 9) ** rng.uniform(1.2, 2.0)
        out = out + move * harmonics(np.full(n, base * ratio), rate, partials) / ratio
    air = band(rng, n, rate, 60, rng.uniform(250, 700), slope_db_oct=-3.0)
    shimmer = narrow(rng, n, rate, rng.uniform(600, 1600) * (1 + 0.03 * drift(rng, n, rate, 0.3)), 6.0)
    out = unit(out) + rng.uniform(0.4, 1.0) * air + rng.uniform(0.02, 0.12) * shimmer
    if kind == "pulsing":
        out = out * (1.0 + 0.75 * np.sin(2 * np.pi * rng.uniform(0.6, 2.5) * t + rng.uniform(0, 6)))
    return Texture(out, (kind,), rng.uniform(-29.0, -22.0))


def cave(rng: Rng, rate: int, n: int) -> Texture:
    """A cave: single drips with a long echo over almost nothing."""
    pace = _pick(rng, "slow", "fast")
    gap = rng.uniform(0.9, 1.6) if pace == "slow" else rng.uniform(0.22, 0.42)
    drips = np.zeros(n)
    at = rng.uniform(0.05, gap)
    while at < n / rate:
        freq = np.exp(rng.uniform(np.log(700), np.log(2400)))
        t = times(0.14, rate)
        plop = chirp(freq * (1.0 + rng.uniform(1.0, 4.0) * t), rate) * decay(
            t, rng.uniform(0.05, 0.13), 0.001
        )
        place(drips, plop * rng.uniform(0.35, 1.0), int(at * rate))
        at += gap * rng.uniform(0.6, 1.5)
    out = reverberate(drips, rng, rate, rng.uniform(2.0, 4.0), rng.uniform(0.35, 0.7), damping_hz=3800)
    air = band(rng, n, rate, 40, 350, slope_db_oct=-4.0)
    return Texture(unit(out) + rng.uniform(0.03, 0.15) * air, (pace,), rng.uniform(-35.0, -29.0))


def underwater(rng: Rng, rate: int, n: int) -> Texture:
    """Under water: a dull swirling rumble, with or without bursts of bubbles."""
    bubbly = rng.random() < 0.6
    force = np.clip(1.0 + 0.3 * drift(rng, n, rate, 0.5), 0.3, 2.0)
    out = band(rng, n, rate, 35, rng.uniform(140, 260), slope_db_oct=-2.0, order=2.5) * force
    out = (
        out
        + 0.25
        * narrow(rng, n, rate, rng.uniform(180, 380) * (1 + 0.1 * drift(rng, n, rate, 0.5)), 30.0)
        * force
    )
    if bubbly:
        bubbles = np.zeros(n)
        for start in poisson_starts(rng, n, rate, rng.uniform(0.8, 1.8), 0.3):
            at = start / rate
            for _ in range(int(rng.integers(4, 16))):
                freq = np.exp(rng.uniform(np.log(200), np.log(1000)))
                t = times(rng.uniform(0.05, 0.12), rate)
                tone = chirp(freq * (1.0 + rng.uniform(1.0, 6.0) * t), rate) * swell(t, 0.25 * t[-1], t[-1])
                place(bubbles, tone * rng.uniform(0.2, 1.0), int(at * rate))
                at += rng.uniform(0.02, 0.09)
        out = out + 1.1 * unit(lowpass(bubbles + 1e-9, rate, 1500, 1)) * 0.8
    return Texture(
        lowpass(out, rate, 2000, 2), ("bubbling" if bubbly else "calm",), rng.uniform(-31.0, -24.0)
    )


def vinyl(rng: Rng, rate: int, n: int) -> Texture:
    """An empty vinyl groove: hiss, rumble, and ticks that return with every turn."""
    kind = _pick(rng, "light", "heavy")
    hiss = band(rng, n, rate, 300, 9000, slope_db_oct=-2.0)
    rumble = band(rng, n, rate, 20, 90, slope_db_oct=-3.0)
    grains = []
    for _ in range(8):
        t = times(0.004, rate)
        grains.append(
            bandpass(white(rng, len(t)), rate, 900, 7000) * decay(t, rng.uniform(0.001, 0.004), 0.0001)
        )
    starts = poisson_starts(rng, n, rate, rng.uniform(10, 20) if kind == "light" else rng.uniform(50, 110))
    gains = np.minimum(rng.pareto(1.8, len(starts)) + 0.1, 3.0)
    crackle = scatter(n, starts, grains, rng.integers(0, 8, len(starts)), gains)
    turn = int(60.0 / 33.333 * rate)
    for start in range(int(rng.integers(0, turn)), n, turn):
        place(crackle, 3.0 * grains[0], start)
    out = unit(crackle) + (0.35 if kind == "light" else 0.25) * hiss + 0.2 * rumble
    return Texture(out, (kind,), (-35.0 if kind == "light" else -29.0) + rng.uniform(-1.0, 1.5))


def roomtone(rng: Rng, rate: int, n: int) -> Texture:
    """A quiet room: faint dark noise, perhaps air conditioning or a mains hum."""
    kind = _pick(rng, "quiet", "airy")
    corner = rng.uniform(250, 500) if kind == "quiet" else rng.uniform(900, 2200)
    out = shaped(
        rng, n, rate, lambda f: (f / 100.0) ** -0.9 / (1.0 + (f / corner) ** 2) / (1.0 + (30.0 / f) ** 2)
    )
    if rng.random() < 0.5:
        base = rng.choice([50.0, 60.0, 100.0, 120.0])
        out = out + rng.uniform(0.05, 0.3) * unit(harmonics(np.full(n, base), rate, [1.0, 0.5, 0.3, 0.1]))
    return Texture(out, (kind,), (-35.0 if kind == "quiet" else -31.0) + rng.uniform(-1.0, 1.0))


def static(rng: Rng, rate: int, n: int) -> Texture:
    """Radio static or tape hiss: bright steady noise, at times with a drifting whistle."""
    kind = _pick(rng, "hiss", "radio")
    if kind == "hiss":
        out = band(rng, n, rate, rng.uniform(800, 2500), 11000)
        return Texture(out, (kind, "steady"), rng.uniform(-35.0, -27.0))
    out = band(rng, n, rate, 250, rng.uniform(3000, 5000)) * np.clip(
        1.0 + 0.4 * drift(rng, n, rate, 12.0), 0.1, 2.5
    )
    centre = rng.uniform(600, 1800) + 250 * np.clip(drift(rng, n, rate, 0.4), -2, 2)
    whistle = rng.uniform(0.1, 0.35) * chirp(centre, rate)
    return Texture(
        out + whistle + 0.6 * unit(_drops(rng, n, rate, 25, 800, 4000, 0.006)),
        (kind,),
        rng.uniform(-31.0, -24.0),
    )


def train(rng: Rng, rate: int, n: int) -> Texture:
    """Inside a moving train: rumble and the double clack of wheels over rail joints."""
    pace = _pick(rng, "slow", "fast")
    gap = rng.uniform(1.1, 1.6) if pace == "slow" else rng.uniform(0.5, 0.75)
    rumble = band(rng, n, rate, 35, rng.uniform(200, 400), slope_db_oct=-3.0) * _breathing(
        rng, n, rate, 0.8, 3.0
    )
    air = band(rng, n, rate, 400, 2500, slope_db_oct=-4.0)
    clacks = np.zeros(n)
    at = rng.uniform(0.0, gap)
    pair = 0.16 * gap if pace == "slow" else 0.2 * gap
    while at < n / rate:
        for offset in (0.0, pair):
            t = times(0.12, rate)
            thud = modes(t, [rng.uniform(85, 110), 230, 410], [0.1, 0.07, 0.05], [1.0, 0.7, 0.4], rate)
            click = band(rng, len(t), rate, 700, 3000, slope_db_oct=-3.0) * decay(t, 0.05)
            place(clacks, thud + 0.6 * click, int((at + offset * rng.uniform(0.97, 1.03)) * rate))
        at += gap
    out = rumble + 0.5 * air + rng.uniform(3.0, 4.5) * clacks
    return Texture(out, (pace,), (-28.0 if pace == "slow" else -24.5) + rng.uniform(-1.2, 1.2))


def airplane(rng: Rng, rate: int, n: int) -> Texture:
    """An airliner's cabin: loud smooth broadband roar with a faint turbine tone."""
    out = band(rng, n, rate, 60, rng.uniform(350, 700), slope_db_oct=-2.0) + 0.35 * band(
        rng, n, rate, 500, 5000, slope_db_oct=-3.0
    )
    base = rng.uniform(90, 160)
    out = out + rng.uniform(0.15, 0.4) * unit(harmonics(np.full(n, base), rate, [1.0, 0.6, 0.3]))
    out = out + rng.uniform(0.02, 0.06) * chirp(np.full(n, rng.uniform(1500, 2600)), rate)
    return Texture(out, ("steady",), rng.uniform(-26.0, -20.5))


def frogs(rng: Rng, rate: int, n: int) -> Texture:
    """Frogs at a pond: pulsed croaks of low and high voices over faint night air."""
    many = rng.random() < 0.6
    out = np.zeros(n)
    for voice in range(int(rng.integers(3, 6)) if many else 1):
        base = np.exp(rng.uniform(np.log(350), np.log(1900)))
        pulse = rng.uniform(22, 60)
        size = rng.uniform(0.18, 0.5)
        level = 1.0 if voice == 0 else rng.uniform(0.25, 0.8)
        at = rng.uniform(0.0, 0.8)
        while at < n / rate:
            t = times(size, rate)
            tone = chirp(base * (1.0 + 0.12 * t / size), rate) + 0.4 * chirp(
                2.02 * base * (1.0 + 0.1 * t / size), rate
            )
            gate = (0.5 + 0.5 * np.cos(2 * np.pi * pulse * t)) ** 2
            place(out, level * tone * gate * swell(t, 0.4 * size, size), int(at * rate))
            at += size + rng.uniform(0.25, 0.9)
    out = reverberate(out, rng, rate, 0.7, 0.2)
    night = band(rng, n, rate, 150, 3000, slope_db_oct=-4.0)
    return Texture(
        unit(highpass(out, rate, 120)) + 0.08 * night, ("many" if many else "one",), rng.uniform(-32.0, -26.0)
    )


ENV_CLASSES: dict[str, Callable[[Rng, int, int], Texture]] = {
    "rain": rain,
    "storm": storm,
    "wind": wind,
    "waves": waves,
    "stream": stream,
    "birds": birds,
    "crickets": crickets,
    "fire": fire,
    "traffic": traffic,
    "crowd": crowd,
    "station": station,
    "hum": hum,
    "spaceship": spaceship,
    "cave": cave,
    "underwater": underwater,
    "vinyl": vinyl,
    "roomtone": roomtone,
    "static": static,
    "train": train,
    "airplane": airplane,
    "frogs": frogs,
}


def render_class(label: str, rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One environment clip of a given class."""
    texture = ENV_CLASSES[label](rng, rate_hz, samples)
    audio = np.asarray(texture.audio, np.float64)
    audio = audio - np.mean(audio)
    audio = audio * (db(texture.level_dbfs) / rms(audio))
    caption = captions.env_caption(rng, label, texture.traits)
    return Clip("env", label, caption, finish(audio, samples), traits=texture.traits)


def render(rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One environment clip (samples,) of a random class."""
    labels = tuple(ENV_CLASSES)
    return render_class(labels[int(rng.integers(len(labels)))], rng, rate_hz, samples)
