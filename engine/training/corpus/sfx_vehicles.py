"""Vehicles and their signals. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    drift,
    narrow,
    place,
)
from engine.training.corpus.resonator import (
    chirp,
    harmonics,
    lowpass,
    resonance,
    swell,
    times,
)
from engine.training.corpus.strike import Kind, Source, drawn_size
from engine.training.corpus.taps import ping


def siren(rng: Rng, rate: int) -> Source:
    """A siren: wailing, yelping or two-tone, for a second or more, fading in and out."""
    style = ("wailing", "yelping", "two-tone")[int(rng.integers(3))]
    length = rng.uniform(1.6, 3.4)
    base = rng.uniform(480, 720)
    cycle = {
        "wailing": rng.uniform(1.4, 2.6),
        "yelping": rng.uniform(0.22, 0.4),
        "two-tone": rng.uniform(0.7, 1.1),
    }[style]

    def strike() -> Wave:
        t = times(length, rate)
        if style == "two-tone":
            edge = np.tanh(18.0 * np.sin(2 * np.pi * t / cycle))
            freq = base * (1.0 + 0.17 * (1.0 + edge))
        else:
            freq = base * (1.0 + 0.55 * (1.0 - np.cos(2 * np.pi * t / cycle)))
        tone = harmonics(freq, rate, 1.0 / np.arange(1, 10) ** 0.9)
        tone = resonance(tone, rate, 1300, 1500)
        return tone * np.minimum(t / 0.03, 1.0) * np.clip((length - t) / 0.45, 0.0, 1.0) ** 1.5

    return Source(strike, (style,))


def horn(rng: Rng, rate: int) -> Source:
    """A car or truck horn: two reedy tones a third apart."""
    size, trait = drawn_size(rng, 0.8, 2.0)
    base = 440.0 / size * rng.uniform(0.95, 1.05)
    ratio = rng.choice([1.2, 1.25, 1.26, 1.335])
    length = rng.uniform(0.18, 1.1)

    def strike() -> Wave:
        t = times(length + 0.12, rate)
        tilt = 1.0 / np.arange(1, 20) ** 0.55
        tone = harmonics(np.full(len(t), base), rate, tilt) + harmonics(
            np.full(len(t), base * ratio), rate, tilt
        )
        tone = resonance(tone, rate, 1700, 1800) + 0.25 * tone
        gate = np.minimum(t / 0.008, 1.0) * np.where(t < length, 1.0, np.exp(-(t - length) / 0.018))
        return np.asarray(tone * gate)

    return Source(strike, (*trait, "short" if length < 0.35 else "long" if length > 0.75 else ""))


def engine_start(rng: Rng, rate: int) -> Source:
    """An engine is started: the starter grinds, the engine catches, revs and idles away."""
    crank = rng.uniform(0.5, 1.1)

    def strike() -> Wave:
        t = times(crank + rng.uniform(1.6, 2.4), rate)
        grind = harmonics(
            rng.uniform(140, 200) * (1.0 + 0.08 * np.sin(2 * np.pi * 8.0 * t)),
            rate,
            1.0 / np.arange(1, 20) ** 0.5,
        )
        grind = (
            grind
            * (0.6 + 0.4 * np.sin(2 * np.pi * 8.0 * t))
            * np.clip((crank + 0.1 - t) / 0.1, 0.0, 1.0)
            * np.minimum(t / 0.01, 1.0)
        )
        after = np.maximum(t - crank, 0.0)
        revs = 32.0 + 65.0 * np.exp(-(((after - 0.35) / 0.3) ** 2)) * (after > 0)
        motor = harmonics(revs, rate, 1.0 / np.arange(1, 50) ** 0.5) * (
            1.0 + 0.2 * drift(rng, len(t), rate, 30.0)
        )
        fade = np.clip((t[-1] - t) / 1.0, 0.0, 1.0) ** 1.5
        return np.asarray(
            0.25 * grind + 0.35 * lowpass(motor, rate, 1800, 1) * np.minimum(after / 0.15, 1.0) * fade
        )

    return Source(strike)


def car_pass(rng: Rng, rate: int) -> Source:
    """A car drives past: noise and engine swell, drop in pitch and go."""
    fast = rng.random() < 0.5
    width = rng.uniform(0.2, 0.35) if fast else rng.uniform(0.5, 0.8)

    def strike() -> Wave:
        length = 6.0 * width
        t = times(length, rate)
        away = (t - 0.45 * length) / width
        near = 1.0 / (1.0 + away**2) * swell(t, 0.45 * length, length, 0.5)
        tyres = band(rng, len(t), rate, 200, rng.uniform(2500, 4500), slope_db_oct=-2.0)
        engine = harmonics(
            rng.uniform(60, 110) * (1.0 - (0.12 if fast else 0.06) * np.tanh(away)),
            rate,
            1.0 / np.arange(1, 16),
        )
        return np.asarray(near * (tyres + 0.6 * engine))

    return Source(strike, ("fast",) if fast else ("slow",))


def brakes(rng: Rng, rate: int) -> Source:
    """Tyres or brakes squeal: rough high tones that waver and sink."""
    pitch = rng.uniform(700, 1700)
    length = rng.uniform(0.6, 1.5)

    def strike() -> Wave:
        t = times(length, rate)
        freq = pitch * (1.0 - 0.12 * (t / length) ** 2) * (1.0 + 0.015 * drift(rng, len(t), rate, 25.0))
        tone = harmonics(freq, rate, [1.0, 0.6, 0.35, 0.2, 0.1]) + 0.5 * chirp(1.34 * freq, rate)
        rub = narrow(rng, len(t), rate, freq, 200.0) + 0.3 * band(rng, len(t), rate, 800, 6000)
        return np.asarray(
            (tone * (1.0 + 0.3 * drift(rng, len(t), rate, 40.0)) + 0.6 * rub)
            * swell(t, 0.25 * length, length, 0.5)
        )

    return Source(strike, ("short" if length < 0.85 else "long" if length > 1.2 else "",))


def train_whistle(rng: Rng, rate: int) -> Source:
    """A train's whistle or horn: a chord of breathy pipes."""
    steam = rng.random() < 0.5
    base = rng.uniform(400, 620) if steam else rng.uniform(250, 350)
    length = rng.uniform(0.6, 1.5)

    def strike() -> Wave:
        t = times(length + 0.4, rate)
        rise = 1.0 - 0.06 * np.exp(-t / 0.06) - 0.05 * np.clip((t - length) / 0.3, 0.0, 1.0)
        tilt = 1.0 / np.arange(1, 12) ** (1.4 if steam else 0.7)
        tone = sum(harmonics(base * r * rise, rate, tilt) for r in (1.0, 1.19, 1.5, 1.78))
        breath = band(rng, len(t), rate, base, 5000, slope_db_oct=-2.0) * (0.7 if steam else 0.15)
        gate = np.minimum(t / 0.04, 1.0) * np.where(t < length, 1.0, np.exp(-(t - length) / 0.07))
        return np.asarray((np.asarray(tone) + breath) * gate)

    return Source(strike, ("steam",) if steam else ("diesel",))


def bicycle_bell(rng: Rng, rate: int) -> Source:
    """A bicycle bell: a thumb's quick double trill on a small dome."""
    base = rng.uniform(1700, 3000)

    def strike() -> Wave:
        out = np.zeros(int(1.3 * rate))
        at = 0.0
        for number in range(int(rng.integers(4, 9))):
            stroke = ping(rng, rate, base, rng.uniform(0.6, 0.9), (1.0, 2.1, 3.4))
            place(out, (1.0 if number == 0 else rng.uniform(0.4, 0.9)) * stroke, int(at * rate))
            at += rng.uniform(0.03, 0.05)
        return out

    return Source(strike)


KINDS: dict[str, Kind] = {
    "siren": Kind(siren, 1, (3.0, 4.0), 0.0, impulsive=False),
    "horn": Kind(horn, 3, (1.4, 2.0), 0.2, impulsive=False),
    "engine start": Kind(engine_start, 1, (3.0, 4.0), 0.0, impulsive=False),
    "car pass": Kind(car_pass, 1, (3.0, 4.0), 0.0, impulsive=False),
    "brakes": Kind(brakes, 2, (1.7, 2.3), 0.0, impulsive=False),
    "train whistle": Kind(train_whistle, 2, (1.7, 2.3), 0.3, impulsive=False),
    "bicycle bell": Kind(bicycle_bell, 3, (0.7, 1.4), 0.4),
}
