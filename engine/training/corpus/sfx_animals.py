"""Animals, each call by itself. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    drift,
    white,
)
from engine.training.corpus.resonator import (
    chirp,
    decay,
    harmonics,
    modes,
    resonance,
    swell,
    times,
)
from engine.training.corpus.strike import Kind, Source, burst, drawn_pitch, drawn_size
from engine.training.corpus.throat import throat


def bark(rng: Rng, rate: int) -> Source:
    """A dog's bark: a rough voiced burst, pitch up then down, through a moving throat."""
    size, trait = drawn_size(rng, 0.55, 1.6)
    base = 330.0 / size
    formants = np.array([620.0, 1450.0, 2600.0]) / size**0.45

    def strike() -> Wave:
        length = rng.uniform(0.16, 0.30) * (0.75 + 0.3 * size)
        t = times(length + 0.18, rate)
        u = np.minimum(t / length, 1.0)
        freq = (
            base * (0.8 + 0.65 * np.sin(np.pi * u**0.7)) * np.exp(-0.25 * np.maximum(t / length - 1.0, 0.0))
        )
        freq = freq * (1.0 + 0.03 * drift(rng, len(t), rate, 90.0))
        voice = harmonics(freq, rate, 1.0 / np.arange(1, 24) ** 0.7)
        voice = voice * (1.0 + 0.4 * drift(rng, len(t), rate, 120.0)) + 0.5 * white(rng, len(t))
        out = sum(
            g * resonance(voice, rate, f, w)
            for f, w, g in zip(formants, (160, 240, 400), (1.0, 0.8, 0.35), strict=True)
        )
        gate = np.minimum(t / 0.012, 1.0) * np.exp(-6.9 * np.maximum(t - 0.45 * length, 0.0) / (1.1 * length))
        return np.asarray(out * gate * rng.uniform(0.8, 1.0))

    return Source(strike, trait)


def meow(rng: Rng, rate: int) -> Source:
    """A cat's meow: a nasal glide up and down while the mouth opens and shuts."""
    pitch, trait = drawn_pitch(rng, 430, 800)

    def strike() -> Wave:
        t = times(rng.uniform(0.45, 0.95), rate)
        u = t / t[-1]
        freq = pitch * (0.8 + 0.4 * np.sin(np.pi * u**0.7)) * (1.0 + 0.008 * np.sin(2 * np.pi * 7 * t))
        shut = throat(rng, rate, freq, (450.0, 2300.0, 3200.0), tilt=0.6)
        wide = throat(rng, rate, freq, (1100.0, 1900.0, 3400.0), tilt=0.5)
        return np.asarray(
            (shut * (1.0 - np.sin(np.pi * u)) + wide * np.sin(np.pi * u)) * swell(t, 0.35 * t[-1], t[-1], 0.7)
        )

    return Source(strike, trait)


def moo(rng: Rng, rate: int) -> Source:
    """A cow's moo: a long low call that opens and closes."""

    def strike() -> Wave:
        t = times(rng.uniform(1.0, 1.9), rate)
        u = t / t[-1]
        freq = (
            rng.uniform(95, 150)
            * (0.85 + 0.3 * np.sin(np.pi * u**0.8))
            * (1.0 + 0.01 * drift(rng, len(t), rate, 12.0))
        )
        call = throat(rng, rate, freq, (330.0, 750.0, 2200.0), tilt=0.6, rough=0.12, breath=0.06)
        return call * swell(t, 0.3 * t[-1], t[-1], 0.6)

    return Source(strike)


def rooster(rng: Rng, rate: int) -> Source:
    """A rooster's crow: three short calls and a long one that falls."""
    base = rng.uniform(480, 680)

    def strike() -> Wave:
        notes = []
        for size, start, stop in ((0.16, 0.8, 1.1), (0.14, 1.1, 1.2), (0.22, 1.2, 1.45), (0.75, 1.4, 0.85)):
            t = times(size * rng.uniform(0.9, 1.15), rate)
            freq = base * (start + (stop - start) * (t / t[-1]) ** 1.3)
            call = throat(rng, rate, freq, (1200.0, 2500.0, 3700.0), tilt=0.35, rough=0.2, breath=0.1)
            notes.append(call * swell(t, 0.3 * t[-1], t[-1], 0.5))
        return np.concatenate(notes)

    return Source(strike)


def chirp_bird(rng: Rng, rate: int) -> Source:
    """One bird's chirp: a very short swept whistle."""
    pitch, trait = drawn_pitch(rng, 2300, 5500)
    slope = rng.uniform(-0.5, 0.5)
    size = rng.uniform(0.06, 0.16)

    def strike() -> Wave:
        t = times(size * rng.uniform(0.9, 1.1), rate)
        freq = np.minimum(pitch * np.exp(slope * (t / t[-1] - 0.5)), 0.45 * rate)
        return chirp(freq, rate) * swell(t, 0.25 * t[-1], t[-1], 0.8)

    return Source(strike, trait)


def crow(rng: Rng, rate: int) -> Source:
    """A crow's caw: a harsh rough call that sinks."""
    base = rng.uniform(380, 560)

    def strike() -> Wave:
        t = times(rng.uniform(0.28, 0.45), rate)
        u = t / t[-1]
        freq = base * (1.08 - 0.22 * u) * (1.0 + 0.03 * drift(rng, len(t), rate, 70.0))
        call = throat(rng, rate, freq, (1150.0, 1750.0, 3100.0), tilt=0.25, rough=0.55, breath=0.5)
        return call * swell(t, 0.15 * t[-1], t[-1], 0.6)

    return Source(strike)


def quack(rng: Rng, rate: int) -> Source:
    """A duck's quack: short, nasal and buzzing."""
    base = rng.uniform(170, 270)

    def strike() -> Wave:
        t = times(rng.uniform(0.13, 0.24), rate)
        freq = base * (1.1 - 0.25 * t / t[-1])
        call = throat(rng, rate, freq, (1250.0, 2100.0, 3300.0), tilt=0.1, rough=0.25, breath=0.1)
        return call * swell(t, 0.15 * t[-1], t[-1], 0.5)

    return Source(strike)


def hoof(rng: Rng, rate: int) -> Source:
    """One hoof of a galloping horse, on hard ground or on turf."""
    hard = rng.random() < 0.5
    base = rng.uniform(420, 700) if hard else rng.uniform(80, 120)

    def strike() -> Wave:
        t = times(0.25, rate)
        if hard:
            body = modes(
                t,
                base * rng.uniform(0.92, 1.08) * np.array([1.0, 2.3, 3.6]),
                0.06,
                [1.0, 0.6, 0.3],
                rate,
                rng,
                0.0004,
            )
            return rng.uniform(0.7, 1.0) * (body + 0.8 * burst(rng, rate, t, 700, 4500, 0.02))
        thud = chirp(base * (0.7 + 0.8 * np.exp(-t / 0.015)), rate) * decay(t, 0.13, 0.001)
        return rng.uniform(0.7, 1.0) * (thud + 0.5 * burst(rng, rate, t, 200, 2200, 0.05))

    return Source(strike, ("hard ground",) if hard else ("turf",))


KINDS: dict[str, Kind] = {
    "bark": Kind(bark, 5, (0.45, 1.2), 0.2, 0.55, 0.95, impulsive=False),
    "cat meow": Kind(meow, 3, (1.1, 1.7), 0.0, impulsive=False),
    "cow moo": Kind(moo, 2, (2.1, 2.5), 0.0, impulsive=False),
    "rooster": Kind(rooster, 1, (3.0, 4.0), 0.0, impulsive=False),
    "bird chirp": Kind(chirp_bird, 6, (0.18, 0.8), 0.5, 0.32, 0.6, impulsive=False),
    "crow": Kind(crow, 5, (0.55, 1.1), 0.3, 0.68, 0.95, impulsive=False),
    "duck quack": Kind(quack, 6, (0.3, 0.8), 0.3, 0.42, 0.65, impulsive=False),
    "gallop": Kind(hoof, 6, (0.1, 0.16), 1.0, cycle=(1.0, 1.0, 2.2), least=3),
}
