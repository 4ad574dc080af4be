"""Single strokes of bells and drums. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    place,
    white,
)
from engine.training.corpus.resonator import (
    bandpass,
    chirp,
    decay,
    fade_tail,
    modes,
    times,
)
from engine.training.corpus.strike import Kind, Source, burst, drawn_pitch, drawn_size


def bell(rng: Rng, rate: int) -> Source:
    """Church or hand bell: hum, prime, tierce, quint, nominal and upper partials, the high ones short."""
    size, trait = drawn_size(rng, 0.25, 1.6)
    prime = 420.0 / size
    ratios = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.66, 3.01, 4.1, 5.43, 6.8]) * rng.uniform(
        0.995, 1.005, 11
    )
    gains = np.array([0.5, 0.8, 0.6, 0.35, 1.0, 0.35, 0.3, 0.35, 0.3, 0.2, 0.12]) * rng.uniform(0.6, 1.4, 11)
    ring = np.minimum(np.clip(2.2 * size, 0.8, 3.6) * ratios**-0.7 * rng.uniform(0.8, 1.2), 4.8)

    def strike() -> Wave:
        t = times(5.0, rate)
        hard = rng.uniform(0.8, 1.2, 11)
        clapper = bandpass(white(rng, len(t)), rate, 1500, 6000) * decay(t, 0.02)
        return modes(t, prime * ratios, ring, gains * hard, rate, rng) + 0.12 * clapper

    return Source(strike, trait)


def chime(rng: Rng, rate: int) -> Source:
    """Small metal chimes: pure high partials of free bars, each strike another tube."""
    base, trait = drawn_pitch(rng, 520, 1500)
    scale = base * 2.0 ** (np.array([0, 2, 4, 7, 9, 12]) / 12.0)

    def strike() -> Wave:
        t = times(3.2, rate)
        pitch = scale[int(rng.integers(len(scale)))]
        ratios = np.array([1.0, 2.756, 5.404, 8.933])
        return modes(
            t,
            pitch * ratios,
            np.array([2.8, 1.7, 0.9, 0.4]) * (900 / pitch) ** 0.3,
            [1.0, 0.45, 0.22, 0.1],
            rate,
            rng,
        ) * rng.uniform(0.6, 1.0)

    return Source(strike, trait)


def drum(rng: Rng, rate: int) -> Source:
    """A single drum: a pitched thud with a skin's inharmonic modes."""
    size, trait = drawn_size(rng, 0.5, 1.7)
    base = 110.0 / size

    def strike() -> Wave:
        t = times(1.0, rate)
        ring = 0.25 + 0.35 * size
        skin = modes(
            t,
            base * np.array([1.59, 2.14, 2.65, 3.16]),
            ring * np.array([0.6, 0.45, 0.35, 0.3]),
            [0.6, 0.4, 0.3, 0.2],
            rate,
            None,
            0.001,
        )
        body = chirp(base * (1.0 + 0.5 * np.exp(-t / 0.03)), rate) * decay(t, ring, 0.001)
        stick = bandpass(white(rng, len(t)), rate, 500, 4000) * decay(t, 0.025, 0.0003)
        return rng.uniform(0.85, 1.0) * (body + skin + 0.5 * stick)

    return Source(strike, trait)


def gong(rng: Rng, rate: int) -> Source:
    """A gong: a deep stroke out of which a bright shimmer blooms."""
    size, trait = drawn_size(rng, 0.6, 1.6)
    base = 110.0 / size

    def strike() -> Wave:
        t = times(4.8, rate)
        ratios = np.sort(np.concatenate([[1.0, 1.48, 2.03], rng.uniform(2.2, 14.0, 22)]))
        ring = np.minimum(3.8 * size, 4.5) * ratios**-0.35
        low = modes(t, base * ratios[:5], ring[:5], rng.uniform(0.5, 1.0, 5), rate, rng, 0.003)
        bloom = modes(t, base * ratios[5:], ring[5:], rng.uniform(0.1, 0.5, 20), rate, rng, 0.25)
        return low + bloom + 0.8 * burst(rng, rate, t, 80, 700, 0.15, 0.002)

    return Source(strike, trait)


def cymbal(rng: Rng, rate: int) -> Source:
    """A cymbal struck: dense bright metal noise that rings away."""
    ring = rng.uniform(1.4, 3.0)
    low = rng.uniform(300, 500)

    def strike() -> Wave:
        t = times(1.2 * ring, rate)
        freqs = np.sort(rng.uniform(low, 10500, 60))
        metal = modes(t, freqs, ring * (freqs / 1500) ** -0.15, rng.uniform(0.2, 1.0, 60), rate, rng, 0.0005)
        wash = band(rng, len(t), rate, 3500, 10800) * decay(t, 0.7 * ring, 0.001)
        return metal / 6.0 + 0.5 * wash + 0.5 * burst(rng, rate, t, 2000, 10000, 0.03)

    return Source(strike)


def snare_roll(rng: Rng, rate: int) -> Source:
    """A roll on a snare drum that may swell, with a last loud stroke."""
    speed = rng.uniform(18, 28)
    length = rng.uniform(0.7, 1.6)
    grow = rng.random() < 0.5
    tone = rng.uniform(170, 230)

    def strike() -> Wave:
        out = np.zeros(int((length + 0.4) * rate))
        count = int(length * speed)
        for number in range(count + 1):
            t = times(0.22, rate)
            stroke = 0.5 * modes(t, [tone, 1.6 * tone], 0.1, [1.0, 0.6], rate, None, 0.0008) + burst(
                rng, rate, t, 1200, 9000, 0.16
            )
            level = (0.25 + 0.6 * number / count if grow else 0.6) * rng.uniform(0.85, 1.1)
            place(
                out,
                (1.2 if number == count else level) * fade_tail(stroke, rate, 0.03),
                int(number / speed * rate),
            )
        return out

    return Source(strike, ("growing",) if grow else ())


KINDS: dict[str, Kind] = {
    "bell": Kind(bell, 4, (0.7, 2.0), 0.7),
    "chime": Kind(chime, 6, (0.3, 1.2), 0.2, 0.42, 0.9),
    "drum": Kind(drum, 6, (0.3, 1.0), 0.5, 0.42, 0.8),
    "gong": Kind(gong, 2, (1.8, 2.6), 0.5),
    "cymbal": Kind(cymbal, 4, (0.6, 1.6), 0.5, 0.75, 1.3),
    "snare roll": Kind(snare_roll, 1, (3.0, 4.0), 0.0, impulsive=False),
}
