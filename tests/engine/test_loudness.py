"""Loudness against ITU-R BS.1770's own reference and against a library that is not ours."""

from __future__ import annotations

import numpy as np
import pytest

from engine.loudness import block_powers, gain_to, integrated_lufs, measure, true_peak_db

RATES_HZ = [16_000, 24_000, 44_100, 48_000, 96_000, 192_000]


def sine(rate_hz: int, pitch_hz: float, level: float = 1.0, s: float = 2.0, phase: float = 0.0) -> np.ndarray:
    times_s = np.arange(round(s * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * pitch_hz * times_s + phase))[:, None].astype(np.float32)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_sine_of_997_hz_at_full_scale_reads_minus_three(rate_hz: int) -> None:
    found = measure(sine(rate_hz, 997.0), rate_hz).integrated_lufs
    assert found == pytest.approx(-3.01, abs=0.05)
    both = np.repeat(sine(rate_hz, 997.0), 2, axis=1)
    assert measure(both, rate_hz).integrated_lufs == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("channels", [1, 2])
def test_agrees_with_pyloudnorm(rate_hz: int, channels: int) -> None:
    pyloudnorm = pytest.importorskip("pyloudnorm", reason="pyloudnorm is not installed (extra: test)")
    noise = np.random.default_rng(0).standard_normal((6 * rate_hz, channels)) * 0.1
    noise[: 2 * rate_hz] *= 0.01  # gated
    noise[2 * rate_hz : 3 * rate_hz] *= 0.5
    meter = pyloudnorm.Meter(rate_hz, filter_class="DeMan")
    assert measure(noise, rate_hz).integrated_lufs == pytest.approx(
        meter.integrated_loudness(noise), abs=0.01
    )


def test_a_gain_moves_loudness_by_as_much() -> None:
    powers = block_powers(np.random.default_rng(1).standard_normal((48_000, 1)) * 0.1, 48_000)
    before = integrated_lufs(powers)
    assert before is not None
    assert integrated_lufs(powers * 10**-0.6) == pytest.approx(before - 6.0, abs=1e-9)


@pytest.mark.parametrize("target", [-60.0, -23.0, -5.0])
@pytest.mark.parametrize("level", [1e-4, 0.1])
def test_the_gain_to_a_target_gets_there_though_gates_open(target: float, level: float) -> None:
    noise = np.random.default_rng(2).standard_normal((96_000, 1)) * level
    noise[:48_000] *= 0.1
    powers = block_powers(noise, 48_000)
    gain_db = gain_to(target, powers)
    assert gain_db is not None
    assert integrated_lufs(powers * 10 ** (gain_db / 10)) == pytest.approx(target, abs=0.01)


@pytest.mark.parametrize("samples", [np.zeros((0, 1)), np.zeros((96_000, 2)), np.full((19_199, 1), 0.5)])
def test_short_or_silent_sounds_have_no_loudness(samples: np.ndarray) -> None:
    assert measure(samples, 48_000).integrated_lufs is None
    assert gain_to(-23.0, block_powers(samples, 48_000)) is None


@pytest.mark.parametrize("rate_hz", [24_000, 48_000, 96_000])
def test_a_peak_between_samples_is_found(rate_hz: int) -> None:
    tone = sine(rate_hz, rate_hz / 4, level=0.5, s=0.5, phase=np.pi / 4)  # samples at ±0.354
    ramp = np.minimum(1.0, np.minimum(np.arange(len(tone)), np.arange(len(tone))[::-1]) / 2_000)[:, None]
    assert np.abs(tone).max() < 0.36
    assert true_peak_db(tone * ramp, rate_hz) == pytest.approx(-6.02, abs=0.2)


def test_long_sounds_are_measured_in_pieces_without_a_seam() -> None:
    tone = sine(48_000, 100.0, level=0.5, s=12.0)
    assert true_peak_db(tone, 48_000) == pytest.approx(-6.02, abs=0.02)
