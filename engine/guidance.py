"""Classifier-free guidance over a prepared denoiser: which branches are asked at which noise level.

It knows no schedule, text or device. Letters: n clips, C latent
channels, T latent frames.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from engine.models.prepared_dit import PreparedDiT, Prompt
from engine.sampling import Velocity, guide, timestep_of


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


EVERYWHERE = GuidedRange()


def guided(
    network: PreparedDiT, prompt: Prompt, guidance: float, where: GuidedRange = EVERYWHERE
) -> Velocity:
    """The guided velocity of n clips, for `sampling.sample`.

    Args:
        prompt: n items to sound like; then n to sound unlike, each under a prompt or empty. At guidance 1
            only the first n are asked.
    """
    clips = prompt.items // 2
    alone = prompt.first(clips)

    def ask(latent: Tensor, sigma: Tensor) -> Tensor:
        timestep = int(timestep_of(sigma))
        if guidance == 1 or not where.holds(float(sigma)):
            return network.velocity(latent, timestep, alone)  # (n, C, T)
        both = network.velocity(latent.repeat(2, 1, 1), timestep, prompt)  # (2·n, C, T)
        return guide(both[:clips], both[clips:], guidance)  # (n, C, T)

    return ask
