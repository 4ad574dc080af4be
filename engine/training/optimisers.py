"""How a network is trained: Muon turns the matrices of its blocks, AdamW moves all else, on one schedule.

Muon (Jordan et al. 2024, `torch.optim.Muon`) replaces a matrix's gradient by the nearest orthogonal matrix;
it is for matrices between hidden states only. It multiplies in bfloat16; on a CPU that cannot, AdamW moves
the matrices too, for there Muon would take far longer than the rest of the step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from engine.precision import fastest_precision


class Optimisers:
    """Both optimisers with their schedules, as one step."""

    def __init__(
        self,
        networks: Iterable[nn.Module],
        blocks: Iterable[nn.Module],
        steps: int,
        *,
        muon_rate: float,
        adam_rate: float,
        betas: tuple[float, float],
        longest: float,
    ) -> None:
        """`blocks` are the parts of `networks` whose matrices Muon turns; gradients are cut at `longest`."""
        self._matrices = matrices_of(blocks)
        taken = {id(matrix) for matrix in self._matrices}
        self._others = [
            one
            for network in networks
            for one in network.parameters()
            if one.requires_grad and id(one) not in taken
        ]
        self._longest = longest
        has_muon = fastest_precision() is torch.bfloat16
        adams = self._others if has_muon else [*self._matrices, *self._others]
        self._optimisers: dict[str, torch.optim.Optimizer] = {
            "adam": torch.optim.AdamW(adams, lr=adam_rate, betas=betas, weight_decay=0.0)
        }
        if has_muon:
            self._optimisers["muon"] = torch.optim.Muon(
                self._matrices, lr=muon_rate, momentum=0.95, weight_decay=0.01
            )
        self._schedules = {
            f"schedule_{name}": torch.optim.lr_scheduler.LambdaLR(one, lambda at: decay(at, steps))
            for name, one in self._optimisers.items()
        }

    def parts(self) -> dict[str, Any]:
        """What a stage keeps of them."""
        return {**self._optimisers, **self._schedules}

    def step(self, loss: Tensor) -> None:
        """One step down a scalar loss."""
        for one in self._optimisers.values():
            one.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*self._matrices, *self._others], self._longest)
        for one in self._optimisers.values():
            one.step()
        for schedule in self._schedules.values():
            schedule.step()


def matrices_of(blocks: Iterable[nn.Module]) -> list[nn.Parameter]:
    """The matrices inside blocks, but for those that make scales and shifts (adaptive norms)."""
    return [
        parameter
        for block in blocks
        for name, parameter in block.named_parameters()
        if parameter.ndim == 2 and "adaln" not in name
    ]


def decay(at: int, steps: int) -> float:
    """Flat for 40 % of the way, then straight down to 2 %; the first 50 steps rise."""
    warm = min(1.0, (at + 1) / 50)
    return warm * min(1.0, max(0.02, (1 - at / steps) / 0.6))
