"""Instruments and small ensembles: General MIDI programs, ranges, and what each tends to play.

Knows nothing of notes, seconds or captions.
"""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Part:
    """One player of an ensemble: instruments and patterns to choose from, level against the others."""

    timbres: tuple[str, ...]
    patterns: tuple[str, ...]
    gain_db: float = 0.0
    programs: tuple[int, ...] = ()  # instead of the instrument's own
    called: str = ""  # instead of the instrument's name; "-" leaves it out


@dataclass(frozen=True)
class Style:
    """A style of ensemble: its parts, tempo range and how it treats rhythm and harmony."""

    parts: tuple[Part, ...]
    bpm: tuple[float, float]
    groove: str = ""  # of the part that plays drums
    swing: bool = False
    sevenths: bool = False
    per_bar: int = 4
    wet: float = 0.15  # probability of a large hall


_DRUMS = Part(("drums",), ("groove",), -2.0)
_BASS = Part(("bass",), ("line",), -1.0)
STYLES: dict[str, Style] = {
    "jazz trio": Style(
        (Part(("piano",), ("stabs", "melody")), _BASS, Part(("drums",), ("groove",), -5.0)),
        (90, 180),
        "jazz",
        swing=True,
        sevenths=True,
    ),
    "jazz quartet": Style(
        (
            Part(("saxophone", "trumpet"), ("melody",), 1.0),
            Part(("piano", "electric piano"), ("stabs",), -5.0),
            _BASS,
            Part(("drums",), ("groove",), -5.0),
        ),
        (80, 170),
        "jazz",
        swing=True,
        sevenths=True,
    ),
    "string quartet": Style(
        (
            Part(("flute",), ("melody",), 0.0, (40,), "violin"),
            Part(("cello",), ("line",), -3.0),
            Part(("strings",), ("chords", "arpeggio"), -4.0, (40, 41), "violins"),
        ),
        (60, 130),
        wet=0.4,
    ),
    "chamber duo": Style(
        (Part(("cello", "flute"), ("melody",), 1.0), Part(("piano",), ("chords", "arpeggio"), -3.0)),
        (60, 120),
        wet=0.35,
    ),
    "orchestra": Style(
        (
            Part(("strings",), ("chords",)),
            Part(("trumpet", "flute"), ("melody",), -1.0, (56, 60, 68, 73), "-"),
            Part(("cello",), ("line",), -3.0, (43, 42), "low strings"),
            Part(("harp",), ("arpeggio",), -6.0),
        ),
        (60, 140),
        wet=0.5,
    ),
    "folk duo": Style(
        (Part(("guitar",), ("arpeggio", "stabs"), -2.0), Part(("flute",), ("melody",))), (70, 140)
    ),
    "folk band": Style(
        (Part(("guitar",), ("stabs",), -2.0), Part(("flute",), ("melody",), 0.0, (40, 73, 22), "-"), _BASS),
        (85, 160),
    ),
    "ambient": Style(
        (
            Part(("pad",), ("chords",)),
            Part(("vibraphone", "music box", "piano", "harp"), ("arpeggio", "melody"), -6.0),
        ),
        (60, 90),
        wet=0.6,
    ),
    "electronic": Style(
        (
            Part(("synth",), ("arpeggio", "melody"), -3.0),
            Part(("pad",), ("chords",), -5.0),
            Part(("bass",), ("line",), 0.0, (38, 39), "synth bass"),
            Part(("drums",), ("groove",), 0.0),
        ),
        (110, 150),
        "four-on-the-floor",
    ),
    "lo-fi": Style(
        (
            Part(("electric piano", "guitar"), ("chords", "stabs")),
            _BASS,
            Part(("drums",), ("groove",), -2.0),
        ),
        (65, 92),
        "hip hop",
        swing=True,
        sevenths=True,
    ),
    "rock band": Style(
        (
            Part(("guitar",), ("stabs",), 0.0, (27, 29, 30), "electric guitar"),
            _BASS,
            Part(("drums",), ("groove",), 0.0),
        ),
        (95, 170),
        "rock",
    ),
    "latin band": Style(
        (
            Part(("guitar", "piano"), ("stabs",), -2.0),
            Part(("trumpet", "flute"), ("melody",), -1.0),
            _BASS,
            Part(("drums",), ("groove",), -3.0),
        ),
        (90, 150),
        "latin",
    ),
    "waltz": Style(
        (
            Part(("strings", "flute"), ("melody",)),
            Part(("piano", "harp"), ("chords", "arpeggio"), -3.0),
            _BASS,
        ),
        (90, 170),
        per_bar=3,
        wet=0.3,
    ),
}
