"""Water: shores, streams, drips and the deep. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    drift,
    narrow,
    place,
    poisson_starts,
    scatter,
    unit,
)
from engine.training.corpus.resonator import (
    bandpass,
    chirp,
    decay,
    harmonics,
    lowpass,
    swell,
    times,
)
from engine.training.corpus.rooms import far, reverberate
from engine.training.corpus.taps import ping
from engine.training.corpus.texture import Render, Texture, breathing, drops, pick, strewn


def waves(rng: Rng, rate: int, n: int) -> Texture:
    """Ocean waves breaking on a shore: every swell rises, breaks bright and drains away."""
    kind = pick(rng, "gentle", "moderate", "rough")
    pace = pick(rng, "slow", "fast")
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
    kind = pick(rng, "trickling", "babbling", "rushing")
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
    bubbles = bubbles * breathing(rng, n, rate, 1.0, 2.0)
    bed = band(rng, n, rate, rng.uniform(200, 500), rng.uniform(2500, 6000), slope_db_oct=-2.5)
    out = bubbles + bed_gain * bed
    if kind == "rushing":
        out = out + 0.8 * band(rng, n, rate, 70, 500, slope_db_oct=-2.0)
    level = {"trickling": -34.0, "babbling": -30.0, "rushing": -23.5}[kind] + rng.uniform(-1.2, 1.2)
    return Texture(out, (kind,), level)


def cave(rng: Rng, rate: int, n: int) -> Texture:
    """A cave: single drips with a long echo over almost nothing."""
    pace = pick(rng, "slow", "fast")
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


def waterfall(rng: Rng, rate: int, n: int) -> Texture:
    """A waterfall: an unbroken roar, deep for a large one, bright for a small one."""
    kind = pick(rng, "small", "large")
    deep = 0.35 if kind == "small" else 1.0
    low = band(rng, n, rate, 40, rng.uniform(250, 450), slope_db_oct=-1.5)
    mid = band(rng, n, rate, 300, rng.uniform(2500, 4500), slope_db_oct=-1.5)
    spray = band(rng, n, rate, 2500, 10500, slope_db_oct=-1.0) * breathing(rng, n, rate, 0.7, 3.0)
    patter = unit(drops(rng, n, rate, 450, 900, 5000, 0.012))
    out = (
        deep * low
        + mid
        + (0.55 if kind == "small" else 0.3) * spray
        + (0.5 if kind == "small" else 0.2) * patter
    )
    traits, level = [kind], (-28.0 if kind == "small" else -22.0) + rng.uniform(-1.2, 1.2)
    if rng.random() < 0.2:
        out = lowpass(out, rate, rng.uniform(700, 1400), 1)
        traits.append("distant")
        level -= 4.0
    return Texture(out, tuple(traits), level)


def rapids(rng: Rng, rate: int, n: int) -> Texture:
    """River rapids: churning white water whose surges and gulps never stop."""
    churn = np.clip(1.0 + 0.35 * drift(rng, n, rate, 3.0) + 0.2 * drift(rng, n, rate, 0.7), 0.3, 2.2)
    low = band(rng, n, rate, 60, rng.uniform(350, 600), slope_db_oct=-2.0) * churn
    foam = band(rng, n, rate, 700, rng.uniform(4000, 8000), slope_db_oct=-2.0) * np.sqrt(churn[::-1])
    grains = []
    for _ in range(16):
        freq = np.exp(rng.uniform(np.log(160), np.log(900)))
        t = times(rng.uniform(0.05, 0.12), rate)
        grains.append(chirp(freq * (1.0 + rng.uniform(1.0, 5.0) * t), rate) * swell(t, 0.2 * t[-1], t[-1]))
    starts = poisson_starts(rng, n, rate, rng.uniform(90, 180), 0.1)
    gains = rng.lognormal(-0.4, 0.7, len(starts))
    gulps = unit(scatter(n, starts, grains, rng.integers(0, 16, len(starts)), gains))
    out = low + 0.8 * foam + rng.uniform(0.5, 0.8) * gulps * churn
    return Texture(out, ("strong",), rng.uniform(-25.5, -21.5))


def harbour(rng: Rng, rate: int, n: int) -> Texture:
    """A harbour: water laps at hulls, ropes creak, halyards ping on masts, at times a far ship's horn."""

    def lap() -> Wave:
        t = times(rng.uniform(0.3, 0.8), rate)
        slosh = band(rng, len(t), rate, 200, rng.uniform(900, 2000), slope_db_oct=-2.0)
        bubble = chirp(rng.uniform(180, 420) * (1.0 + rng.uniform(0.2, 1.0) * t), rate) * 0.7
        return rng.uniform(0.3, 1.0) * (slosh + bubble) * swell(t, 0.3 * t[-1], t[-1], 1.3)

    def creak() -> Wave:
        t = times(rng.uniform(0.5, 1.1), rate)
        pulses = harmonics(rng.uniform(35, 70) * (1.0 + 0.4 * np.sin(np.pi * t / t[-1])), rate, np.ones(30))
        return 0.5 * unit(bandpass(pulses, rate, 350, 1400)) * swell(t, 0.5 * t[-1], t[-1], 1.5)

    out = strewn(rng, rate, n, rng.uniform(1.5, 3.0), lap, 0.5)
    out += 0.5 * strewn(rng, rate, n, 0.35, creak)
    mast = rng.uniform(1500, 2600)
    out += 0.3 * strewn(
        rng, rate, n, rng.uniform(0.6, 1.5), lambda: ping(rng, rate, mast * rng.uniform(0.9, 1.1), 0.3)
    )
    traits = ["calm"]
    if rng.random() < 0.35:
        t = times(rng.uniform(1.4, 2.4), rate)
        tone = unit(harmonics(np.full(len(t), rng.uniform(90, 150)), rate, 1 / np.arange(1, 14) ** 0.8))
        horn = np.zeros(n)
        place(horn, tone * swell(t, 0.2, t[-1], 0.6), int(rng.uniform(0.05, 0.5) * n))
        out = out + 0.9 * far(horn, rng, rate, 0.7)
        traits.append("ship horn")
    bed = band(rng, n, rate, 80, 900, slope_db_oct=-3.0) * breathing(rng, n, rate, 2.0, 0.5)
    return Texture(unit(out) + 0.2 * bed, tuple(traits), rng.uniform(-31.0, -27.0))


def shower(rng: Rng, rate: int, n: int) -> Texture:
    """A running shower: bright steady spray, splatter on tiles, a small hard room."""
    spray = band(rng, n, rate, rng.uniform(1200, 2000), 10500, slope_db_oct=-0.5) * breathing(
        rng, n, rate, 0.5, 4.0
    )
    splatter = unit(drops(rng, n, rate, 500, 700, 3500, 0.010))
    drain = unit(drops(rng, n, rate, 30, 250, 700, 0.05))
    out = spray + 0.6 * splatter + 0.2 * drain
    out = reverberate(out, rng, rate, rng.uniform(0.35, 0.6), 0.5, damping_hz=6000)
    return Texture(out, ("steady",), rng.uniform(-27.0, -23.0))


CLASSES: dict[str, Render] = {
    "waves": waves,
    "stream": stream,
    "cave": cave,
    "underwater": underwater,
    "waterfall": waterfall,
    "rapids": rapids,
    "harbour": harbour,
    "shower": shower,
}
