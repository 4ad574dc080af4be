"""Every tensor of every golden file, one test each. The files: tests/golden/README.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

from engine.models.adapter import Content, token_frames
from engine.models.audiogen import Conditioning
from engine.models.dit import ROTARY_BASE
from engine.models.weights import is_derived
from engine.sampling import sample, sway_sigmas, timestep_of
from tests.engine.models import golden

GENERATED = golden.tensors("audiogen_tiny_golden")
TOKENIZED = golden.tensors("tokenizer_tiny_golden")


@cache
@torch.no_grad()
def content() -> Content:
    return golden.tiny_audiogen().read(GENERATED["text_hidden"], GENERATED["text_mask"])


@cache
@torch.no_grad()
def conditioning() -> Conditioning:
    model = golden.tiny_audiogen()
    return model.condition(content(), GENERATED["text_mask"], model.frames(content()))


def network() -> Tensor:
    given = conditioning()
    return golden.tiny_audiogen().backbone(
        GENERATED["noise"],
        GENERATED["backbone_timestep"],
        given.context,
        given.context_mask,
        given.frame_context,
        given.latent_mask,
    )


def local_frames() -> Tensor:
    config = golden.tiny_audiogen().config
    return token_frames(
        content().local_log_duration,
        GENERATED["text_mask"],
        config.frame_resolution_s,
        config.latent_rate_hz,
    )


STAGES: dict[str, Callable[[], Tensor]] = {
    "content_projected": lambda: golden.tiny_audiogen().content_encoder(GENERATED["text_hidden"]),
    "adapter_content": lambda: content().context,
    "adapter_global_log_duration": lambda: content().global_log_duration,
    "adapter_local_log_duration": lambda: content().local_log_duration,
    "local_frames": local_frames,
    "global_frames": lambda: golden.tiny_audiogen().frames(content()),
    "cond_context": lambda: conditioning().context,
    "cond_context_mask": lambda: conditioning().context_mask,
    "cond_time_aligned": lambda: conditioning().frame_context,
    "latent_mask": lambda: conditioning().latent_mask,
    "backbone_out": network,
}

# What goes in: there is nothing to compute, but a different input would prove something else.
INPUTS: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
    "text_hidden": ((2, 9, 32), torch.float32),
    "text_mask": ((2, 9), torch.uint8),
    "noise": ((2, 24, 41), torch.float32),
    "backbone_timestep": ((), torch.float32),
    "latents": ((2, 30, 64), torch.float32),
    "audio_in": ((2, 32000), torch.float32),
    "audio_in_11s": ((1, 176000), torch.float32),
    "audio_in_half_silent": ((1, 16000), torch.float32),
}

# The decoder and encoder pass (B, C, T); the published code passes (B, T, C).
TOKENIZER: dict[str, Callable[[], Tensor]] = {
    "waveform": lambda: golden.tiny_vocos()(TOKENIZED["latents"].mT),
    "audio_latents": lambda: golden.tiny_encoder()(TOKENIZED["audio_in"]).mT,
    "audio_latents_11s": lambda: golden.tiny_encoder()(TOKENIZED["audio_in_11s"]).mT,
    "audio_latents_half_silent": lambda: golden.tiny_encoder()(TOKENIZED["audio_in_half_silent"]).mT,
}


def check_schedule(name: str, steps: int, sway: float) -> None:
    sigmas = sway_sigmas(steps, sway)
    assert sigmas.dtype == torch.float32
    got = timestep_of(sigmas) if name.startswith("timesteps") else sigmas
    # The published even schedule is N long and gets its closing zero later; ours always has it.
    assert float(got[-1]) == 0
    expected = GENERATED[name]
    golden.assert_agrees(got[:-1] if sway == 0 else got, expected)


def check_sampled(name: str, steps: int, sway: float, guidance: float) -> None:
    velocity = golden.tiny_audiogen().velocity(conditioning(), guidance)
    *_, last = sample(velocity, GENERATED["noise"], sway_sigmas(steps, sway))
    golden.assert_agrees(last.latent, GENERATED[name])


def check_input(name: str, found: Tensor) -> None:
    shape, dtype = INPUTS[name]
    assert (tuple(found.shape), found.dtype) == (shape, dtype)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("name", sorted(GENERATED))
@torch.no_grad()
def test_generator(name: str) -> None:
    """tests/golden/audiogen_tiny_golden.safetensors"""
    if name in INPUTS:
        check_input(name, GENERATED[name])
    elif name in STAGES:
        golden.assert_agrees(STAGES[name](), GENERATED[name])
    elif found := re.fullmatch(r"timesteps_(\d+)_sway(-?\d+)", name):
        check_schedule(name, int(found[1]), float(found[2]))
    elif found := re.fullmatch(r"sigmas_(\d+)", name):
        # 6 steps are the file's one even schedule; the file names the sway beside its latents.
        sways = {re.sub(r".*sway(-?\d+).*", r"\1", key) for key in GENERATED if f"steps{found[1]}_" in key}
        (sway,) = sways
        check_schedule(name, int(found[1]), float(sway))
    elif found := re.fullmatch(r"latent_steps(\d+)_sway(-?\d+)_cfg(\d+)", name):
        check_sampled(name, int(found[1]), float(found[2]), float(found[3]))
    else:
        pytest.fail(f"{name}: no check for this golden tensor; add one")


@pytest.mark.parametrize("name", sorted(TOKENIZED))
@torch.no_grad()
def test_tokenizer(name: str) -> None:
    """tests/golden/tokenizer_tiny_golden.safetensors"""
    if name in INPUTS:
        check_input(name, TOKENIZED[name])
    elif name in TOKENIZER:
        golden.assert_agrees(TOKENIZER[name](), TOKENIZED[name])
    else:
        pytest.fail(f"{name}: no check for this golden tensor; add one")


@pytest.mark.parametrize("name", sorted(golden.tensors("audiogen_tiny")))
def test_generator_weight(name: str) -> None:
    """tests/golden/audiogen_tiny.safetensors: in the module as in the file, or derived as we derive it."""
    stored = golden.tensors("audiogen_tiny")[name]
    if is_derived(name):
        head_dim = golden.tiny_audiogen().config.dit.head_dim
        derived = 1.0 / ROTARY_BASE ** (torch.arange(0, head_dim, 2) / head_dim)
        golden.assert_agrees(derived, stored)
    else:
        assert torch.equal(golden.tiny_audiogen().state_dict()[name], stored)


@pytest.mark.parametrize("name", sorted(golden.tensors("tokenizer_tiny")))
def test_tokenizer_weight(name: str) -> None:
    """tests/golden/tokenizer_tiny.safetensors: as above."""
    stored = golden.tensors("tokenizer_tiny")[name]
    if name == "decoder.head.istft.window":
        golden.assert_agrees(torch.hann_window(len(stored)), stored)
    elif name.endswith("num_batches_tracked"):
        assert is_derived(name)
    elif name.startswith("encoder."):
        assert torch.equal(golden.tiny_encoder().state_dict()[name.removeprefix("encoder.")], stored)
    else:
        assert torch.equal(golden.tiny_vocos().state_dict()[name], stored)


def test_every_check_has_its_tensor() -> None:
    """A check for a tensor that is not there would prove nothing."""
    assert {*STAGES, *TOKENIZER, *INPUTS} <= {*GENERATED, *TOKENIZED}
