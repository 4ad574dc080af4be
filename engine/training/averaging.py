"""A running mean of a network's weights, which is what is kept of a training."""

from __future__ import annotations

from typing import Final

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

DECAY: Final = 0.998


def averaged(network: nn.Module) -> AveragedModel:
    """A copy that follows the network's weights with an exponential mean."""
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
