"""Classifier-free guidance over a prepared denoiser: which branches are asked at which noise level.

It knows no schedule, text or device. Letters: n clips, C latent
channels, T latent frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from engine.models.prepared_dit import PreparedDiT, Prompt
from engine.out_of_memory import ran_out_of_memory
from engine.sampling import Velocity, guide, timestep_of

FRAMES_AT_ONCE: Final = 4000
"""Latent frames in one batch, both branches counted: eight guided clips of 10 s. More would cost memory."""


@dataclass(frozen=True)
class GuidedRange:
    """The noise levels at which both branches are asked; elsewhere the conditional one is enough.

    Guidance does little good near the noise and near the end (Kynkäänniemi et al., arXiv 2404.07724), and a
    step without it costs half. The default guides every step, as the published sampler does.
    """

    low: float = 0.0  # sigma, included
    high: float = 1.0

    def holds(self, sigma: float) -> bool:
        """Whether a step at this noise level is guided."""
        return self.low <= sigma <= self.high


EVERYWHERE: Final = GuidedRange()


def guided(
    network: PreparedDiT,
    prompt: Prompt,
    guidance: float,
    where: GuidedRange = EVERYWHERE,
    frames_at_once: int = FRAMES_AT_ONCE,
) -> Velocity:
    """The guided velocity of n clips, for `sampling.sample`.

    Both branches of as many clips as `frames_at_once` allows go through the network as one batch; where even
    that does not fit into memory, of half as many, and so on, and of one clip at last one branch after the
    other.

    Args:
        prompt: n items to sound like; then n to sound unlike, each under a prompt or empty. At guidance 1
            only the first n are asked.

    Raises:
        OutOfMemory: from the velocity, where one clip alone does not fit.
    """
    clips = prompt.items // 2
    most = frames_at_once
    apart = False  # whether the branches are asked one after the other
    parts: dict[tuple[int, ...], Prompt] = {}  # of a batch that is split the same way at every step

    def part(*items: int) -> Prompt:
        if items not in parts:
            parts[items] = prompt.of(list(items))
        return parts[items]

    def batch(latent: Tensor, timestep: int, first: int, after: int, both: bool) -> Tensor:
        some = latent[first:after]  # (m, C, T)
        items, others = range(first, after), range(clips + first, clips + after)
        if not both:
            return network.velocity(some, timestep, part(*items))  # (m, C, T)
        if apart:
            like = network.velocity(some, timestep, part(*items))  # (m, C, T)
            unlike = network.velocity(some, timestep, part(*others))  # (m, C, T)
        else:
            pairs = network.velocity(some.repeat(2, 1, 1), timestep, part(*items, *others))  # (2·m, C, T)
            like, unlike = pairs.chunk(2)  # 2 × (m, C, T)
        return guide(like, unlike, guidance)  # (m, C, T)

    def ask(latent: Tensor, sigma: Tensor) -> Tensor:
        nonlocal most, apart
        timestep = int(timestep_of(sigma))
        both = guidance != 1 and where.holds(float(sigma))
        frames = latent.shape[-1] * (2 if both else 1)  # of one clip
        while True:
            size = min(clips, max(1, most // frames))
            try:
                firsts = range(0, clips, size)
                return torch.cat(
                    [batch(latent, timestep, first, min(first + size, clips), both) for first in firsts]
                )  # (n, C, T)
            except RuntimeError as error:
                if not ran_out_of_memory(error):
                    raise
                if size == 1 and (apart or not both):
                    raise OutOfMemory(latent.shape[-1]) from error
            if size == 1:
                apart = True
            else:
                most = frames * (size // 2)
            parts.clear()
            network.release()

    return ask


class OutOfMemory(MemoryError):  # noqa: N818 - as torch and the field say
    """One clip alone does not fit into the device's memory."""

    def __init__(self, frames: int) -> None:
        super().__init__(f"a clip of {frames} latent frames does not fit into this device's memory")
