"""Rooms and what stands in them. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    drift,
    place,
    poisson_starts,
    scatter,
    shaped,
    unit,
    white,
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
from engine.training.corpus.rooms import reverberate
from engine.training.corpus.taps import ping, tap, together
from engine.training.corpus.texture import (
    Render,
    Texture,
    babble,
    breathing,
    drops,
    night_air,
    pick,
    repeated,
    strewn,
)


def fire(rng: Rng, rate: int, n: int) -> Texture:
    """A wood fire: soft flutter, hiss, and crackles of very different loudness."""
    kind = pick(rng, "gentle", "crackling", "roaring")
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


def roomtone(rng: Rng, rate: int, n: int) -> Texture:
    """A quiet room: faint dark noise, perhaps air conditioning or a mains hum."""
    kind = pick(rng, "quiet", "airy")
    corner = rng.uniform(250, 500) if kind == "quiet" else rng.uniform(900, 2200)
    out = shaped(
        rng, n, rate, lambda f: (f / 100.0) ** -0.9 / (1.0 + (f / corner) ** 2) / (1.0 + (30.0 / f) ** 2)
    )
    if rng.random() < 0.5:
        base = rng.choice([50.0, 60.0, 100.0, 120.0])
        out = out + rng.uniform(0.05, 0.3) * unit(harmonics(np.full(n, base), rate, [1.0, 0.5, 0.3, 0.1]))
    return Texture(out, (kind,), (-35.0 if kind == "quiet" else -31.0) + rng.uniform(-1.0, 1.0))


def office(rng: Rng, rate: int, n: int) -> Texture:
    """An office: typing at several desks, a far phone, low voices, ventilation."""
    kind = pick(rng, "busy", "quiet")

    def key() -> Wave:
        return rng.uniform(0.3, 1.0) * (
            together(tap(rng, rate, 1500, 7000, 0.012), 0.5 * ping(rng, rate, rng.uniform(400, 1200), 0.02))
        )

    typing = np.zeros(n)
    for _ in range(3 if kind == "busy" else 1):
        busy = np.clip(3.0 * drift(rng, n, rate, 0.6) + 2.0, 0.0, 1.0)
        typing += rng.uniform(0.4, 1.0) * strewn(rng, rate, n, rng.uniform(5, 8), key) * busy
    out = typing + (0.12 if kind == "busy" else 0.03) * unit(babble(rng, rate, n, 6))
    traits = [kind]
    if rng.random() < 0.35:
        t = times(0.9, rate)
        pair = chirp(np.full(len(t), rng.uniform(900, 1300)), rate) * (
            0.6 + 0.4 * np.sign(np.sin(2 * np.pi * 18 * t))
        )
        ringing = np.zeros(n)
        for start in (0.1, 0.5):
            place(ringing, pair * swell(t, 0.05, 0.9, 0.3), int((start + rng.uniform(0.0, 0.1)) * n))
        out = out + 0.15 * lowpass(ringing, rate, 2500, 2)
        traits.append("phone")
    out = reverberate(out, rng, rate, rng.uniform(0.35, 0.6), 0.35)
    out = unit(out) + 0.2 * band(rng, n, rate, 80, 1200, slope_db_oct=-3.0)
    return Texture(out, tuple(traits), (-29.5 if kind == "busy" else -33.5) + rng.uniform(-1.2, 1.2))


def kitchen(rng: Rng, rate: int, n: int) -> Texture:
    """A kitchen: something sizzles in a pan or boils in a pot, with plates, pots and a chopping knife."""
    kind = pick(rng, "sizzling", "boiling", "chopping")
    out = 0.1 * band(rng, n, rate, 80, 1500, slope_db_oct=-3.0)
    if kind == "sizzling":
        fizz = (
            band(rng, n, rate, 2500, 10500)
            * (1.0 + 0.2 * drift(rng, n, rate, 20.0))
            * breathing(rng, n, rate, 2.0, 0.6)
        )
        out = out + 0.9 * fizz + 0.5 * unit(drops(rng, n, rate, 400, 2500, 8000, 0.008))
    elif kind == "boiling":
        out = (
            out
            + unit(drops(rng, n, rate, 90, 180, 700, 0.06))
            + 0.25 * band(rng, n, rate, 150, 2500, slope_db_oct=-2.0)
        )
    else:
        base = rng.uniform(260, 480)
        chop = repeated(
            rng,
            rate,
            n,
            rng.uniform(0.2, 0.38),
            lambda: together(ping(rng, rate, base, 0.06), 0.8 * tap(rng, rate, 800, 4500, 0.02)),
            0.1,
        )
        out = out + 1.2 * chop

    def dish() -> Wave:
        return rng.uniform(0.3, 1.0) * ping(
            rng, rate, rng.uniform(1100, 3200), rng.uniform(0.1, 0.4), (1.0, 1.47, 2.09, 2.8)
        )

    out = out + 0.6 * strewn(rng, rate, n, 0.9, dish)
    return Texture(reverberate(out, rng, rate, 0.45, 0.3), (kind,), rng.uniform(-31.0, -26.0))


def clock_room(rng: Rng, rate: int, n: int) -> Texture:
    """A quiet room in which a large clock ticks, its tick and tock a little apart."""
    gap = float(rng.choice([0.5, 1.0, 0.75])) * rng.uniform(0.97, 1.03)
    base = rng.uniform(700, 1800)
    side = [0]

    def tick() -> Wave:
        side[0] ^= 1
        pitch = base * (1.0 if side[0] else 0.87)
        return together(
            ping(rng, rate, pitch, 0.06, (0.4, 1.0, 1.83)), 0.6 * tap(rng, rate, 1500, 5000, 0.01)
        )

    ticks = reverberate(repeated(rng, rate, n, gap, tick, 0.004), rng, rate, rng.uniform(0.5, 0.9), 0.35)
    room = band(rng, n, rate, 40, 600, slope_db_oct=-4.0)
    return Texture(
        unit(ticks) + 0.25 * room,
        ("slow" if gap > 0.85 else "fast" if gap < 0.6 else "steady",),
        rng.uniform(-36.0, -31.0),
    )


def campfire(rng: Rng, rate: int, n: int) -> Texture:
    """A campfire at night: soft crackling close by, crickets or an owl all around."""
    flames = unit(np.tanh(0.25 * unit(fire(rng, rate, n).audio)))
    t = np.arange(n) / rate
    chirps = np.zeros(n)
    for _ in range(int(rng.integers(2, 4))):
        pulse = np.clip(np.sin(2 * np.pi * rng.uniform(20, 32) * t), 0.0, 1.0)
        group = np.clip(6.0 * np.sin(2 * np.pi * rng.uniform(1.2, 2.6) * t + rng.uniform(0, 6)), 0.0, 1.0)
        chirps += rng.uniform(0.3, 1.0) * pulse * group * np.sin(2 * np.pi * rng.uniform(3600, 5200) * t)
    out = flames + rng.uniform(0.3, 0.6) * unit(chirps) + 0.08 * night_air(rng, rate, n)
    return Texture(out, ("night",), rng.uniform(-31.0, -26.5))


def hospital(rng: Rng, rate: int, n: int) -> Texture:
    """A hospital room: a heart monitor's steady beeps, a ventilator's breath, quiet air."""
    beat_s = 60.0 / rng.uniform(55, 125)
    pitch = rng.uniform(700, 1250)

    def blip() -> Wave:
        t = times(0.11, rate)
        return harmonics(np.full(len(t), pitch), rate, [1.0, 0.0, 0.15]) * swell(t, 0.02, 0.11, 0.4)

    out = repeated(rng, rate, n, beat_s, blip, 0.01)
    traits = ["fast" if beat_s < 0.6 else "slow" if beat_s > 0.9 else "steady"]
    if rng.random() < 0.5:
        t = np.arange(n) / rate
        breath = np.clip(np.sin(2 * np.pi * rng.uniform(0.22, 0.35) * t + rng.uniform(0, 6)), 0.0, 1.0) ** 0.7
        out = out + 0.2 * band(rng, n, rate, 400, 3500, slope_db_oct=-2.0) * breath
        traits.append("ventilator")
    out = reverberate(out, rng, rate, 0.5, 0.2)
    return Texture(
        unit(out) + 0.12 * band(rng, n, rate, 60, 1000, slope_db_oct=-3.0),
        tuple(traits),
        rng.uniform(-32.0, -27.0),
    )


CLASSES: dict[str, Render] = {
    "fire": fire,
    "roomtone": roomtone,
    "office": office,
    "kitchen": kitchen,
    "clock room": clock_room,
    "campfire": campfire,
    "hospital": hospital,
}
