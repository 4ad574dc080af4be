"""What a latent says: its class and its phonemes, read from it by one linear map while the codec learns.

Letters: B batch, C latent channels, T latent frames, K classes, P phonemes, S phoneme slots a frame.
The map is thrown away after training; what it leaves is a latent in which meaning lies open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.frame_features import SLOTS, TimedPhoneme, frame_features
from engine.models.compact import CompactConfig
from engine.training.clips import PART, VIEWS, Clips

UNKNOWN: Final = -100  # no phoneme is known: not counted


@dataclass(frozen=True)
class Heard:
    """What is to be heard in a batch of pieces: classes (B,), phonemes (B, T·S) or `UNKNOWN`."""

    classes: Tensor
    phonemes: Tensor


class Meaning(nn.Module):
    """Latents to class scores and phoneme scores."""

    def __init__(self, latent_dim: int, classes: int, phonemes: int) -> None:
        super().__init__()
        self.classes = nn.Linear(latent_dim, classes)
        self.phonemes = nn.Linear(latent_dim, SLOTS * phonemes)

    def forward(self, latent: Tensor, heard: Heard) -> Tensor:
        """Mean cross-entropy of class and of phonemes, summed: a scalar, in nats."""
        rows = latent.float().transpose(1, 2)  # (B, T, C)
        # A hit may fill one frame of the piece: the class is where any frame says so.
        scores = torch.logsumexp(self.classes(rows), dim=1)  # (B, K)
        named = F.cross_entropy(scores, heard.classes)
        spoken = self.phonemes(rows).reshape(len(rows), rows.shape[1] * SLOTS, -1)  # (B, T·S, P)
        if not (heard.phonemes != UNKNOWN).any():
            return named
        return named + F.cross_entropy(spoken.flatten(0, 1), heard.phonemes.flatten(), ignore_index=UNKNOWN)


class Labels:
    """Classes of a corpus as numbers, and what is heard in a piece of a clip."""

    def __init__(self, clips: Clips, config: CompactConfig) -> None:
        heard = [(view, about) for view in (*VIEWS, PART) for about in clips.about.get(view, ())]
        names = sorted({named(view, about) for view, about in heard})
        self.numbers = {name: number for number, name in enumerate(names)}
        self._clips, self._config = clips, config

    def class_of(self, view: str, about: dict[str, Any]) -> int:
        """The number of a clip's class, by its line of metadata."""
        return self.numbers[named(view, about)]

    def phonemes(self, view: str, number: int, first: int, frames: int) -> NDArray[np.int64]:
        """Phoneme numbers (frames · SLOTS,) from latent frame `first` on; `UNKNOWN` where nobody speaks."""
        if view != "speech":
            return np.full(frames * SLOTS, UNKNOWN, dtype=np.int64)
        about = self._clips.about[view][number]
        spoken = timed_phonemes(about, self._config)
        rows = frame_features(first + frames, self._config.latent_rate_hz, phonemes=spoken)
        return rows.phonemes[first * SLOTS :]

    def heard(self, pieces: Sequence[tuple[str, int, int]], frames: int) -> Heard:
        """Of pieces given as view, clip and first latent frame."""
        return Heard(
            classes=torch.tensor(
                [self.class_of(view, self._clips.about[view][number]) for view, number, _ in pieces]
            ),
            phonemes=torch.from_numpy(
                np.stack([self.phonemes(view, number, first, frames) for view, number, first in pieces])
            ),
        )


def named(view: str, about: dict[str, Any]) -> str:
    """A clip's class by its line of metadata; a part of an ensemble is music like any other."""
    return f"{'music' if view == PART else view}/{about['label']}"


def timed_phonemes(about: dict[str, Any], config: CompactConfig) -> list[TimedPhoneme]:
    """The phonemes of a clip's line of metadata; pauses are left out."""
    number_of = config.phoneme_numbers
    return [
        TimedPhoneme(number_of[symbol], start_s, end_s)
        for symbol, start_s, end_s in about["phonemes"]
        if symbol in number_of
    ]
