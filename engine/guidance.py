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

    Both branches of as many clips as `frames_at_once` allows go through the network as one batch.

    Args:
        prompt: n items to sound like; then n to sound unlike, each under a prompt or empty. At guidance 1
            only the first n are asked.
    """
    clips = prompt.items // 2
    shares: dict[tuple[int, bool], list[tuple[slice, Prompt]]] = {}

    def share(frames: int, both: bool) -> list[tuple[slice, Prompt]]:
        if (frames, both) not in shares:
            shares[frames, both] = []
            size = max(1, frames_at_once // (frames * (2 if both else 1)))
            for first in range(0, clips, size):
                items = list(range(first, min(first + size, clips)))
                asked = items + [clips + item for item in items] if both else items
                shares[frames, both].append((slice(first, first + size), prompt.of(asked)))
        return shares[frames, both]

    def ask(latent: Tensor, sigma: Tensor) -> Tensor:
        timestep = int(timestep_of(sigma))
        both = guidance != 1 and where.holds(float(sigma))
        velocities = []
        for some, asked in share(latent.shape[-1], both):
            if both:
                pairs = network.velocity(latent[some].repeat(2, 1, 1), timestep, asked)  # (2·m, C, T)
                like, unlike = pairs.chunk(2)  # 2 × (m, C, T)
                velocities.append(guide(like, unlike, guidance))
            else:
                velocities.append(network.velocity(latent[some], timestep, asked))
        return torch.cat(velocities)  # (n, C, T)

    return ask
