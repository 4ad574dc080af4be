"""Sound effects: single hits and series of hits, each with its own exact onset. One function a class.

A class function draws a source (this bell, this door) and gives a strike function; the source is struck
one to six times. A strike's attack starts at its first sample. Knows nothing of captions' words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.training.corpus import captions
from engine.training.corpus.clip import Clip, finish
from engine.training.corpus.noise import Rng, Wave, band, db, drift, place, scatter, white
from engine.training.corpus.resonator import (
    bandpass,
    chirp,
    decay,
    fade_tail,
    harmonics,
    highpass,
    lowpass,
    modes,
    resonance,
    swell,
    times,
)
from engine.training.corpus.rooms import far, muffle, reverberate


@dataclass(frozen=True)
class Source:
    """One thing that can be struck: every call gives a strike (samples,) with its attack at sample 0."""

    strike: Callable[[], Wave]
    traits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A class of effects: how to draw a source, how often it may sound and in what rhythm."""

    source: Callable[[Rng, int], Source]
    most: int  # hits in a clip, 1..6
    gap_s: tuple[float, float]  # from one hit to the next
    regular: float  # probability that all gaps are equal
    fast_s: float = 0.0  # gaps below this are called fast
    slow_s: float = 99.0  # gaps above this are called slow
    least: int = 1
    impulsive: bool = True  # the attack takes under 5 ms


def _size(rng: Rng, small: float, large: float) -> tuple[float, tuple[str, ...]]:
    """A size factor and its trait: the lowest third is "small", the highest "large"."""
    u = rng.uniform()
    trait = ("small",) if u < 0.33 else ("large",) if u > 0.67 else ()
    return float(small * (large / small) ** u), trait


def _pitch(rng: Rng, low: float, high: float) -> tuple[float, tuple[str, ...]]:
    """A frequency in Hz and its trait: the lowest third is "low", the highest "high"."""
    u = rng.uniform()
    trait = ("low",) if u < 0.33 else ("high",) if u > 0.67 else ()
    return float(low * (high / low) ** u), trait


def bell(rng: Rng, rate: int) -> Source:
    """Church or hand bell: hum, prime, tierce, quint, nominal and upper partials, the high ones short."""
    size, trait = _size(rng, 0.25, 1.6)
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
    size, trait = _size(rng, 0.7, 1.5)

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


def footsteps(rng: Rng, rate: int) -> Source:
    """Steps on wood, concrete, gravel, snow or metal."""
    floors = ("wood", "concrete", "gravel", "snow", "metal")
    floor = floors[int(rng.integers(len(floors)))]
    weight = rng.uniform(0.8, 1.25)
    base = rng.uniform(75, 110) / weight

    def crunch(grains: int, seconds: float, low: float, high: float) -> Wave:
        n = int(seconds * rate)
        pieces = []
        for _ in range(6):
            t = times(rng.uniform(0.004, 0.014), rate)
            pieces.append(bandpass(white(rng, len(t)), rate, low, high) * decay(t, t[-1] * 0.9, 0.0004))
        starts = np.sort((rng.beta(1.1, 2.2, grains) * n * 0.85).astype(np.int64))
        starts[0] = 0
        gains = rng.lognormal(-0.3, 0.6, grains)
        gains[0] = max(gains[0], 1.2)
        return scatter(n, starts, pieces, rng.integers(0, 6, grains), gains)

    def strike() -> Wave:
        t = times(0.5, rate)
        out = np.zeros(len(t))
        soft = rng.uniform(0.75, 1.1)
        toe = int(rng.uniform(0.055, 0.09) * rate)
        if floor in ("wood", "concrete", "metal"):
            freqs, ring, bright = {
                "wood": (base * np.array([1.0, 1.9, 3.1, 4.6]), 0.10, (300, 2200)),
                "concrete": (base * np.array([1.2, 6.0, 11.0, 17.0]), 0.05, (800, 5000)),
                "metal": (base * np.array([2.3, 5.9, 9.7, 14.3]), 0.42, (700, 5000)),
            }[floor]
            for start, level in ((0, 1.0), (toe, 0.4)):
                click = bandpass(white(rng, len(t)), rate, *bright) * decay(t, 0.025, 0.0003)
                body = modes(t, freqs * rng.uniform(0.97, 1.03), ring, [1.0, 0.6, 0.4, 0.25], rate)
                place(out, level * (body + (1.4 if floor == "concrete" else 0.7) * click), start)
        else:
            low, high = (1200, 7500) if floor == "gravel" else (500, 2600)
            place(out, crunch(90 if floor == "gravel" else 130, rng.uniform(0.16, 0.26), low, high), 0)
            out += 0.5 * modes(t, [base], [0.08], [1.0], rate)
        return soft * out

    return Source(strike, (floor,))


def glass(rng: Rng, rate: int) -> Source:
    """Glass breaking: a burst, then many high ringing shards raining down."""
    size, trait = _size(rng, 0.6, 1.6)

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


def clock(rng: Rng, rate: int) -> Source:
    """Clock ticks: tiny dry clicks, tick and tock a little apart in pitch."""
    size, trait = _size(rng, 0.6, 1.7)
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


def beep(rng: Rng, rate: int) -> Source:
    """Electronic beeps: sine, square-like or two-tone, with soft edges."""
    pitch, trait = _pitch(rng, 380, 2600)
    length = rng.uniform(0.06, 0.35)
    overtones = [[1.0], [1.0, 0.0, 0.33, 0.0, 0.2, 0.0, 0.14], [1.0, 0.3, 0.1]][int(rng.integers(3))]

    def strike() -> Wave:
        t = times(length + 0.03, rate)
        gate = np.minimum(np.minimum(t / 0.003, 1.0), np.clip((length + 0.028 - t) / 0.025, 0.0, 1.0))
        return 0.6 * harmonics(np.full(len(t), pitch), rate, overtones) * gate

    return Source(strike, (*trait, "short" if length < 0.12 else "long" if length > 0.25 else ""))


def siren(rng: Rng, rate: int) -> Source:
    """A siren: wailing, yelping or two-tone, for a second or more, fading in and out."""
    style = ("wailing", "yelping", "two-tone")[int(rng.integers(3))]
    length = rng.uniform(1.6, 3.4)
    base = rng.uniform(480, 720)
    cycle = {
        "wailing": rng.uniform(1.4, 2.6),
        "yelping": rng.uniform(0.22, 0.4),
        "two-tone": rng.uniform(0.7, 1.1),
    }[style]

    def strike() -> Wave:
        t = times(length, rate)
        if style == "two-tone":
            edge = np.tanh(18.0 * np.sin(2 * np.pi * t / cycle))
            freq = base * (1.0 + 0.17 * (1.0 + edge))
        else:
            freq = base * (1.0 + 0.55 * (1.0 - np.cos(2 * np.pi * t / cycle)))
        tone = harmonics(freq, rate, 1.0 / np.arange(1, 10) ** 0.9)
        tone = resonance(tone, rate, 1300, 1500)
        return tone * np.minimum(t / 0.03, 1.0) * np.clip((length - t) / 0.45, 0.0, 1.0) ** 1.5

    return Source(strike, (style,))


def horn(rng: Rng, rate: int) -> Source:
    """A car or truck horn: two reedy tones a third apart."""
    size, trait = _size(rng, 0.8, 2.0)
    base = 440.0 / size * rng.uniform(0.95, 1.05)
    ratio = rng.choice([1.2, 1.25, 1.26, 1.335])
    length = rng.uniform(0.18, 1.1)

    def strike() -> Wave:
        t = times(length + 0.12, rate)
        tilt = 1.0 / np.arange(1, 20) ** 0.55
        tone = harmonics(np.full(len(t), base), rate, tilt) + harmonics(
            np.full(len(t), base * ratio), rate, tilt
        )
        tone = resonance(tone, rate, 1700, 1800) + 0.25 * tone
        gate = np.minimum(t / 0.008, 1.0) * np.where(t < length, 1.0, np.exp(-(t - length) / 0.018))
        return np.asarray(tone * gate)

    return Source(strike, (*trait, "short" if length < 0.35 else "long" if length > 0.75 else ""))


def thunder(rng: Rng, rate: int) -> Source:
    """A thunder clap: a crack, then a long rolling rumble."""
    near = rng.random() < 0.6

    def strike() -> Wave:
        seconds = rng.uniform(2.8, 4.2)
        t = times(seconds, rate)
        out = 2.2 * band(rng, len(t), rate, 30, 180, slope_db_oct=-3.0) * decay(t, seconds * 0.75, 0.004)
        for _ in range(int(rng.integers(3, 7))):
            at = rng.uniform(0.05, 0.5) * seconds
            grain = times(min(seconds - at, rng.uniform(0.5, 1.6)), rate)
            roll = band(rng, len(grain), rate, 30, rng.uniform(110, 320), slope_db_oct=-4.0)
            place(
                out,
                rng.uniform(0.7, 1.6) * roll * swell(grain, 0.2 * grain[-1], grain[-1], 1.2),
                int(at * rate),
            )
        if near:
            crack = band(rng, len(t), rate, 150, 6000, slope_db_oct=-3.0) * decay(t, 0.5, 0.001)
            tear = np.clip(drift(rng, len(t), rate, 40.0) + 0.4, 0.0, 2.0)
            out = out + 1.6 * crack * (0.7 + 0.5 * tear)
        else:
            out = lowpass(out, rate, 400, 1)
        return out * (1.0 - 0.75 * t / seconds)

    return Source(strike, ("sharp",) if near else ("rumbling",))


def explosion(rng: Rng, rate: int) -> Source:
    """An explosion: blast, pressure drop in pitch, debris and roar dying away."""
    size, trait = _size(rng, 0.5, 1.5)

    def strike() -> Wave:
        seconds = 1.4 + 1.3 * size
        t = times(seconds, rate)
        blast = band(rng, len(t), rate, 40, 5000, slope_db_oct=-3.5) * decay(t, 0.5 * size, 0.0008)
        roar = band(rng, len(t), rate, 25, 400, slope_db_oct=-3.0) * decay(t, seconds * 0.8, 0.005)
        boom = chirp((38 + 75 * np.exp(-t / 0.07)) / size**0.3, rate) * decay(t, 0.8 * size, 0.002)
        out = 1.5 * blast + roar + 1.4 * boom
        for _ in range(int(22 * size)):
            piece = times(0.03, rate)
            dirt = bandpass(white(rng, len(piece)), rate, 500, 4000) * decay(piece, 0.025)
            at = rng.gamma(2.0, 0.28)
            place(out, rng.uniform(0.05, 0.3) * np.exp(-0.8 * at) * dirt, int(at * rate))
        return np.asarray(np.tanh(0.8 * out))

    return Source(strike, trait)


def gunshot(rng: Rng, rate: int) -> Source:
    """A gunshot: a very short bright blast with a brief tail."""
    size, trait = _size(rng, 0.6, 1.6)

    def strike() -> Wave:
        t = times(0.9, rate)
        snap = white(rng, len(t)) * decay(t, 0.045 * size, 0.0002)
        body = band(rng, len(t), rate, 90 / size, 2500, slope_db_oct=-2.0) * decay(t, 0.16 * size, 0.0004)
        air = band(rng, len(t), rate, 120, 1500, slope_db_oct=-3.0) * decay(t, 0.7, 0.002)
        thump = chirp(60 + 160 * np.exp(-t / 0.015), rate) * decay(t, 0.13 * size)
        return np.tanh(1.2 * snap + 1.3 * body + 0.15 * air + 1.0 * thump)

    return Source(strike, trait)


def laser(rng: Rng, rate: int) -> Source:
    """A science-fiction laser: a fast falling sweep with a buzz."""
    pitch, trait = _pitch(rng, 1100, 4200)
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


def whistle(rng: Rng, rate: int) -> Source:
    """A referee's trilled whistle or a person's sliding whistle."""
    pea = rng.random() < 0.5
    pitch, trait = (rng.uniform(2300, 3300), ()) if pea else _pitch(rng, 900, 2200)
    length = rng.uniform(0.25, 0.9)
    trill = rng.uniform(28, 45)
    slide = rng.uniform(-0.35, 0.45)

    def strike() -> Wave:
        t = times(length, rate)
        u = t / length
        if pea:
            freq = pitch * (1.0 + 0.025 * np.sin(2 * np.pi * trill * t))
            tone = chirp(freq, rate) * (1.0 + 0.55 * np.sin(2 * np.pi * trill * t + 1.0))
        else:
            freq = pitch * np.exp(slide * np.sin(np.pi * u) + 0.006 * np.sin(2 * np.pi * 5.5 * t))
            tone = chirp(freq, rate) + 0.07 * chirp(2 * freq, rate)
        breath = band(rng, len(t), rate, 0.8 * pitch, 1.3 * pitch, order=4.0)
        return (tone + 0.06 * breath) * np.minimum(t / 0.012, 1.0) * np.clip((length - t) / 0.06, 0.0, 1.0)

    return Source(strike, ("referee",) if pea else ("human", *trait))


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


def splash(rng: Rng, rate: int) -> Source:
    """Something falls into water: slap, plunge and a shower of bubbles."""
    size, trait = _size(rng, 0.5, 1.7)

    def strike() -> Wave:
        t = times(0.9 + 0.7 * size, rate)
        slap = band(rng, len(t), rate, 300 / size, 7000, slope_db_oct=-2.0) * decay(
            t, 0.18 + 0.25 * size, 0.0015
        )
        spray = band(rng, len(t), rate, 1500, 8000) * swell(t, 0.12 * size, t[-1], 2.2)
        out = (
            slap
            + 0.45 * spray
            + 0.8 * chirp(90 / size + 60 * np.exp(-t / 0.05), rate) * decay(t, 0.22 * size, 0.002)
        )
        for _ in range(int(30 * size)):
            at = rng.gamma(2.0, 0.13 * size)
            freq = np.exp(rng.uniform(np.log(350), np.log(2200))) / size**0.4
            grain = times(rng.uniform(0.02, 0.06), rate)
            drop = chirp(freq * (1.0 + rng.uniform(1.0, 7.0) * grain), rate) * decay(grain, grain[-1], 0.002)
            place(
                out,
                rng.uniform(0.05, 0.35) * np.exp(-0.7 * at) * fade_tail(drop, rate, 0.005),
                int(at * rate),
            )
        return np.asarray(out * np.clip((t[-1] - t) / 0.3, 0.0, 1.0))

    return Source(strike, trait)


def whoosh(rng: Rng, rate: int) -> Source:
    """Something rushes past: noise that brightens, peaks and falls."""
    fast = rng.random() < 0.5
    length = rng.uniform(0.3, 0.5) if fast else rng.uniform(0.7, 1.3)
    top = rng.uniform(0.3, 0.5)
    centre = rng.uniform(500, 1400)

    def strike() -> Wave:
        t = times(length, rate)
        near = swell(t, top * length, length, 1.4)
        dull = band(rng, len(t), rate, 0.3 * centre, centre, slope_db_oct=-2.0)
        bright = band(rng, len(t), rate, centre, 4.5 * centre, slope_db_oct=-3.0)
        return np.asarray(dull * near + 0.9 * bright * near**2)

    return Source(strike, ("fast",) if fast else ("slow",))


def clap(rng: Rng, rate: int) -> Source:
    """One hand clap: a few bursts within milliseconds, hollow in colour."""
    centre = rng.uniform(900, 1700)

    def strike() -> Wave:
        t = times(0.22, rate)
        out = np.zeros(len(t))
        for start, level in ((0.0, 1.0), (rng.uniform(0.004, 0.008), 0.6), (rng.uniform(0.010, 0.015), 0.4)):
            burst = bandpass(white(rng, len(t)), rate, 0.6 * centre, 2.6 * centre) * decay(t, 0.05, 0.0003)
            place(out, level * burst, int(start * rate))
        return rng.uniform(0.85, 1.0) * (
            out + 0.12 * band(rng, len(t), rate, 600, 5000) * decay(t, 0.16, 0.002)
        )

    return Source(strike)


def bark(rng: Rng, rate: int) -> Source:
    """A dog's bark: a rough voiced burst, pitch up then down, through a moving throat."""
    size, trait = _size(rng, 0.55, 1.6)
    base = 330.0 / size
    formants = np.array([620.0, 1450.0, 2600.0]) / size**0.45

    def strike() -> Wave:
        length = rng.uniform(0.16, 0.30) * (0.75 + 0.3 * size)
        t = times(length + 0.18, rate)
        u = np.minimum(t / length, 1.0)
        freq = (
            base * (0.8 + 0.65 * np.sin(np.pi * u**0.7)) * np.exp(-0.25 * np.maximum(t / length - 1.0, 0.0))
        )
        freq = freq * (1.0 + 0.03 * drift(rng, len(t), rate, 90.0))
        voice = harmonics(freq, rate, 1.0 / np.arange(1, 24) ** 0.7)
        voice = voice * (1.0 + 0.4 * drift(rng, len(t), rate, 120.0)) + 0.5 * white(rng, len(t))
        out = sum(
            g * resonance(voice, rate, f, w)
            for f, w, g in zip(formants, (160, 240, 400), (1.0, 0.8, 0.35), strict=True)
        )
        gate = np.minimum(t / 0.012, 1.0) * np.exp(-6.9 * np.maximum(t - 0.45 * length, 0.0) / (1.1 * length))
        return np.asarray(out * gate * rng.uniform(0.8, 1.0))

    return Source(strike, trait)


def chime(rng: Rng, rate: int) -> Source:
    """Small metal chimes: pure high partials of free bars, each strike another tube."""
    base, trait = _pitch(rng, 520, 1500)
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


def drum(rng: Rng, rate: int) -> Source:
    """A single drum: a pitched thud with a skin's inharmonic modes."""
    size, trait = _size(rng, 0.5, 1.7)
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


SFX_CLASSES: dict[str, Kind] = {
    "bell": Kind(bell, 4, (0.7, 2.0), 0.7),
    "knock": Kind(knock, 6, (0.16, 0.6), 0.6, 0.24, 0.42),
    "slam": Kind(slam, 2, (1.2, 2.4), 0.2),
    "footsteps": Kind(footsteps, 6, (0.3, 0.95), 0.9, 0.42, 0.68, least=2),
    "glass": Kind(glass, 2, (1.3, 2.4), 0.2),
    "clock": Kind(clock, 6, (0.3, 1.0), 1.0, 0.45, 0.8, least=2),
    "beep": Kind(beep, 6, (0.4, 1.0), 0.7, 0.5, 0.8),
    "siren": Kind(siren, 1, (3.0, 4.0), 0.0, impulsive=False),
    "horn": Kind(horn, 3, (1.4, 2.0), 0.2, impulsive=False),
    "thunder": Kind(thunder, 1, (3.0, 4.0), 0.0),
    "explosion": Kind(explosion, 2, (1.4, 2.6), 0.0),
    "gunshot": Kind(gunshot, 6, (0.25, 1.1), 0.3, 0.4, 0.9),
    "laser": Kind(laser, 6, (0.3, 1.0), 0.4, 0.42, 0.8),
    "whistle": Kind(whistle, 3, (1.0, 1.7), 0.4, impulsive=False),
    "keyboard": Kind(keyboard, 6, (0.13, 0.5), 0.2, 0.2, 0.36, least=2),
    "splash": Kind(splash, 2, (1.2, 2.4), 0.0),
    "whoosh": Kind(whoosh, 3, (1.4, 2.0), 0.0, impulsive=False),
    "clap": Kind(clap, 6, (0.2, 0.8), 0.6, 0.3, 0.6),
    "bark": Kind(bark, 5, (0.45, 1.2), 0.2, 0.55, 0.95, impulsive=False),
    "chime": Kind(chime, 6, (0.3, 1.2), 0.2, 0.42, 0.9),
    "telephone": Kind(telephone, 2, (2.0, 2.6), 0.0),
    "coin": Kind(coin, 3, (1.0, 1.8), 0.0),
    "hammer": Kind(hammer, 6, (0.35, 0.95), 0.8, 0.48, 0.75),
    "drum": Kind(drum, 6, (0.3, 1.0), 0.5, 0.42, 0.8),
}


def _rhythm(rng: Rng, kind: Kind, length_s: float) -> tuple[list[float], tuple[str, ...]]:
    """Hit times in seconds, and the pace they have."""
    count = int(rng.integers(kind.least, kind.most + 1))
    gap = rng.uniform(*kind.gap_s)
    if rng.random() < kind.regular:
        gaps = gap * rng.uniform(0.985, 1.015, count - 1)
    else:
        gaps = np.clip(gap * rng.lognormal(0.0, 0.35, count - 1), kind.gap_s[0], 1.3 * kind.gap_s[1])
    while gaps.sum() > length_s - 0.5:
        gaps = gaps[:-1]
    room = length_s - 0.4 - gaps.sum()
    first = rng.uniform(0.03, max(0.04, room if count > 1 or rng.random() < 0.3 else 0.75 * room))
    onsets = [float(first + part) for part in np.concatenate([[0.0], np.cumsum(gaps)])]
    pace: tuple[str, ...] = ()
    if len(gaps):
        pace = (
            ("pace fast",)
            if gaps.mean() < kind.fast_s
            else ("pace slow",)
            if gaps.mean() > kind.slow_s
            else ()
        )
    return onsets, pace


@dataclass(frozen=True)
class Setting:
    """Where the effect is heard: a treatment of the whole clip, its traits and its peak range in dBFS."""

    treat: Callable[[Wave], Wave]
    traits: tuple[str, ...]
    peak_dbfs: tuple[float, float]


def _place(rng: Rng, rate: int) -> Setting:
    draw = rng.random()
    if draw < 0.40:
        return Setting(lambda x: x, (), (-13.0, -6.0))
    if draw < 0.52:
        rt60 = rng.uniform(0.25, 0.6)
        return Setting(lambda x: reverberate(x, rng, rate, rt60, rng.uniform(0.12, 0.3)), (), (-13.0, -6.0))
    if draw < 0.66:
        return Setting(
            lambda x: reverberate(x, rng, rate, rng.uniform(1.6, 3.2), rng.uniform(0.45, 0.8)),
            ("reverberant",),
            (-13.0, -6.0),
        )
    if draw < 0.78:
        return Setting(lambda x: far(x, rng, rate, rng.uniform(0.6, 1.0)), ("distant",), (-24.0, -18.0))
    if draw < 0.86:
        return Setting(lambda x: muffle(x, rate, rng.uniform(350, 800)), ("muffled",), (-17.0, -11.0))
    if draw < 0.93:
        return Setting(lambda x: x, ("loud",), (-4.5, -2.5))
    return Setting(lambda x: x, ("quiet",), (-24.0, -19.0))


def render_class(label: str, rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One sound-effect clip of a given class."""
    kind = SFX_CLASSES[label]
    onsets_s, pace = _rhythm(rng, kind, samples / rate_hz)
    source = kind.source(rng, rate_hz)
    starts = [round(onset * rate_hz) for onset in onsets_s]
    out = np.zeros(samples)
    for start in starts:
        strike = source.strike()
        strike = highpass(strike, rate_hz, 22.0, 1)
        place(out, fade_tail(strike, rate_hz, 0.15 * len(strike) / rate_hz), start)
    where = _place(rng, rate_hz)
    heard = where.treat(out)
    heard[: starts[0]] = 0.0
    heard = heard / (np.max(np.abs(heard)) + 1e-12) * db(rng.uniform(*where.peak_dbfs))
    traits = tuple(t for t in (*source.traits, *pace, *where.traits) if t)
    caption = captions.sfx_caption(rng, label, traits, len(starts))
    cues = tuple(start / rate_hz for start in starts)
    return Clip("sfx", label, caption, finish(heard, samples), cues_s=cues, traits=traits)


def render(rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One sound-effect clip (samples,) of a random class."""
    labels = tuple(SFX_CLASSES)
    return render_class(labels[int(rng.integers(len(labels)))], rng, rate_hz, samples)
