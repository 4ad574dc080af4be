"""Every measurement on a fake model with untrained judges: the numbers mean nothing, the paths are walked."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from benchmarks import conditions
from benchmarks.diversity import measure_diversity
from benchmarks.findings import Findings, NotMeasured
from benchmarks.machine import measure_machine
from benchmarks.music import measure_scenes, measure_tempo
from benchmarks.sounds import measure_prompts, measure_sounds
from benchmarks.speech import measure_speech
from benchmarks.stems import Bench
from engine.checkpoint import describe
from engine.evaluation.artefact import store
from engine.evaluation.calibration import FILE, Calibration
from engine.evaluation.judge import Judge
from engine.evaluation.phonemes import PhonemeReader
from engine.evaluation.tempo import BeatReader
from engine.fake_renderer import FakeRenderer

RATE_HZ = 24_000


class FakeModel(FakeRenderer):
    """Test tones, and a voice that says every word in two phonemes."""

    usual_phoneme_s = 0.05

    def pronounce(self, word: str) -> list[int]:
        return [1, 2]

    def durations_s(self, phonemes: list[int], word_starts: list[bool], mean_s: float) -> list[float]:
        return [mean_s] * len(phonemes)


class FakeHeldOut:
    """Noise where corpus clips would be, or nothing at all."""

    def __init__(self, there: bool) -> None:
        self._there = there

    def audio(self, row: dict[str, Any]) -> np.ndarray:
        if not self._there:
            raise NotMeasured("no corpus here")
        noise = np.random.default_rng(row["index"]).standard_normal(2 * RATE_HZ)
        return (0.05 * noise).astype(np.float32)

    def alike(self, row: dict[str, Any], count: int) -> list[tuple[np.ndarray, tuple[float, ...]]]:
        return [(self.audio({"index": number}), (0.1,)) for number in range(count)]


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judges")
    rows = [row for view in ("env", "sfx", "music") for row in conditions.rows(view)]
    classes = sorted({f"{row['view']}/{row['label']}" for row in rows} | {"speech/voice"})
    store(Judge(classes), folder / "judge.safetensors", classes=classes)
    store(PhonemeReader(["_", "a", "b"]), folder / "phonemes.safetensors", symbols=["_", "a", "b"])
    store(BeatReader(), folder / "beats.safetensors")
    labels = sorted({row["label"] for row in rows if row["view"] == "sfx"})
    calibration = Calibration(dict.fromkeys(labels, 0.0), labels, [rows[0]["label"]])
    (folder / FILE).write_text(calibration.as_json())
    return folder


def bench(judges: Path, prompts: Path = Path("none"), corpus: bool = True) -> Bench:
    fake = cast(Any, FakeModel(describe("fake").model_copy(update={"rate_hz": RATE_HZ, "steps": 1})))
    return Bench(
        model="fake",
        renderer=fake,
        phonemes=["a", "b"],
        held_out=cast(Any, FakeHeldOut(corpus)),
        judges=judges,
        prompts=prompts,
        run=None,
        count=2,
        tell=lambda text: None,
    )


def check(found: Findings, *names: str) -> None:
    for name in names:
        assert found.values[name] is not None, (name, found.not_measured)


def test_sounds(judges: Path) -> None:
    found = measure_sounds(bench(judges))
    check(found, "sound_accuracy", "judge_accuracy", "cues_missed", "cues_extra", "level_drift_db")
    without = measure_sounds(bench(judges, corpus=False))
    assert without.values["judge_accuracy"] is None
    assert without.not_measured["judge_accuracy"] == "no corpus here"
    assert without.values["sound_accuracy"] == found.values["sound_accuracy"]


def test_prompts_of_ones_own(judges: Path, tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx")
    mine = tmp_path / "mine.jsonl"
    mine.write_text(
        '{"view": "sfx", "caption": "ding", "expected": "bell", "cues": [0.5]}\n'
        '{"view": "music", "caption": "a piano", "expected": "piano", "bpm": 100}\n'
        '{"view": "speech", "caption": "a woman", "transcript": "open the door"}\n'
    )
    one = bench(judges, mine)
    found = measure_prompts(Bench(**{**vars(one), "count": None}))
    check(found, "paraphrase_accuracy", "paraphrase_accuracy_strict", "tempo_ok_prompts", "wer_prompts")
    assert found.notes["prompts"] == 3
    mine.write_text('{"view": "env", "caption": "rain", "expected": "purple"}\n')
    with pytest.raises(ValueError, match="no class 'purple'"):
        measure_prompts(one)


def test_tempo_scenes_and_takes(judges: Path) -> None:
    check(measure_tempo(bench(judges)), "tempo_ok", "beat_median_ms", "tempo_ok_corpus")
    check(measure_scenes(bench(judges)), "leakage", "leakage_corpus", "key_kept")
    check(measure_diversity(bench(judges)), "diversity_ratio", "diversity_ratio_mean")


def test_speech(judges: Path) -> None:
    pytest.importorskip("pocketsphinx")
    check(measure_speech(bench(judges)), "wer_generated", "wer_voices", "phoneme_drop")
    without = measure_speech(bench(judges, corpus=False))
    assert without.values["wer_voices"] is None
    check(without, "wer_generated")


def test_a_real_worker_process_is_timed_and_weighed(judges: Path) -> None:
    check(measure_machine(bench(judges)), "layer_s", "draft_s", "ready_s", "worker_rss_mb")
