"""The checks see what they must: a changed neighbour, a mix that does not add up, a file too short."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from clients.python.promises import STEP_16_BIT, check_edit, sum_error
from tests.clients.delivered_folder import RATE_HZ, make_folder, two_layers

PITCHES = {"voice": 200.0, "rain": 1_000.0}


def kept(before: Path, after: Path) -> list[bool]:
    return [promise.kept for promise in check_edit(before, after, "rain")]


def test_an_edit_that_keeps_everything(tmp_path: Path) -> None:
    before = make_folder(tmp_path / "before", two_layers(), PITCHES)
    after = make_folder(tmp_path / "after", two_layers("storm"), {**PITCHES, "rain": 1_500.0})
    assert kept(before, after) == [True] * 4


def test_each_broken_promise_is_seen(tmp_path: Path) -> None:
    before = make_folder(tmp_path / "before", two_layers(), PITCHES)
    neighbour = make_folder(tmp_path / "neighbour", two_layers("storm"), {"voice": 201.0, "rain": 1_500.0})
    assert kept(before, neighbour) == [False, True, True, True]
    same = make_folder(tmp_path / "same", two_layers("storm"), PITCHES)
    assert kept(before, same) == [True, False, True, True]
    off = make_folder(tmp_path / "off", two_layers("storm"), {**PITCHES, "rain": 1.0}, mix_offset=1e-3)
    assert kept(before, off) == [True, True, True, False]


def test_a_shorter_file_is_seen(tmp_path: Path) -> None:
    before = make_folder(tmp_path / "before", two_layers(), PITCHES)
    after = make_folder(tmp_path / "after", two_layers("storm"), {**PITCHES, "rain": 1_500.0})
    soundfile.write(after / "voice.wav", [0.0] * 10, RATE_HZ, subtype="PCM_24")
    assert kept(before, after) == [False, True, False, False]


@pytest.mark.parametrize("pan", [-1.0, -0.3, 0.0, 0.8])
def test_the_sum_follows_the_pan_law(tmp_path: Path, pan: float) -> None:
    folder = make_folder(tmp_path, two_layers(pan=pan), PITCHES, channels=2)
    assert sum_error(folder) < STEP_16_BIT / 16
