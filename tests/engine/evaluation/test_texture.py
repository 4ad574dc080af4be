"""Roughness of noise and tones, and differences of spectrograms."""

import math

import numpy as np
import pytest
import torch

from engine.evaluation.level import drift_db, rms_dbfs
from engine.evaluation.texture import log_mel, mean_difference, texture_db

RATE_HZ = 24_000


def noise(seed: int = 0, seconds: int = 3) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(seconds * RATE_HZ)


def test_noise_has_the_texture_of_noise() -> None:
    # The log of a Rayleigh magnitude spreads 5.57 dB; neighbouring bins share some of it under a window.
    assert 4.5 < texture_db(noise()) < 6.5


def test_texture_knows_no_level() -> None:
    assert texture_db(noise()) == pytest.approx(texture_db(0.03 * noise()), abs=0.05)


def test_smoothed_noise_is_smoother() -> None:
    spectrum = torch.stft(torch.from_numpy(noise()).float(), 1024, 256, window=torch.hann_window(1024),
                          return_complex=True)  # fmt: skip
    flat = spectrum / spectrum.abs().clamp(min=1e-9) * spectrum.abs().mean() * 0.5 + 0.5 * spectrum
    smooth = torch.istft(flat, 1024, 256, window=torch.hann_window(1024)).numpy()
    assert texture_db(smooth) < texture_db(noise()) - 0.5


def test_silence_has_no_texture() -> None:
    assert math.isnan(texture_db(np.zeros(RATE_HZ)))


def test_the_same_sound_does_not_differ() -> None:
    assert mean_difference([log_mel(noise(), RATE_HZ)] * 3) == 0.0
    assert mean_difference([log_mel(noise(seed), RATE_HZ) for seed in range(3)]) > 0.1


def test_levels_and_their_drift() -> None:
    assert rms_dbfs(np.full(100, 0.1)) == pytest.approx(-20.0, abs=0.01)
    assert rms_dbfs(np.zeros(100)) == -90.0
    steady = noise()
    assert drift_db(steady, RATE_HZ) < 0.2
    fading = steady * 10 ** (-np.linspace(0, 9, len(steady)) / 20)  # 6 dB from the first second to the last
    assert drift_db(fading, RATE_HZ) == pytest.approx(6.0, abs=0.4)
