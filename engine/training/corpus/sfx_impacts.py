"""Impacts: things that strike, fall or break. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    drift,
    narrow,
    place,
    white,
)
from engine.training.corpus.resonator import (
    bandpass,
    chirp,
    decay,
    fade_tail,
    harmonics,
    highpass,
    modes,
    swell,
    times,
)
from engine.training.corpus.strike import Kind, Source, burst, drawn_pitch, drawn_size
from engine.training.corpus.taps import ping, tap


def knock(rng: Rng, rate: int) -> Source:
    """Knuckles on a wooden or metal door."""
    metal = rng.random() < 0.3
    size = rng.uniform(0.8, 1.3)
    base = rng.uniform(160, 300) / size
    freqs = base * (np.array([1.0, 2.76, 4.1, 5.4, 8.9]) if metal else np.array([1.0, 1.75, 2.6, 3.9, 5.2]))
    ring = np.array([0.5, 0.45, 0.35, 0.3, 0.22]) if metal else np.array([0.11, 0.09, 0.07, 0.05, 0.03])
    ring = ring * rng.uniform(0.8, 1.2)

    def strike() -> Wave:
        t = times(0.75 if metal else 0.24, rate)
        gains = np.array([1.0, 0.8, 0.6, 0.45, 0.3]) * rng.uniform(0.7, 1.3, 5)
        tap = bandpass(white(rng, len(t)), rate, 400, 3500) * decay(t, 0.018, 0.0003)
        return rng.uniform(0.8, 1.0) * (modes(t, freqs, ring, gains, rate) + 0.9 * tap)

    return Source(strike, ("metal",) if metal else ("wood",))


def slam(rng: Rng, rate: int) -> Source:
    """A door slammed shut: a heavy low thud, rattle and latch."""
    size, trait = drawn_size(rng, 0.7, 1.5)

    def strike() -> Wave:
        t = times(1.2, rate)
        thud = modes(
            t,
            np.array([62, 98, 141, 213, 330]) / size * rng.uniform(0.95, 1.05),
            [0.5, 0.4, 0.3, 0.22, 0.15],
            [1, 0.9, 0.7, 0.5, 0.4],
            rate,
            None,
            0.002,
        )
        burst = band(rng, len(t), rate, 60, 1800, slope_db_oct=-3.0) * decay(t, 0.35 * size, 0.0008)
        out = thud + 1.1 * burst + 0.35 * highpass(white(rng, len(t)), rate, 1500) * decay(t, 0.05)
        latch = bandpass(white(rng, len(t)), rate, 1500, 5000) * decay(t, 0.03)
        place(out, 0.25 * latch, int(rng.uniform(0.04, 0.09) * rate))
        return out

    return Source(strike, trait)


def glass(rng: Rng, rate: int) -> Source:
    """Glass breaking: a burst, then many high ringing shards raining down."""
    size, trait = drawn_size(rng, 0.6, 1.6)

    def strike() -> Wave:
        t = times(1.6, rate)
        out = highpass(white(rng, len(t)), rate, 1800) * decay(t, 0.16, 0.0004)
        out += 0.5 * bandpass(white(rng, len(t)), rate, 500, 1500) * decay(t, 0.06, 0.0004)
        count = int(30 * size)
        for number in range(count):
            at = 0.0 if number < 6 else rng.gamma(1.3, 0.16 * size)
            freq = np.exp(rng.uniform(np.log(2200), np.log(9500))) / size**0.4
            ring = rng.uniform(0.04, 0.25)
            shard = times(1.2 * ring, rate)
            tone = modes(shard, [freq, 1.62 * freq], [ring, 0.6 * ring], [1.0, 0.5], rate, rng, 0.0003)
            place(out, rng.uniform(0.05, 0.4) * np.exp(-0.9 * at) * tone, int(at * rate))
        return out

    return Source(strike, trait)


def hammer(rng: Rng, rate: int) -> Source:
    """A hammer on a nail or an anvil."""
    anvil = rng.random() < 0.5
    base = rng.uniform(900, 1700) if anvil else rng.uniform(350, 600)

    def strike() -> Wave:
        t = times(1.1 if anvil else 0.25, rate)
        ring = np.array([1.0, 0.75, 0.5, 0.3, 0.2]) if anvil else np.array([0.09, 0.07, 0.05, 0.04, 0.03])
        tone = modes(
            t,
            base * np.array([1.0, 1.59, 2.43, 3.81, 5.2]),
            ring,
            [1.0, 0.8, 0.7, 0.5, 0.3],
            rate,
            rng,
            0.0003,
        )
        knock_ = bandpass(white(rng, len(t)), rate, 500, 5000) * decay(t, 0.03, 0.0003)
        thud = modes(t, [120.0], [0.08], [0.8], rate)
        return rng.uniform(0.8, 1.0) * (tone + 1.1 * knock_ + thud)

    return Source(strike, ("metal",) if anvil else ("wood",))


def coin(rng: Rng, rate: int) -> Source:
    """A coin dropped on a hard surface: one bright ring, then ever faster small bounces."""
    base = rng.uniform(3800, 6200)

    def strike() -> Wave:
        t = times(0.9, rate)
        out = np.zeros(len(t))
        at, gap, level = 0.0, rng.uniform(0.07, 0.11), 1.0
        while gap > 0.006 and at < 0.7:
            tone = modes(
                times(0.3, rate),
                base * np.array([1.0, 1.34, 1.71]),
                [0.22, 0.16, 0.1],
                [1.0, 0.7, 0.5],
                rate,
                rng,
                0.0003,
            )
            place(out, level * tone, int(at * rate))
            at += gap
            gap *= 0.72
            level *= 0.55
        return out

    return Source(strike)


def sword_clash(rng: Rng, rate: int) -> Source:
    """Two blades meet: a hard bright stroke that rings, with a short scrape after it."""
    base = rng.uniform(1100, 2100)
    ratios = np.array([1.0, 1.37, 1.93, 2.41, 3.05, 3.9, 4.7]) * rng.uniform(0.97, 1.03, 7)

    def strike() -> Wave:
        t = times(1.3, rate)
        ring = rng.uniform(0.5, 1.1) * ratios**-0.5
        out = modes(t, base * ratios, ring, rng.uniform(0.3, 1.0, 7), rate, rng, 0.0003)
        scrape = band(rng, len(t), rate, 3000, 10000) * swell(t, 0.06, rng.uniform(0.15, 0.3))
        return out + 1.2 * burst(rng, rate, t, 1500, 9000, 0.05) + 0.12 * scrape

    return Source(strike)


def sword_unsheath(rng: Rng, rate: int) -> Source:
    """A blade drawn from its sheath: a metal scrape that rises and rings out."""
    base = rng.uniform(2200, 3800)
    length = rng.uniform(0.35, 0.7)

    def strike() -> Wave:
        t = times(length + 0.9, rate)
        u = np.minimum(t / length, 1.0)
        glide = narrow(rng, len(t), rate, base * (0.8 + 0.6 * u), 250.0) + 0.4 * band(
            rng, len(t), rate, 3500, 10500
        )
        ring = modes(t, base * np.array([1.4, 1.93, 2.6]), [0.8, 0.6, 0.4], [1.0, 0.6, 0.4], rate, rng, 0.2)
        return np.asarray(glide * swell(t, 0.7 * length, 1.1 * length, 0.8) + 0.35 * ring * u**2)

    return Source(strike)


def clang(rng: Rng, rate: int) -> Source:
    """Something hard hits a metal plate, pipe or pot."""
    size, trait = drawn_size(rng, 0.5, 2.0)
    base = 480.0 / size
    ratios = np.array([1.0, 1.59, 2.14, 2.83, 3.71, 4.6, 6.1]) * rng.uniform(0.96, 1.04, 7)

    def strike() -> Wave:
        t = times(1.0 + 0.9 * size, rate)
        ring = (0.6 + 0.6 * size) * ratios**-0.4
        out = modes(t, base * ratios, ring, rng.uniform(0.4, 1.0, 7), rate, rng, 0.0004)
        return out + 1.3 * burst(rng, rate, t, 600, 6000, 0.03)

    return Source(strike, trait)


def punch(rng: Rng, rate: int) -> Source:
    """A fist hits: a dull thump and a slap, no ring."""
    weight = rng.uniform(0.7, 1.4)

    def strike() -> Wave:
        t = times(0.4, rate)
        thump = chirp((55 + 110 * np.exp(-t / 0.018)) / weight, rate) * decay(t, 0.16 * weight, 0.0012)
        return thump + 0.8 * burst(rng, rate, t, 250, 2600, 0.05) + 0.3 * burst(rng, rate, t, 80, 500, 0.12)

    return Source(strike)


def body_fall(rng: Rng, rate: int) -> Source:
    """A body falls to the floor: a heavy thud, limbs after it, cloth."""

    def strike() -> Wave:
        t = times(1.1, rate)
        out = np.zeros(len(t))
        for start, level in ((0.0, 1.0), (rng.uniform(0.07, 0.12), 0.6), (rng.uniform(0.17, 0.3), 0.35)):
            thud = chirp(rng.uniform(42, 60) + 50 * np.exp(-t / 0.03), rate) * decay(t, 0.22, 0.0015)
            place(out, level * (thud + 0.6 * burst(rng, rate, t, 100, 1300, 0.09)), int(start * rate))
        cloth = band(rng, len(t), rate, 700, 4000, slope_db_oct=-2.0) * swell(t, 0.1, 0.6, 1.5)
        return out + 0.06 * cloth

    return Source(strike)


def wood_crack(rng: Rng, rate: int) -> Source:
    """Wood cracks or splinters: one loud snap and a few more within a moment."""
    size, trait = drawn_size(rng, 0.6, 1.7)
    base = 900.0 / size

    def strike() -> Wave:
        t = times(0.7, rate)
        out = np.zeros(len(t))
        starts = [0.0, *np.cumsum(rng.exponential(0.03 * size, int(rng.integers(3, 9))))]
        for number, start in enumerate(starts):
            level = 1.0 if number == 0 else rng.uniform(0.15, 0.6)
            body = modes(
                t,
                base * rng.uniform(0.8, 1.4) * np.array([1.0, 1.8, 2.9]),
                0.06,
                [1.0, 0.7, 0.5],
                rate,
                rng,
                0.0003,
            )
            place(out, level * (body + 1.2 * burst(rng, rate, t, 700, 7000, 0.02)), int(start * rate))
        return out

    return Source(strike, trait)


def branch_snap(rng: Rng, rate: int) -> Source:
    """A twig or branch snaps: one dry bright crack with leaves stirred."""
    size, trait = drawn_size(rng, 0.6, 1.6)

    def strike() -> Wave:
        t = times(0.45, rate)
        snap = burst(rng, rate, t, 900 / size, 8000, 0.025) + 0.6 * modes(
            t, np.array([1300, 2900, 4700]) / size, 0.035, [1, 0.7, 0.5], rate, rng, 0.0002
        )
        leaves = (
            band(rng, len(t), rate, 3000, 9000)
            * swell(t, 0.08, 0.4)
            * np.clip(drift(rng, len(t), rate, 50.0), 0, 2)
        )
        return np.asarray(snap + 0.03 * leaves)

    return Source(strike, trait)


def stone(rng: Rng, rate: int) -> Source:
    """A stone hits a stone or the ground and may bounce on."""
    size, trait = drawn_size(rng, 0.6, 1.8)
    base = 1500.0 / size

    def strike() -> Wave:
        out = np.zeros(int(1.0 * rate))
        at, gap, level = 0.0, rng.uniform(0.1, 0.22), 1.0
        while at < 0.6 and level > 0.05:
            t = times(0.14, rate)
            body = modes(
                t,
                base * rng.uniform(0.95, 1.05) * np.array([1.0, 1.73, 2.6]),
                0.035,
                [1.0, 0.7, 0.5],
                rate,
                rng,
                0.0003,
            )
            hit = (
                body
                + 0.9 * burst(rng, rate, t, 800 / size, 5500, 0.02)
                + 0.4 * modes(t, [160.0 / size], 0.06, [1.0], rate)
            )
            place(out, level * fade_tail(hit, rate, 0.02), int(at * rate))
            at, gap, level = at + gap, 0.7 * gap, 0.4 * level
        return out

    return Source(strike, trait)


def chain(rng: Rng, rate: int) -> Source:
    """A chain is shaken: many links ring against each other."""
    base = rng.uniform(1300, 3000)

    def strike() -> Wave:
        length = rng.uniform(0.35, 0.8)
        out = np.zeros(int((length + 0.3) * rate))
        starts = np.sort(rng.beta(1.0, 1.6, int(45 * length)) * length)
        starts[0] = 0.0
        for number, start in enumerate(starts):
            level = 1.0 if number == 0 else rng.uniform(0.15, 0.8) * (1.0 - 0.6 * start / length)
            link = ping(rng, rate, base * rng.uniform(0.7, 1.5), rng.uniform(0.05, 0.15), (1.0, 1.83, 2.71))
            place(
                out,
                level * (link + 0.4 * np.pad(tap(rng, rate, 2000, 9000, 0.01), (0, len(link)))[: len(link)]),
                int(start * rate),
            )
        return out

    return Source(strike)


def ratchet(rng: Rng, rate: int) -> Source:
    """A gear's pawl clicks over its teeth in one quick run."""
    speed = rng.uniform(14, 32)
    base = rng.uniform(1100, 2600)
    teeth = int(rng.integers(5, 16))

    def strike() -> Wave:
        out = np.zeros(int((teeth / speed + 0.15) * rate))
        for number in range(teeth):
            click = ping(rng, rate, base * rng.uniform(0.96, 1.04), 0.03, (0.45, 1.0, 2.2))
            place(out, rng.uniform(0.7, 1.0) * click, int(number / speed * rate))
            place(out, 0.6 * tap(rng, rate, 1500, 8000, 0.008), int(number / speed * rate))
        return out

    return Source(strike)


def spring(rng: Rng, rate: int) -> Source:
    """A spring's boing: a twang whose pitch wobbles as it dies."""
    pitch, trait = drawn_pitch(rng, 110, 380)
    wobble = rng.uniform(9, 20)

    def strike() -> Wave:
        t = times(1.3, rate)
        freq = pitch * (
            1.0 + 0.35 * np.exp(-t / 0.5) * np.sin(2 * np.pi * wobble * t) + 0.3 * np.exp(-t / 0.1)
        )
        tone = harmonics(freq, rate, [1.0, 0.6, 0.5, 0.3, 0.25, 0.15, 0.1])
        return tone * decay(t, 1.1, 0.001) + 0.3 * burst(rng, rate, t, 1000, 5000, 0.02)

    return Source(strike, trait)


def arrow(rng: Rng, rate: int) -> Source:
    """An arrow is shot: the bowstring's twang and the hiss of flight."""

    def strike() -> Wave:
        t = times(0.8, rate)
        string = harmonics(
            rng.uniform(90, 150) * (1.0 + 0.2 * np.exp(-t / 0.02)), rate, 1.0 / np.arange(1, 12)
        ) * decay(t, 0.25, 0.0008)
        hiss = band(rng, len(t), rate, 1800, 8000, slope_db_oct=-2.0) * swell(t, 0.12, 0.7, 1.5)
        return string + 0.5 * burst(rng, rate, t, 600, 5000, 0.03) + 0.25 * hiss

    return Source(strike)


KINDS: dict[str, Kind] = {
    "knock": Kind(knock, 6, (0.16, 0.6), 0.6, 0.24, 0.42),
    "slam": Kind(slam, 2, (1.2, 2.4), 0.2),
    "glass": Kind(glass, 2, (1.3, 2.4), 0.2),
    "hammer": Kind(hammer, 6, (0.35, 0.95), 0.8, 0.48, 0.75),
    "coin": Kind(coin, 3, (1.0, 1.8), 0.0),
    "sword clash": Kind(sword_clash, 5, (0.3, 1.1), 0.2, 0.42, 0.85),
    "sword unsheath": Kind(sword_unsheath, 2, (1.5, 2.2), 0.0, impulsive=False),
    "metal clang": Kind(clang, 4, (0.4, 1.4), 0.3, 0.55, 1.1),
    "punch": Kind(punch, 5, (0.25, 0.9), 0.2, 0.38, 0.7),
    "body fall": Kind(body_fall, 2, (1.5, 2.3), 0.0),
    "wood crack": Kind(wood_crack, 3, (0.8, 1.6), 0.0),
    "branch snap": Kind(branch_snap, 4, (0.4, 1.2), 0.0, 0.6, 1.0),
    "stone": Kind(stone, 3, (0.9, 1.6), 0.0),
    "chain": Kind(chain, 3, (1.1, 1.7), 0.3),
    "ratchet": Kind(ratchet, 3, (1.2, 1.8), 0.5),
    "spring": Kind(spring, 3, (0.9, 1.6), 0.3),
    "arrow": Kind(arrow, 4, (0.6, 1.2), 0.2),
}
