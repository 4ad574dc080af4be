"""The compact model's caption encoder: hashed word pieces to one vector a word.

Letters: B batch, L words (a view token comes first), P pieces of a word, D width.
Knows nothing of text itself: see engine/text_features.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVEL_ZERO_DB: Final = -20.0  # the level in dBFS that the network calls 0
LEVEL_UNIT_DB: Final = 10.0  # and how many dB it calls 1


@dataclass(frozen=True)
class TextEncoderConfig:
    """Sizes. `views` is how many view tokens there are, `tokens` how many words are read."""

    buckets: int
    piece_dim: int
    width: int  # D
    depth: int
    heads: int
    tokens: int
    views: int


class TextEncoder(nn.Module):
    """A word is itself and the mean of its pieces; a view token goes in front; a transformer reads all."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.pieces = nn.Embedding(config.buckets, config.piece_dim, padding_idx=0)
        self.word_in = nn.Linear(config.piece_dim, config.width)
        # Words enter at the scale of the view token: fainter, they drown in what all words have in common.
        self.word_norm = nn.LayerNorm(config.width)
        self.view = nn.Embedding(config.views, config.width)
        self.position = nn.Parameter(torch.zeros(1, 1 + config.tokens, config.width))
        layer = nn.TransformerEncoderLayer(
            config.width,
            config.heads,
            dim_feedforward=2 * config.width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, config.depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(config.width)
        self.level = nn.Linear(config.width, 1)

    def expected_level(self, whole: Tensor) -> Tensor:
        """Level of the caption's sound where it is loudest: `summary` (B, D) to (B,), in `LEVEL_UNIT_DB`."""
        out: Tensor = self.level(whole)[:, 0]  # (B,)
        return out

    def forward(self, ids: Tensor, mask: Tensor, view: Tensor) -> Tensor:
        """Pieces (B, L, P), which words exist (B, L) bool, view numbers (B,) to (B, 1 + L, D)."""
        # The whole word, which comes first, counts as much as all its letter groups: a known word is itself.
        groups = F.embedding_bag(
            ids[..., 1:].flatten(0, 1), self.pieces.weight, mode="mean", padding_idx=0
        )  # (B·L, piece_dim)
        words = self.pieces(ids[..., 0]) + groups.reshape(*ids.shape[:2], -1)  # (B, L, piece_dim)
        words = self.word_norm(self.word_in(words))  # (B, L, D)
        x = torch.cat([self.view(view)[:, None], words], dim=1)  # (B, 1 + L, D)
        x = x + self.position[:, : x.shape[1]]  # (B, 1 + L, D)
        x = self.layers(x, src_key_padding_mask=~with_view(mask))  # (B, 1 + L, D)
        out: Tensor = self.norm(x)  # (B, 1 + L, D)
        return out


def summary(context: Tensor, mask: Tensor) -> Tensor:
    """The caption as one vector: the mean of its tokens (B, 1 + L, D) under `with_view`'s mask: (B, D)."""
    weights = mask.unsqueeze(-1).to(context.dtype)  # (B, 1 + L, 1)
    return (context * weights).sum(1) / weights.sum(1)  # (B, D)


def with_view(mask: Tensor) -> Tensor:
    """The word mask (B, L) with the view token in front, which is always there: (B, 1 + L)."""
    return torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)
