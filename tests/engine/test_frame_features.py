"""Time as rows: cues, beats and phonemes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.frame_features import NO_CHORD, SLOTS, TimedChord, TimedPhoneme, frame_features, triad_of
from scene_schema.scene import TempoGrid


def test_not_given_is_not_the_same_as_none() -> None:
    assert frame_features(10, 25.0).numbers.any() == np.False_
    assert frame_features(10, 25.0, cues_s=[]).numbers.any()


@given(st.floats(0.0, 3.99))
def test_a_cue_can_be_read_back_from_its_rows(cue_s: float) -> None:
    numbers = frame_features(100, 25.0, cues_s=[cue_s]).numbers
    frame = int(np.flatnonzero(numbers[:, 4])[0]) if numbers[:, 4].any() else round(cue_s * 25 - 0.5)
    assert (frame + 0.5 + numbers[frame, 4]) / 25 == pytest.approx(cue_s, abs=1e-5)


def test_beats_turn_once_a_beat() -> None:
    tempo = TempoGrid(bpm=120, bar_offset_s=0.26)
    numbers = frame_features(250, 25.0, tempo=tempo).numbers
    on_beat = [round((0.26 + beat * 0.5) * 25 - 0.5) for beat in range(15)]
    assert numbers[on_beat, 8].min() > 0.95


def test_phonemes_fill_their_slots() -> None:
    features = frame_features(25, 25.0, phonemes=[TimedPhoneme(3, 0.1, 0.2), TimedPhoneme(4, 0.2, 0.201)])
    assert len(features.phonemes) == 25 * SLOTS
    assert np.flatnonzero(features.phonemes == 3).tolist() == [5, 6, 7, 8, 9]
    assert np.flatnonzero(features.phonemes == 4).tolist() == [10]  # short, but never lost


def test_chords_are_told_where_they_last() -> None:
    chords = [TimedChord(9, True, 0.0, 1.0), TimedChord(5, False, 1.0, 2.0)]
    numbers = frame_features(50, 25.0, chords=chords).numbers
    roots = numbers[:, -12:]
    assert roots[:25, 9].all() and roots[25:, 5].all() and roots.sum() == 50
    assert numbers[:25].sum(1).min() > numbers[25:].sum(1).max()  # the minor flag
    assert not frame_features(50, 25.0).numbers.any()


def test_a_triad_is_read_back_from_its_rows() -> None:
    chords = [TimedChord(9, True, 0.0, 1.0), TimedChord(0, False, 1.0, 2.0)]
    triads = triad_of(frame_features(75, 25.0, chords=chords).numbers)
    assert triads.tolist() == [19] * 25 + [0] * 25 + [NO_CHORD] * 25
    assert (triad_of(frame_features(75, 25.0).numbers) == NO_CHORD).all()
