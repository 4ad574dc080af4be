"""The sampler: noise levels, guidance and Euler steps as pure functions.

sigma runs from 1 (noise) to 0 (audio); a velocity is noise − data. It knows no network, device or job.
Numbers follow docs/dasheng-audiogen.md, in float32 throughout: a timestep one off moves the output visibly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

TIMESTEPS = 1000  # the network's unit of time: sigma 1 is timestep 1000

Velocity = Callable[[Tensor, Tensor], Tensor]
"""(latent (B, C, T), sigma as a float32 scalar tensor) to the velocity (B, C, T)."""


@dataclass(frozen=True)
class Step:
    """The state after one step."""

    step: int  # 1 is the first
    steps: int
    sigma: float  # noise level of `latent`: 0 after the last step
    latent: Tensor  # (B, C, T)


def sway_sigmas(steps: int, sway: float = -1.0) -> Tensor:
    """Noise levels from 1 to 0: (steps + 1,), float32, on the CPU.

    `sway` −1 spends more steps near the noise; 0 spaces them evenly.
    """
    if steps < 1:
        raise ValueError(f"steps: expected at least 1, got {steps}")
    if sway == 0:
        even = torch.linspace(1.0, 1.0 / steps, steps, dtype=torch.float32)  # (steps,)
        return torch.cat((even, torch.zeros(1)))  # (steps + 1,)
    return swayed(torch.linspace(0.0, 1.0, steps + 1, dtype=torch.float32), sway)


def swayed(t: Tensor, sway: float) -> Tensor:
    """The noise levels at times 0…1 of a schedule, 0 its beginning: float32, same shape."""
    t = t + sway * (torch.cos(math.pi / 2 * t) - 1 + t)
    return 1 - t


def timestep_of(sigma: Tensor) -> Tensor:
    """The whole timestep the network is asked at: the float32 product, cut; int64, same shape."""
    return (sigma.to(torch.float32) * TIMESTEPS).long()


def guide(v_cond: Tensor, v_uncond: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: 1 is the conditional velocity, more leaves the unconditional one behind."""
    return v_uncond + scale * (v_cond - v_uncond)


def sample(velocity: Velocity, noise: Tensor, sigmas: Tensor) -> Iterator[Step]:
    """Euler steps from `noise` (B, C, T) down `sigmas` (N + 1,), yielding each. To cancel, stop reading.

    The network is asked N times, never at the last sigma: the step from there is zero.
    """
    levels = list(sigmas)
    steps = len(levels) - 1
    latent = noise
    for index, (sigma, sigma_next) in enumerate(pairwise(levels), start=1):
        latent = latent + (sigma_next - sigma) * velocity(latent, sigma)  # (B, C, T)
        yield Step(index, steps, float(sigma_next), latent)


def in_step(steps: Iterator[Step], device: torch.device) -> Iterator[Step]:
    """The same steps, no more than one ahead of a GPU, which works on behind its caller's back: progress that
    is told is true, and whoever stops reading has the GPU free after the step that it is at."""
    if device.type != "cuda":
        yield from steps
        return
    behind: torch.cuda.Event | None = None
    for step in steps:
        done = torch.cuda.Event()
        done.record()
        if behind is not None:
            behind.synchronize()
        behind = done
        yield step
