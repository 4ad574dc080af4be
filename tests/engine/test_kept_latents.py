"""Sampling that starts from latents that are there, with velocities that are known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from engine.kept_latents import fitted, held_frames, holding, in_a_circle, part_way, straight
from engine.models.vocos import Vocos, VocosConfig, decode_in_a_circle
from engine.sampling import sample, sway_sigmas

SHAPE = (1, 3, 20)


def noise(seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_full_strength_is_a_plain_render() -> None:
    start = part_way(noise(1), noise(2), 1.0, 12)
    assert torch.equal(start.latent, noise(2))
    assert torch.equal(start.sigmas, sway_sigmas(12))


def test_no_strength_is_the_old_latent() -> None:
    start = part_way(noise(1), noise(2), 0.0, 12)
    assert torch.equal(start.latent, noise(1))
    assert list(sample(lambda z, sigma: z, start.latent, start.sigmas)) == []


@given(strength=st.floats(0.001, 1.0), steps=st.integers(1, 100))
def test_a_variation_starts_where_its_levels_say(strength: float, steps: int) -> None:
    old, fresh = noise(1), noise(2)
    start = part_way(old, fresh, strength, steps)
    sigma = start.sigmas[0]
    torch.testing.assert_close(start.latent, sigma * fresh + (1 - sigma) * old)
    assert len(start.sigmas) - 1 <= steps
    assert float(start.sigmas[-1]) == pytest.approx(0.0, abs=1e-6)
    assert (start.sigmas.diff() < 0).all()


def test_strength_beyond_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="strength: expected 0 to 1"):
        part_way(noise(1), noise(2), 1.5, 12)


def test_held_frames_end_at_the_old_latent_and_are_heard_at_every_level() -> None:
    old, fresh = noise(1), noise(2)
    held = held_frames(20, 5, 12)
    heard: list[tuple[Tensor, Tensor]] = []

    def network(latent: Tensor, sigma: Tensor) -> Tensor:
        heard.append((latent, sigma))
        return latent.roll(3, dims=-1) - 7.0

    *_, last = sample(holding(network, old, fresh, held), fresh, sway_sigmas(9))
    kept = held[0, 0].bool()
    torch.testing.assert_close(last.latent[..., kept], old[..., kept], atol=1e-5, rtol=1e-5)
    for latent, sigma in heard:
        under = sigma * fresh + (1 - sigma) * old
        torch.testing.assert_close(latent[..., kept], under[..., kept], atol=1e-5, rtol=1e-5)
    *_, free = sample(network, fresh, sway_sigmas(9))
    assert not torch.allclose(last.latent[..., ~kept], old[..., ~kept])
    assert not torch.allclose(last.latent, free.latent)  # the network heard the old frames beside its own


def test_held_frames_of_a_region_and_of_a_continuation() -> None:
    assert held_frames(6, 2, 4).flatten().tolist() == [1, 1, 0, 0, 1, 1]
    assert held_frames(6, -1, 2).flatten().tolist() == [0, 0, 1, 1, 1, 1]
    assert held_frames(6, 4, 6, kept=4).flatten().tolist() == [1, 1, 1, 1, 0, 0]
    assert held_frames(6, 0, 0, kept=4).flatten().tolist() == [1, 1, 1, 1, 0, 0]


def test_an_old_latent_is_cut_or_lengthened() -> None:
    assert fitted(noise(), 7).shape == (1, 3, 7)
    longer = fitted(noise(), 30)
    assert torch.equal(longer[..., :20], noise())
    assert not longer[..., 20:].any()


@pytest.mark.parametrize("margin", [0, 4, 20, 50])
def test_a_circle_has_no_ends_of_its_own(margin: int) -> None:
    """What a network without ends says is not changed, however the circle is cut and in every step."""
    velocity = in_a_circle(lambda latent, sigma, places: latent * 2.0 + places, margin)
    for _ in range(5):
        latent = noise(3)
        wanted = latent * 2.0 + torch.arange(20)
        torch.testing.assert_close(velocity(latent, torch.tensor(1.0)), wanted)


def test_a_circle_shows_no_place_its_end_twice() -> None:
    firsts: list[int] = []

    def shown(latent: Tensor, sigma: Tensor, places: Tensor) -> Tensor:
        firsts.append(int(places[0]))
        return latent

    velocity = in_a_circle(shown)
    for _ in range(10):
        velocity(noise(3), torch.tensor(1.0))
    assert len(set(firsts)) == 10


def test_a_straight_clip_is_shown_as_it_is() -> None:
    velocity = straight(lambda latent, sigma, places: latent + places)
    torch.testing.assert_close(velocity(noise(3), torch.tensor(1.0)), noise(3) + torch.arange(20))


@pytest.mark.parametrize("noise_head", [False, True])
@pytest.mark.parametrize("frames", [3, 20])
def test_a_circle_is_decoded_the_same_from_wherever_it_is_begun(noise_head: bool, frames: int) -> None:
    torch.manual_seed(0)
    vocos = Vocos(VocosConfig(6, 3, 12, 12, 2, 24, 64, 16, noise_head)).eval()
    vocos.initialise_for_training()
    latent = noise(4, (1, 6, frames))
    samples = vocos.config.samples_per_frame
    if noise_head:  # the noise is drawn from the clip's beginning on, so it is the same only without a turn
        first = decode_in_a_circle(vocos, latent, torch.Generator().manual_seed(1))
        again = decode_in_a_circle(vocos, latent, torch.Generator().manual_seed(1))
        assert torch.equal(first, again)
        assert first.shape == (1, frames * samples)
        return
    straight_on = decode_in_a_circle(vocos, latent)
    turned = decode_in_a_circle(vocos, latent.roll(2, dims=-1))
    torch.testing.assert_close(turned, straight_on.roll(2 * samples, dims=-1), atol=1e-6, rtol=1e-4)
