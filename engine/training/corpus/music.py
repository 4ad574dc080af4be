"""Music: one instrument, a small ensemble or one of its parts, with a known beat grid and harmony.

Notes are composed on the grid, then rendered with the instrument's own attack latency taken off, so that
the start of the sound stands on the beat. Knows nothing of captions' words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.training.corpus import captions
from engine.training.corpus.clip import PEAK_LIMIT, Chord, Clip, finish
from engine.training.corpus.instruments import INSTRUMENTS, STYLES, Instrument, Part, Style
from engine.training.corpus.noise import Rng, Wave, db, rms
from engine.training.corpus.resonator import highpass
from engine.training.corpus.rooms import reverberate
from engine.training.corpus.score import GROOVE_STYLES, Note, Score, compose, draw_harmony, groove, swung
from engine.training.corpus.soundfont import available, key_latency_s, player

__all__ = ["INSTRUMENTS", "STYLES", "available", "render", "render_class", "render_part"]
ENSEMBLE_SHARE = 0.4
FEW_SEATS = 3
AT_ONCE = 0.35  # of all grids begin with the clip


def _limit(audio: Wave) -> Wave:
    """audio with its highest peaks rounded off below 0.9; under 0.6 nothing changes."""
    audio = audio * min(1.0, 1.8 / (float(np.max(np.abs(audio))) + 1e-9))
    size = np.abs(audio)
    return np.where(size > 0.6, np.sign(audio) * (0.6 + 0.3 * np.tanh((size - 0.6) / 0.3)), audio)


@dataclass(frozen=True)
class Grid:
    """Where beats lie in a clip, and how hard and busily it is played."""

    bpm: float
    per_bar: int
    offset_s: float  # first downbeat
    length_s: float
    release_s: float  # when the last notes are let go
    loud: int  # MIDI velocity
    busy: float

    @property
    def beat_s(self) -> float:
        """Seconds a beat."""
        return 60.0 / self.bpm

    @property
    def speed(self) -> str:
        """slow | medium | fast."""
        return "slow" if self.bpm < 88 else "medium" if self.bpm < 122 else "fast"

    @property
    def bars(self) -> range:
        """Bars that may be heard; bar 0 begins at the first downbeat."""
        return range(-1, int(np.ceil(self.length_s / (self.per_bar * self.beat_s))) + 1)


def draw_grid(rng: Rng, length_s: float, low_bpm: float, high_bpm: float, per_bar: int) -> Grid:
    """A random grid within a tempo range."""
    bpm = float(np.round(np.exp(rng.uniform(np.log(low_bpm), np.log(high_bpm))), 1))
    offset_s = float(rng.uniform(0.0, per_bar * 60.0 / bpm))
    if rng.random() < AT_ONCE:
        offset_s = 0.0  # where a scene's grid begins unless it says otherwise; chance never draws it
    grid = Grid(bpm, per_bar, offset_s, length_s, length_s - rng.uniform(0.12, 0.35), 0, 0.0)
    loud = {"slow": 66, "medium": 84, "fast": 100}[grid.speed] + int(rng.integers(-8, 9))
    busy = {"slow": 0.7, "medium": 0.55, "fast": 0.45}[grid.speed] * rng.uniform(0.6, 1.4)
    return Grid(bpm, per_bar, offset_s, length_s, grid.release_s, loud, busy)


def _within(key: int, instrument: Instrument) -> int:
    """The key moved by octaves into the instrument's range."""
    while key < instrument.low - 12:
        key += 12
    while key > instrument.high + 5:
        key -= 12
    return key


def perform(
    notes: list[Note],
    instrument: Instrument,
    program: int,
    pattern: str,
    grid: Grid,
    rate_hz: int,
    samples: int,
) -> Wave:
    """One part's sound (samples,): its notes on the grid, each sounding at its beat."""
    drums = pattern == "groove"
    events = []
    for note in notes:
        key = note.key if drums else _within(note.key, instrument)
        start_beat, beats = note.beat, note.beats
        if grid.offset_s + start_beat * grid.beat_s < 0.0 and pattern == "chords":
            # A chord already held when the clip begins enters on the first beat that lies inside it.
            entry = float(np.ceil(-grid.offset_s / grid.beat_s))
            beats -= entry - start_beat
            start_beat = entry
            if beats < 1.0:
                continue
        start_s = grid.offset_s + start_beat * grid.beat_s
        if start_s < 0.0 or start_s > grid.release_s - 0.08:
            continue
        stop_s = min(start_s + beats * grid.beat_s * instrument.legato, grid.release_s)
        start_s -= key_latency_s(rate_hz, program, key, drums)
        begin = max(0, round(start_s * rate_hz))
        events.append((begin, max(begin + 64, round(stop_s * rate_hz)), key, note.velocity))
    return player(rate_hz).play(events, program, drums, samples).astype(np.float64)


def _roomed(audio: Wave, rng: Rng, wet: bool, rate_hz: int) -> Wave:
    """audio without rumble, in its room and faded at its end: the same of a sum as of its parts."""
    audio = highpass(audio, rate_hz, 25.0, 1)
    if wet:
        audio = reverberate(audio, rng, rate_hz, rng.uniform(1.5, 2.8), rng.uniform(0.35, 0.6))
    fade = round(0.04 * rate_hz)
    audio[-fade:] *= np.linspace(1.0, 0.0, fade)
    return audio


def _gain(audio: Wave, rng: Rng, grid: Grid) -> float:
    """What brings a mix to the level of its speed."""
    level = {"slow": -22.5, "medium": -20.0, "fast": -18.0}[grid.speed] + rng.uniform(-1.5, 1.5)
    return db(level) / rms(audio)


def _finished(audio: Wave, rng: Rng, grid: Grid, wet: bool, rate_hz: int) -> Wave:
    """The mix in its room and at its level."""
    audio = _roomed(audio, rng, wet, rate_hz)
    return _limit(audio * _gain(audio, rng, grid))


def _heard(score: Score, grid: Grid) -> tuple[Chord, ...]:
    """The chords that lie in the clip, in seconds."""
    chords = []
    for beat, beats, root, is_minor in score.chords:
        start_s = grid.offset_s + beat * grid.beat_s
        stop_s = start_s + beats * grid.beat_s
        if stop_s > 0.0 and start_s < grid.length_s:
            chords.append(Chord(root, is_minor, max(0.0, start_s), min(grid.length_s, stop_s)))
    return tuple(chords)


def render_solo(label: str, rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One music clip played by a given instrument."""
    instrument = INSTRUMENTS[label]
    drums = label == "drums"
    minor = bool(rng.random() < 0.45)
    per_bar = 3 if rng.random() < 0.15 else 4
    grid = draw_grid(rng, samples / rate_hz, 60, 180, per_bar)
    pattern = instrument.patterns[int(rng.integers(len(instrument.patterns)))]
    program = int(rng.choice(instrument.programs))
    style, score = "", Score([], [])
    if drums:
        style = "waltz" if per_bar == 3 else str(rng.choice([s for s in GROOVE_STYLES if s != "waltz"]))
        notes = groove(rng, style, grid.bars, per_bar, grid.loud)
    else:
        harmony = draw_harmony(rng, minor)
        score = compose(rng, instrument, pattern, harmony, grid.bars, per_bar, grid.busy, grid.loud)
        notes = score.notes
    audio = perform(notes, instrument, program, pattern, grid, rate_hz, samples)
    wet = bool(rng.random() < 0.15)
    audio = _finished(audio, rng, grid, wet, rate_hz)
    mood = f"{'minor' if minor else 'major'} {grid.speed}"
    tune = captions.Tune(label, mood, grid.speed, minor, pattern, style, grid.bpm, per_bar, wet)
    key = () if drums else ("minor" if minor else "major",)
    traits = (grid.speed, pattern, *key, *((style,) if style else ()), *(("reverberant",) if wet else ()))
    caption = captions.music_caption(rng, tune)
    return _clip(label, caption, finish(audio, samples), grid, traits, _heard(score, grid))


@dataclass(frozen=True)
class Player:
    """One part as it was played: its instrument, its pattern, and its sound at its level in the dry mix."""

    timbre: str
    pattern: str
    called: str
    sound: Wave


@dataclass(frozen=True)
class Ensemble:
    """Everything that an ensemble plays in one clip."""

    minor: bool
    grid: Grid
    players: tuple[Player, ...]
    chords: tuple[Chord, ...]

    @property
    def mood(self) -> str:
        """Key into captions' moods."""
        return f"{'minor' if self.minor else 'major'} {self.grid.speed}"


def _play_together(style: Style, rng: Rng, rate_hz: int, samples: int) -> Ensemble:
    """All parts of a style on one grid and one harmony."""
    minor = bool(rng.random() < 0.45)
    grid = draw_grid(rng, samples / rate_hz, *style.bpm, style.per_bar)
    harmony = draw_harmony(rng, minor, style.sevenths)
    players: list[Player] = []
    chords = Score([], [])
    for part in style.parts:
        timbre = str(rng.choice(part.timbres))
        pattern = str(rng.choice(part.patterns))
        instrument = INSTRUMENTS[timbre]
        program = int(rng.choice(part.programs or instrument.programs))
        if timbre == "drums":
            notes = groove(rng, style.groove, grid.bars, style.per_bar, grid.loud)
        else:
            chords = compose(
                rng, instrument, pattern, harmony, grid.bars, style.per_bar, grid.busy, grid.loud
            )
            notes = chords.notes
        if style.swing and (timbre != "drums" or style.groove != "jazz"):  # that groove swings by itself
            notes = swung(notes)
        sound = perform(notes, instrument, program, pattern, grid, rate_hz, samples)
        sound *= db(part.gain_db) / max(rms(sound), 1e-5)
        players.append(Player(timbre, pattern, part.called or timbre, sound))
    return Ensemble(minor, grid, tuple(players), _heard(chords, grid))


def render_ensemble(label: str, rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One music clip played by a small ensemble in a given style: all parts on one grid and one harmony."""
    style = STYLES[label]
    played = _play_together(style, rng, rate_hz, samples)
    grid, minor = played.grid, played.minor
    audio = np.sum([player.sound for player in played.players], axis=0)
    wet = bool(rng.random() < style.wet)
    audio = _finished(audio, rng, grid, wet, rate_hz)
    tune = captions.Tune(label, played.mood, grid.speed, minor, "ensemble", "", grid.bpm, style.per_bar, wet)
    traits = (grid.speed, "ensemble", "minor" if minor else "major", *(("reverberant",) if wet else ()))
    names = tuple(player.called for player in played.players if player.called != "-")
    caption = captions.ensemble_caption(rng, tune, names)
    return _clip(label, caption, finish(audio, samples), grid, traits, played.chords)


def _seats(label: str) -> list[tuple[Style, int]]:
    """Where an instrument may sit: styles whose part of that number it plays, with the sound of its solos.

    An instrument that hardly any style has also takes the seats of those that play what it plays.
    """
    own, others = [], []
    for style in STYLES.values():
        for number, part in enumerate(style.parts):
            programs = _own_programs(part, label)
            if label in part.timbres and programs:
                seated = replace(part, timbres=(label,), programs=programs, called="")
                own.append((_with(style, number, seated), number))
            patterns = tuple(p for p in part.patterns if p in INSTRUMENTS[label].patterns)
            if patterns and label not in part.timbres:
                seated = replace(part, timbres=(label,), patterns=patterns, programs=(), called="")
                others.append((_with(style, number, seated), number))
    return own if len(own) >= FEW_SEATS else own + others


def _own_programs(part: Part, label: str) -> tuple[int, ...]:
    return tuple(p for p in part.programs or INSTRUMENTS[label].programs if p in INSTRUMENTS[label].programs)


def _with(style: Style, number: int, part: Part) -> Style:
    return replace(style, parts=(*style.parts[:number], part, *style.parts[number + 1 :]))


def render_part(label: str, rng: Rng, rate_hz: int, samples: int) -> tuple[Clip, Wave]:
    """One instrument's part in an ensemble, and the sum (samples,) of the other parts.

    Both are at their levels in the mix: added up they are the ensemble, before its highest peaks are
    rounded off. The clip is described as a solo of that instrument; drums, too, have the chords around them.
    """
    seats = _seats(label)
    while True:
        style, number = seats[int(rng.integers(len(seats)))]
        played = _play_together(style, rng, rate_hz, samples)
        player = played.players[number]
        if rms(player.sound) > 1e-3 and any(rms(p.sound) > 1e-3 for p in played.players if p is not player):
            break
    grid, minor, drums = played.grid, played.minor, label == "drums"
    wet = bool(rng.random() < style.wet)
    room = int(rng.integers(2**32))
    rest = np.sum([p.sound for p in played.players if p is not player], axis=0)
    stem, rest = (_roomed(sound, np.random.default_rng(room), wet, rate_hz) for sound in (player.sound, rest))
    gain = _gain(stem + rest, rng, grid)
    loudest = max(float(np.max(np.abs(sound))) for sound in (stem, rest, stem + rest))
    gain = min(gain, 0.999 * PEAK_LIMIT / loudest)
    groove_style = style.groove if drums else ""
    tune = captions.Tune(
        label, played.mood, grid.speed, minor, player.pattern, groove_style, grid.bpm, style.per_bar, wet
    )
    key = () if drums else ("minor" if minor else "major",)
    traits = (
        grid.speed,
        player.pattern,
        *key,
        *((groove_style,) if groove_style else ()),
        *(("reverberant",) if wet else ()),
    )
    caption = captions.music_caption(rng, tune)
    clip = _clip(label, caption, finish(gain * stem, samples), grid, traits, played.chords)
    return clip, finish(gain * rest, samples)


def _clip(
    label: str, caption: str, audio: Wave, grid: Grid, traits: tuple[str, ...], chords: tuple[Chord, ...]
) -> Clip:
    return Clip(
        "music",
        label,
        caption,
        audio,
        bpm=grid.bpm,
        beat_offset_s=grid.offset_s,
        beats_per_bar=grid.per_bar,
        traits=traits,
        chords=chords,
    )


def render_class(label: str, rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One music clip of a given instrument or ensemble style."""
    if label in STYLES:
        return render_ensemble(label, rng, rate_hz, samples)
    return render_solo(label, rng, rate_hz, samples)


def render(rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One music clip (samples,) of a random instrument or, in ENSEMBLE_SHARE of clips, of an ensemble."""
    labels = tuple(STYLES if rng.random() < ENSEMBLE_SHARE else INSTRUMENTS)
    return render_class(labels[int(rng.integers(len(labels)))], rng, rate_hz, samples)
