"""A run that begins with a checkpoint begins with what the checkpoint does."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine import checkpoint
from engine.compact_renderer import sizes_of
from engine.models.compact import CompactConfig, CompactModel
from engine.models.weights import load_weights
from engine.training.clips import Clips
from engine.training.codec import trained_decoder, trained_encoder
from engine.training.ear import trained_ear
from engine.training.generator import trained_generator
from engine.training.inherited import inherit
from engine.training.latents import axes_of, turn_decoder
from engine.training.progress import has_state
from engine.training.text import trained_text


@pytest.fixture(scope="module")
def shipped() -> CompactModel:
    found = checkpoint.find("compact")
    model = CompactModel(sizes_of(found))
    load_weights(model, found.weights, dtype=torch.float32)
    return model.eval()


def clips_in(folder: Path, labels: Callable[[str], list[str]] = lambda view: ["rain"]) -> Clips:
    folder.mkdir()
    for view in ("env", "sfx", "music", "speech"):
        lines = [json.dumps({"label": label, "traits": ["heavy"]}) + "\n" for label in labels(view)]
        (folder / f"{view}.jsonl").write_text("".join(lines))
    return Clips(folder)


@torch.no_grad()
def test_every_part_begins_as_the_checkpoint_is(tmp_path: Path, shipped: CompactModel) -> None:
    run, config = tmp_path / "run", shipped.config
    inherit("compact", run, clips_in(tmp_path / "corpus"), config)
    audio = 0.1 * torch.randn((1, 24_000), generator=torch.Generator().manual_seed(0))
    vectors, scale = axes_of(run)
    latent = trained_encoder(run, config)(audio).transpose(1, 2) @ vectors / scale
    torch.testing.assert_close(latent.transpose(1, 2), shipped.encode(audio), rtol=1e-3, atol=1e-3)
    decoder = trained_decoder(run, config, "codec")
    turn_decoder(decoder, run)
    noise = [torch.Generator().manual_seed(1) for _ in range(2)]
    torch.testing.assert_close(
        decoder(latent.transpose(1, 2), noise[0]), shipped.decode(latent.transpose(1, 2), noise[1]),
        rtol=1e-3, atol=1e-4,
    )  # fmt: skip
    for name, value in trained_generator(run, config).state_dict().items():
        assert torch.equal(value, shipped.generator.state_dict()[name]), name
    for name, value in trained_text(run, config).state_dict().items():
        assert torch.equal(value, shipped.generator.text.state_dict()[name]), name


def test_the_ear_comes_along_where_it_knows_the_corpus(tmp_path: Path, shipped: CompactModel) -> None:
    found = checkpoint.find("compact")
    known = [name.partition("/") for name in found.config["ear"]]
    clips = clips_in(tmp_path / "all", lambda view: [label for of, _, label in known if of == view])
    inherit("compact", tmp_path / "run", clips, shipped.config)
    ear = trained_ear(tmp_path / "run", shipped.config, len(known)).state_dict()
    for name, value in load_file(found.files[checkpoint.EAR]).items():
        assert torch.equal(ear[name].half(), value), name
    inherit("compact", tmp_path / "other", clips_in(tmp_path / "one"), shipped.config)
    assert not has_state(tmp_path / "other", "ear"), "of classes that it does not know it can say nothing"


def test_a_run_of_other_sizes_is_refused(tmp_path: Path, shipped: CompactModel) -> None:
    smaller = shipped.config.as_data() | {"rate_hz": 16_000}
    with pytest.raises(ValueError, match="other sizes"):
        inherit("compact", tmp_path / "run", clips_in(tmp_path / "corpus"), CompactConfig.from_data(smaller))
