"""Chords in seconds: without a gap, on the grid's bars."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.frame_features import frame_features
from engine.harmony import root_of, timed_chords
from scene_schema.scene import TempoGrid
from tests.scene_schema.test_scene import chord_names

grids = st.builds(
    TempoGrid, bpm=st.floats(20, 400), beats_per_bar=st.integers(1, 32), bar_offset_s=st.floats(0, 12)
)


@pytest.mark.parametrize(
    "name, root",
    [("C", 0), ("C#m", 1), ("Db", 1), ("F#m", 6), ("Bb", 10), ("A#m", 10), ("B#", 0), ("Cb", 11)],
)
def test_roots(name: str, root: int) -> None:
    assert root_of(name) == root


def test_bars_have_their_chords_and_what_comes_before_them_the_last() -> None:
    chords = timed_chords(["C", "Am", "F#"], TempoGrid(bpm=120, bar_offset_s=0.5), 9.0)
    assert [(one.root, one.minor) for one in chords] == [
        (6, False), (0, False), (9, True), (6, False), (0, False), (9, True)
    ]  # fmt: skip
    assert [one.start_s for one in chords] == [0.0, 0.5, 2.5, 4.5, 6.5, 8.5]
    assert chords[-1].end_s == 9.0


def test_no_names_no_chords() -> None:
    assert timed_chords([], TempoGrid(bpm=90), 5.0) == []


@given(st.lists(chord_names, min_size=1, max_size=8), grids, st.floats(0.2, 30))
def test_a_clip_is_filled_without_a_gap(names: list[str], tempo: TempoGrid, duration_s: float) -> None:
    chords = timed_chords(names, tempo, duration_s)
    assert (chords[0].start_s, chords[-1].end_s) == (0.0, duration_s)
    assert all(one.start_s < one.end_s for one in chords)
    assert all(one.end_s == other.start_s for one, other in pairwise(chords))
    longest_s = max(tempo.bar_offset_s, tempo.beats_per_bar * 60 / tempo.bpm)
    assert all(one.end_s - one.start_s <= longest_s + 1e-9 for one in chords)


@given(st.lists(chord_names, min_size=1, max_size=8), grids)
def test_every_frame_has_one_root(names: list[str], tempo: TempoGrid) -> None:
    chords = timed_chords(names, tempo, 8.0)
    numbers = frame_features(200, 25.0, tempo=tempo, chords=chords).numbers
    roots = {root_of(name) for name in names}
    assert np.all(numbers[:, 12:].sum(axis=1) == 1.0)
    assert set(numbers[:, 12:].argmax(axis=1).tolist()) <= roots
