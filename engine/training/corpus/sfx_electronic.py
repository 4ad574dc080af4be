"""Electronic and imagined sounds. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    narrow,
    place,
)
from engine.training.corpus.resonator import (
    chirp,
    decay,
    harmonics,
    modes,
    swell,
    times,
)
from engine.training.corpus.strike import Kind, Source, drawn_pitch
from engine.training.corpus.taps import ping


def beep(rng: Rng, rate: int) -> Source:
    """Electronic beeps: sine, square-like or two-tone, with soft edges."""
    pitch, trait = drawn_pitch(rng, 380, 2600)
    length = rng.uniform(0.06, 0.35)
    overtones = [[1.0], [1.0, 0.0, 0.33, 0.0, 0.2, 0.0, 0.14], [1.0, 0.3, 0.1]][int(rng.integers(3))]

    def strike() -> Wave:
        t = times(length + 0.03, rate)
        gate = np.minimum(np.minimum(t / 0.003, 1.0), np.clip((length + 0.028 - t) / 0.025, 0.0, 1.0))
        return 0.6 * harmonics(np.full(len(t), pitch), rate, overtones) * gate

    return Source(strike, (*trait, "short" if length < 0.12 else "long" if length > 0.25 else ""))


def laser(rng: Rng, rate: int) -> Source:
    """A science-fiction laser: a fast falling sweep with a buzz."""
    pitch, trait = drawn_pitch(rng, 1100, 4200)
    speed = rng.uniform(0.04, 0.11)
    floor = pitch * rng.uniform(0.06, 0.15)
    length = rng.uniform(0.22, 0.42)
    buzz = rng.uniform(0.0, 0.5)
    overtones = [1.0, buzz, 0.6 * buzz, 0.3 * buzz]

    def strike() -> Wave:
        t = times(length, rate)
        freq = floor + (pitch - floor) * np.exp(-t / speed)
        return (
            harmonics(freq, rate, overtones)
            * decay(t, 1.6 * length, 0.001)
            * np.clip((length - t) / (0.4 * length), 0, 1)
        )

    return Source(strike, trait)


def notification(rng: Rng, rate: int) -> Source:
    """A device's notification: one clear soft ping."""
    pitch, trait = drawn_pitch(rng, 600, 1900)
    ring = rng.uniform(0.3, 0.9)

    def strike() -> Wave:
        t = times(1.2 * ring, rate)
        return modes(
            t,
            pitch * np.array([1.0, 2.0, 3.01, 4.2]),
            ring * np.array([1.0, 0.7, 0.4, 0.3]),
            [1.0, 0.35, 0.2, 0.1],
            rate,
            None,
            0.002,
        )

    return Source(strike, trait)


def buzzer(rng: Rng, rate: int) -> Source:
    """An error or quiz buzzer: a harsh low square tone."""
    pitch, trait = drawn_pitch(rng, 85, 240)
    length = rng.uniform(0.2, 0.8)

    def strike() -> Wave:
        t = times(length + 0.03, rate)
        gate = np.minimum(t / 0.002, 1.0) * np.clip((length + 0.03 - t) / 0.03, 0.0, 1.0)
        tone = harmonics(np.full(len(t), pitch), rate, np.arange(1, 40) % 2 / np.arange(1, 40) ** 0.7)
        low = harmonics(np.full(len(t), 1.03 * pitch), rate, 1.0 / np.arange(1, 20) ** 0.7)
        return np.asarray((tone + 0.5 * low) * gate)

    return Source(strike, (*trait, "short" if length < 0.35 else "long" if length > 0.6 else ""))


def _sweep(rng: Rng, rate: int, length: float, octaves: float) -> Wave:
    """A machine's tone that glides by so many octaves, with a fifth and a hum."""
    t = times(length, rate)
    base = rng.uniform(90, 220) * 2.0 ** (-octaves if octaves < 0 else 0.0)
    freq = base * 2.0 ** (octaves * (t / length) ** (0.8 if octaves > 0 else 0.6))
    tone = harmonics(freq, rate, 1.0 / np.arange(1, 16) ** 1.1) + 0.5 * harmonics(
        1.5 * freq, rate, 1.0 / np.arange(1, 10) ** 1.2
    )
    return np.asarray(tone * (1.0 + 0.2 * np.sin(2 * np.pi * 14.0 * t)))


def power_up(rng: Rng, rate: int) -> Source:
    """A machine powers up: a tone that climbs and opens."""
    length = rng.uniform(0.7, 1.6)

    def strike() -> Wave:
        t = times(length, rate)
        return _sweep(rng, rate, length, rng.uniform(1.5, 3.0)) * swell(t, 0.75 * length, length, 0.6)

    return Source(strike)


def power_down(rng: Rng, rate: int) -> Source:
    """A machine powers down: a tone that sinks and dies."""
    length = rng.uniform(0.8, 1.7)

    def strike() -> Wave:
        t = times(length, rate)
        return _sweep(rng, rate, length, -rng.uniform(1.8, 3.2)) * swell(t, 0.06 * length, length, 0.7)

    return Source(strike)


def teleport(rng: Rng, rate: int) -> Source:
    """A science-fiction teleport: shimmering tones that whirl up and vanish."""
    base = rng.uniform(300, 700)
    length = rng.uniform(0.9, 1.6)

    def strike() -> Wave:
        t = times(length, rate)
        u = t / length
        whirl = 1.0 + 0.3 * np.sin(2 * np.pi * (4.0 * t + 9.0 * t * u))
        out = sum(
            chirp(base * ratio * (1.0 + 2.0 * u**2) * whirl, rate) / ratio for ratio in (1.0, 1.5, 2.02, 3.1)
        )
        dust = narrow(rng, len(t), rate, 2500 + 4500 * u, 500.0)
        return np.asarray((out + 0.6 * dust) * swell(t, 0.6 * length, length))

    return Source(strike)


def sparkle(rng: Rng, rate: int) -> Source:
    """Magic: a quick shower of tiny glassy notes, rising or falling."""
    base = rng.uniform(1300, 2200)
    rising = rng.random() < 0.6

    def strike() -> Wave:
        count = int(rng.integers(12, 28))
        out = np.zeros(int(1.9 * rate))
        for number in range(count):
            part = number / count if rising else 1.0 - number / count
            pitch = base * 2.0 ** ((np.array([0, 2, 4, 7, 9])[int(rng.integers(5))] + 14 * part) / 12)
            at = 0.0 if number == 0 else number * 0.035 + rng.uniform(0.0, 0.03)
            place(
                out,
                rng.uniform(0.5, 1.0) * ping(rng, rate, pitch, rng.uniform(0.3, 0.6), (1.0, 2.76)),
                int(at * rate),
            )
        return out

    return Source(strike, ("rising",) if rising else ("falling",))


def robot(rng: Rng, rate: int) -> Source:
    """A robot's blip: a short chirping word of two to five electronic syllables."""
    base = rng.uniform(500, 1300)

    def strike() -> Wave:
        notes = []
        for _ in range(int(rng.integers(2, 6))):
            t = times(rng.uniform(0.05, 0.13), rate)
            glide = base * 2.0 ** rng.uniform(-0.6, 0.9) * (1.0 + rng.uniform(-0.6, 0.8) * t / t[-1])
            notes.append(
                harmonics(glide, rate, [1.0, 0.2, 0.3, 0.1]) * swell(t, min(0.004, 0.3 * t[-1]), t[-1], 0.5)
            )
        return np.concatenate(notes)

    return Source(strike)


def record_scratch(rng: Rng, rate: int) -> Source:
    """A record is scratched: its sound dragged forth and back under the needle."""

    def strike() -> Wave:
        t = times(rng.uniform(0.3, 0.55), rate)
        u = t / t[-1]
        speed = np.abs(np.sin(np.pi * u * rng.integers(2, 4))) * (0.6 + 0.6 * (u < 0.5))
        voice = harmonics(60.0 + 600.0 * speed, rate, 1.0 / np.arange(1, 20) ** 0.5)
        noise = narrow(rng, len(t), rate, 600.0 + 4500.0 * speed, 700.0)
        return np.asarray((0.4 * voice + noise) * np.sqrt(speed) * swell(t, 0.1 * t[-1], t[-1], 0.5))

    return Source(strike)


def tape_stop(rng: Rng, rate: int) -> Source:
    """A tape stops: a chord whose pitch slows down to nothing."""
    base = rng.uniform(180, 360)
    length = rng.uniform(0.6, 1.3)

    def strike() -> Wave:
        t = times(length, rate)
        slow = np.clip(1.0 - t / length, 0.0, 1.0) ** 0.8 + 0.02
        out = sum(
            harmonics(base * ratio * slow, rate, 1.0 / np.arange(1, 12) ** 0.9) for ratio in (1.0, 1.26, 1.5)
        )
        return np.asarray(
            out
            * np.minimum(t / 0.01, 1.0)
            * np.minimum(3.0 * slow, 1.0)
            * np.clip((length - t) / 0.2, 0.0, 1.0)
        )

    return Source(strike)


KINDS: dict[str, Kind] = {
    "beep": Kind(beep, 6, (0.4, 1.0), 0.7, 0.5, 0.8),
    "laser": Kind(laser, 6, (0.3, 1.0), 0.4, 0.42, 0.8),
    "notification": Kind(notification, 4, (0.35, 1.3), 0.4, 0.5, 1.0),
    "buzzer": Kind(buzzer, 3, (1.0, 1.6), 0.5),
    "power up": Kind(power_up, 1, (2.0, 3.0), 0.0, impulsive=False),
    "power down": Kind(power_down, 1, (2.0, 3.0), 0.0, impulsive=False),
    "teleport": Kind(teleport, 2, (1.8, 2.6), 0.0, impulsive=False),
    "magic sparkle": Kind(sparkle, 2, (1.6, 2.4), 0.0),
    "robot": Kind(robot, 4, (0.6, 1.3), 0.1, impulsive=False),
    "record scratch": Kind(record_scratch, 3, (0.7, 1.3), 0.3, impulsive=False),
    "tape stop": Kind(tape_stop, 1, (2.0, 3.0), 0.0, impulsive=False),
}
