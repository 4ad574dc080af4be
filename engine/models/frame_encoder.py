"""What has time to one vector a latent frame: phonemes, cues, beats, chords, the sound around, the caption.

Letters: B batch, T latent frames, S phoneme slots a frame, N numbers a frame, C latent channels, D width.
Knows nothing of seconds: see engine/frame_features.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class FrameEncoderConfig:
    """Sizes. `phonemes` counts the inventory with silence, `text_dim` is the caption encoder's width."""

    phonemes: int
    slots: int  # S
    numbers: int  # N
    latent_dim: int  # C
    phoneme_dim: int
    text_dim: int
    width: int  # D
    depth: int


@dataclass(frozen=True)
class Around:
    """Sound that is there already, as latents: (B, T, C) each, zero where nothing is given.

    `known` is this stem itself, in the frames where `is_known` (B, T, 1) is 1: they are kept, the others fit
    them. `context` is the sum of the scene's other stems, given where `has_context` (B, T, 1) is 1.
    """

    known: Tensor
    is_known: Tensor
    context: Tensor
    has_context: Tensor

    def rows(self) -> Tensor:
        """All of it side by side: (B, T, 2·C + 2)."""
        return torch.cat([self.known, self.is_known, self.context, self.has_context], dim=-1)


class Neighbours(nn.Module):
    """A residual convolution over five frames with an MLP's shape: a phoneme hears the next one coming."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inward = nn.Conv1d(width, width, kernel_size=5, padding=2)
        self.outward = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inward(self.norm(x).transpose(1, 2)).transpose(1, 2)  # (B, T, D)
        out: Tensor = x + self.outward(F.gelu(h))  # (B, T, D)
        return out


class FrameEncoder(nn.Module):
    """The DiT's per-frame context."""

    def __init__(self, config: FrameEncoderConfig) -> None:
        super().__init__()
        self.phoneme = nn.Embedding(config.phonemes, config.phoneme_dim)
        self.rows_in = nn.Linear(config.slots * config.phoneme_dim + config.numbers, config.width)
        self.around_in = nn.Linear(2 * config.latent_dim + 2, config.width, bias=False)
        self.text_in = nn.Linear(config.text_dim, config.width)
        self.blocks = nn.ModuleList(Neighbours(config.width) for _ in range(config.depth))

    def forward(self, phonemes: Tensor, numbers: Tensor, text: Tensor, around: Around | None) -> Tensor:
        """Phoneme numbers (B, T·S), numbers (B, T, N), the caption as one vector (B, text_dim): (B, T, D)."""
        batch, frames, _ = numbers.shape
        spoken = self.phoneme(phonemes).reshape(batch, frames, -1)  # (B, T, S·phoneme_dim)
        x: Tensor = self.rows_in(torch.cat([spoken, numbers.to(spoken.dtype)], dim=-1))  # (B, T, D)
        x = x + self.text_in(text)[:, None]  # (B, T, D)
        if around is not None:
            x = x + self.around_in(around.rows())  # (B, T, D)
        for block in self.blocks:
            x = block(x)  # (B, T, D)
        return x
