"""The shipped compact model as a renderer: it loads, keeps its promises of form, and obeys.

What a stem must sound like is measured against captions by `python -m benchmarks.compact` (docs/compact.md);
here are coarse properties that hold for any sound of its kind.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import checkpoint
from engine.audio import STEM_CEILING_DB, peak_db, rms_db
from engine.compact_renderer import CompactRenderer
from engine.evaluation.onsets import onset_error_s
from engine.renderer import Progress, Sound
from scene_schema.errors import Refused
from scene_schema.rendering import RenderRequest, request_for
from scene_schema.scene import check_scene

RATE_HZ = 24_000


@pytest.fixture(scope="module")
def renderer() -> CompactRenderer:
    return CompactRenderer.load(checkpoint.find("compact"), threads=0)


def request(
    view: str, caption: str, duration_s: float = 4.0, tempo: Any = None, **layer: Any
) -> RenderRequest:
    layer = {"id": "a", "view": view, "caption": caption, **layer}
    scene = check_scene({"id": "s", "duration_s": duration_s, "tempo": tempo, "layers": [layer]})
    return request_for(scene, scene.layers[0], checkpoint.describe("compact"))


def heard(renderer: CompactRenderer, *args: Any, **kwargs: Any) -> np.ndarray:
    *_, sound = renderer.render(request(*args, **kwargs))
    assert isinstance(sound, Sound)
    return sound.samples


def centroid_hz(samples: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(samples[:, 0])) ** 2
    return float((np.fft.rfftfreq(len(samples), 1 / RATE_HZ) * power).sum() / power.sum())


def test_every_step_is_reported_and_a_stem_comes_last(renderer: CompactRenderer) -> None:
    *steps, sound = renderer.render(request("sfx", "a bell"))
    assert all(isinstance(step, Progress) for step in steps)
    assert [(step.stage, step.step) for step in steps] == [
        ("text", 1),
        *(("sampling", number) for number in range(1, renderer.capabilities.steps + 1)),
        ("decoding", 1),
    ]
    assert isinstance(sound, Sound)


@pytest.mark.parametrize("duration_s", [0.5, 1.234, 4.0, 12.5])
def test_length_level_and_finiteness(renderer: CompactRenderer, duration_s: float) -> None:
    samples = heard(renderer, "env", "heavy rain", duration_s)
    assert samples.dtype == np.float32
    assert samples.shape == (round(duration_s * RATE_HZ), 1)
    assert np.isfinite(samples).all()
    assert rms_db(samples) > -60.0 and peak_db(samples) <= STEM_CEILING_DB + 1e-3
    assert abs(samples.mean()) < 1e-2


@pytest.mark.parametrize("view", ["caption", "speech", "asr", "sfx", "music", "env"])
def test_every_view_that_it_declares_makes_a_sound(renderer: CompactRenderer, view: str) -> None:
    assert view in renderer.capabilities.views
    assert rms_db(heard(renderer, view, "a piano plays in the rain")) > -60.0


def test_the_same_request_gives_the_same_samples_and_another_seed_others(renderer: CompactRenderer) -> None:
    first, again, other = (heard(renderer, "sfx", "a bell", seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_bell_rings_at_its_cues_and_nowhere_else(renderer: CompactRenderer) -> None:
    cues_s = [0.8, 2.45]
    samples = heard(renderer, "sfx", "a bell rings", cues=[{"at_s": cue_s} for cue_s in cues_s])[:, 0]
    for cue_s in cues_s:
        error_s = onset_error_s(samples, RATE_HZ, cue_s)
        assert error_s is not None and abs(error_s) < 0.06
    before = samples[: round(0.7 * RATE_HZ), None]
    assert rms_db(before) < rms_db(samples[:, None]) - 15


def test_rain_is_a_steady_hiss_and_a_bell_is_not(renderer: CompactRenderer) -> None:
    def unevenness_db(samples: np.ndarray) -> float:
        windows = samples[: len(samples) // 2400 * 2400, 0].reshape(-1, 2400)
        levels = 10 * np.log10((windows**2).mean(1) + 1e-9)
        return float(levels.std())

    def flatness(samples: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(samples[:, 0])).reshape(-1)[: 48_000 // 64 * 64].reshape(-1, 64) ** 2
        power = power.mean(1) + 1e-12
        return float(np.exp(np.log(power).mean()) / power.mean())

    rain, bell = (
        heard(renderer, "env", "steady rain"),
        heard(renderer, "sfx", "a bell rings", cues=[{"at_s": 1.0}]),
    )
    assert unevenness_db(rain) < 3.0 < unevenness_db(bell)
    assert flatness(rain) > 3 * flatness(bell)


def test_captions_move_the_sound_the_way_they_say(renderer: CompactRenderer) -> None:
    assert rms_db(heard(renderer, "env", "heavy rain")) > rms_db(heard(renderer, "env", "light rain"))
    low, high = (heard(renderer, "music", caption) for caption in ("a bass guitar", "a music box"))
    assert centroid_hz(low) < centroid_hz(high)


def test_words_begin_at_their_cue(renderer: CompactRenderer) -> None:
    samples = heard(
        renderer, "speech", "a man speaks", transcript="good morning", cues=[{"at_s": 2.0}]
    )  # fmt: skip
    silent, spoken = samples[: round(1.8 * RATE_HZ)], samples[round(2.0 * RATE_HZ) : round(2.8 * RATE_HZ)]
    assert rms_db(spoken) > rms_db(silent) + 20


def test_words_that_do_not_fit_are_refused_by_field(renderer: CompactRenderer) -> None:
    with pytest.raises(Refused) as caught:
        list(renderer.render(request("speech", "a man", transcript="far too many words " * 40)))
    assert caught.value.findings[0].field == "$.transcript"


def test_stopping_to_read_costs_no_further_step(renderer: CompactRenderer) -> None:
    calls = []
    backbone = renderer._model.generator.backbone
    hook = backbone.register_forward_hook(lambda *_: calls.append(1))
    try:
        events = renderer.render(request("env", "wind"))
        for _ in range(4):  # the text, then three steps, both branches in one call
            next(events)
        events.close()
    finally:
        hook.remove()
    assert len(calls) == 3


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    found = checkpoint.find("compact")
    folder = Path(shutil.copytree(found.folder, tmp_path / "damaged"))
    weights = bytearray((folder / checkpoint.WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (folder / checkpoint.WEIGHTS).write_bytes(weights)
    with pytest.raises(Refused, match="not the file") as caught:
        CompactRenderer.load(checkpoint.find(str(folder)), threads=0)
    assert caught.value.code == "model_failed"


def test_the_shipped_files_stay_small() -> None:
    found = checkpoint.find("compact")
    assert found.weights.stat().st_size < 64 * 2**20
    assert json.loads((found.folder / checkpoint.DESCRIPTION).read_text("utf-8"))["architecture"] == "compact"
