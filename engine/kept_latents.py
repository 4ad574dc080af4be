"""Sampling that starts from latents that are there: part-way, around a region, in a circle. Pure torch.

It knows no network, rate or job: a velocity goes in and a velocity comes out, for `sampling.sample` to walk.
Letters: B batch, C latent channels, T latent frames, W frames that a network is shown at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from engine.sampling import Velocity, swayed

TURN: Final = (math.sqrt(5.0) - 1.0) / 2.0  # of the circle at each step: no place comes near an end twice

Shown = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(latent (B, C, W), sigma, which frame of the clip each one is (W,), int64) to the velocity (B, C, W)."""


@dataclass(frozen=True)
class Start:
    """Where sampling begins: a latent (B, C, T) at the level `sigmas[0]`, and the levels left (N + 1,)."""

    latent: Tensor
    sigmas: Tensor


def part_way(old: Tensor, noise: Tensor, strength: float, steps: int, sway: float = -1.0) -> Start:
    """A variation's start: `old` (B, C, T) under as much of `noise` (B, C, T) as `strength` wants.

    `strength` is the noise level begun at: 0 is the old latent with no step left; 1 is the noise and the
    whole schedule, as without an old latent. Between them the schedule is walked from the place on that has
    that level, in steps of about its own length. Source: SDEdit, arXiv 2108.01073.
    """
    sigmas = part_way_sigmas(strength, steps, sway)
    if strength == 1.0:
        return Start(noise, sigmas)
    if len(sigmas) == 1:
        return Start(old, sigmas)
    return Start(sigmas[0].item() * noise + (1.0 - sigmas[0].item()) * old, sigmas)


def part_way_sigmas(strength: float, steps: int, sway: float = -1.0) -> Tensor:
    """The levels (N + 1,) that a variation of `strength` walks, as `part_way` says."""
    if not 0.0 <= strength <= 1.0:
        raise ValueError(f"strength: expected 0 to 1, got {strength}")
    begun = 0.0 if strength == 1.0 else _time_of(strength, sway)
    left = math.ceil(steps * (1.0 - begun) - 1e-9)
    if left == 0:
        return torch.zeros(1)
    return swayed(torch.linspace(begun, 1.0, left + 1, dtype=torch.float32), sway)


def _time_of(sigma: float, sway: float) -> float:
    """The time 0…1 at which a schedule has a level: it falls all the way, so halving finds it."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2.0
        if middle + sway * (math.cos(math.pi / 2.0 * middle) - 1.0 + middle) < 1.0 - sigma:
            low = middle
        else:
            high = middle
    return high


def holding(velocity: Velocity, old: Tensor, noise: Tensor, held: Tensor) -> Velocity:
    """A velocity that leads held frames to `old` (B, C, T) and leaves the others to the network.

    `held` (B or 1, 1, T) is 1 where a frame is kept and 0 where it is made; between, it is drawn to `old`.
    Begun at `noise`, a held frame is at every level the old one under just so much of its own noise. So the
    network hears it as it hears all else. Source: RePaint, arXiv 2201.09865, without its jumps back.
    """
    kept = noise - old  # (B, C, T)

    def led(latent: Tensor, sigma: Tensor) -> Tensor:
        return torch.lerp(velocity(latent, sigma), kept, held.to(kept))  # (B, C, T)

    return led


def straight(shown: Shown) -> Velocity:
    """The velocity of a clip with a beginning and an end."""

    def velocity(latent: Tensor, sigma: Tensor) -> Tensor:
        return shown(latent, sigma, torch.arange(latent.shape[-1], device=latent.device))

    return velocity


def in_a_circle(shown: Shown, margin_frames: int = 0) -> Velocity:
    """The velocity of a clip whose end runs into its beginning.

    At each step the network is shown the circle cut open at another place, so that no place keeps its end;
    with `margin_frames` also that much of the circle once more at both ends, of which nothing is used.
    The same sequence of cuts each time: make a new one for every clip.
    """
    step = 0

    def velocity(latent: Tensor, sigma: Tensor) -> Tensor:
        nonlocal step
        frames = latent.shape[-1]
        first = round(frames * (step * TURN % 1.0))
        step += 1
        margin = min(margin_frames, frames)
        places = torch.arange(first - margin, first + frames + margin, device=latent.device) % frames  # (W,)
        seen = shown(latent[..., places], sigma, places)[..., margin : margin + frames]  # (B, C, T)
        return seen.roll(first, dims=-1)

    return velocity


def held_frames(frames: int, first: int, after: int, kept: int | None = None) -> Tensor:
    """1 where a frame is kept, (1, 1, frames): outside first…after and, if the old clip is shorter, below
    `kept`."""
    held = torch.ones(1, 1, frames)
    held[..., max(0, first) : max(0, after)] = 0.0
    if kept is not None:
        held[..., kept:] = 0.0
    return held


def fitted(old: Tensor, frames: int) -> Tensor:
    """An old latent (B, C, T') as (B, C, frames): cut, or with zeros behind it."""
    missing = frames - old.shape[-1]
    return torch.nn.functional.pad(old, (0, missing)) if missing > 0 else old[..., :frames]
