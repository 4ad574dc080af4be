"""The decoder: windows, noise head, gradients. Its numbers: test_golden.py."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.models.vocos import Vocos, VocosConfig, decode_in_windows, inverse_stft

# Two shapes of decoder: 2 spectral frames a latent one and hop a quarter of the transform, as published, and
# others, as our compact model may have them. Both have their exact halo at a different remainder.
PUBLISHED_LIKE = VocosConfig(
    latent_dim=4, upsample=2, upsampled_dim=4, embed_dim=8, depth=2, intermediate_dim=16, n_fft=1280, hop=320
)
COMPACT_LIKE = VocosConfig(
    latent_dim=4,
    upsample=4,
    upsampled_dim=6,
    embed_dim=8,
    depth=3,
    intermediate_dim=16,
    n_fft=1024,
    hop=256,
    noise_head=True,
)
CONFIGS = [PUBLISHED_LIKE, COMPACT_LIKE]


def decoder(config: VocosConfig) -> Vocos:
    """Random weights in float64, loud enough for the outermost tap of the outermost frame to be measured."""
    torch.manual_seed(0)
    model = Vocos(config).double().eval()
    with torch.no_grad():
        for block in model.decoder.backbone.convnext:
            block.gamma.fill_(1.0)
        if model.decoder.head.noise is not None:
            model.decoder.head.noise.weight.normal_()
    return model


def latents(frames: int = 53, batch: int = 2) -> Tensor:
    return torch.randn(batch, 4, frames, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def joined(model: Vocos, latent: Tensor, halo: int | None, window: int = 10) -> Tensor:
    pieces = decode_in_windows(model, latent, window_frames=window, halo_frames=halo, generator=generator())
    return torch.cat(list(pieces), dim=-1)


@pytest.mark.parametrize("config", CONFIGS)
@torch.no_grad()
def test_windows_equal_whole_and_one_frame_less_halo_does_not(config: VocosConfig) -> None:
    model, latent = decoder(config), latents()
    whole = model(latent, generator())
    peak = float(whole.abs().max())
    off = [
        float((joined(model, latent, halo) - whole).abs().max()) / peak
        for halo in (None, model.halo_frames - 1)
    ]
    assert off[0] < 1e-12  # float64 rounding
    assert off[1] > 1e-9


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("window", [1, 7, 53, 1000])
@torch.no_grad()
def test_any_window_gives_the_same(config: VocosConfig, window: int) -> None:
    model, latent = decoder(config), latents(batch=1)
    torch.testing.assert_close(joined(model, latent, None, window), model(latent, generator()))


@torch.no_grad()
def test_windows_come_one_by_one() -> None:
    model = decoder(PUBLISHED_LIKE)
    first = next(decode_in_windows(model, latents(), window_frames=10))
    assert first.shape == (2, 10 * 640)


def test_a_window_has_at_least_one_frame() -> None:
    with pytest.raises(ValueError, match="window_frames"):
        next(decode_in_windows(decoder(PUBLISHED_LIKE), latents(), window_frames=0))


def test_the_published_halo() -> None:
    """12 blocks and the embedding reach 39 spectral frames, the transform 2 more: 41, two a latent frame."""
    with torch.device("meta"):
        model = Vocos(VocosConfig(1280, 2, 1280, 1280, 12, 5120, 1280, 320))
    assert model.halo_frames == 21
    assert model.config.samples_per_frame == 640


@pytest.mark.parametrize("frames", [1, 2, 30])
@pytest.mark.parametrize("config", CONFIGS)
def test_length(config: VocosConfig, frames: int) -> None:
    assert decoder(config)(latents(frames)).shape == (2, frames * config.samples_per_frame)


@pytest.mark.parametrize(("n_fft", "hop"), [(1280, 320), (1024, 256), (768, 256), (64, 32)])
def test_the_inverse_transform_undoes_the_transform(n_fft: int, hop: int) -> None:
    audio = torch.randn(2, 20 * hop, dtype=torch.float64)
    cut = (n_fft - hop) // 2
    window = torch.hann_window(n_fft, dtype=torch.float64)
    frames = torch.nn.functional.pad(audio, (cut, cut)).unfold(-1, n_fft, hop) * window
    back = inverse_stft(torch.fft.rfft(frames), n_fft, hop)
    torch.testing.assert_close(back, audio)


@torch.no_grad()
def test_noise_follows_its_generator() -> None:
    model, latent = decoder(COMPACT_LIKE), latents()
    assert torch.equal(model(latent, generator()), model(latent, generator()))
    assert not torch.equal(model(latent, generator()), model(latent, torch.Generator().manual_seed(6)))


def test_an_untrained_noise_head_is_barely_there() -> None:
    noise = Vocos(COMPACT_LIKE).decoder.head.noise
    assert noise is not None
    assert not noise.weight.any()
    assert torch.equal(noise.bias, torch.full((513,), -4.0))
    assert Vocos(PUBLISHED_LIKE).decoder.head.noise is None


@pytest.mark.parametrize("config", CONFIGS)
def test_gradients_are_finite_even_where_the_magnitude_overflows(config: VocosConfig) -> None:
    torch.manual_seed(0)
    model = Vocos(config)
    model.initialise_for_training()
    with torch.no_grad():
        model.decoder.head.out.bias[: config.bins : 2] = 200.0  # exp(200) is infinite in float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        audio = model(latents().float(), generator())
    assert audio.dtype == torch.float32
    audio.square().mean().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize(("n_fft", "hop"), [(320, 320), (1280, 321)])
def test_impossible_hops_are_refused(n_fft: int, hop: int) -> None:
    with pytest.raises(ValueError, match="hop"):
        VocosConfig(4, 2, 4, 8, 1, 16, n_fft, hop)
