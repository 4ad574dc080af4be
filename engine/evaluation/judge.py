"""A judge of which class a sound belongs to: a small network trained on corpus audio, and on nothing of ours.

Letters: B batch, S samples, M mel bins, N spectral frames, K classes.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.mel import MelSpectrogram
from engine.training.clips import Clips
from engine.training.progress import Stage

VIEWS: Final = ("env", "sfx", "music")
MELS: Final = 64
FLOOR: Final = 1e-3
BATCH: Final = 24


class Judge(nn.Module):
    """Log-mel, four convolutions, mean and maximum over time."""

    def __init__(self, classes: list[str], rate_hz: int) -> None:
        super().__init__()
        self.classes = classes
        self.mel = MelSpectrogram(rate_hz=rate_hz, n_fft=1024, hop=480, mels=MELS)
        layers: list[nn.Module] = []
        channels = (1, 24, 48, 96, 160)
        for inward, outward in pairwise(channels):
            layers += [
                nn.Conv2d(inward, outward, 3, stride=(2, 1), padding=1),
                nn.BatchNorm2d(outward),
                nn.ReLU(),
                nn.MaxPool2d((1, 2)),
            ]
        self.body = nn.Sequential(*layers)
        self.out = nn.Linear(2 * channels[-1] * MELS // 16, len(classes))

    def forward(self, audio: Tensor) -> Tensor:
        """(B, S) to class scores (B, K)."""
        mel = torch.log(self.mel(audio) + FLOOR)[:, None]  # (B, 1, M, N)
        x = self.body(mel).flatten(1, 2)  # (B, channels · M/16, N/16)
        scores: Tensor = self.out(torch.cat([x.mean(-1), x.amax(-1)], dim=1))  # (B, K)
        return scores

    @torch.no_grad()
    def name(self, audio: np.ndarray, view: str) -> str:
        """The likeliest class of one sound (S,), among those of its view, as "view/label"."""
        scores = self(torch.from_numpy(audio.astype(np.float32))[None])[0]
        allowed = torch.tensor([one.startswith(f"{view}/") for one in self.classes])
        return self.classes[int(scores.masked_fill(~allowed, -torch.inf).argmax())]


def classes_of(clips: Clips) -> list[str]:
    """Every class of the corpus, as "view/label"."""
    return sorted({f"{view}/{about['label']}" for view in VIEWS for about in clips.about[view]})


def train_judge(run: Path, clips: Clips, rate_hz: int, steps: int, seed: int) -> Judge:
    """Trains, or takes up where it was."""
    torch.manual_seed(seed)
    judge = Judge(classes_of(clips), rate_hz)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=3e-3, total_steps=steps + 1, cycle_momentum=False
    )
    stage = Stage(run, "judge", steps, {"judge": judge, "optimiser": optimiser, "schedule": schedule})
    for step in stage:
        rng = np.random.default_rng([seed, 77, step])
        views = [str(view) for view in rng.choice(VIEWS, size=BATCH)]
        numbers = [int(rng.integers(clips.count(view))) for view in views]
        audio = np.stack([clips.audio(view, number) for view, number in zip(views, numbers, strict=True)])
        # Levels say little of a class, and the judge shall not depend on where in a clip a sound lies.
        audio *= 10 ** (rng.uniform(-0.4, 0.4, size=(BATCH, 1)).astype(np.float32))
        labels = [
            judge.classes.index(f"{view}/{clips.about[view][number]['label']}")
            for view, number in zip(views, numbers, strict=True)
        ]
        loss = F.cross_entropy(judge(torch.from_numpy(audio)), torch.tensor(labels), label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 49:
            stage.log(cross_entropy=loss.item())
    return judge.eval()
