"""The sampler. The published schedules and sampled latents: models/test_golden.py."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.sampling import guide, sample, sway_sigmas, timestep_of


@pytest.mark.parametrize("steps", [1, 2, 25, 100])
@pytest.mark.parametrize("sway", [-1.0, -0.5, 0.0, 0.5])
def test_sigmas_fall_from_one_to_zero(steps: int, sway: float) -> None:
    sigmas = sway_sigmas(steps, sway)
    assert sigmas.shape == (steps + 1,)
    assert sigmas.dtype == torch.float32
    assert float(sigmas[0]) == pytest.approx(1.0)
    assert float(sigmas[-1]) == pytest.approx(0.0, abs=1e-6)
    assert (sigmas.diff() < 0).all()


def test_no_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="steps: expected at least 1, got 0"):
        sway_sigmas(0)


def test_timesteps_are_cut_in_float32() -> None:
    assert timestep_of(torch.tensor([1.0, 0.9999, 0.0])).tolist() == [1000, 999, 0]
    seven_tenths = torch.tensor(0.7)  # 0.69999999 as a float32
    assert int(seven_tenths.double() * 1000) == 699
    assert int(timestep_of(seven_tenths)) == 700


def test_guidance() -> None:
    cond, uncond = torch.tensor([3.0]), torch.tensor([1.0])
    assert [float(guide(cond, uncond, scale)) for scale in (0.0, 1.0, 5.0)] == [1.0, 3.0, 11.0]


def test_a_straight_line_is_walked_exactly() -> None:
    """With the true velocity noise − data, any number of steps ends at the data."""
    noise, data = torch.randn(1, 3, 5), torch.randn(1, 3, 5)
    for steps in (1, 7):
        *_, last = sample(lambda z, sigma: noise - data, noise, sway_sigmas(steps))
        torch.testing.assert_close(last.latent, data)


def test_each_step_says_where_it_is() -> None:
    noise, sigmas = torch.zeros(1, 1, 1), sway_sigmas(3)
    steps = list(sample(lambda z, sigma: sigma.expand_as(z), noise, sigmas))
    assert [(s.step, s.steps) for s in steps] == [(1, 3), (2, 3), (3, 3)]
    assert [s.sigma for s in steps] == sigmas[1:].tolist()
    assert float(noise) == 0.0  # the caller's noise is left alone


def test_the_network_is_not_asked_at_zero() -> None:
    asked: list[float] = []

    def velocity(z: Tensor, sigma: Tensor) -> Tensor:
        asked.append(float(sigma))
        return z

    list(sample(velocity, torch.zeros(1, 1, 1), sway_sigmas(25)))
    assert asked == sway_sigmas(25)[:-1].tolist()
    assert min(asked) > 0


@pytest.mark.parametrize("read", [0, 1, 7])
def test_cancel_costs_no_further_step(read: int) -> None:
    asked: list[float] = []

    def velocity(z: Tensor, sigma: Tensor) -> Tensor:
        asked.append(float(sigma))
        return z

    steps = sample(velocity, torch.zeros(1, 1, 1), sway_sigmas(25))
    for _ in range(read):
        next(steps)
    del steps
    assert len(asked) == read
