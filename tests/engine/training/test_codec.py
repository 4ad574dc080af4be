"""The codec's training: what a latent must say, and that its axes can be turned there and back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.models.compact import CompactConfig, CompactModel, compact_config
from engine.training.clips import PART, PART_CONTEXT, Clips
from engine.training.codec import CROP_FRAMES, correlation, crops
from engine.training.generator import MIX, Shelf
from engine.training.latents import axes_of, latents_file, turn_decoder, turned, write_axes
from engine.training.meaning import UNKNOWN, Heard, Labels, Meaning

RATE_HZ = 24_000
SECONDS = 3


@pytest.fixture(scope="module")
def config() -> CompactConfig:
    return compact_config(["caption", "speech", "asr", "sfx", "music", "env"], ["a", "t"])


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    for view in ("env", "sfx", "music", "speech", PART):
        noise = rng.normal(0, 3000, (4, SECONDS * RATE_HZ)).astype(np.int16)
        np.save(folder / f"{view}.npy", noise)
        if view == PART:
            np.save(folder / f"{PART_CONTEXT}.npy", noise // 2)
        lines = [json.dumps(about(view, number)) for number in range(4)]
        (folder / f"{view}.jsonl").write_text("\n".join(lines) + "\n")
    return Clips(folder)


def about(view: str, number: int) -> dict[str, Any]:
    labels = {"env": "rain", "sfx": "bell", "music": "piano", "speech": "man", PART: "bass"}
    return {
        "label": labels[view],
        "caption": f"{labels[view]} {number}",
        "traits": [],
        "cues_s": [0.5] if view == "sfx" else [],
        "bpm": 120.0 if view in ("music", PART) else None,
        "beat_offset_s": 0.1,
        "beats_per_bar": 4,
        "chords": [[9, True, 0.0, 3.0]] if view in ("music", PART) else [],
        "phonemes": [["a", 1.0, 1.5], ["t", 1.5, 1.6]] if view == "speech" else [],
    }


def test_pieces_say_where_they_come_from(clips: Clips, config: CompactConfig) -> None:
    audio, pieces = crops(clips, np.random.default_rng(1), config)
    assert audio.shape[1] == CROP_FRAMES * config.vocos.samples_per_frame
    view, number, first = pieces[0]
    start = first * config.vocos.samples_per_frame
    whole = clips.audio(view, number)
    np.testing.assert_array_equal(audio[0].numpy(), whole[start : start + audio.shape[1]])


def test_phonemes_of_a_piece_are_those_of_its_time(clips: Clips, config: CompactConfig) -> None:
    labels = Labels(clips, config)
    heard = labels.heard([("speech", 0, 25), ("env", 0, 0)], CROP_FRAMES)
    numbers = config.phoneme_numbers
    assert heard.phonemes[0, 0] == numbers["a"] and heard.phonemes[0, 26] == numbers["t"]
    assert heard.phonemes[0, 40] == 0
    assert (heard.phonemes[1] == UNKNOWN).all()


def test_a_latent_that_says_its_class_costs_less() -> None:
    meaning = Meaning(4, classes=2, phonemes=3)
    with torch.no_grad():
        meaning.classes.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]]))
        meaning.classes.bias.zero_()
    quiet = torch.full((1, 10), UNKNOWN)
    latent = torch.zeros(1, 4, 5)
    latent[:, 0, 2] = 8.0  # one frame is enough
    right = meaning(latent, Heard(torch.tensor([0]), quiet))
    wrong = meaning(latent, Heard(torch.tensor([1]), quiet))
    assert right.item() < 0.1 < 3.0 < wrong.item()


def test_copies_of_one_channel_are_told_from_different_channels() -> None:
    torch.manual_seed(0)
    different = torch.randn(4, 6, 500)
    assert correlation(different) < 0.05 < 1.0 < correlation(different[:, :1].repeat(1, 6, 1))


def test_the_way_to_the_generators_axes_and_back_is_no_change(tmp_path: Path, config: CompactConfig) -> None:
    torch.manual_seed(0)
    dim = config.vocos.latent_dim
    rng = np.random.default_rng(0)
    raw = {
        view: (rng.standard_normal((6, 50, dim)) * np.linspace(0.2, 2, dim)).astype(np.float16)
        for view in ("env", "sfx", "music", "speech")
    }
    write_axes(tmp_path, raw)
    rows = turned(raw["env"], tmp_path)
    assert np.mean(np.concatenate([turned(one, tmp_path) for one in raw.values()]).astype(float) ** 2) == (
        pytest.approx(1.0, rel=0.1)
    )
    model = CompactModel(config).eval()
    vectors, scale = axes_of(tmp_path)
    model.turn.weight = torch.nn.Parameter(vectors.T / scale[:, None])
    by_model = model.turn(torch.from_numpy(raw["env"].astype(np.float32)))
    np.testing.assert_allclose(by_model.detach().numpy(), rows, atol=0.02)

    before = torch.from_numpy(raw["env"][:1].astype(np.float32)).transpose(1, 2)
    with torch.no_grad():
        plain = model.codec(before, torch.Generator().manual_seed(0))
        turn_decoder(model.codec, tmp_path)
        again = model.codec(by_model[:1].transpose(1, 2), torch.Generator().manual_seed(0))
    torch.testing.assert_close(plain, again, atol=2e-3, rtol=1e-2)


def test_a_part_hears_the_rest_of_its_own_ensemble(
    clips: Clips, config: CompactConfig, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    latents = {
        view: rng.standard_normal((4, 75, config.vocos.latent_dim)).astype(np.float16)
        for view in clips.arrays
    }
    for view, values in latents.items():
        np.save(latents_file(tmp_path, "short", view), values)
    shelf = Shelf(tmp_path, "short", clips, {PART: 1.0}, config)
    batch = shelf.draw(np.random.default_rng(3), 16)
    assert shelf.frames == 75 and batch.wanted.shape == (16, config.vocos.latent_dim, 75)
    for row in range(16):
        wanted = batch.wanted[row].T.numpy()
        number = next(at for at in range(4) if np.array_equal(wanted, latents[PART][at].astype(np.float32)))
        if batch.around.has_context[row].any():
            np.testing.assert_array_equal(batch.around.context[row], latents[PART_CONTEXT][number])
        kept = batch.around.is_known[row, :, 0] == 1
        np.testing.assert_array_equal(batch.around.known[row][kept], batch.wanted[row].T[kept])
    assert batch.around.has_context.mean() > 0.5
    assert set(Shelf(tmp_path, "short", clips, MIX["short"], config).draw(rng, 60).drawn) == {*MIX["short"]}


def test_a_piece_keeps_its_time_and_begins_before_the_first_hit(
    clips: Clips, config: CompactConfig, tmp_path: Path
) -> None:
    count = np.arange(4 * 75, dtype=np.float16).reshape(4, 75, 1)  # each frame says which it is
    for view in clips.arrays:
        np.save(latents_file(tmp_path, "short", view), count.repeat(config.vocos.latent_dim, axis=2))
    whole = Shelf(tmp_path, "short", clips, {"sfx": 1.0}, config)
    pieces = Shelf(tmp_path, "short", clips, {"sfx": 1.0}, config, piece_s=1.2)
    drawn = pieces.draw(np.random.default_rng(5), 64)
    assert drawn.wanted.shape[2] == pieces.frames == 30
    starts = drawn.wanted[:, 0, 0].numpy() % 75
    assert starts.min() == 0 and starts.max() == 12  # the hit is at 0.5 s, in frame 12
    clip = next(
        one for one in whole.draw(np.random.default_rng(1), 64).examples if one.features.numbers.any()
    )
    for start, example in zip(starts.astype(int), drawn.examples, strict=True):
        if example.features.numbers.any():
            np.testing.assert_array_equal(
                example.features.numbers, clip.features.numbers[start : start + pieces.frames]
            )
