"""The denoiser: masks, types, training. Its numbers: test_golden.py."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from engine.models.dit import DiT, DiTConfig
from engine.precision import fastest_precision
from tests.engine.models import golden

COMPACT = DiTConfig(
    latent_dim=32, width=256, depth=6, heads=4, mlp_ratio=3.0, context_dim=256, frame_context_dim=256
)
SMALL = replace(COMPACT, width=64, depth=2, latent_dim=4, context_dim=8, frame_context_dim=8)


def small(seed: int = 0) -> DiT:
    """PyTorch's own random weights: nothing is zero, so every path is heard."""
    torch.manual_seed(seed)
    return DiT(SMALL).eval()


def inputs(batch: int, frames: int = 9, tokens: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(batch, 4, frames, generator=generator),
        torch.randn(batch, tokens, 8, generator=generator),
        torch.randn(batch, frames, 8, generator=generator),
    )


@torch.no_grad()
def test_masked_tokens_are_not_heard() -> None:
    model, (latent, context, frame_context) = small(), inputs(2)
    mask = torch.tensor([[True, True, True, False, False]] * 2)
    other = context.clone()
    other[:, 3:] = 100.0
    assert torch.equal(
        model(latent, 500, context, mask, frame_context), model(latent, 500, other, mask, frame_context)
    )
    assert not torch.equal(
        model(latent, 500, context, None, frame_context), model(latent, 500, other, None, frame_context)
    )


@torch.no_grad()
def test_masked_frames_reach_only_the_last_valid_one() -> None:
    """Published: the last convolution reads the frame beside it, masked or not."""
    model, (latent, context, frame_context) = small(), inputs(1)
    mask = torch.arange(9)[None] < 6
    other = latent.clone()
    other[..., 6:] = 3.0
    one = model(latent, 500, context, None, frame_context, mask)
    two = model(other, 500, context, None, frame_context, mask)
    assert torch.equal(one[..., :5], two[..., :5])
    assert not torch.equal(one[..., 5], two[..., 5])


@pytest.mark.parametrize("with_grad", [False, True])
def test_an_item_without_any_valid_key_gives_numbers_and_spoils_no_other(with_grad: bool) -> None:
    model, (latent, context, frame_context) = small(), inputs(2)
    context_mask = torch.tensor([[False] * 5, [True] * 5])
    latent_mask = torch.tensor([[False] * 9, [True] * 9])
    with torch.set_grad_enabled(with_grad):
        out = model(latent, 500, context, context_mask, frame_context, latent_mask)
        alone = model(latent[1:], 500, context[1:], None, frame_context[1:])
    assert torch.isfinite(out).all()
    torch.testing.assert_close(out[1:], alone)


def test_both_attention_paths_agree() -> None:
    model, (latent, context, frame_context) = small(), inputs(2)
    mask = torch.tensor([[True, True, False, False, False], [True] * 5])
    written_out = model(latent, 500, context, mask, frame_context).detach()
    with torch.no_grad():
        fused = model(latent, 500, context, mask, frame_context)
    assert golden.relative_error(written_out, fused) <= golden.TOLERANCE


@torch.no_grad()
def test_timesteps_are_cut_to_whole_ones() -> None:
    model, (latent, context, frame_context) = small(), inputs(2)
    whole = model(latent, 731, context, None, frame_context)
    assert torch.equal(whole, model(latent, 731.9, context, None, frame_context))
    assert torch.equal(whole, model(latent, torch.tensor([731.2, 731.9]), context, None, frame_context))
    assert not torch.equal(whole, model(latent, 732, context, None, frame_context))


@torch.no_grad()
def test_each_item_has_its_own_timestep() -> None:
    model, (latent, context, frame_context) = small(), inputs(2)
    both = model(latent, torch.tensor([100, 900]), context, None, frame_context)
    torch.testing.assert_close(both[:1], model(latent[:1], 100, context[:1], None, frame_context[:1]))
    torch.testing.assert_close(both[1:], model(latent[1:], 900, context[1:], None, frame_context[1:]))


@pytest.mark.parametrize(("field", "value"), [("depth", 5), ("heads", 3), ("heads", 64)])
def test_impossible_sizes_are_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=field):
        replace(SMALL, **{field: value})


def test_the_compact_sizes() -> None:
    assert (COMPACT.head_dim, COMPACT.mlp_dim) == (64, 768)
    with torch.device("meta"):
        model = DiT(COMPACT)
    assert (len(model.in_blocks), len(model.out_blocks)) == (3, 3)


@torch.no_grad()
def test_training_starts_from_silence() -> None:
    model, (latent, context, frame_context) = small(), inputs(2)
    model.initialise_for_training()
    assert torch.equal(model(latent, 500, context, None, frame_context), torch.zeros_like(latent))


EMULATED = fastest_precision() is not torch.bfloat16
BFLOAT16 = pytest.param(
    True, marks=pytest.mark.skipif(EMULATED, reason="this CPU emulates bfloat16; training avoids it there")
)


@pytest.mark.parametrize("autocast", [False, BFLOAT16])
def test_training(autocast: bool) -> None:
    """A few steps at the compact size: gradients finite, every parameter reached, the loss falls."""
    torch.manual_seed(0)
    model = DiT(COMPACT)
    model.initialise_for_training()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    noise, data = torch.randn(4, 32, 12), torch.randn(4, 32, 12)
    context, frame_context = torch.randn(4, 6, 256), torch.randn(4, 12, 256)
    mask = torch.arange(6)[None] < torch.tensor([6, 3, 1, 5])[:, None]
    sigma = torch.tensor([0.9, 0.6, 0.3, 0.1])
    mixed = sigma[:, None, None] * noise + (1 - sigma[:, None, None]) * data
    losses = []
    for _ in range(8):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            out = model(mixed, sigma * 1000, context, mask, frame_context)
        loss = (out.float() - (noise - data)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
        optimizer.step()
        losses.append(float(loss.detach()))
    # Zero starts let gradients through layer by layer; by now they reach every tensor. (The bias of a
    # cross-attention's key norm adds one constant to all of a query's scores: a softmax ignores it.)
    silent = {name for name, gradient in gradients.items() if gradient is None or not gradient.any()}
    assert all(name.endswith("cross_attn.norm_k.bias") for name in silent)
    assert losses[-1] < 0.8 * losses[0]
