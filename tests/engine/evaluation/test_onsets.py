"""Clicks at known times, over silence, noise and ringing tones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.evaluation.onsets import match_cues, onset_error_s, onsets_s, rises_db

RATE_HZ = 24_000


def clicks(times_s: list[float], length_s: float = 3.0, level: float = 0.5) -> np.ndarray:
    """Short decaying noise bursts, each beginning exactly at its time."""
    rng = np.random.default_rng(0)
    audio = np.zeros(round(length_s * RATE_HZ))
    burst = rng.standard_normal(RATE_HZ // 10) * np.exp(-np.arange(RATE_HZ // 10) / (0.015 * RATE_HZ))
    for time_s in times_s:
        start = round(time_s * RATE_HZ)
        piece = burst[: len(audio) - start]
        audio[start : start + len(piece)] += level * piece
    return audio


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.05, 0.55), min_size=1, max_size=5))
def test_every_click_is_found_within_a_window(gaps_s: list[float]) -> None:
    times_s = list(np.cumsum([max(gap_s, 0.15) for gap_s in gaps_s]))
    found = match_cues(rises_db(clicks(times_s), RATE_HZ), times_s)
    assert found.missed == 0
    assert found.extra == 0
    assert np.max(np.abs(found.errors_s)) <= 0.011


def test_what_nobody_asked_for_is_extra() -> None:
    found = match_cues(rises_db(clicks([0.5, 1.5, 2.2]), RATE_HZ), [0.5, 2.2])
    assert (found.missed, found.extra) == (0, 1)


def test_what_does_not_sound_is_missed() -> None:
    found = match_cues(rises_db(clicks([0.5]), RATE_HZ), [0.5, 1.5])
    assert (found.missed, found.extra) == (1, 0)
    assert onset_error_s(clicks([0.5]), RATE_HZ, 1.5) is None


def test_an_onset_beyond_reach_is_missed_and_extra() -> None:
    found = match_cues(rises_db(clicks([1.5]), RATE_HZ), [1.0])
    assert (found.missed, found.extra) == (1, 1)


def test_a_late_hit_has_a_positive_error() -> None:
    error_s = onset_error_s(clicks([1.04]), RATE_HZ, 1.0)
    assert error_s == pytest.approx(0.04, abs=0.011)


def test_a_class_lag_is_taken_off() -> None:
    rises = rises_db(clicks([1.04]), RATE_HZ)
    plain, corrected = match_cues(rises, [1.0]), match_cues(rises, [1.0], lag_s=0.03)
    assert plain.errors_s[0] - corrected.errors_s[0] == pytest.approx(0.03)


def test_a_hit_over_a_ringing_tone_is_heard() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(3 * RATE_HZ) / RATE_HZ)
    found = match_cues(rises_db(tone + clicks([1.0], level=0.3), RATE_HZ), [1.0])
    assert found.missed == 0


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_silence_and_steady_noise_have_no_onsets(level: float) -> None:
    sound = level * np.random.default_rng(1).standard_normal(RATE_HZ)
    inside = onsets_s(rises_db(sound, RATE_HZ), 12.0)
    assert [time_s for time_s in inside if 0.02 < time_s < 0.97] == []


def test_nearby_cues_do_not_take_each_others_onset() -> None:
    found = match_cues(rises_db(clicks([1.0]), RATE_HZ), [1.0, 1.12])
    assert found.missed == 1
