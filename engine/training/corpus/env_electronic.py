"""Electronic and imagined places: static, records, spaceships. One function a class."""

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
from engine.training.corpus.texture import (
    Render,
    Texture,
    babble,
    drops,
    pick,
    strewn,
    turning,
)


def vinyl(rng: Rng, rate: int, n: int) -> Texture:
    """An empty vinyl groove: hiss, rumble, and ticks that return with every turn."""
    kind = pick(rng, "light", "heavy")
    hiss = band(rng, n, rate, 300, 9000, slope_db_oct=-2.0)
    rumble = band(rng, n, rate, 20, 90, slope_db_oct=-3.0)
    grains = []
    for _ in range(8):
        t = times(0.004, rate)
        grains.append(
            bandpass(white(rng, len(t)), rate, 900, 7000) * decay(t, rng.uniform(0.001, 0.004), 0.0001)
        )
    starts = poisson_starts(rng, n, rate, rng.uniform(10, 20) if kind == "light" else rng.uniform(50, 110))
    gains = np.minimum(rng.pareto(1.8, len(starts)) + 0.1, 3.0)
    crackle = scatter(n, starts, grains, rng.integers(0, 8, len(starts)), gains)
    turn = int(60.0 / 33.333 * rate)
    for start in range(int(rng.integers(0, turn)), n, turn):
        place(crackle, 3.0 * grains[0], start)
    out = unit(crackle) + (0.35 if kind == "light" else 0.25) * hiss + 0.2 * rumble
    return Texture(out, (kind,), (-35.0 if kind == "light" else -29.0) + rng.uniform(-1.0, 1.5))


def static(rng: Rng, rate: int, n: int) -> Texture:
    """Radio static or tape hiss: bright steady noise, at times with a drifting whistle."""
    kind = pick(rng, "hiss", "radio")
    if kind == "hiss":
        out = band(rng, n, rate, rng.uniform(800, 2500), 11000)
        return Texture(out, (kind, "steady"), rng.uniform(-35.0, -27.0))
    out = band(rng, n, rate, 250, rng.uniform(3000, 5000)) * np.clip(
        1.0 + 0.4 * drift(rng, n, rate, 12.0), 0.1, 2.5
    )
    centre = rng.uniform(600, 1800) + 250 * np.clip(drift(rng, n, rate, 0.4), -2, 2)
    whistle = rng.uniform(0.1, 0.35) * chirp(centre, rate)
    return Texture(
        out + whistle + 0.6 * unit(drops(rng, n, rate, 25, 800, 4000, 0.006)),
        (kind,),
        rng.uniform(-31.0, -24.0),
    )


def spaceship(rng: Rng, rate: int, n: int) -> Texture:
    """A spaceship's interior drone: detuned deep partials, filtered noise, slow movement."""
    kind = pick(rng, "deep", "pulsing", "humming")
    base = rng.uniform(28, 55) if kind == "deep" else rng.uniform(45, 95)
    t = np.arange(n) / rate
    out = np.zeros(n)
    for ratio in (1.0, 1.0 + rng.uniform(0.004, 0.012), 1.5, 2.0 + rng.uniform(-0.01, 0.01), 3.01):
        move = 1.0 + 0.45 * np.clip(drift(rng, n, rate, 0.4), -1.8, 1.8)
        partials = 1.0 / np.arange(1, 9) ** rng.uniform(1.2, 2.0)
        out = out + move * harmonics(np.full(n, base * ratio), rate, partials) / ratio
    air = band(rng, n, rate, 60, rng.uniform(250, 700), slope_db_oct=-3.0)
    shimmer = narrow(rng, n, rate, rng.uniform(600, 1600) * (1 + 0.03 * drift(rng, n, rate, 0.3)), 6.0)
    out = unit(out) + rng.uniform(0.4, 1.0) * air + rng.uniform(0.02, 0.12) * shimmer
    if kind == "pulsing":
        out = out * (1.0 + 0.75 * np.sin(2 * np.pi * rng.uniform(0.6, 2.5) * t + rng.uniform(0, 6)))
    return Texture(out, (kind,), rng.uniform(-29.0, -22.0))


def arcade(rng: Rng, rate: int, n: int) -> Texture:
    """A games arcade: many machines bleeping runs, zaps and jingles at once."""
    busy = rng.random() < 0.6
    scale = np.array([0, 2, 4, 7, 9, 12, 14, 16])

    def game() -> Wave:
        kind = pick(rng, "run", "zap", "blips", "fall")
        base = rng.uniform(220, 900)
        square = [1.0, 0.0, 0.33, 0.0, 0.2, 0.0, 0.14]
        if kind in ("zap", "fall"):
            t = times(rng.uniform(0.2, 0.6), rate)
            freq = base * 2.0 ** (
                rng.uniform(1.0, 2.0) * (1.0 - t / t[-1]) if kind == "fall" else 2.5 * np.exp(-t / 0.08)
            )
            return harmonics(freq, rate, square) * swell(t, 0.01, t[-1], 0.5)
        notes = []
        step = rng.uniform(0.06, 0.12)
        for number in range(int(rng.integers(4, 12))):
            t = times(step, rate)
            degree = scale[number % 8] if kind == "run" else scale[int(rng.integers(8))]
            notes.append(
                harmonics(np.full(len(t), base * 2.0 ** (degree / 12)), rate, square)
                * swell(t, 0.004, step, 0.4)
            )
        return np.concatenate(notes)

    out = strewn(rng, rate, n, 4.0 if busy else 1.5, lambda: rng.uniform(0.2, 1.0) * game(), 0.6)
    out = reverberate(out, rng, rate, 0.6, 0.4) + 0.1 * unit(babble(rng, rate, n, 12))
    return Texture(out, ("busy" if busy else "quiet",), (-25.5 if busy else -30.5) + rng.uniform(-1.2, 1.2))


def computer(rng: Rng, rate: int, n: int) -> Texture:
    """A science-fiction computer: soft hum, runs of blips, chirps and slow data sweeps."""
    pitch = rng.uniform(500, 1100)

    def blips() -> Wave:
        step = rng.uniform(0.04, 0.09)
        t = times(step, rate)
        notes = [
            chirp(np.full(len(t), pitch * 2.0 ** (int(rng.integers(0, 20)) / 12)), rate)
            * swell(t, 0.006, step, 0.6)
            for _ in range(int(rng.integers(3, 14)))
        ]
        return rng.uniform(0.3, 1.0) * np.concatenate(notes)

    def sweep() -> Wave:
        t = times(rng.uniform(0.4, 1.0), rate)
        freq = pitch * 2.0 ** (rng.choice([-1.0, 1.0]) * 1.2 * t / t[-1])
        return (
            0.4 * chirp(freq * (1.0 + 0.05 * np.sin(2 * np.pi * 12 * t)), rate) * swell(t, 0.3 * t[-1], t[-1])
        )

    busy = rng.random() < 0.5
    out = strewn(rng, rate, n, 2.2 if busy else 0.9, blips, 0.4) + strewn(rng, rate, n, 0.5, sweep, 0.3)
    hum = turning(rng, rate, n, rng.uniform(50, 120), slope=1.3, count=10, wander=0.001)
    out = (
        unit(reverberate(out, rng, rate, 0.6, 0.3))
        + rng.uniform(0.2, 0.4) * hum
        + 0.1 * band(rng, n, rate, 300, 4000, slope_db_oct=-2.0)
    )
    return Texture(out, ("busy" if busy else "calm",), rng.uniform(-31.0, -26.0))


def radio(rng: Rng, rate: int, n: int) -> Texture:
    """Radio chatter: unclear voices through a narrow band, breaking in and out of static with squelch."""
    talk = babble(rng, rate, n, 1)
    t = np.arange(n) / rate
    on = np.zeros(n)
    squelch = np.zeros(n)
    at = rng.uniform(-0.5, 0.4)
    while at < n / rate:
        length = rng.uniform(0.8, 2.2)
        on += (t >= at) & (t < at + length)
        for edge in (at, at + length):
            place(
                squelch,
                1.2 * band(rng, int(0.09 * rate), rate, 500, 3000) * decay(times(0.09, rate), 0.16, 0.002),
                int(edge * rate),
            )
        at += length + rng.uniform(0.3, 1.2)
    on = lowpass(np.minimum(on, 1.0), rate, 60.0, 1)
    voice = bandpass(np.tanh(2.0 * talk), rate, 450, 2600, 3)
    noise = band(rng, n, rate, 450, 2800, order=5.0)
    out = unit(voice) * on + (0.15 * on + 0.05) * noise + squelch
    traits = ["clear"]
    if rng.random() < 0.4:
        out = out + 0.5 * noise * np.clip(drift(rng, n, rate, 2.0) + 0.5, 0.0, 1.5)
        traits = ["noisy"]
    return Texture(np.tanh(0.8 * out), tuple(traits), rng.uniform(-29.0, -23.5))


def drone(rng: Rng, rate: int, n: int) -> Texture:
    """A dark drone for suspense: slow dissonant low tones, breath of metal, no melody."""
    base = rng.uniform(36, 70)
    out = np.zeros(n)
    for ratio in (1.0, 1.06, 1.5, 2.12, 2.83):
        move = np.clip(0.8 + 0.5 * drift(rng, n, rate, 0.4), 0.0, 2.0)
        out += move * harmonics(
            base * ratio * (1.0 + 0.004 * drift(rng, n, rate, 0.3)), rate, 1.0 / np.arange(1, 12) ** 1.3
        )
    metal = np.zeros(n)
    for _ in range(4):
        swells = np.clip(drift(rng, n, rate, 0.5), 0.0, 2.0) ** 2
        metal += narrow(rng, n, rate, rng.uniform(300, 2200), rng.uniform(2.0, 8.0)) * swells
    out = (
        unit(out) + rng.uniform(0.1, 0.3) * unit(metal) + 0.2 * band(rng, n, rate, 60, 400, slope_db_oct=-2.0)
    )
    return Texture(reverberate(out, rng, rate, 3.0, 0.5), ("dark",), rng.uniform(-28.0, -23.0))


CLASSES: dict[str, Render] = {
    "vinyl": vinyl,
    "static": static,
    "spaceship": spaceship,
    "arcade": arcade,
    "computer": computer,
    "radio": radio,
    "drone": drone,
}
