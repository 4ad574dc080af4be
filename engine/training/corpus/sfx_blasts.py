"""Blasts and shots. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    drift,
    place,
    white,
)
from engine.training.corpus.resonator import (
    bandpass,
    chirp,
    decay,
    lowpass,
    swell,
    times,
)
from engine.training.corpus.strike import Kind, Source, burst, drawn_size
from engine.training.corpus.taps import tap


def explosion(rng: Rng, rate: int) -> Source:
    """An explosion: blast, pressure drop in pitch, debris and roar dying away."""
    size, trait = drawn_size(rng, 0.5, 1.5)

    def strike() -> Wave:
        seconds = 1.4 + 1.3 * size
        t = times(seconds, rate)
        blast = band(rng, len(t), rate, 40, 5000, slope_db_oct=-3.5) * decay(t, 0.5 * size, 0.0008)
        roar = band(rng, len(t), rate, 25, 400, slope_db_oct=-3.0) * decay(t, seconds * 0.8, 0.005)
        boom = chirp((38 + 75 * np.exp(-t / 0.07)) / size**0.3, rate) * decay(t, 0.8 * size, 0.002)
        out = 1.5 * blast + roar + 1.4 * boom
        for _ in range(int(22 * size)):
            piece = times(0.03, rate)
            dirt = bandpass(white(rng, len(piece)), rate, 500, 4000) * decay(piece, 0.025)
            at = rng.gamma(2.0, 0.28)
            place(out, rng.uniform(0.05, 0.3) * np.exp(-0.8 * at) * dirt, int(at * rate))
        return np.asarray(np.tanh(0.8 * out))

    return Source(strike, trait)


def gunshot(rng: Rng, rate: int) -> Source:
    """A gunshot: a very short bright blast with a brief tail."""
    size, trait = drawn_size(rng, 0.6, 1.6)

    def strike() -> Wave:
        t = times(0.9, rate)
        snap = white(rng, len(t)) * decay(t, 0.045 * size, 0.0002)
        body = band(rng, len(t), rate, 90 / size, 2500, slope_db_oct=-2.0) * decay(t, 0.16 * size, 0.0004)
        air = band(rng, len(t), rate, 120, 1500, slope_db_oct=-3.0) * decay(t, 0.7, 0.002)
        thump = chirp(60 + 160 * np.exp(-t / 0.015), rate) * decay(t, 0.13 * size)
        return np.tanh(1.2 * snap + 1.3 * body + 0.15 * air + 1.0 * thump)

    return Source(strike, trait)


def thunder(rng: Rng, rate: int) -> Source:
    """A thunder clap: a crack, then a long rolling rumble."""
    near = rng.random() < 0.6

    def strike() -> Wave:
        seconds = rng.uniform(2.8, 4.2)
        t = times(seconds, rate)
        out = 2.2 * band(rng, len(t), rate, 30, 180, slope_db_oct=-3.0) * decay(t, seconds * 0.75, 0.004)
        for _ in range(int(rng.integers(3, 7))):
            at = rng.uniform(0.05, 0.5) * seconds
            grain = times(min(seconds - at, rng.uniform(0.5, 1.6)), rate)
            roll = band(rng, len(grain), rate, 30, rng.uniform(110, 320), slope_db_oct=-4.0)
            place(
                out,
                rng.uniform(0.7, 1.6) * roll * swell(grain, 0.2 * grain[-1], grain[-1], 1.2),
                int(at * rate),
            )
        if near:
            crack = band(rng, len(t), rate, 150, 6000, slope_db_oct=-3.0) * decay(t, 0.5, 0.001)
            tear = np.clip(drift(rng, len(t), rate, 40.0) + 0.4, 0.0, 2.0)
            out = out + 1.6 * crack * (0.7 + 0.5 * tear)
        else:
            out = lowpass(out, rate, 400, 1)
        return out * (1.0 - 0.75 * t / seconds)

    return Source(strike, ("sharp",) if near else ("rumbling",))


def balloon_pop(rng: Rng, rate: int) -> Source:
    """A balloon bursts: one very short bright bang."""

    def strike() -> Wave:
        t = times(0.3, rate)
        bang = burst(rng, rate, t, 500, 10000, 0.022, 0.0002)
        return np.tanh(
            1.5 * bang
            + 0.7 * chirp(150 + 250 * np.exp(-t / 0.008), rate) * decay(t, 0.05)
            + 0.1 * burst(rng, rate, t, 800, 4000, 0.2)
        )

    return Source(strike)


def firework(rng: Rng, rate: int) -> Source:
    """A firework bursts in the sky: a boom, then crackling sparks that fall."""
    size, trait = drawn_size(rng, 0.6, 1.5)

    def strike() -> Wave:
        t = times(2.0, rate)
        boom = band(rng, len(t), rate, 50 / size, 1500, slope_db_oct=-3.0) * decay(t, 0.5 * size, 0.0008)
        out = 1.3 * boom + 0.8 * chirp(45 + 80 * np.exp(-t / 0.04), rate) * decay(t, 0.4 * size, 0.001)
        for at in rng.gamma(3.0, 0.2, int(rng.integers(30, 90))):
            spark = tap(rng, rate, 1800, 9000, rng.uniform(0.005, 0.02))
            place(out, rng.uniform(0.05, 0.35) * np.exp(-0.8 * at) * spark, int((0.12 + at) * rate))
        return np.asarray(out * np.clip((2.0 - t) / 0.4, 0.0, 1.0))

    return Source(strike, trait)


KINDS: dict[str, Kind] = {
    "explosion": Kind(explosion, 2, (1.4, 2.6), 0.0),
    "gunshot": Kind(gunshot, 6, (0.25, 1.1), 0.3, 0.4, 0.9),
    "thunder": Kind(thunder, 1, (3.0, 4.0), 0.0),
    "balloon pop": Kind(balloon_pop, 4, (0.4, 1.3), 0.0, 0.55, 1.0),
    "firework": Kind(firework, 3, (0.9, 1.8), 0.0),
}
