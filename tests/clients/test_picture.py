"""The picture of an edit: its size, and that it shows where a tone is."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np

from clients.python.picture import BANDS, HIGH_HZ, LOW_HZ, draw_scene, spectrogram_db
from tests.clients.delivered_folder import make_folder, two_layers


def test_the_picture_is_1600_pixels_wide(tmp_path: Path) -> None:
    before = make_folder(tmp_path / "before", two_layers(), {"voice": 200.0, "rain": 1_000.0})
    after = make_folder(tmp_path / "after", two_layers("storm"), {"voice": 200.0, "rain": 3_000.0})
    draw_scene(before, after, "rain", tmp_path / "scene.png")
    picture = matplotlib.image.imread(tmp_path / "scene.png")
    assert picture.shape[1] == 1600
    assert picture.shape[0] > 500


def test_a_tone_is_in_the_band_of_its_pitch() -> None:
    rate_hz = 48_000
    tone = np.sin(2 * np.pi * 1_000.0 * np.arange(rate_hz) / rate_hz)
    levels_db = spectrogram_db(tone, rate_hz)
    loudest = int(levels_db[:, levels_db.shape[1] // 2].argmax())
    centres_hz = np.geomspace(LOW_HZ, HIGH_HZ, BANDS + 1)[:-1] * (HIGH_HZ / LOW_HZ) ** (0.5 / BANDS)
    assert abs(centres_hz[loudest] / 1_000.0 - 1.0) < 0.05


def test_silence_and_a_very_short_clip_can_be_drawn() -> None:
    assert np.isfinite(spectrogram_db(np.zeros(100), 24_000)).all()
    assert np.isfinite(spectrogram_db(np.zeros(1), 24_000)).all()
