"""Air and water set in motion. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    narrow,
    place,
)
from engine.training.corpus.resonator import (
    chirp,
    decay,
    fade_tail,
    swell,
    times,
)
from engine.training.corpus.strike import Kind, Source, burst, drawn_pitch, drawn_size


def whoosh(rng: Rng, rate: int) -> Source:
    """Something rushes past: noise that brightens, peaks and falls."""
    fast = rng.random() < 0.5
    length = rng.uniform(0.3, 0.5) if fast else rng.uniform(0.7, 1.3)
    top = rng.uniform(0.3, 0.5)
    centre = rng.uniform(500, 1400)

    def strike() -> Wave:
        t = times(length, rate)
        near = swell(t, top * length, length, 1.4)
        dull = band(rng, len(t), rate, 0.3 * centre, centre, slope_db_oct=-2.0)
        bright = band(rng, len(t), rate, centre, 4.5 * centre, slope_db_oct=-3.0)
        return np.asarray(dull * near + 0.9 * bright * near**2)

    return Source(strike, ("fast",) if fast else ("slow",))


def splash(rng: Rng, rate: int) -> Source:
    """Something falls into water: slap, plunge and a shower of bubbles."""
    size, trait = drawn_size(rng, 0.5, 1.7)

    def strike() -> Wave:
        t = times(0.9 + 0.7 * size, rate)
        slap = band(rng, len(t), rate, 300 / size, 7000, slope_db_oct=-2.0) * decay(
            t, 0.18 + 0.25 * size, 0.0015
        )
        spray = band(rng, len(t), rate, 1500, 8000) * swell(t, 0.12 * size, t[-1], 2.2)
        out = (
            slap
            + 0.45 * spray
            + 0.8 * chirp(90 / size + 60 * np.exp(-t / 0.05), rate) * decay(t, 0.22 * size, 0.002)
        )
        for _ in range(int(30 * size)):
            at = rng.gamma(2.0, 0.13 * size)
            freq = np.exp(rng.uniform(np.log(350), np.log(2200))) / size**0.4
            grain = times(rng.uniform(0.02, 0.06), rate)
            drop = chirp(freq * (1.0 + rng.uniform(1.0, 7.0) * grain), rate) * decay(grain, grain[-1], 0.002)
            place(
                out,
                rng.uniform(0.05, 0.35) * np.exp(-0.7 * at) * fade_tail(drop, rate, 0.005),
                int(at * rate),
            )
        return np.asarray(out * np.clip((t[-1] - t) / 0.3, 0.0, 1.0))

    return Source(strike, trait)


def bubble(rng: Rng, rate: int) -> Source:
    """One bubble: a short tone that rises as it bursts."""
    size, trait = drawn_size(rng, 0.5, 2.0)

    def strike() -> Wave:
        t = times(0.2, rate)
        freq = rng.uniform(450, 650) / size * (1.0 + 9.0 * t)
        return chirp(freq, rate) * decay(t, 0.12, 0.003) + 0.3 * chirp(2.0 * freq, rate) * decay(
            t, 0.06, 0.002
        )

    return Source(strike, trait)


def drop(rng: Rng, rate: int) -> Source:
    """A water drop: a faint tick and a clear round plop."""
    pitch, trait = drawn_pitch(rng, 700, 2200)

    def strike() -> Wave:
        t = times(0.3, rate)
        plop = chirp(pitch * rng.uniform(0.9, 1.1) * (1.0 + rng.uniform(1.0, 5.0) * t), rate) * decay(
            t, 0.14, 0.001
        )
        return plop + 0.3 * burst(rng, rate, t, 2500, 9000, 0.008)

    return Source(strike, trait)


def pour(rng: Rng, rate: int) -> Source:
    """Liquid is poured into a vessel: gurgling bubbles whose resonance climbs as it fills."""
    length = rng.uniform(1.0, 2.2)
    base = rng.uniform(350, 700)

    def strike() -> Wave:
        t = times(length, rate)
        u = t / length
        out = 0.5 * narrow(rng, len(t), rate, base * (1.0 + 1.5 * u), 150.0) + 0.2 * band(
            rng, len(t), rate, 1200, 8000, slope_db_oct=-2.0
        )
        for at in np.sort(rng.uniform(0.0, 0.92 * length, int(55 * length))):
            grain = times(rng.uniform(0.03, 0.07), rate)
            tone = chirp(base * rng.uniform(0.8, 2.2) * (1.0 + at / length) * (1.0 + 4.0 * grain), rate)
            place(
                out, rng.uniform(0.2, 0.9) * tone * swell(grain, 0.2 * grain[-1], grain[-1]), int(at * rate)
            )
        return np.asarray(out * swell(t, 0.12 * length, length, 0.5))

    return Source(strike)


KINDS: dict[str, Kind] = {
    "whoosh": Kind(whoosh, 3, (1.4, 2.0), 0.0, impulsive=False),
    "splash": Kind(splash, 2, (1.2, 2.4), 0.0),
    "bubble": Kind(bubble, 6, (0.15, 0.8), 0.1, 0.3, 0.6),
    "water drop": Kind(drop, 6, (0.25, 1.2), 0.5, 0.45, 0.9),
    "pour": Kind(pour, 1, (3.0, 4.0), 0.0, impulsive=False),
}
