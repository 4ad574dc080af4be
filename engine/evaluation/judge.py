"""A judge of which class a sound belongs to: a small network trained on corpus audio, and on nothing of ours.

It knows the classes of all views at once, and answers two questions: which one class a sound is, among those
of its view; and which classes can be heard in it at all, which is how leakage is found.

Letters: B batch, S samples, M mel bins, N spectral frames, K classes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.models.mel import MelSpectrogram

RATE_HZ: Final = 24_000
MELS: Final = 96
HOP: Final = 360  # 15 ms
FLOOR: Final = 1e-3
CHANNELS: Final = (1, 24, 48, 96, 144, 224)
HALVINGS: Final = len(CHANNELS) - 1  # of the mel axis

Wave = NDArray[np.floating]


class Judge(nn.Module):
    """Log-mel, five convolutions, mean, maximum and spread over time, two heads."""

    def __init__(self, classes: list[str]) -> None:
        super().__init__()
        self.classes = classes
        self.mel = MelSpectrogram(rate_hz=RATE_HZ, n_fft=1024, hop=HOP, mels=MELS)
        layers: list[nn.Module] = []
        for number, (inward, outward) in enumerate(pairwise(CHANNELS)):
            layers += [
                nn.Conv2d(inward, outward, 3, stride=(2, 2 if number == 0 else 1), padding=1, bias=False),
                nn.BatchNorm2d(outward),
                nn.ReLU(),
            ]
            if number:
                layers.append(nn.MaxPool2d((1, 2)))
        self.body = nn.Sequential(*layers)
        features = 3 * CHANNELS[-1] * MELS // 2**HALVINGS
        self.squeeze = nn.Sequential(nn.Linear(features, 320), nn.ReLU(), nn.Dropout(0.2))
        self.which = nn.Linear(320, len(classes))
        self.heard = nn.Linear(320, len(classes))

    def features(self, audio: Tensor) -> Tensor:
        """(B, S) to what both heads read (B, 320)."""
        mel = torch.log(self.mel(audio) + FLOOR)[:, None]  # (B, 1, M, N)
        x = self.body(mel).flatten(1, 2)  # (B, channels · M/32, N/32)
        pooled = torch.cat([x.mean(-1), x.amax(-1), (x.var(-1, unbiased=False) + 1e-5).sqrt()], dim=1)
        out: Tensor = self.squeeze(pooled)
        return out

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S) to scores of the one class (B, K), and logits that each class is heard (B, K)."""
        features = self.features(audio)
        return self.which(features), self.heard(features)

    @torch.no_grad()
    def name(self, audio: Wave, view: str) -> str:
        """The likeliest label of one sound (S,) among those of its view. Silence has no label: ""."""
        if not np.any(np.abs(audio) > 1e-4):
            return ""
        scores = self(_batch(audio))[0][0]
        allowed = torch.tensor([one.startswith(f"{view}/") for one in self.classes])
        return self.classes[int(scores.masked_fill(~allowed, -torch.inf).argmax())].split("/")[1]

    @torch.no_grad()
    def presence(self, audio: Wave) -> dict[str, float]:
        """The probability that each class, as "view/label", is heard in one sound (S,)."""
        shares = torch.sigmoid(self(_batch(audio))[1][0])
        return dict(zip(self.classes, shares.tolist(), strict=True))


def _batch(audio: Wave) -> Tensor:
    return torch.from_numpy(np.asarray(audio, np.float32))[None]
