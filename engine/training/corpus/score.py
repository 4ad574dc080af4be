"""Scores: harmony, voices and drum grooves on a beat grid.

Knows keys and beats; nothing of seconds, timbres or captions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.training.corpus.instruments import Instrument
from engine.training.corpus.noise import (
    Rng,
)

MAJOR = (0, 2, 4, 5, 7, 9, 11)


MINOR = (0, 2, 3, 5, 7, 8, 10)


# Degrees of the scale, a bar each; each ends so that it can begin again.
PROGRESSIONS: dict[bool, tuple[tuple[int, ...], ...]] = {
    False: (
        (0, 4, 5, 3),
        (0, 5, 3, 4),
        (0, 3, 4, 0),
        (0, 3, 0, 4),
        (5, 3, 0, 4),
        (0, 1, 4, 0),
        (0, 2, 3, 4),
        (0, 3, 1, 4),
    ),
    True: (
        (0, 5, 2, 6),
        (0, 3, 4, 0),
        (0, 6, 5, 6),
        (0, 5, 3, 4),
        (0, 2, 6, 3),
        (0, 3, 6, 2),
        (0, 4, 0, 5),
        (0, 6, 5, 4),
    ),
}


@dataclass(frozen=True)
class Note:
    """A note on the grid: start and held length in beats from the first downbeat (may be negative)."""

    beat: float
    beats: float
    key: int
    velocity: int


@dataclass(frozen=True)
class Score:
    """What is played and the harmony it stands on."""

    notes: list[Note]
    chords: list[tuple[float, float, int, bool]]  # beat, beats, root pitch class, minor


def _degree_keys(tonic: int, minor: bool, degree: int) -> tuple[int, bool]:
    """Root pitch class of a scale degree's triad, and if that is minor (or diminished)."""
    scale = MINOR if minor else MAJOR
    root = scale[degree % 7]
    third = scale[(degree + 2) % 7] + (12 if degree % 7 + 2 >= 7 else 0)
    if minor and degree == 4:
        third = root + 4  # the major dominant of the harmonic minor
    return (tonic + root) % 12, third - root == 3


def _triad(root: int, minor: bool) -> tuple[int, int, int]:
    return root, root + (3 if minor else 4), root + 7


def _near(pitch_class: int, around: float) -> int:
    """The key of a pitch class that lies nearest to a place on the keyboard."""
    return int(pitch_class + 12 * round((around - pitch_class) / 12.0))


def _voicing(root: int, minor: bool, around: float, previous: list[int]) -> list[int]:
    """A close triad, each tone as near as may be to the chord before it."""
    target = float(np.mean(previous)) if previous else around
    target = 0.7 * target + 0.3 * around
    best: list[int] = []
    for inversion in range(3):
        triad = _triad(root, minor)
        tones = triad[inversion:] + tuple(x + 12 for x in triad[:inversion])
        shift = 12 * round((target - float(np.mean(tones))) / 12.0)
        keys = [x + shift for x in tones]
        if not best or abs(np.mean(keys) - target) < abs(np.mean(best) - target):
            best = keys
    return best


def _rhythm_cells(rng: Rng, per_bar: int, busy: float) -> list[tuple[float, float]]:
    """(beat in bar, length) of a melody's notes in one bar."""
    cells: list[tuple[float, float]] = []
    beat = 0.0
    while beat < per_bar - 1e-6:
        left = per_bar - beat
        draw = rng.random()
        if draw < 0.45 * busy and left >= 1:
            cells += [(beat, 0.5), (beat + 0.5, 0.5)]
            beat += 1
        elif draw < 0.75 or left < 2:
            cells.append((beat, 1.0))
            beat += 1
        elif rng.random() < 0.3:
            cells += [(beat, 1.5), (beat + 1.5, 0.5)]
            beat += 2
        else:
            cells.append((beat, 2.0))
            beat += 2
    return cells


@dataclass(frozen=True)
class Harmony:
    """What all parts of a piece share: key, progression, and if chords have a seventh."""

    tonic: int  # pitch class
    minor: bool
    progression: tuple[int, ...]
    sevenths: bool = False


def draw_harmony(rng: Rng, minor: bool, sevenths: bool = False) -> Harmony:
    """A random key with one of its progressions."""
    progression = PROGRESSIONS[minor][int(rng.integers(len(PROGRESSIONS[minor])))]
    return Harmony(int(rng.integers(12)), minor, progression, sevenths)


def _seventh(harmony: Harmony, degree: int, root: int, is_minor: bool, keys: list[int]) -> int:
    """The key of a chord's seventh above its middle: small on minor chords and on the dominant."""
    small = is_minor or degree == (6 if harmony.minor else 4) or (harmony.minor and degree == 4)
    return _near(root + (10 if small else 11), keys[-1] + 1.0)


def swung(notes: list[Note]) -> list[Note]:
    """The notes with every second eighth late, as jazz plays it."""
    return [Note(n.beat + 1 / 6, n.beats, n.key, n.velocity) if n.beat % 1 == 0.5 else n for n in notes]


def compose(
    rng: Rng,
    instrument: Instrument,
    pattern: str,
    harmony: Harmony,
    bars: range,
    per_bar: int,
    busy: float,
    loud: int,
) -> Score:
    """A score over the given bars (bar 0 begins at the first downbeat)."""
    tonic, minor, progression = harmony.tonic, harmony.minor, harmony.progression
    middle = 0.5 * (instrument.low + instrument.high) + rng.uniform(-4, 4)
    scale = sorted((tonic + s) % 12 for s in (MINOR if minor else MAJOR))
    pool = [k for k in range(instrument.low, instrument.high + 1) if k % 12 in scale]
    notes: list[Note] = []
    chords: list[tuple[float, float, int, bool]] = []
    previous: list[int] = []
    at = int(np.argmin([abs(k - middle) for k in pool]))
    rhythm = [_rhythm_cells(rng, per_bar, busy) for _ in range(2)]
    order = [[0, 1, 2, 3], [0, 2, 1, 2], [3, 2, 1, 0], [0, 1, 2, 1]][int(rng.integers(4))]
    step = 0.5 if busy > 0.35 else 1.0
    if busy < 0.75 and rng.random() < 0.25:
        step = 0.25
    stabs = [[0.0, 1.0, 2.0, 3.0], [0.0, 1.5, 3.0], [0.0, 2.0], [0.0, 0.5, 1.5, 2.0, 3.0], [1.0, 3.0]][
        int(rng.integers(5))
    ]
    walk = int(rng.integers(3))

    def accent(beat: float) -> int:
        extra = 8 if beat % per_bar == 0 else 3 if beat % 1 == 0 else -5
        return int(np.clip(loud + extra + rng.integers(-5, 6), 20, 124))

    for bar in bars:
        root, is_minor = _degree_keys(tonic, minor, progression[bar % len(progression)])
        start = float(bar * per_bar)
        chords.append((start, float(per_bar), root, is_minor))
        keys = _voicing(root, is_minor, middle, previous)
        previous = keys
        if harmony.sevenths and pattern in ("chords", "stabs"):
            keys = [*keys, _seventh(harmony, progression[bar % len(progression)], root, is_minor, keys)]
        if pattern == "chords":
            notes += [Note(start, per_bar, key, accent(start)) for key in keys]
            notes.append(Note(start, per_bar, _near(root, keys[0] - 10), accent(start) - 4))
        elif pattern == "stabs":
            for offset in stabs:
                if offset < per_bar:
                    notes += [Note(start + offset, 0.6, key, accent(start + offset)) for key in keys]
        elif pattern == "arpeggio":
            tones = [*keys, keys[0] + 12]
            for number in range(round(per_bar / step)):
                beat = start + number * step
                notes.append(Note(beat, step, tones[order[number % 4]], accent(beat)))
        elif pattern == "line":
            low = _near(root, instrument.low + 6)
            low += 12 if low < instrument.low else 0
            if walk == 0:
                tones = [low, low + 7, low + 12, low + 7]
                notes += [Note(start + b, 1.0, tones[b % 4], accent(start + b)) for b in range(per_bar)]
            elif walk == 1:
                notes += [
                    Note(start + 0.5 * b, 0.5, low, accent(start + 0.5 * b)) for b in range(2 * per_bar)
                ]
            else:
                cells = rhythm[0]
                tones = [low, low, low + 7, low + 12, low + (3 if is_minor else 4)]
                notes += [
                    Note(start + b, size, tones[0 if b == 0 else int(rng.integers(5))], accent(start + b))
                    for b, size in cells
                ]
        else:  # melody
            chord_classes = {k % 12 for k in keys}
            for beat, size in rhythm[bar % 2]:
                if rng.random() < 0.06 and beat > 0:
                    continue
                at = int(np.clip(at + rng.choice([-2, -1, -1, 1, 1, 2, 0, 3, -3]), 0, len(pool) - 1))
                if abs(pool[at] - middle) > 11:
                    at += 2 if pool[at] < middle else -2
                if beat % 2 == 0:
                    close = [
                        i
                        for i in range(max(0, at - 4), min(len(pool), at + 5))
                        if pool[i] % 12 in chord_classes
                    ]
                    at = min(close, key=lambda i: abs(i - at)) if close else at
                notes.append(Note(start + beat, size, pool[at], accent(start + beat)))
    return Score(notes, chords)


KICK, SNARE, RIM, CLAP, HAT, OPEN_HAT, RIDE, CRASH, TOM, SHAKER = 36, 38, 37, 39, 42, 46, 51, 49, 45, 82


GROOVE_STYLES = ("rock", "hip hop", "four-on-the-floor", "latin", "jazz", "waltz", "half-time")


def groove(rng: Rng, style: str, bars: range, per_bar: int, loud: int) -> list[Note]:
    """A drum pattern in a style; 8ths or 16ths on the grid, the same every bar with small fills."""
    tables: dict[str, dict[int, list[float]]] = {
        "rock": {KICK: [0, 2, 2.5], SNARE: [1, 3], HAT: [0.5 * i for i in range(8)]},
        "hip hop": {KICK: [0, 0.75, 2.5], SNARE: [1, 3], HAT: [0.5 * i for i in range(8)]},
        "four-on-the-floor": {KICK: [0, 1, 2, 3], CLAP: [1, 3], OPEN_HAT: [0.5, 1.5, 2.5, 3.5]},
        "latin": {KICK: [0, 1.5, 2, 3.5], RIM: [0, 0.75, 1.5, 2.5, 3], SHAKER: [0.25 * i for i in range(16)]},
        "jazz": {RIDE: [0, 1, 1.667, 2, 3, 3.667], HAT: [1, 3], KICK: [0, 2]},
        "waltz": {KICK: [0], SNARE: [1, 2], HAT: [0, 1, 2]},
        "half-time": {KICK: [0, 1.5], SNARE: [2], HAT: [0.5 * i for i in range(8)]},
    }
    table = {
        drum: [b for b in beats if rng.random() > 0.05 or b == 0] for drum, beats in tables[style].items()
    }
    crash = rng.random() < 0.3
    notes = []
    for bar in bars:
        for drum, beats in table.items():
            for beat in beats:
                if beat < per_bar:
                    soft = (
                        -22
                        if drum in (HAT, SHAKER, RIDE, OPEN_HAT) and beat % 1
                        else -10
                        if drum in (HAT, SHAKER, RIDE)
                        else 6
                    )
                    velocity = int(np.clip(loud + soft + rng.integers(-6, 7), 20, 124))
                    notes.append(Note(bar * per_bar + beat, 0.2, drum, velocity))
        if crash and bar % 4 == 0:
            notes.append(Note(float(bar * per_bar), 1.0, CRASH, loud))
        if bar % 4 == 3 and rng.random() < 0.5:
            notes += [
                Note(bar * per_bar + per_bar - 1 + 0.25 * i, 0.2, (SNARE, TOM)[i % 2], loud) for i in range(4)
            ]
    return notes
