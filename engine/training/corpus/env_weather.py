"""Weather: rain, storm and wind. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    band,
    drift,
    narrow,
    peaks,
    place,
    poisson_starts,
    scatter,
    unit,
)
from engine.training.corpus.resonator import (
    fade_tail,
)
from engine.training.corpus.rooms import far
from engine.training.corpus.taps import ping, tap
from engine.training.corpus.texture import Render, Texture, breathing, drops, pick, thunder_roll


def rain(rng: Rng, rate: int, n: int) -> Texture:
    """Rain from drizzle to downpour, in the open, on a roof, on leaves or on a window."""
    strength = pick(rng, "light", "moderate", "heavy")
    surface = pick(rng, "open", "open", "roof", "leaves", "window")
    amount = {"light": 0.0, "moderate": 0.5, "heavy": 1.0}[strength] + rng.uniform(0.0, 0.3)
    bed = band(
        rng,
        n,
        rate,
        900 - 600 * amount + rng.uniform(0, 250),
        rng.uniform(6500, 11000),
        slope_db_oct=-1.5 * amount,
    )
    low, high, ring = {
        "open": (1200, 5500, 0.010),
        "roof": (500, 2200, 0.035),
        "leaves": (2500, 7500, 0.006),
        "window": (900, 3000, 0.018),
    }[surface]
    per_s = {"light": rng.uniform(18, 60), "moderate": rng.uniform(120, 260), "heavy": rng.uniform(400, 700)}[
        strength
    ]
    hits = drops(rng, n, rate, per_s, low, high, ring)
    mix = {"light": 1.3, "moderate": 0.9, "heavy": 0.7}[strength]
    audio = bed * breathing(rng, n, rate, 0.5, 0.5) + mix * unit(hits)
    if surface == "roof":
        audio = audio + 0.6 * peaks(
            rng, n, rate, [rng.uniform(250, 500), rng.uniform(700, 1300)], [120.0, 250.0], [1.0, 0.7]
        )
    base = {"light": -34.0, "moderate": -29.0, "heavy": -23.5}[strength]
    traits = [strength] + ([surface] if surface != "open" else [])
    level = base + rng.uniform(-1.2, 1.5)
    if rng.random() < 0.12:
        audio = far(audio, rng, rate, 0.8)
        traits.append("distant")
        level -= 3.0
    return Texture(audio, tuple(traits), level)


def storm(rng: Rng, rate: int, n: int) -> Texture:
    """Storm: driving rain, gusting wind and rolling thunder."""
    near = rng.random() < 0.55
    gust = np.clip(1.0 + 0.45 * drift(rng, n, rate, rng.uniform(0.4, 1.0)), 0.25, 2.2)
    fall = band(rng, n, rate, rng.uniform(300, 700), rng.uniform(6000, 10000), slope_db_oct=-1.0)
    fall = fall * (0.55 + 0.45 * gust)
    blow = band(rng, n, rate, 60, rng.uniform(300, 700), slope_db_oct=-2.0) * gust
    howl = narrow(rng, n, rate, 420 + 120 * np.clip(drift(rng, n, rate, 0.5), -2, 2), 25.0) * gust**2
    out = fall + rng.uniform(0.6, 1.3) * blow + rng.uniform(0.1, 0.35) * howl
    out = out + 0.5 * unit(drops(rng, n, rate, 300, 900, 4500, 0.012))
    rumble = np.zeros(n)
    for _ in range(int(rng.integers(1, 3))):
        roll = unit(thunder_roll(rng, rate, rng.uniform(2.2, 4.2)))
        place(rumble, roll * rng.uniform(0.9, 1.4), int(rng.uniform(-0.15, 0.6) * n))
    out = out + (2.0 if near else 0.9) * rumble
    traits = ("heavy", "near thunder" if near else "distant thunder")
    return Texture(out, traits, rng.uniform(-22.5, -20.0))


def wind(rng: Rng, rate: int, n: int) -> Texture:
    """Wind: a breeze, a steady wind, gusts or a howl."""
    kind = pick(rng, "gentle", "steady", "gusty", "howling", "strong")
    speed, depth = {
        "gentle": (0.35, 0.22),
        "steady": (0.25, 0.08),
        "gusty": (0.9, 0.75),
        "howling": (0.6, 0.45),
        "strong": (0.6, 0.3),
    }[kind]
    force = np.exp(depth * np.clip(drift(rng, n, rate, speed), -2.0, 1.8))
    dull = band(rng, n, rate, 70, rng.uniform(220, 380), slope_db_oct=-2.0)
    mid = band(rng, n, rate, rng.uniform(250, 400), rng.uniform(800, 1300), slope_db_oct=-2.0)
    air = band(rng, n, rate, rng.uniform(1000, 1800), rng.uniform(3000, 6000), slope_db_oct=-3.0)
    out = dull * force + rng.uniform(0.4, 0.9) * mid * force**1.6 + rng.uniform(0.05, 0.22) * air * force**2.4
    if kind == "howling":
        for _ in range(2):
            centre = rng.uniform(380, 1000) * np.exp(0.16 * np.clip(drift(rng, n, rate, 0.6), -2, 2))
            out = out + rng.uniform(0.6, 1.2) * narrow(rng, n, rate, centre, rng.uniform(8, 22)) * force**2
    level = {"gentle": -34.0, "steady": -29.0, "gusty": -26.0, "howling": -26.0, "strong": -22.5}[kind]
    return Texture(out, (kind,), level + rng.uniform(-1.2, 1.2))


def tent(rng: Rng, rate: int, n: int) -> Texture:
    """Rain on a tent: drops drum on slack cloth, each a dull thump with a crisp edge."""
    kind = pick(rng, "light", "heavy")
    per_s = rng.uniform(25, 60) if kind == "light" else rng.uniform(150, 300)
    thumps = unit(drops(rng, n, rate, per_s, 140, 520, 0.045))
    edges = unit(drops(rng, n, rate, per_s, 900, 2600, 0.006))
    outside = band(rng, n, rate, 300, rng.uniform(2000, 3500), slope_db_oct=-2.0)
    flap = band(rng, n, rate, 60, 300, slope_db_oct=-3.0) * np.clip(drift(rng, n, rate, 2.0), 0.0, 2.0) ** 2
    bed = 0.15 if kind == "light" else 0.4
    out = thumps + 0.4 * edges + bed * outside + rng.uniform(0.0, 0.3) * flap
    return Texture(out, (kind,), (-31.0 if kind == "light" else -25.5) + rng.uniform(-1.2, 1.2))


def hail(rng: Rng, rate: int, n: int) -> Texture:
    """Hail: hard pellets that hit and bounce, on a car's metal or on the ground."""
    kind = pick(rng, "light", "heavy")
    metal = rng.random() < 0.5
    low, high, ring = (900, 4500, 0.05) if metal else (2200, 8000, 0.012)
    pellets = []
    for _ in range(12):
        grain = np.zeros(int(0.25 * rate))
        at, gap, level = 0.0, rng.uniform(0.04, 0.09), 1.0
        base = np.exp(rng.uniform(np.log(low), np.log(high)))
        while at < 0.2 and level > 0.04:
            hit = ping(rng, rate, base, ring, (1.0, 1.71, 2.9)) if metal else 0.0
            place(grain, level * (tap(rng, rate, 0.6 * base, 2.2 * base, 0.012)), int(at * rate))
            if metal:
                place(grain, level * 0.5 * np.asarray(hit), int(at * rate))
            at, gap, level = at + gap, 0.65 * gap, 0.4 * level
        pellets.append(fade_tail(grain, rate, 0.02))
    per_s = rng.uniform(18, 40) if kind == "light" else rng.uniform(110, 220)
    starts = poisson_starts(rng, n, rate, per_s, 0.2)
    gains = np.minimum(rng.pareto(2.5, len(starts)) + 0.2, 3.0)
    rattle = unit(scatter(n, starts, pellets, rng.integers(0, 12, len(starts)), gains))
    bed = band(rng, n, rate, 500, 6000, slope_db_oct=-2.0)
    out = rattle + (0.08 if kind == "light" else 0.3) * bed
    traits = (kind, "metal roof" if metal else "ground")
    return Texture(out, traits, (-31.0 if kind == "light" else -24.5) + rng.uniform(-1.0, 1.2))


def blizzard(rng: Rng, rate: int, n: int) -> Texture:
    """A snowstorm: long cold gusts that howl, with fine ice hissing in the wind."""
    fierce = rng.random() < 0.6
    force = np.exp((0.5 if fierce else 0.3) * np.clip(drift(rng, n, rate, 0.7), -2.0, 1.8))
    body = band(rng, n, rate, 120, rng.uniform(500, 800), slope_db_oct=-2.0) * force
    ice = band(rng, n, rate, 4500, 10500) * force**1.5 * (1.0 + 0.25 * drift(rng, n, rate, 15.0))
    out = body + rng.uniform(0.18, 0.35) * ice
    for _ in range(3):
        centre = rng.uniform(450, 1300) * np.exp(0.2 * np.clip(drift(rng, n, rate, 0.5), -2, 2))
        howl = narrow(rng, n, rate, centre, rng.uniform(15, 40))
        out = out + (0.5 if fierce else 0.2) * rng.uniform(0.5, 1.0) * howl * force**2
    return Texture(
        out, ("fierce" if fierce else "steady",), (-22.5 if fierce else -28.0) + rng.uniform(-1.2, 1.2)
    )


CLASSES: dict[str, Render] = {
    "rain": rain,
    "storm": storm,
    "wind": wind,
    "tent": tent,
    "hail": hail,
    "blizzard": blizzard,
}
