"""What a latent sounds like, and what a caption means by it: classes from both, chords from the latent.

Letters: B batch, C latent channels, T latent frames, D width, K classes, R triads (`TRIADS`).
Knows nothing of sampling: see engine/listening.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.frame_features import NO_CHORD, ROOTS
from engine.models.compact import CompactConfig
from engine.models.vocos import ConvNeXt

WIDTH: Final = 160
DEPTH: Final = 3
TRIADS: Final = 2 * ROOTS  # a major and a minor one on each pitch class: see `frame_features.triad_of`


class Heard(NamedTuple):
    """What a latent is heard as, in scores before any softmax."""

    classes: Tensor  # (B, K)
    chords: Tensor  # (B, T, R)


class Ear(nn.Module):
    """Convolutions over latent frames; classes from their mean and maximum over time, chords from each."""

    def __init__(self, config: CompactConfig, classes: int) -> None:
        super().__init__()
        block = replace(config.vocos, embed_dim=WIDTH, intermediate_dim=2 * WIDTH, depth=DEPTH)
        self.inward = nn.Conv1d(config.dit.latent_dim, WIDTH, 5, padding=2)
        self.blocks = nn.ModuleList(ConvNeXt(block) for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.classes = nn.Linear(2 * WIDTH, classes)
        self.chords = nn.Linear(WIDTH, TRIADS)
        self.meant = nn.Linear(config.text.width, classes)

    def forward(self, latent: Tensor) -> Heard:
        """Of latents (B, C, T)."""
        x = self.inward(latent)  # (B, D, T)
        for block in self.blocks:
            x = block(x)  # (B, D, T)
        x = self.norm(x.transpose(1, 2))  # (B, T, D)
        whole = torch.cat([x.mean(1), x.amax(1)], dim=1)  # (B, 2D)
        return Heard(self.classes(whole), self.chords(x))  # (B, K), (B, T, R)


def chord_errors(scores: Tensor, chords: Tensor) -> Tensor:
    """Mean cross-entropy of scores (B, T, R) over the frames that have a triad (B, T); 0 without one."""
    known = chords != NO_CHORD  # (B, T)
    return F.cross_entropy(scores[known], chords[known], reduction="sum") / known.sum().clamp_min(1)
