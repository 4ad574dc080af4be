"""Roads, rails and the air: traffic from beside it or from within. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    drift,
    narrow,
    place,
    rms,
    unit,
)
from engine.training.corpus.resonator import (
    chirp,
    decay,
    harmonics,
    lowpass,
    modes,
    swell,
    times,
)
from engine.training.corpus.rooms import far, reverberate
from engine.training.corpus.taps import ping, tap, together
from engine.training.corpus.texture import Render, Texture, breathing, pick, repeated, turning


def traffic(rng: Rng, rate: int, n: int) -> Texture:
    """City traffic: a bed of tyre and engine noise with single vehicles passing by."""
    kind = pick(rng, "light", "moderate", "heavy")
    bed = band(rng, n, rate, 50, rng.uniform(500, 1000), slope_db_oct=-3.0) * breathing(
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


def train(rng: Rng, rate: int, n: int) -> Texture:
    """Inside a moving train: rumble and the double clack of wheels over rail joints."""
    pace = pick(rng, "slow", "fast")
    gap = rng.uniform(1.1, 1.6) if pace == "slow" else rng.uniform(0.5, 0.75)
    rumble = band(rng, n, rate, 35, rng.uniform(200, 400), slope_db_oct=-3.0) * breathing(
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


def _pass_by(rng: Rng, rate: int, n: int, at_s: float, width_s: float, bright_hz: float) -> Wave:
    """One vehicle going by: tyre noise and engine that rise, drop in pitch and fade."""
    t = np.arange(n) / rate
    near = 1.0 / (1.0 + ((t - at_s) / width_s) ** 2)
    tyres = band(rng, n, rate, 200, bright_hz, slope_db_oct=-2.5)
    shift = 1.0 - 0.09 * np.tanh((t - at_s) / (0.5 * width_s))
    engine = harmonics(rng.uniform(55, 110) * shift, rate, 1.0 / np.arange(1, 14) ** 1.1)
    return np.asarray(near**1.5 * (tyres + 0.35 * unit(engine)))


def highway(rng: Rng, rate: int, n: int) -> Texture:
    """A motorway: fast cars and trucks one after another over an unbroken rush of tyres."""
    bed = band(rng, n, rate, 120, rng.uniform(1200, 2200), slope_db_oct=-2.5) * breathing(
        rng, n, rate, 1.0, 0.5
    )
    out = 0.5 * bed
    for _ in range(int(rng.integers(4, 8))):
        car = _pass_by(
            rng, rate, n, rng.uniform(0, n / rate), rng.uniform(0.22, 0.5), rng.uniform(2000, 4500)
        )
        out = out + rng.uniform(0.7, 1.5) * car
    traits, level = ["busy"], rng.uniform(-25.0, -21.0)
    if rng.random() < 0.25:
        out = lowpass(out, rate, rng.uniform(450, 800), 1)
        traits, level = ["distant"], level - 7.0
    return Texture(out, tuple(traits), level)


def subway(rng: Rng, rate: int, n: int) -> Texture:
    """Underground: inside a rattling metro car, or a train roaring through a platform's tunnel."""
    inside = rng.random() < 0.5
    rumble = band(rng, n, rate, 40, rng.uniform(300, 600), slope_db_oct=-2.0)
    rush = band(rng, n, rate, 500, 4500, slope_db_oct=-3.0) * breathing(rng, n, rate, 1.5, 4.0)
    squeal_hz = rng.uniform(1800, 3400) * (1.0 + 0.02 * drift(rng, n, rate, 1.5))
    squeal = narrow(rng, n, rate, squeal_hz, 20.0) * np.clip(drift(rng, n, rate, 0.7), 0.0, 2.0) ** 2
    motor = turning(rng, rate, n, rng.uniform(180, 320), slope=1.3, count=8, wander=0.03)
    clacks = repeated(rng, rate, n, rng.uniform(0.45, 0.8), lambda: tap(rng, rate, 250, 1800, 0.08), 0.06)
    out = rumble + 0.5 * rush + rng.uniform(0.1, 0.3) * squeal + 0.2 * motor + 1.2 * clacks
    if inside:
        out = lowpass(out, rate, rng.uniform(1800, 3000), 1)
    else:
        t = np.arange(n) / rate
        out = out * (
            0.15 + np.exp(-(((t - rng.uniform(0.35, 0.65) * n / rate) / rng.uniform(1.0, 1.6)) ** 2))
        )
        out = reverberate(out, rng, rate, rng.uniform(1.8, 2.8), 0.8, damping_hz=3000)
    return Texture(out, ("inside" if inside else "platform",), rng.uniform(-26.0, -21.5))


def car(rng: Rng, rate: int, n: int) -> Texture:
    """Inside a moving car: dull road noise and engine, at times wipers or an indicator."""
    road = band(rng, n, rate, 35, rng.uniform(160, 260), slope_db_oct=-2.0) * breathing(
        rng, n, rate, 1.0, 1.0
    )
    wind = band(rng, n, rate, 250, rng.uniform(1200, 2200), slope_db_oct=-4.0)
    engine = turning(rng, rate, n, rng.uniform(38, 70), slope=1.2, count=16, wander=0.02)
    out = road + 0.3 * wind + rng.uniform(0.3, 0.6) * engine
    extra = pick(rng, "plain", "plain", "indicator", "wipers")
    if extra == "indicator":
        side = [1.0]

        def click() -> Wave:
            side[0] = 1.8 - side[0]
            return together(
                0.9 * ping(rng, rate, 1500.0 * side[0], 0.02), 0.5 * tap(rng, rate, 1500, 6000, 0.008)
            )

        out = out + 1.4 * repeated(rng, rate, n, rng.uniform(0.34, 0.4), click)
    elif extra == "wipers":

        def wipe() -> Wave:
            t = times(0.55, rate)
            rub = band(rng, len(t), rate, 500, 2500) + 0.5 * narrow(rng, len(t), rate, 700 + 300 * t, 40.0)
            return np.asarray(rub * swell(t, 0.25, 0.55))

        out = out + 0.6 * repeated(rng, rate, n, rng.uniform(0.8, 1.1), wipe)
    return Texture(out, () if extra == "plain" else (extra,), rng.uniform(-28.0, -23.5))


def helicopter(rng: Rng, rate: int, n: int) -> Texture:
    """A helicopter: heavy blade slap over turbine whine and rushing air."""
    blade_hz = rng.uniform(9, 17)
    t = np.arange(n) / rate
    phase = np.mod(t * blade_hz * (1.0 + 0.004 * np.sin(0.9 * t)), 1.0)
    chop = np.exp(-phase / 0.16) * np.minimum(phase / 0.03, 1.0)
    thump = band(rng, n, rate, 40, 260, slope_db_oct=-2.0) + 0.7 * band(
        rng, n, rate, 200, 2500, slope_db_oct=-3.0
    )
    whine = turning(rng, rate, n, rng.uniform(320, 640), slope=1.2, count=6, wander=0.002)
    out = thump * (0.12 + 1.6 * chop) + 0.1 * whine + 0.15 * band(rng, n, rate, 400, 5000, slope_db_oct=-3.0)
    kind = pick(rng, "near", "distant", "passing")
    level = {"near": -21.5, "distant": -30.0, "passing": -24.5}[kind] + rng.uniform(-1.0, 1.0)
    if kind == "distant":
        out = far(out, rng, rate, 0.8)
    elif kind == "passing":
        out = out * (0.08 + np.exp(-(((t - rng.uniform(0.3, 0.7) * n / rate) / 1.3) ** 2)))
    return Texture(out, () if kind == "near" else (kind,), level)


def motorboat(rng: Rng, rate: int, n: int) -> Texture:
    """On a motorboat: an outboard or a slow diesel, with water slapping along the hull."""
    slow = rng.random() < 0.5
    base = rng.uniform(14, 24) if slow else rng.uniform(55, 95)
    t = np.arange(n) / rate
    load = 1.0 + 0.02 * np.clip(drift(rng, n, rate, 0.8), -2, 2)
    engine = unit(
        harmonics(base * load, rate, 1.0 / np.arange(1, 40 if slow else 22) ** (0.6 if slow else 0.9))
    )
    engine = unit(engine * (1.0 + 0.3 * drift(rng, n, rate, 30.0)))
    wash = band(rng, n, rate, 300, rng.uniform(3000, 6000), slope_db_oct=-2.0)
    slap = 0.6 + np.clip(drift(rng, n, rate, 2.5), -0.5, 2.0) ** 2 * (0.7 + 0.3 * np.sin(2 * np.pi * 0.7 * t))
    out = engine + rng.uniform(0.3, 0.6) * wash * slap
    return Texture(out, ("slow" if slow else "fast",), (-27.5 if slow else -23.5) + rng.uniform(-1.2, 1.2))


CLASSES: dict[str, Render] = {
    "traffic": traffic,
    "train": train,
    "airplane": airplane,
    "highway": highway,
    "subway": subway,
    "car": car,
    "helicopter": helicopter,
    "motorboat": motorboat,
}
