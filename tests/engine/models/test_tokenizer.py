"""The encoder: lengths and filters. Its numbers: test_golden.py."""

from __future__ import annotations

import pytest
import torch

from engine.models.mel import mel_filters
from tests.engine.models import golden


@pytest.mark.parametrize("samples", [513, 640, 6399, 6400, 16000])
@torch.no_grad()
def test_latents_of_a_length(samples: int) -> None:
    latent = golden.tiny_encoder()(torch.randn(1, samples))
    assert latent.shape == (1, 64, (1 + samples // 160) // 4)


@pytest.mark.parametrize("mel_frames", [1008, 1009, 1012])
@torch.no_grad()
def test_lengths_around_the_split(mel_frames: int) -> None:
    latent = golden.tiny_encoder()(torch.randn(1, (mel_frames - 1) * 160))
    assert latent.shape[-1] == mel_frames // 4


@pytest.mark.parametrize("shape", [(1, 512), (16000,)])
def test_unfit_audio_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"audio: expected \(batch, at least 513 samples"):
        golden.tiny_encoder()(torch.zeros(shape))


@torch.no_grad()
def test_silence_gives_numbers() -> None:
    assert golden.tiny_encoder()(torch.zeros(1, 16000)).isfinite().all()


@torch.no_grad()
def test_items_of_a_batch_do_not_hear_each_other() -> None:
    """The floor of 120 dB under the loudest bin is each item's own."""
    quiet, loud = 1e-4 * torch.randn(1, 16000), torch.randn(1, 16000)
    both = golden.tiny_encoder()(torch.cat((quiet, loud)))
    assert golden.relative_error(both[:1], golden.tiny_encoder()(quiet)) <= golden.TOLERANCE


def test_mel_filters_are_triangles_of_peak_one_at_most() -> None:
    filters = mel_filters(16_000, 1024, 128)
    assert filters.shape == (513, 128)
    assert float(filters.min()) >= 0
    assert float(filters.max()) <= 1
    peaks = filters.argmax(dim=0)
    assert (peaks.diff() >= 0).all()
