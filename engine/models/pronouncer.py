"""Letters to phonemes, and phonemes to durations: small, trained by us, so that speech needs no library.

Letters of shapes: B batch, W letters, K places a letter, V phoneme numbers (0 is the blank of CTC), D width.
Connectionist temporal classification: Graves et al. 2006.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LETTERS = "'abcdefghijklmnopqrstuvwxyz"
PLACES = 3  # phonemes that one letter can become (x: k s), with room for blanks
BLANK = 0


@dataclass(frozen=True)
class PronouncerConfig:
    """Sizes. `phonemes` counts the inventory with number 0, silence, which serves as the blank."""

    phonemes: int
    width: int
    depth: int


class Convolution(nn.Module):
    """A residual gated convolution over five neighbours."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, 2 * width, kernel_size=5, padding=2)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        h = self.norm(x) * mask  # (B, W, D): nothing leaks in from behind the word
        h = F.glu(self.conv(h.transpose(1, 2)).transpose(1, 2), dim=-1)  # (B, W, D)
        out: Tensor = x + self.out(h)  # (B, W, D)
        return out


class Pronouncer(nn.Module):
    """One word's letters to phoneme scores at `PLACES` places a letter."""

    def __init__(self, config: PronouncerConfig) -> None:
        super().__init__()
        self.letter = nn.Embedding(1 + len(LETTERS), config.width, padding_idx=0)
        self.blocks = nn.ModuleList(Convolution(config.width) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)
        self.scores = nn.Linear(config.width, PLACES * config.phonemes)
        self.phonemes = config.phonemes

    def forward(self, letters: Tensor) -> Tensor:
        """Letter numbers (B, W), 0 behind the word's end, to log-probabilities (B, W·PLACES, V)."""
        mask = (letters != 0).unsqueeze(-1)  # (B, W, 1)
        x = self.letter(letters)  # (B, W, D)
        for block in self.blocks:
            x = block(x, mask)  # (B, W, D)
        scores = self.scores(self.norm(x))  # (B, W, PLACES·V)
        return F.log_softmax(scores.reshape(len(letters), -1, self.phonemes), dim=-1)  # (B, W·PLACES, V)

    @torch.no_grad()
    def pronounce(self, word: str) -> list[int]:
        """The phoneme numbers of one word of a–z and apostrophes; the likeliest path, repeats merged."""
        scores = self(letters_of(word)[None])  # (1, W·PLACES, V)
        best = scores[0].argmax(-1).tolist()
        return [number for number, _ in groupby(best) if number != BLANK]


class Durations(nn.Module):
    """Phonemes in their sentence to log-seconds, given the speaker's pace."""

    def __init__(self, config: PronouncerConfig) -> None:
        super().__init__()
        self.phoneme = nn.Embedding(config.phonemes, config.width)
        self.word_start = nn.Embedding(2, config.width)
        self.pace_in = nn.Linear(1, config.width)
        self.blocks = nn.ModuleList(Convolution(config.width) for _ in range(2))
        self.norm = nn.LayerNorm(config.width)
        self.log_s = nn.Linear(config.width, 1)

    def forward(self, phonemes: Tensor, word_starts: Tensor, pace: Tensor, mask: Tensor) -> Tensor:
        """Numbers (B, W), 1 where a word begins (B, W), log of mean seconds a phoneme (B,), valid (B, W)."""
        x = self.phoneme(phonemes) + self.word_start(word_starts)  # (B, W, D)
        x = x + self.pace_in(pace[:, None])[:, None]  # (B, W, D)
        for block in self.blocks:
            x = block(x, mask.unsqueeze(-1))  # (B, W, D)
        log_s: Tensor = self.log_s(self.norm(x)).squeeze(-1)  # (B, W)
        return log_s


def letters_of(word: str) -> Tensor:
    """Letter numbers (W,) of a word; whatever is no letter is left out."""
    return torch.tensor([1 + LETTERS.index(letter) for letter in word.lower() if letter in LETTERS])
