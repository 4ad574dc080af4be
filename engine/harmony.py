"""Chord names on a tempo grid as chords in seconds. Pure; knows nothing of sound."""

from __future__ import annotations

from typing import Final

from engine.frame_features import ROOTS, TimedChord
from scene_schema.scene import TempoGrid

_PITCH_CLASS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def timed_chords(names: list[str], tempo: TempoGrid, duration_s: float) -> list[TimedChord]:
    """The chords of a clip without a gap, in order: bar k of the grid has `names[k % len(names)]`.

    What lies before the first downbeat has the cycle's last chord. No names, no chords.
    """
    if not names:
        return []
    bar_s = tempo.beats_per_bar * 60.0 / tempo.bpm
    first_s = min(tempo.bar_offset_s, duration_s)
    chords = [_timed(names[-1], 0.0, first_s)] if first_s > 0.0 else []
    bar = 0
    while (start_s := tempo.bar_offset_s + bar * bar_s) < duration_s:
        end_s = min(tempo.bar_offset_s + (bar + 1) * bar_s, duration_s)
        chords.append(_timed(names[bar % len(names)], start_s, end_s))
        bar += 1
    return chords


def root_of(name: str) -> int:
    """The pitch class of a chord's root, C is 0: "Bb" and "A#m" have 10."""
    return (_PITCH_CLASS[name[0]] + name.count("#") - name.count("b")) % ROOTS


def _timed(name: str, start_s: float, end_s: float) -> TimedChord:
    return TimedChord(root_of(name), name.endswith("m"), start_s, end_s)
