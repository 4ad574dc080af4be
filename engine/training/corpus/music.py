"""Music: one instrument with a known beat grid and harmony, played by a General MIDI soundfont.

Notes are composed on the grid, then rendered with the instrument's own attack latency taken off, so that
the start of the sound stands on the beat. Knows nothing of captions' words.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.training.corpus import captions
from engine.training.corpus.clip import Chord, Clip, finish
from engine.training.corpus.noise import Rng, Wave, db, rms
from engine.training.corpus.resonator import highpass
from engine.training.corpus.rooms import reverberate

SOUNDFONT_ENV = "STEMSCAPE_SOUNDFONT"
SOUNDFONT_DEFAULT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
DRUM_CHANNEL = 9
DRUM_BANK = 128


@dataclass(frozen=True)
class Instrument:
    """A timbre: General MIDI programs to choose from, range in MIDI keys and what it tends to play."""

    programs: tuple[int, ...]
    low: int
    high: int
    patterns: tuple[str, ...]
    legato: float = 0.95  # share of a note's grid length that is held


INSTRUMENTS: dict[str, Instrument] = {
    "piano": Instrument((0, 1), 45, 84, ("chords", "stabs", "arpeggio", "melody"), 1.0),
    "guitar": Instrument((24, 25), 43, 76, ("chords", "stabs", "arpeggio", "arpeggio"), 1.2),
    "strings": Instrument((48, 49), 45, 79, ("chords", "chords", "melody")),
    "flute": Instrument((73, 75), 62, 91, ("melody",), 0.9),
    "bass": Instrument((32, 33, 34, 35), 28, 50, ("line",), 0.85),
    "organ": Instrument((19, 16), 45, 79, ("chords", "stabs", "melody"), 0.95),
    "marimba": Instrument((12,), 48, 84, ("arpeggio", "melody", "stabs")),
    "vibraphone": Instrument((11,), 53, 84, ("arpeggio", "melody", "chords"), 1.3),
    "pad": Instrument((89, 91, 94, 95), 45, 76, ("chords",), 1.0),
    "electric piano": Instrument((4, 5), 45, 79, ("chords", "stabs", "arpeggio"), 1.0),
    "drums": Instrument((0,), 0, 127, ("groove",)),
    "music box": Instrument((10,), 67, 96, ("arpeggio", "melody"), 1.5),
    "trumpet": Instrument((56,), 57, 81, ("melody",), 0.85),
    "saxophone": Instrument((65, 66), 52, 79, ("melody",), 0.9),
    "harp": Instrument((46,), 43, 84, ("arpeggio", "arpeggio", "chords"), 1.6),
    "choir": Instrument((52, 53), 48, 76, ("chords",)),
    "synth": Instrument((80, 81, 90), 48, 84, ("arpeggio", "melody"), 0.7),
    "cello": Instrument((42,), 38, 64, ("melody",), 0.97),
}

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


# --- composing --------------------------------------------------------------------------------


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


def compose(
    rng: Rng,
    instrument: Instrument,
    pattern: str,
    minor: bool,
    bars: range,
    per_bar: int,
    busy: float,
    loud: int,
) -> Score:
    """A score over the given bars (bar 0 begins at the first downbeat)."""
    tonic = int(rng.integers(12))
    progression = PROGRESSIONS[minor][int(rng.integers(len(PROGRESSIONS[minor])))]
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
        if pattern == "chords":
            for key in keys:
                notes.append(Note(start, per_bar, key, accent(start)))
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


# --- playing ----------------------------------------------------------------------------------


@dataclass
class Player:
    """A loaded soundfont; one a process and rate."""

    synth: Any
    sfid: int
    rate_hz: int

    def reset(self, program: int, drums: bool) -> int:
        """Silence everything and select a program; returns its channel."""
        channel = DRUM_CHANNEL if drums else 0
        self.synth.sounds_off()
        self.synth.generate_simple(2048)
        self.synth.sounds_off()
        self.synth.program_select(channel, self.sfid, DRUM_BANK if drums else 0, program, drums)
        return channel

    def play(self, notes: list[tuple[int, int, int, int]], program: int, drums: bool, samples: int) -> Wave:
        """Render (start sample, stop sample, key, velocity) notes to mono (samples,)."""
        channel = self.reset(program, drums)
        events = [(stop, 0, key, 0) for _, stop, key, _ in notes]
        events += [(start, 1, key, velocity) for start, _, key, velocity in notes]
        out = np.zeros((samples, 2), np.float32)
        where = 0
        for at, on, key, velocity in sorted(events):
            at = min(at, samples)
            if at > where:
                out[where:at] = self._generate(at - where)
                where = at
            if at >= samples:
                break
            if on:
                self.synth.noteon(channel, key, velocity)
            else:
                self.synth.noteoff(channel, key)
        if where < samples:
            out[where:] = self._generate(samples - where)
        self.reset(program, drums)
        return np.asarray(out.mean(axis=1))

    def _generate(self, samples: int) -> Wave:
        return np.frombuffer(
            self.synth.generate_simple(samples, memoryview(bytearray(samples * 8))), np.float32
        ).reshape(-1, 2)


def soundfont_path() -> Path:
    """Where the soundfont lies: $STEMSCAPE_SOUNDFONT or Debian's FluidR3_GM."""
    return Path(os.environ.get(SOUNDFONT_ENV, SOUNDFONT_DEFAULT))


def available() -> bool:
    """Whether music can be rendered here."""
    try:
        import tinysoundfont  # noqa: F401
    except ImportError:
        return False
    return soundfont_path().is_file()


@lru_cache(maxsize=2)
def player(rate_hz: int) -> Player:
    """The process's player at a rate. Raises RuntimeError when tinysoundfont or the soundfont is missing."""
    try:
        import tinysoundfont
    except ImportError as error:
        raise RuntimeError("music: needs tinysoundfont; `pip install --no-deps tinysoundfont`") from error
    path = soundfont_path()
    if not path.is_file():
        raise RuntimeError(
            f"music: no soundfont at {path}; install fluid-soundfont-gm or set {SOUNDFONT_ENV}"
        )
    synth = tinysoundfont.Synth(gain=-8, samplerate=rate_hz)
    return Player(synth, synth.sfload(str(path)), rate_hz)


@lru_cache(maxsize=4096)
def latency_s(rate_hz: int, program: int, key: int, drums: bool) -> float:
    """How long after note-on a key sounds: when its level first passes a quarter of its early maximum.

    Slow attacks (strings, pads) count at most 40 ms, as players anticipate by about so much.
    """
    wave = player(rate_hz).play([(0, rate_hz, key, 96)], program, drums, round(0.3 * rate_hz))
    size = max(1, round(0.002 * rate_hz))
    level = np.sqrt(np.convolve(wave.astype(np.float64) ** 2, np.ones(size) / size)[: len(wave)])
    top = float(level.max())
    if top <= 1e-7:
        return 0.0
    return min(float(np.argmax(level > 0.25 * top)) / rate_hz, 0.04)


def _latency(rate_hz: int, program: int, key: int, drums: bool) -> float:
    return latency_s(rate_hz, program, key if drums else 6 * round(key / 6), drums)


def _limit(audio: Wave) -> Wave:
    """audio with its highest peaks rounded off below 0.9; under 0.6 nothing changes."""
    audio = audio * min(1.0, 1.8 / (float(np.max(np.abs(audio))) + 1e-9))
    size = np.abs(audio)
    return np.where(size > 0.6, np.sign(audio) * (0.6 + 0.3 * np.tanh((size - 0.6) / 0.3)), audio)


def render_class(label: str, rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One music clip played by a given instrument."""
    instrument = INSTRUMENTS[label]
    drums = label == "drums"
    length_s = samples / rate_hz
    bpm = float(np.round(np.exp(rng.uniform(np.log(60), np.log(180))), 1))
    beat_s = 60.0 / bpm
    speed = "slow" if bpm < 88 else "medium" if bpm < 122 else "fast"
    minor = bool(rng.random() < 0.45)
    mood = f"{'minor' if minor else 'major'} {speed}"
    per_bar = 3 if rng.random() < 0.15 else 4
    style = ""
    pattern = instrument.patterns[int(rng.integers(len(instrument.patterns)))]
    if drums:
        style = "waltz" if per_bar == 3 else str(rng.choice([s for s in GROOVE_STYLES if s != "waltz"]))
    offset_s = float(rng.uniform(0.0, per_bar * beat_s))
    bars = range(-1, int(np.ceil(length_s / (per_bar * beat_s))) + 1)
    loud = {"slow": 66, "medium": 84, "fast": 100}[speed] + int(rng.integers(-8, 9))
    busy = {"slow": 0.7, "medium": 0.55, "fast": 0.45}[speed] * rng.uniform(0.6, 1.4)
    program = int(rng.choice(instrument.programs))
    chords: list[tuple[float, float, int, bool]] = []
    if drums:
        notes = groove(rng, style, bars, per_bar, loud)
    else:
        score = compose(rng, instrument, pattern, minor, bars, per_bar, busy, loud)
        notes, chords = score.notes, score.chords
    release_s = length_s - rng.uniform(0.12, 0.35)
    events = []
    for note in notes:
        if not drums:
            key = note.key
            while key < instrument.low - 12:
                key += 12
            while key > instrument.high + 5:
                key -= 12
            note = Note(note.beat, note.beats, key, note.velocity)
        start_beat, beats = note.beat, note.beats
        if offset_s + start_beat * beat_s < 0.0 and pattern == "chords":
            # A chord already held when the clip begins enters on the first beat that lies inside it.
            entry = float(np.ceil(-offset_s / beat_s))
            beats -= entry - start_beat
            start_beat = entry
            if beats < 1.0:
                continue
        start_s = offset_s + start_beat * beat_s
        if start_s < 0.0 or start_s > release_s - 0.08:
            continue
        stop_s = min(start_s + beats * beat_s * instrument.legato, release_s)
        start_s -= _latency(rate_hz, program, note.key, drums)
        begin = max(0, round(start_s * rate_hz))
        events.append((begin, max(begin + 64, round(stop_s * rate_hz)), note.key, note.velocity))
    audio = player(rate_hz).play(events, program, drums, samples).astype(np.float64)
    audio = highpass(audio, rate_hz, 25.0, 1)
    wet = bool(rng.random() < 0.15)
    if wet:
        audio = reverberate(audio, rng, rate_hz, rng.uniform(1.5, 2.8), rng.uniform(0.35, 0.6))
    fade = round(0.04 * rate_hz)
    audio[-fade:] *= np.linspace(1.0, 0.0, fade)
    level = {"slow": -22.5, "medium": -20.0, "fast": -18.0}[speed] + rng.uniform(-1.5, 1.5)
    audio = _limit(audio * (db(level) / rms(audio)))
    tune = captions.Tune(label, mood, speed, minor, pattern, style, bpm, per_bar, wet)
    traits = (
        speed,
        pattern,
        *(() if drums else ("minor" if minor else "major",)),
        *((style,) if style else ()),
    )
    if wet:
        traits = (*traits, "reverberant")
    heard = tuple(
        Chord(
            root,
            is_minor,
            max(0.0, offset_s + beat * beat_s),
            min(length_s, offset_s + (beat + beats) * beat_s),
        )
        for beat, beats, root, is_minor in chords
        if offset_s + (beat + beats) * beat_s > 0.0 and offset_s + beat * beat_s < length_s
    )
    return Clip(
        "music",
        label,
        captions.music_caption(rng, tune),
        finish(audio, samples),
        bpm=bpm,
        beat_offset_s=offset_s,
        beats_per_bar=per_bar,
        traits=traits,
        chords=heard,
    )


def render(rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One music clip (samples,) of a random instrument."""
    labels = tuple(INSTRUMENTS)
    return render_class(labels[int(rng.integers(len(labels)))], rng, rate_hz, samples)
