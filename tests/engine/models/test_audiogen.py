"""The assembled generator: config, guidance, conditioning. Its numbers: test_golden.py."""

from __future__ import annotations

import pytest
import torch

from engine.models.adapter import clip_frames
from engine.models.audiogen import AudioGen, AudioGenConfig, Conditioning, decoder_config, encoder_config
from engine.models.tokenizer import TokenizerEncoder
from engine.models.vocos import Vocos
from engine.models.weights import compare, is_derived, module_shapes
from engine.sampling import guide
from tests.engine.models import golden


def shapes(which: str) -> dict[str, tuple[int, ...]]:
    return {name: tuple(shape) for name, shape in golden.published()[which].items()}


def test_full_size_generator_has_the_published_names_and_shapes() -> None:
    with torch.device("meta"):
        model = AudioGen(AudioGenConfig.from_published(golden.published()["generator_config"]))
    assert compare(module_shapes(model), shapes("generator")).lines() == []
    assert len(shapes("generator")) == 1310
    assert sum(is_derived(name) for name in shapes("generator")) == 33
    assert sum(parameter.numel() for parameter in model.backbone.parameters()) == 2_173_419_520


def test_full_size_tokenizer_has_the_published_names_and_shapes() -> None:
    config = golden.published()["tokenizer_config"]
    with torch.device("meta"):
        decoder, encoder = Vocos(decoder_config(config)), TokenizerEncoder(encoder_config(config))
    ours = module_shapes(decoder) | {f"encoder.{name}": s for name, s in module_shapes(encoder).items()}
    assert compare(ours, shapes("tokenizer")).lines() == []
    assert {name for name in shapes("tokenizer") if is_derived(name)} == {
        "decoder.head.istft.window",
        "encoder.model.init_bn.1.num_batches_tracked",
    }


def some_conditioning(batch: int = 2, tokens: int = 4, frames: int = 11) -> Conditioning:
    return Conditioning(
        context=torch.randn(batch, tokens, 32),
        context_mask=torch.arange(tokens)[None] < torch.tensor([tokens, 2])[:, None],
        frame_context=torch.randn(batch, frames, 32),
        latent_mask=torch.ones(batch, frames, dtype=torch.bool),
    )


@pytest.mark.parametrize("guidance", [0.0, 1.0, 3.5])
@torch.no_grad()
def test_guidance_is_two_network_calls_with_zeros_under_the_same_masks(guidance: float) -> None:
    model, given, latent = golden.tiny_audiogen(), some_conditioning(), torch.randn(2, 24, 11)
    masks = given.context_mask, given.latent_mask
    zeros = torch.zeros_like(given.context), torch.zeros_like(given.frame_context)
    v_cond = model.backbone(latent, 500, given.context, masks[0], given.frame_context, masks[1])
    v_uncond = model.backbone(latent, 500, zeros[0], masks[0], zeros[1], masks[1])
    assert not torch.allclose(v_cond, v_uncond)
    got = model.velocity(given, guidance)(latent, torch.tensor(0.5))
    assert golden.relative_error(got, guide(v_cond, v_uncond, guidance)) <= golden.TOLERANCE


def test_a_velocity_keeps_no_gradients() -> None:
    ask = golden.tiny_audiogen().velocity(some_conditioning(), 5.0)
    assert not ask(torch.randn(2, 24, 11), torch.tensor(0.5)).requires_grad


@torch.no_grad()
def test_the_caller_may_set_the_length() -> None:
    model = golden.tiny_audiogen()
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0]])
    content = model.read(torch.randn(2, 4, 32), mask)
    given = model.condition(content, mask, torch.tensor([5, 8]))
    assert given.context.shape == (2, 3, 32)
    assert given.frame_context.shape == (2, 8, 32)
    assert given.latent_mask.sum(1).tolist() == [5, 8]


@torch.no_grad()
def test_an_empty_prompt_gives_numbers() -> None:
    model, mask = golden.tiny_audiogen(), torch.zeros(1, 4)
    content = model.read(torch.randn(1, 4, 32), mask)
    assert content.context.isfinite().all() and content.global_log_duration.isfinite().all()
    assert model.condition(content, mask, torch.tensor([5])).context.shape == (1, 1, 32)


def test_frames_round_halves_to_even_and_are_never_none() -> None:
    seconds = torch.tensor([10.0, 0.5, 0.7, -0.5], dtype=torch.float64)
    frames = clip_frames(torch.log(seconds + 1.0), duration_offset_s=1.0, latent_rate_hz=25.0)
    assert frames.tolist() == [250, 12, 18, 1]


@pytest.mark.parametrize(
    ("key", "value"), [("dit_act_layer", "gelu"), ("dit_out_chans", 25), ("use_zero_instruction", True)]
)
def test_a_config_of_another_model_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{key}: expected .*, got {value!r}"):
        AudioGenConfig.from_published(golden.config("audiogen_tiny") | {key: value})


def test_a_missing_key_is_named() -> None:
    config = golden.config("audiogen_tiny")
    del config["dit_depth"]
    with pytest.raises(ValueError, match="dit_depth"):
        AudioGenConfig.from_published(config)
