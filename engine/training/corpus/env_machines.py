"""Machines that run: motors, fans, plants. One function a class."""

from __future__ import annotations

from functools import partial

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    drift,
    unit,
)
from engine.training.corpus.resonator import (
    chirp,
    decay,
    harmonics,
    times,
)
from engine.training.corpus.rooms import reverberate
from engine.training.corpus.taps import ping, tap, together
from engine.training.corpus.texture import Render, Texture, drops, pick, repeated, strewn, turning


def hum(rng: Rng, rate: int, n: int) -> Texture:
    """A running machine: harmonics of mains or motor with noise, steady or pulsing."""
    pitch = pick(rng, "low", "high")
    base = rng.choice([50.0, 60.0]) if pitch == "low" and rng.random() < 0.5 else rng.uniform(32, 75)
    base = rng.uniform(115, 260) if pitch == "high" else float(base)
    t = np.arange(n) / rate
    freq = base * (1.0 + 0.002 * drift(rng, n, rate, 0.5))
    numbers = np.arange(1, 25)
    gains = numbers ** -rng.uniform(0.7, 1.6) * rng.uniform(0.2, 1.0, 24)
    tone = unit(harmonics(freq, rate, gains))
    air = band(rng, n, rate, rng.uniform(80, 250), rng.uniform(1000, 4500), slope_db_oct=-3.0)
    out = tone + rng.uniform(0.15, 0.6) * air
    traits = [pitch]
    if rng.random() < 0.35:
        out = out * (1.0 + rng.uniform(0.45, 0.8) * np.sin(2 * np.pi * rng.uniform(1.5, 7.0) * t))
        traits.append("pulsing")
    else:
        traits.append("steady")
    return Texture(out, tuple(traits), rng.uniform(-33.0, -24.0))


def factory(rng: Rng, rate: int, n: int) -> Texture:
    """A factory hall: a press or loom in strict rhythm, motors, hisses of air, a large hard room."""
    beat_s = rng.uniform(0.35, 1.1)
    base = rng.uniform(70, 130)
    clang_hz = rng.uniform(500, 1300)
    press = repeated(
        rng,
        rate,
        n,
        beat_s,
        lambda: together(ping(rng, rate, base, 0.18, (1.0, 1.7, 2.9)), 0.7 * tap(rng, rate, 300, 2500, 0.06)),
    )
    clang = repeated(
        rng,
        rate,
        n,
        beat_s * float(rng.choice([0.5, 1.0, 2.0])),
        lambda: ping(rng, rate, clang_hz, 0.35, (1.0, 1.59, 2.43, 3.8)),
    )

    def hiss() -> Wave:
        t = times(rng.uniform(0.15, 0.4), rate)
        return band(rng, len(t), rate, 2500, 10000) * decay(t, t[-1], 0.01)

    air = repeated(rng, rate, n, 2.0 * beat_s, hiss)
    motor = turning(rng, rate, n, rng.uniform(45, 110), slope=0.9)
    out = (
        2.2 * press
        + rng.uniform(0.4, 0.9) * clang
        + 0.35 * air
        + 0.5 * motor
        + 0.4 * band(rng, n, rate, 100, 3000, slope_db_oct=-2.0)
    )
    out = reverberate(out, rng, rate, rng.uniform(1.0, 2.0), 0.5)
    return Texture(
        out, ("fast" if beat_s < 0.55 else "slow" if beat_s > 0.85 else "steady",), rng.uniform(-26.0, -21.5)
    )


def _blow(rng: Rng, rate: int, base_hz: float) -> Wave:
    """One blow of a hammer."""
    return together(ping(rng, rate, base_hz, 0.12), tap(rng, rate, 500, 4000, 0.03))


def construction(rng: Rng, rate: int, n: int) -> Texture:
    """A building site: hammering, a jackhammer or a saw, an idling digger, a reversing beeper."""
    tool = pick(rng, "jackhammer", "hammering", "saw")
    engine = turning(rng, rate, n, rng.uniform(22, 38), slope=0.7, count=30)
    out = 0.35 * engine + 0.3 * band(rng, n, rate, 80, 900, slope_db_oct=-3.0)
    if tool == "hammering":
        for _ in range(2):
            strike = partial(_blow, rng, rate, rng.uniform(500, 1500))
            hits = repeated(rng, rate, n, rng.uniform(0.4, 0.8), strike, 0.15)
            out = out + rng.uniform(0.8, 1.6) * hits
    else:
        on = np.clip(4.0 * drift(rng, n, rate, 0.5) + 2.5, 0.0, 1.0)
        if tool == "jackhammer":
            bed = repeated(
                rng, rate, n, 1.0 / rng.uniform(18, 26), lambda: tap(rng, rate, 200, 4500, 0.035), 0.03
            )
            work = unit(bed) + 0.2 * band(rng, n, rate, 800, 6000)
        else:
            spin = rng.uniform(320, 520) * (0.9 + 0.1 * on)
            work = unit(harmonics(spin, rate, 1.0 / np.arange(1, 16) ** 0.5)) + 0.6 * band(
                rng, n, rate, 2000, 9000
            )
        out = out + on * work
    traits = [tool]
    if rng.random() < 0.3:
        t = np.arange(n) / rate
        out = out + 0.3 * chirp(np.full(n, rng.uniform(1000, 1350)), rate) * np.clip(
            8.0 * np.sin(2 * np.pi * t), 0.0, 1.0
        )
        traits.append("reversing")
    return Texture(reverberate(out, rng, rate, 0.8, 0.2), tuple(traits), rng.uniform(-25.5, -21.5))


def engine_room(rng: Rng, rate: int, n: int) -> Texture:
    """A ship's engine room: a large diesel's heavy beat, pumps and whine between steel walls."""
    beat_hz = rng.uniform(3.5, 9.0)
    t = np.arange(n) / rate
    stroke = np.mod(t * beat_hz, 1.0)
    knock = (
        band(rng, n, rate, 60, 500, slope_db_oct=-2.0)
        + 0.4 * band(rng, n, rate, 600, 3000, slope_db_oct=-2.0)
    ) * np.exp(-stroke / 0.25)
    drone = turning(rng, rate, n, rng.uniform(28, 50), slope=0.8, count=30)
    whine = turning(rng, rate, n, rng.uniform(500, 1200), slope=1.5, count=4, wander=0.002)
    pump = np.clip(np.sin(2 * np.pi * beat_hz * 0.5 * t), 0.0, 1.0) * band(
        rng, n, rate, 1000, 5000, slope_db_oct=-2.0
    )
    out = 1.5 * knock + 0.8 * drone + rng.uniform(0.03, 0.12) * whine + 0.2 * pump
    out = reverberate(out, rng, rate, rng.uniform(0.8, 1.5), 0.6)
    return Texture(out, ("slow" if beat_hz < 5.5 else "fast",), rng.uniform(-25.0, -21.0))


def server_room(rng: Rng, rate: int, n: int) -> Texture:
    """A server room: dozens of small fans, a bright rush of air with many close whines."""
    air = band(rng, n, rate, 250, rng.uniform(5000, 9000), slope_db_oct=-1.5)
    whine = np.zeros(n)
    base = rng.uniform(180, 420)
    for _ in range(6):
        spin = np.full(n, base * rng.uniform(0.97, 1.03) * float(rng.choice([1.0, 1.0, 2.0, 3.0])))
        whine += rng.uniform(0.3, 1.0) * harmonics(spin, rate, [1.0, 0.6, 0.35, 0.3, 0.15, 0.1])
    clicks = strewn(rng, rate, n, 3.0, lambda: rng.uniform(0.05, 0.3) * tap(rng, rate, 1500, 6000, 0.006))
    out = air + rng.uniform(0.25, 0.5) * unit(whine) + rng.uniform(0.0, 1.0) * clicks
    return Texture(out, ("steady",), rng.uniform(-29.0, -24.0))


def air_conditioner(rng: Rng, rate: int, n: int) -> Texture:
    """An air conditioner: soft rush of air, compressor hum, perhaps a rattle."""
    rattling = rng.random() < 0.35
    air = band(rng, n, rate, 150, rng.uniform(1500, 3000), slope_db_oct=-2.5)
    mains = float(rng.choice([50.0, 60.0]))
    hum = turning(rng, rate, n, 2.0 * mains, slope=1.6, count=8, wander=0.0005)
    out = air + rng.uniform(0.25, 0.5) * hum
    if rattling:
        shake = repeated(
            rng,
            rate,
            n,
            1.0 / rng.uniform(11, 22),
            lambda: rng.uniform(0.2, 1.0) * tap(rng, rate, 900, 4500, 0.02),
            0.1,
        )
        out = out + 0.4 * unit(shake) * np.clip(drift(rng, n, rate, 0.8) + 0.8, 0.2, 1.8)
    return Texture(out, ("rattling" if rattling else "smooth",), rng.uniform(-33.0, -27.0))


def washing_machine(rng: Rng, rate: int, n: int) -> Texture:
    """A washing machine: sloshing laundry turned by a motor, or the whirl of its spin cycle."""
    spin = rng.random() < 0.4
    t = np.arange(n) / rate
    if spin:
        rise = rng.uniform(0.9, 1.15)
        freq = rng.uniform(70, 120) * np.linspace(1.0, rise, n)
        out = unit(harmonics(freq, rate, 1.0 / np.arange(1, 24) ** 0.8)) * (
            1.0 + 0.3 * np.sin(2 * np.pi * rng.uniform(6, 11) * t)
        )
        out = out + 0.5 * band(rng, n, rate, 200, 4000, slope_db_oct=-2.0)
    else:
        turn_hz = rng.uniform(0.7, 1.1)
        turn = np.clip(np.sin(2 * np.pi * turn_hz * t + rng.uniform(0, 6)), 0.0, 1.0)
        water = unit(drops(rng, n, rate, 120, 250, 1200, 0.04)) + 0.7 * band(
            rng, n, rate, 150, 1500, slope_db_oct=-2.0
        )
        motor = turning(rng, rate, n, rng.uniform(90, 150), slope=1.2, count=10)
        thud = repeated(
            rng, rate, n, 1.0 / turn_hz, lambda: ping(rng, rate, rng.uniform(60, 90), 0.15, (1.0, 1.9)), 0.03
        )
        out = water * (0.15 + turn) + 0.35 * motor * (0.6 + 0.4 * turn) + 1.5 * thud
    out = reverberate(out, rng, rate, 0.4, 0.3)
    return Texture(
        out, ("spinning" if spin else "sloshing",), (-24.5 if spin else -29.0) + rng.uniform(-1.2, 1.2)
    )


def steam(rng: Rng, rate: int, n: int) -> Texture:
    """Steam pipes: a hiss of escaping steam that spits and bursts, knocks in the pipes."""
    bursts = rng.random() < 0.6
    hiss = band(rng, n, rate, rng.uniform(1500, 3000), 10800)
    gate = 0.35 + (np.clip(2.0 * drift(rng, n, rate, 0.9), 0.0, 2.0) if bursts else 0.5 * np.ones(n))
    spit = 1.0 + 0.3 * np.clip(drift(rng, n, rate, 30.0), -2, 2)
    pipe = rng.uniform(220, 480)
    knocks = strewn(
        rng,
        rate,
        n,
        0.8,
        lambda: rng.uniform(0.3, 1.0) * ping(rng, rate, pipe * rng.uniform(0.9, 1.2), 0.3, (1.0, 2.76, 5.4)),
    )
    out = hiss * gate * spit + 0.8 * knocks + 0.2 * band(rng, n, rate, 60, 300, slope_db_oct=-2.0)
    return Texture(
        reverberate(out, rng, rate, 0.9, 0.3), ("bursts" if bursts else "steady",), rng.uniform(-29.0, -23.5)
    )


def vacuum(rng: Rng, rate: int, n: int) -> Texture:
    """A vacuum cleaner: a strong whining motor and suction, moved to and fro."""
    t = np.arange(n) / rate
    stroke = np.sin(2 * np.pi * rng.uniform(0.35, 0.6) * t + rng.uniform(0, 6))
    freq = rng.uniform(260, 420) * (1.0 + 0.012 * stroke + 0.002 * drift(rng, n, rate, 2.0))
    motor = unit(harmonics(freq, rate, 1.0 / np.arange(1, 20) ** 0.9))
    suck = band(rng, n, rate, 400, rng.uniform(4000, 7000), slope_db_oct=-1.0)
    out = 0.8 * motor + suck * (1.0 + 0.2 * stroke) + 0.4 * band(rng, n, rate, 60, 300, slope_db_oct=-2.0)
    return Texture(out, ("steady",), rng.uniform(-24.5, -21.0))


def chainsaw(rng: Rng, rate: int, n: int) -> Texture:
    """A chainsaw: a snarling two-stroke that idles and is driven into the wood."""
    drive = 0.5 + 0.5 * np.tanh(1.8 * drift(rng, n, rate, 0.8) + 0.8)
    freq = rng.uniform(95, 130) * (0.5 + 0.6 * drive) * (1.0 + 0.015 * drift(rng, n, rate, 10.0))
    motor = unit(harmonics(freq, rate, 1.0 / np.arange(1, 50) ** 0.45))
    teeth = band(rng, n, rate, 1500, 7000, slope_db_oct=-1.0) * (1.0 + 0.4 * drift(rng, n, rate, 60.0))
    out = motor * (0.35 + 0.65 * drive) * (1.0 + 0.2 * drift(rng, n, rate, 40.0)) + teeth * (
        0.1 + 0.4 * drive
    )
    return Texture(reverberate(out, rng, rate, 0.9, 0.2), ("loud",), rng.uniform(-24.0, -20.5))


CLASSES: dict[str, Render] = {
    "hum": hum,
    "factory": factory,
    "construction": construction,
    "engine room": engine_room,
    "server room": server_room,
    "air conditioner": air_conditioner,
    "washing machine": washing_machine,
    "steam": steam,
    "vacuum": vacuum,
    "chainsaw": chainsaw,
}
