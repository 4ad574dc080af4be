"""Things of the house and the desk. One function a class."""

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
    harmonics,
    highpass,
    modes,
    resonance,
    swell,
    times,
)
from engine.training.corpus.strike import Kind, Source, burst, drawn_pitch, drawn_size
from engine.training.corpus.taps import ping


def clock(rng: Rng, rate: int) -> Source:
    """Clock ticks: tiny dry clicks, tick and tock a little apart in pitch."""
    size, trait = drawn_size(rng, 0.6, 1.7)
    base = 2300.0 / size
    ratio = rng.uniform(0.82, 0.95)
    side = [0]

    def strike() -> Wave:
        t = times(0.12, rate)
        side[0] ^= 1
        pitch = base * (ratio if side[0] == 0 else 1.0)
        body = modes(
            t,
            pitch * np.array([0.4, 1.0, 1.83, 2.9]),
            [0.06, 0.05, 0.035, 0.02],
            [0.35, 1.0, 0.7, 0.5],
            rate,
            None,
            0.0002,
        )
        click = highpass(white(rng, len(t)), rate, 2500) * decay(t, 0.008, 0.0002)
        out = body + 0.8 * click
        place(out, 0.2 * click, int(0.011 * rate))
        return rng.uniform(0.85, 1.0) * out

    return Source(strike, trait)


def keyboard(rng: Rng, rate: int) -> Source:
    """Computer keys: a press click with a plastic body, then a softer release."""
    soft = rng.random() < 0.4
    base = rng.uniform(900, 1500) * (0.65 if soft else 1.0)

    def strike() -> Wave:
        t = times(0.16, rate)
        out = np.zeros(len(t))
        for start, level in ((0, 1.0), (int(rng.uniform(0.055, 0.09) * rate), 0.3)):
            pitch = base * rng.uniform(0.85, 1.2)
            body = modes(
                t,
                [0.28 * pitch, pitch, 2.1 * pitch, 3.7 * pitch],
                [0.03, 0.025, 0.016, 0.01],
                [0.7, 1.0, 0.6, 0.4],
                rate,
                rng,
                0.0003,
            )
            click = bandpass(
                white(rng, len(t)), rate, 1200 if soft else 2000, 4000 if soft else 9000
            ) * decay(t, 0.014, 0.0002)
            place(out, level * (body + 0.9 * click), start)
        return rng.uniform(0.6, 1.0) * out

    return Source(strike, ("soft",) if soft else ("clicky",))


def telephone(rng: Rng, rate: int) -> Source:
    """An old telephone's ring: two gongs struck twenty times a second."""
    base = rng.uniform(1100, 1900)
    length = rng.uniform(0.5, 1.2)
    speed = rng.uniform(17, 24)

    def strike() -> Wave:
        t = times(length + 0.8, rate)
        out = np.zeros(len(t))
        one = times(0.7, rate)
        gongs = [
            modes(one, base * tune * np.array([1.0, 2.1, 3.4]), [0.65, 0.4, 0.2], [1.0, 0.6, 0.4], rate, rng)
            for tune in (1.0, 1.19)
        ]
        for number in range(int(length * speed)):
            place(out, gongs[number % 2] * rng.uniform(0.8, 1.0), int(number / speed * rate))
        return out

    return Source(strike)


def door_creak(rng: Rng, rate: int) -> Source:
    """A door creaks: stick-slip pulses whose pitch bends, through a wooden body."""
    pitch, trait = drawn_pitch(rng, 40, 160)
    length = rng.uniform(0.6, 1.6)
    bend = rng.uniform(-0.5, 0.9)

    def strike() -> Wave:
        t = times(length, rate)
        freq = (
            pitch * np.exp(bend * np.sin(np.pi * t / length)) * (1.0 + 0.06 * drift(rng, len(t), rate, 15.0))
        )
        pulses = harmonics(freq, rate, 1.0 / np.arange(1, 60) ** 0.25)
        body = sum(resonance(pulses, rate, f, 0.15 * f) for f in (420.0, 950.0, 1900.0, 3100.0))
        return np.asarray(
            body * swell(t, 0.3 * length, length, 0.6) * (1.0 + 0.3 * drift(rng, len(t), rate, 25.0))
        )

    return Source(strike, (*trait, "long" if length > 1.25 else "short" if length < 0.85 else ""))


def switch(rng: Rng, rate: int) -> Source:
    """A switch or a drawer's catch: one small dry click with a snap back."""
    base = rng.uniform(900, 2800)

    def strike() -> Wave:
        t = times(0.14, rate)
        click = modes(t, base * np.array([0.4, 1.0, 2.3]), 0.03, [0.5, 1.0, 0.6], rate, rng, 0.0002) + burst(
            rng, rate, t, 1500, 9000, 0.01
        )
        out = np.array(click)
        place(out, 0.4 * click, int(rng.uniform(0.008, 0.02) * rate))
        return out

    return Source(strike)


def camera(rng: Rng, rate: int) -> Source:
    """A camera's shutter: mirror up, curtain, mirror down."""
    gap = rng.uniform(0.045, 0.11)
    base = rng.uniform(700, 1500)

    def strike() -> Wave:
        t = times(0.35, rate)
        out = np.zeros(len(t))
        for start, level in ((0.0, 1.0), (gap, 0.8)):
            click = modes(t, base * np.array([1.0, 2.2, 3.9]), 0.035, [1.0, 0.8, 0.5], rate, rng, 0.0003)
            place(out, level * (click + 1.2 * burst(rng, rate, t, 1800, 9000, 0.025)), int(start * rate))
        return out

    return Source(strike)


def typewriter(rng: Rng, rate: int) -> Source:
    """A mechanical typewriter's key: type bar on paper, metal rattle."""
    base = rng.uniform(500, 900)

    def strike() -> Wave:
        t = times(0.22, rate)
        hit = modes(
            t,
            base * rng.uniform(0.9, 1.15) * np.array([1.0, 2.4, 4.3, 7.1]),
            0.05,
            [1.0, 0.8, 0.6, 0.4],
            rate,
            rng,
            0.0003,
        )
        out = hit + 1.3 * burst(rng, rate, t, 1000, 8000, 0.018)
        place(out, 0.25 * ping(rng, rate, 2.5 * base, 0.05), int(rng.uniform(0.03, 0.06) * rate))
        return rng.uniform(0.75, 1.0) * out

    return Source(strike)


def zipper(rng: Rng, rate: int) -> Source:
    """A zip: tiny teeth that tick faster and faster, so that they sing upwards or downwards."""
    up = rng.random() < 0.6
    length = rng.uniform(0.25, 0.7)

    def strike() -> Wave:
        t = times(length, rate)
        speed = 80.0 + 260.0 * (t / length if up else 1.0 - t / length)
        teeth = np.clip(np.sin(2 * np.pi * np.cumsum(speed) / rate), 0.0, 1.0) ** 3
        colour = narrow(rng, len(t), rate, 2200.0 + 9.0 * speed, 900.0)
        return (
            (colour + 0.4 * band(rng, len(t), rate, 3000, 9500))
            * (0.2 + teeth)
            * swell(t, 0.3 * length, length, 0.6)
        )

    return Source(strike)


def paper(rng: Rng, rate: int) -> Source:
    """Paper is torn, or rustled and crumpled."""
    tear = rng.random() < 0.5

    def strike() -> Wave:
        length = rng.uniform(0.3, 0.6) if tear else rng.uniform(0.5, 1.1)
        t = times(length, rate)
        rough = (
            np.clip(drift(rng, len(t), rate, 120.0 if tear else 35.0) + (0.6 if tear else 0.0), 0.0, 2.5)
            ** 1.5
        )
        noise = band(rng, len(t), rate, 1200 if tear else 1800, 9500, slope_db_oct=1.0)
        rise = np.linspace(0.6, 1.2, len(t)) if tear else np.ones(len(t))
        return np.asarray(noise * rough * rise * swell(t, (0.75 if tear else 0.3) * length, length, 0.6))

    return Source(strike, ("torn",) if tear else ("rustled",))


def match(rng: Rng, rate: int) -> Source:
    """A match is struck: a rough scratch, then the flare."""

    def strike() -> Wave:
        t = times(1.5, rate)
        scratch = (
            band(rng, len(t), rate, 1800, 9500)
            * (1.0 + 0.4 * drift(rng, len(t), rate, 90.0))
            * swell(t, 0.1, 0.24, 0.7)
        )
        flare = band(rng, len(t), rate, 300, 7000, slope_db_oct=-2.0) * swell(t, 0.38, 1.45, 1.8)
        return np.asarray(
            scratch + 0.8 * np.where(t > 0.12, flare, 0.0) * (1.0 + 0.3 * drift(rng, len(t), rate, 25.0))
        )

    return Source(strike)


def cork(rng: Rng, rate: int) -> Source:
    """A cork pops out of a bottle, with or without fizz."""
    fizz = rng.random() < 0.5
    base = rng.uniform(350, 700)

    def strike() -> Wave:
        t = times(1.2 if fizz else 0.3, rate)
        pop = chirp(base * (1.0 + 0.8 * np.minimum(t / 0.03, 1.0)), rate) * decay(t, 0.09, 0.001)
        out = pop + 0.7 * burst(rng, rate, t, 500, 6000, 0.02)
        return out + 0.07 * band(rng, len(t), rate, 3500, 10500) * swell(t, 0.2, 1.15) if fizz else out

    return Source(strike, ("fizzing",) if fizz else ())


def alarm_clock(rng: Rng, rate: int) -> Source:
    """An alarm clock: a hammer between two bells, or an electronic fourfold beep."""
    bells = rng.random() < 0.5
    base = rng.uniform(1500, 2600)

    def strike() -> Wave:
        if bells:
            out = np.zeros(int(1.6 * rate))
            for number in range(26):
                stroke = ping(rng, rate, base * (1.0 if number % 2 else 1.13), 0.3, (1.0, 2.4, 3.9))
                place(out, rng.uniform(0.7, 1.0) * stroke, int(number / 22.0 * rate))
            return out
        t = times(0.55, rate)
        gate = np.clip(np.minimum(np.mod(t, 0.125), 0.07 - np.mod(t, 0.125)) / 0.003, 0.0, 1.0) * (t < 0.48)
        return harmonics(np.full(len(t), base), rate, [1.0, 0.0, 0.3]) * gate

    return Source(strike, ("old",) if bells else ("digital",))


def doorbell(rng: Rng, rate: int) -> Source:
    """A doorbell's chime bars: ding, then dong a third or fourth below."""
    base = rng.uniform(600, 900)
    below = float(rng.choice([0.794, 0.749, 0.841]))
    side = [0]

    def strike() -> Wave:
        side[0] ^= 1
        pitch = base * (1.0 if side[0] else below)
        t = times(2.0, rate)
        return modes(
            t, pitch * np.array([1.0, 2.76, 5.4]), [1.6, 0.7, 0.3], [1.0, 0.3, 0.12], rate, rng, 0.001
        )

    return Source(strike)


KINDS: dict[str, Kind] = {
    "clock": Kind(clock, 6, (0.3, 1.0), 1.0, 0.45, 0.8, least=2),
    "keyboard": Kind(keyboard, 6, (0.13, 0.5), 0.2, 0.2, 0.36, least=2),
    "telephone": Kind(telephone, 2, (2.0, 2.6), 0.0),
    "door creak": Kind(door_creak, 2, (1.7, 2.3), 0.0, impulsive=False),
    "switch": Kind(switch, 4, (0.35, 1.2), 0.2, 0.5, 0.95),
    "camera": Kind(camera, 5, (0.4, 1.3), 0.3, 0.55, 1.0),
    "typewriter": Kind(typewriter, 6, (0.13, 0.5), 0.3, 0.2, 0.36, least=2),
    "zipper": Kind(zipper, 3, (0.8, 1.5), 0.0, impulsive=False),
    "paper": Kind(paper, 3, (1.1, 1.6), 0.0, impulsive=False),
    "match": Kind(match, 2, (1.7, 2.4), 0.0, impulsive=False),
    "cork": Kind(cork, 2, (1.3, 2.0), 0.0),
    "alarm clock": Kind(alarm_clock, 2, (1.7, 2.1), 1.0),
    "doorbell": Kind(doorbell, 4, (0.45, 0.8), 1.0, least=2),
}
