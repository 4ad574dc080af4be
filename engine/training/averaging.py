"""A running mean of a network's weights, which is what is kept of a training."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

DECAY: Final = 0.998


def averaged(network: nn.Module) -> AveragedModel:
    """A copy that follows the network's weights with an exponential mean.

    It forgets its beginning faster while it is young (over a tenth of its age): with the full memory from the
    first step on, a stage of a few hundred steps would end where it began.
    """
    return AveragedModel(network, multi_avg_fn=_follow)


@torch.no_grad()
def _follow(mean: Any, current: Any, count: Any) -> None:
    """The `multi_avg_fn` of torch: lists of tensors, and how many updates there were."""
    weight = max(1.0 - DECAY, 10.0 / (10.0 + float(count)))
    kept: list[Tensor] = list(mean)
    torch._foreach_lerp_(kept, list(current), weight)
