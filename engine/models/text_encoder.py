"""The compact model's caption encoder: known words and hashed word pieces to one vector a word.

Letters: B batch, L words (a view token comes first), P pieces of a word, V known words, W width of a word's
vector, D width.
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

    vocabulary: int  # V
    buckets: int
    word_dim: int  # W
    width: int  # D
    depth: int
    heads: int
    tokens: int
    views: int


class TextEncoder(nn.Module):
    """A known word has a vector, any other is guessed from its pieces; a transformer reads them in order."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.config = config
        # Known words' vectors in bytes with a scale each: a quarter of the room, and nothing is heard of it.
        self.known: Tensor
        self.known_scale: Tensor
        self.register_buffer("known", torch.zeros((1 + config.vocabulary, config.word_dim), dtype=torch.int8))
        self.register_buffer("known_scale", torch.zeros((1 + config.vocabulary, 1)))
        self.pieces = nn.Embedding(config.buckets, config.word_dim, padding_idx=0)
        self.word_in = nn.Linear(config.word_dim, config.width)
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

    def looked_up(self, rows: Tensor) -> Tensor:
        """Vectors of known words (…) by their rows: (…, W); row 0 has zeros."""
        return self.known[rows].to(self.known_scale.dtype) * self.known_scale[rows]

    def guessed(self, pieces: Tensor) -> Tensor:
        """Vectors of words from their pieces alone: (…, P) to (…, W)."""
        mean = F.embedding_bag(pieces.flatten(0, -2), self.pieces.weight, mode="mean", padding_idx=0)
        return mean.reshape(*pieces.shape[:-1], -1)

    def expected_level(self, whole: Tensor) -> Tensor:
        """Level of the caption's sound where it is loudest: `summary` (B, D) to (B,), in `LEVEL_UNIT_DB`."""
        out: Tensor = self.level(whole)[:, 0]  # (B,)
        return out

    def forward(self, ids: Tensor, mask: Tensor, view: Tensor) -> Tensor:
        """Rows and pieces (B, L, 1 + P), which words exist (B, L) bool, views (B,) to (B, 1 + L, D)."""
        rows = ids[..., 0]  # (B, L)
        words = torch.where(
            (rows > 0)[..., None], self.looked_up(rows), self.guessed(ids[..., 1:])
        )  # (B, L, W)
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
