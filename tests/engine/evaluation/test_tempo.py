"""Grids read back from phase tracks and click trains; the network is trained, and judged elsewhere."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation.onsets import rises_db
from engine.evaluation.tempo import (
    BeatReader,
    Grid,
    grid_of,
    phase_error_s,
    phase_track,
    refined,
    same_tempo,
)
from tests.engine.evaluation.test_onsets import RATE_HZ, clicks


@settings(max_examples=40, deadline=None)
@given(bpm=st.floats(60, 180), beat_s=st.floats(0, 2), noise=st.floats(0, 1.0))
def test_a_noisy_track_gives_its_grid_back(bpm: float, beat_s: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    track = phase_track(bpm, beat_s, 250)
    track = track + noise * (rng.standard_normal(250) + 1j * rng.standard_normal(250))
    found = grid_of(track, 50)
    assert same_tempo(found, bpm)
    middle = Grid(found.bpm, found.beat_s + round((2.5 - found.beat_s) * found.bpm / 60) * 60 / found.bpm)
    assert abs(phase_error_s(middle, bpm, beat_s)) < 0.03


@pytest.mark.parametrize("bpm", [63.0, 97.3, 150.0])
def test_clicks_settle_the_milliseconds(bpm: float) -> None:
    beats_s = [0.31 + number * 60 / bpm for number in range(20) if 0.31 + number * 60 / bpm < 4.9]
    rough = Grid(bpm * 1.015, beats_s[len(beats_s) // 2] + 0.03)
    found = refined(rises_db(clicks(beats_s, length_s=5.0), RATE_HZ), rough)
    assert found.bpm == pytest.approx(bpm, rel=0.006)
    assert abs(phase_error_s(found, bpm, 0.31)) < 0.012


def test_octaves_are_wrong_and_half_beat_slips_are_errors() -> None:
    assert same_tempo(Grid(121.0, 0.0), 120.0)
    assert not same_tempo(Grid(60.0, 0.0), 120.0)
    assert not same_tempo(Grid(240.0, 0.0), 120.0)
    assert abs(phase_error_s(Grid(120.0, 0.25), 120.0, 0.0)) == pytest.approx(0.25)
    assert phase_error_s(Grid(120.0, 1.51), 120.0, 0.0) == pytest.approx(0.01)


def test_the_reader_says_one_phase_a_frame() -> None:
    assert BeatReader()(torch.zeros(2, RATE_HZ)).shape == (2, 2, 51)
    assert 55 <= BeatReader().eval().read(clicks([0.5, 1.0, 1.5])).bpm <= 185 * 1.04
