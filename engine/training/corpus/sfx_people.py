"""What people do with feet, hands and voice, without words. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    place,
    scatter,
    white,
)
from engine.training.corpus.resonator import (
    bandpass,
    chirp,
    decay,
    modes,
    swell,
    times,
)
from engine.training.corpus.strike import Kind, Source, burst, drawn_pitch
from engine.training.corpus.throat import throat


def footsteps(rng: Rng, rate: int) -> Source:
    """Steps on wood, concrete, gravel, snow or metal."""
    floors = ("wood", "concrete", "gravel", "snow", "metal")
    floor = floors[int(rng.integers(len(floors)))]
    weight = rng.uniform(0.8, 1.25)
    base = rng.uniform(75, 110) / weight

    def crunch(grains: int, seconds: float, low: float, high: float) -> Wave:
        n = int(seconds * rate)
        pieces = []
        for _ in range(6):
            t = times(rng.uniform(0.004, 0.014), rate)
            pieces.append(bandpass(white(rng, len(t)), rate, low, high) * decay(t, t[-1] * 0.9, 0.0004))
        starts = np.sort((rng.beta(1.1, 2.2, grains) * n * 0.85).astype(np.int64))
        starts[0] = 0
        gains = rng.lognormal(-0.3, 0.6, grains)
        gains[0] = max(gains[0], 1.2)
        return scatter(n, starts, pieces, rng.integers(0, 6, grains), gains)

    def strike() -> Wave:
        t = times(0.5, rate)
        out = np.zeros(len(t))
        soft = rng.uniform(0.75, 1.1)
        toe = int(rng.uniform(0.055, 0.09) * rate)
        if floor in ("wood", "concrete", "metal"):
            freqs, ring, bright = {
                "wood": (base * np.array([1.0, 1.9, 3.1, 4.6]), 0.10, (300, 2200)),
                "concrete": (base * np.array([1.2, 6.0, 11.0, 17.0]), 0.05, (800, 5000)),
                "metal": (base * np.array([2.3, 5.9, 9.7, 14.3]), 0.42, (700, 5000)),
            }[floor]
            for start, level in ((0, 1.0), (toe, 0.4)):
                click = bandpass(white(rng, len(t)), rate, *bright) * decay(t, 0.025, 0.0003)
                body = modes(t, freqs * rng.uniform(0.97, 1.03), ring, [1.0, 0.6, 0.4, 0.25], rate)
                place(out, level * (body + (1.4 if floor == "concrete" else 0.7) * click), start)
        else:
            low, high = (1200, 7500) if floor == "gravel" else (500, 2600)
            place(out, crunch(90 if floor == "gravel" else 130, rng.uniform(0.16, 0.26), low, high), 0)
            out += 0.5 * modes(t, [base], [0.08], [1.0], rate)
        return soft * out

    return Source(strike, (floor,))


def clap(rng: Rng, rate: int) -> Source:
    """One hand clap: a few bursts within milliseconds, hollow in colour."""
    centre = rng.uniform(900, 1700)

    def strike() -> Wave:
        t = times(0.22, rate)
        out = np.zeros(len(t))
        for start, level in ((0.0, 1.0), (rng.uniform(0.004, 0.008), 0.6), (rng.uniform(0.010, 0.015), 0.4)):
            burst = bandpass(white(rng, len(t)), rate, 0.6 * centre, 2.6 * centre) * decay(t, 0.05, 0.0003)
            place(out, level * burst, int(start * rate))
        return rng.uniform(0.85, 1.0) * (
            out + 0.12 * band(rng, len(t), rate, 600, 5000) * decay(t, 0.16, 0.002)
        )

    return Source(strike)


def whistle(rng: Rng, rate: int) -> Source:
    """A referee's trilled whistle or a person's sliding whistle."""
    pea = rng.random() < 0.5
    pitch, trait = (rng.uniform(2300, 3300), ()) if pea else drawn_pitch(rng, 900, 2200)
    length = rng.uniform(0.25, 0.9)
    trill = rng.uniform(28, 45)
    slide = rng.uniform(-0.35, 0.45)

    def strike() -> Wave:
        t = times(length, rate)
        u = t / length
        if pea:
            freq = pitch * (1.0 + 0.025 * np.sin(2 * np.pi * trill * t))
            tone = chirp(freq, rate) * (1.0 + 0.55 * np.sin(2 * np.pi * trill * t + 1.0))
        else:
            freq = pitch * np.exp(slide * np.sin(np.pi * u) + 0.006 * np.sin(2 * np.pi * 5.5 * t))
            tone = chirp(freq, rate) + 0.07 * chirp(2 * freq, rate)
        breath = band(rng, len(t), rate, 0.8 * pitch, 1.3 * pitch, order=4.0)
        return (tone + 0.06 * breath) * np.minimum(t / 0.012, 1.0) * np.clip((length - t) / 0.06, 0.0, 1.0)

    return Source(strike, ("referee",) if pea else ("human", *trait))


def cough(rng: Rng, rate: int) -> Source:
    """A cough: a burst of breath, then a rough short voice."""
    low = rng.uniform(0.8, 1.35)

    def strike() -> Wave:
        t = times(rng.uniform(0.28, 0.42), rate)
        u = t / t[-1]
        voice = throat(
            rng,
            rate,
            190.0 / low * (1.15 - 0.4 * u),
            np.array([750.0, 1300.0, 2500.0]) / low**0.4,
            tilt=0.5,
            rough=0.6,
            breath=1.2,
        )
        gate = np.minimum(t / 0.004, 1.0) * np.exp(-3.5 * u) * np.clip((1.0 - u) / 0.3, 0.0, 1.0)
        return np.asarray(voice * gate + 0.3 * burst(rng, rate, t, 500, 5000, 0.06))

    return Source(strike)


def sneeze(rng: Rng, rate: int) -> Source:
    """A sneeze: breath drawn in, then a hissing burst with voice."""
    high = rng.uniform(0.8, 1.4)

    def strike() -> Wave:
        inhale = times(rng.uniform(0.3, 0.5), rate)
        start = band(rng, len(inhale), rate, 700, 4000) * swell(inhale, 0.8 * inhale[-1], inhale[-1]) * 0.2
        t = times(0.55, rate)
        u = t / t[-1]
        voice = throat(
            rng, rate, 260.0 * high * (1.2 - 0.5 * u), (600.0, 1800.0, 2800.0), tilt=0.6, breath=0.4
        )
        hiss = band(rng, len(t), rate, 2500, 9500) * decay(t, 0.45, 0.004)
        return np.concatenate(
            [
                start,
                (0.7 * voice * np.exp(-3.0 * u) + 0.6 * hiss)
                * np.clip((1.0 - u) / 0.3, 0.0, 1.0)
                * np.minimum(t / 0.006, 1.0),
            ]
        )

    return Source(strike)


def laugh(rng: Rng, rate: int) -> Source:
    """One laughing syllable, "ha": breath, then an open voice that falls."""
    pitch, trait = drawn_pitch(rng, 130, 380)
    formants = np.array([780.0, 1250.0, 2700.0]) * (1.0 if pitch < 200 else 1.15)
    turn = [0]

    def strike() -> Wave:
        turn[0] += 1
        t = times(rng.uniform(0.13, 0.19), rate)
        u = t / t[-1]
        voice = throat(
            rng, rate, pitch * (1.15 - 0.04 * turn[0]) * (1.1 - 0.25 * u), formants, tilt=0.8, breath=0.15
        )
        breath = band(rng, len(t), rate, 800, 5000, slope_db_oct=-2.0)
        return np.asarray(
            voice * swell(t, 0.35 * t[-1], t[-1]) + 0.12 * breath * swell(t, 0.15 * t[-1], 0.7 * t[-1])
        )

    return Source(strike, trait)


def scream(rng: Rng, rate: int) -> Source:
    """A scream: a loud high voice, rough at the edge, that rises, holds and breaks off."""
    pitch, trait = drawn_pitch(rng, 500, 1100)

    def strike() -> Wave:
        t = times(rng.uniform(0.7, 1.5), rate)
        u = t / t[-1]
        freq = (
            pitch
            * (0.75 + 0.3 * np.minimum(u / 0.2, 1.0) - 0.15 * u**3)
            * (1.0 + 0.012 * np.sin(2 * np.pi * 6.5 * t))
        )
        call = throat(rng, rate, freq, (1000.0, 1500.0, 3000.0), tilt=0.3, rough=0.25, breath=0.12)
        return call * swell(t, 0.2 * t[-1], t[-1], 0.5)

    return Source(strike, trait)


def heartbeat(rng: Rng, rate: int) -> Source:
    """A heart's two tones, lub and dub, each a soft low thump of its own."""
    base = rng.uniform(42, 62)
    side = [0]

    def strike() -> Wave:
        side[0] ^= 1
        t = times(0.24, rate)
        pitch = base * (1.0 if side[0] else 1.3)
        thump = chirp(pitch * (1.0 + 0.5 * np.exp(-t / 0.03)), rate) * decay(t, 0.15, 0.002)
        return (1.0 if side[0] else 0.7) * (thump + 0.25 * burst(rng, rate, t, 70, 300, 0.06, 0.001))

    return Source(strike)


def finger_snap(rng: Rng, rate: int) -> Source:
    """Fingers snap: a small hollow click."""
    base = rng.uniform(1500, 2700)

    def strike() -> Wave:
        t = times(0.16, rate)
        return burst(rng, rate, t, 0.6 * base, 2.2 * base, 0.03) + 0.5 * modes(
            t, [base, 1.9 * base], 0.03, [1.0, 0.4], rate, rng, 0.0003
        )

    return Source(strike)


KINDS: dict[str, Kind] = {
    "footsteps": Kind(footsteps, 6, (0.3, 0.95), 0.9, 0.42, 0.68, least=2),
    "clap": Kind(clap, 6, (0.2, 0.8), 0.6, 0.3, 0.6),
    "whistle": Kind(whistle, 3, (1.0, 1.7), 0.4, impulsive=False),
    "cough": Kind(cough, 4, (0.4, 1.1), 0.1, 0.55, 0.9),
    "sneeze": Kind(sneeze, 2, (1.6, 2.4), 0.0, impulsive=False),
    "laugh": Kind(laugh, 6, (0.17, 0.26), 1.0, least=3, impulsive=False),
    "scream": Kind(scream, 1, (3.0, 4.0), 0.0, impulsive=False),
    "heartbeat": Kind(heartbeat, 6, (0.26, 0.36), 1.0, cycle=(1.0, 1.9), least=4),
    "finger snap": Kind(finger_snap, 6, (0.3, 1.0), 0.7, 0.42, 0.8),
}
