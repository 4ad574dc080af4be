"""Shapes of the judges, the artefacts on disk, frame labels, kinds and calibration."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.evaluation.artefact import load_judge, load_phoneme_reader, store
from engine.evaluation.calibration import Calibration, EnvReading, SfxReading, calibrated
from engine.evaluation.judge import Judge
from engine.evaluation.kinds import KINDS_OF, is_right
from engine.evaluation.onsets import match_cues, rises_db
from engine.evaluation.phonemes import PhonemeReader, frame_labels
from tests.engine.evaluation.test_onsets import RATE_HZ, clicks

CLASSES = ["env/rain", "env/wind", "sfx/bell"]


def test_a_judge_names_classes_of_the_view_only(tmp_path: Path) -> None:
    torch.manual_seed(0)
    judge = Judge(CLASSES).eval()
    store(judge, tmp_path / "judge.safetensors", classes=CLASSES)
    again = load_judge(tmp_path)
    sound = np.random.default_rng(0).standard_normal(RATE_HZ) * 0.1
    assert again.name(sound, "sfx") == "bell"
    assert again.name(sound, "env") in ("rain", "wind")
    assert again.name(np.zeros(RATE_HZ), "env") == ""
    assert list(again.presence(sound)) == CLASSES
    batch = torch.from_numpy(sound).float()[None]
    assert torch.allclose(again(batch)[0], judge(batch)[0], atol=0.02)


def test_a_missing_artefact_says_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"engine\.evaluation\.train"):
        load_phoneme_reader(tmp_path)


def test_frames_carry_the_phoneme_at_their_time() -> None:
    labels = frame_labels([("a", 0.1, 0.2), ("?", 0.2, 0.3), ("b", 0.3, 0.5)], ["_", "a", "b"], 30)
    assert labels[:5].tolist() == [0] * 5
    assert labels[5:10].tolist() == [1] * 5
    assert labels[10:15].tolist() == [0] * 5  # not known: silence
    assert labels[15:25].tolist() == [2] * 10


def test_phoneme_accuracy_counts_spoken_frames() -> None:
    reader = PhonemeReader(["_", "a"]).eval()
    with torch.no_grad():
        reader.out.weight.zero_()
        reader.out.bias.copy_(torch.tensor([0.0, 1.0]))  # says "a" always
    sound = np.zeros(RATE_HZ)
    assert reader.accuracy(sound, [("a", 0.2, 0.5)]) == 1.0
    assert np.isnan(reader.accuracy(sound, []))


def test_a_kind_is_right_and_a_neighbour_is_not() -> None:
    assert is_right("env", "tent", "rain")
    assert is_right("env", "rain", "rain")
    assert not is_right("env", "rain", "tent")  # a tent asked for is not just any rain
    assert not is_right("env", "waterfall", "stream")
    assert not is_right("sfx", "tent", "rain")
    assert all(wide not in narrow for (_, wide), narrow in KINDS_OF.items())


def test_every_kind_is_a_class_of_the_corpus() -> None:
    pytest.importorskip("scipy")
    from engine.training.corpus.env import ENV_CLASSES
    from engine.training.corpus.sfx import SFX_CLASSES

    known = {"env": set(ENV_CLASSES), "sfx": set(SFX_CLASSES)}
    for (view, wide), narrow in KINDS_OF.items():
        assert {wide, *narrow} <= known[view]


def test_calibration_trusts_what_the_originals_allow() -> None:
    def reading(hits_s: list[float], cues_s: list[float]) -> SfxReading:
        rises = rises_db(clicks(hits_s), RATE_HZ)
        return SfxReading(match_cues(rises, cues_s), tuple(cues_s), rises)

    found = calibrated(
        {
            "drum": [reading([0.5, 1.5], [0.5, 1.5])] * 3,
            "late": [reading([0.55], [0.5])] * 3,
            "rattle": [reading([0.5, 1.0, 1.5], [0.5])] * 3,
            "mute": [reading([0.5], [2.0])] * 3,
        },
        {"hum": [EnvReading(0.2)] * 5, "storm": [EnvReading(0.2), *[EnvReading(4.0)] * 4]},
    )
    assert set(found.lags_s) == {"drum", "late", "rattle"}
    assert found.lags_s["late"] - found.lags_s["drum"] == pytest.approx(0.05, abs=0.005)
    assert found.single == ["drum", "late"]
    assert found.stationary == ["hum"]
    assert Calibration.from_json(found.as_json()) == found
