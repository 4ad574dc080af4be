"""Stems out of a mix: they add up to it, and each gets what is its own."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.soft_masks import separate

RATE_HZ = 16_000


def tone(hz: float, length_s: float = 1.0) -> Tensor:
    return 0.3 * torch.sin(2 * math.pi * hz * torch.arange(round(length_s * RATE_HZ)) / RATE_HZ)


@given(
    layers=st.integers(1, 5),
    samples=st.integers(200, 9000),
    seed=st.integers(0, 1000),
    silent=st.booleans(),
)
def test_stems_add_up_to_the_mix(layers: int, samples: int, seed: int, silent: bool) -> None:
    drawn = torch.Generator().manual_seed(seed)
    mix = (torch.randn(samples, generator=drawn) * 0.2).clamp(-1, 1)
    renders = torch.randn(layers, samples, generator=drawn) * (0.0 if silent else 0.2)
    got = separate(mix, renders)
    assert got.stems.shape == (layers, samples)
    assert float((got.stems.sum(dim=0) - mix).abs().max()) == pytest.approx(got.sum_error, abs=1e-7)
    assert got.sum_error <= 1e-4
    assert all(0.0 <= share <= 1.0 for share in got.leakage)


def test_each_stem_gets_what_its_own_render_sounds_like() -> None:
    low, high = tone(300), tone(3000)
    got = separate(low + high, torch.stack((low, high)))
    for stem, wanted in zip(got.stems, (low, high), strict=True):
        error = (stem - wanted).square().mean() / wanted.square().mean()
        assert 10 * math.log10(float(error)) < -40
    assert max(got.leakage) < 0.01


def test_leakage_tells_a_stem_that_is_mostly_another_layers() -> None:
    """A quiet noise over a loud tone: most of what its mask lets through is the tone's."""
    drawn = torch.Generator().manual_seed(2)
    tonal, noise = tone(1000), 0.02 * torch.randn(RATE_HZ, generator=drawn)
    apart = separate(tone(300) + tone(3000), torch.stack((tone(300), tone(3000))))
    mixed = separate(tonal, torch.stack((tonal + noise, 0.9 * tonal)))
    assert mixed.leakage[1] > 10 * max(apart.leakage)


def test_one_layer_is_the_mix() -> None:
    mix = tone(440)
    got = separate(mix, tone(900)[None])
    torch.testing.assert_close(got.stems[0], mix, atol=1e-5, rtol=0)
