"""Level, pan, resampling and quantising."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.audio import balance, dither_for, gain_of, peak_db, quantise, resample, rms_db, with_channels


def test_levels() -> None:
    assert peak_db(np.array([[0.5], [-1.0]])) == pytest.approx(0.0)
    assert rms_db(np.full((10, 1), 0.1)) == pytest.approx(-20.0)
    assert peak_db(np.zeros((4, 1))) == rms_db(np.zeros((0, 1))) == -240.0


@given(st.floats(-60, 12))
def test_gain_is_decibels(gain_db: float) -> None:
    assert 20 * np.log10(gain_of(gain_db)) == pytest.approx(gain_db, abs=1e-9)


def test_balance_is_unity_in_the_centre_and_silent_on_the_far_side() -> None:
    assert balance(0.0) == (1.0, 1.0)
    assert balance(-1.0) == (1.0, 0.0)
    assert balance(1.0) == (0.0, 1.0)


@pytest.mark.parametrize("to_hz", [16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("at_s", [0.05, 0.5, 0.9])
def test_a_click_stays_where_it_is(to_hz: int, at_s: float) -> None:
    from_hz = 24_000
    samples = np.zeros((from_hz, 1), np.float32)
    samples[round(at_s * from_hz)] = 1.0
    out = resample(samples, from_hz, to_hz, to_hz)
    assert len(out) == to_hz
    # the peak between samples, by a parabola through the largest three
    top = int(np.argmax(np.abs(out[:, 0])))
    a, b, c = np.abs(out[top - 1 : top + 2, 0])
    found = top + 0.5 * (a - c) / (a - 2 * b + c)
    assert abs(found - at_s * to_hz) <= 0.5


@given(st.integers(1, 500), st.integers(1, 500))
def test_length_is_what_was_asked_for(have: int, want: int) -> None:
    assert resample(np.ones((have, 1), np.float32), 24_000, 24_000, want).shape == (want, 1)


def test_channels() -> None:
    mono = np.array([[0.1], [0.2]], np.float32)
    assert with_channels(mono, 2).tolist() == [[mono[0, 0]] * 2, [mono[1, 0]] * 2]
    assert with_channels(with_channels(mono, 2), 1) == pytest.approx(mono)


@given(st.floats(-2, 2), st.sampled_from([16, 24]))
def test_quantise_is_within_half_a_step_and_never_wraps(value: float, bit_depth: int) -> None:
    scale = 2 ** (bit_depth - 1)
    (step,) = quantise(np.array([value]), bit_depth)
    held = min(max(value, -1.0), 1.0 - 1.0 / scale)
    assert abs(step / scale - held) <= 0.5 / scale + 1e-12


def test_dither_is_triangular_and_belongs_to_the_samples() -> None:
    samples = np.linspace(-0.5, 0.5, 100_000, dtype=np.float32)[:, None]
    dither = dither_for(samples)
    assert np.array_equal(dither, dither_for(samples.copy()))
    assert not np.array_equal(dither, dither_for(samples[::-1]))
    assert np.abs(dither).max() < 1.0
    assert np.var(dither) == pytest.approx(1 / 6, rel=0.03)
