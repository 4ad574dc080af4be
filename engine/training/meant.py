"""Stage `meant`: the class that a caption means, read by one linear map from the caption encoder as it is.

The encoder's own head, of the stage `text`, is thrown away with that stage's other heads, and a run that
begins with a finished checkpoint has none. This one is a minute's work, on every caption written by hand.

Letters: N captions, D width, K classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.compact import CompactConfig
from engine.models.text_encoder import summary, with_view
from engine.training.clips import Clips
from engine.training.meaning import Labels
from engine.training.progress import Stage, part_of_run
from engine.training.retelling import Told, all_written, retold
from engine.training.text import padded, trained_text
from engine.training.vocabulary import vocabulary_of

VIEWS: Final = ("env", "sfx", "music")
TOLD: Final = 8000  # clips of each view that are told anew, at most; captions written by hand come once more
READ: Final = 256  # captions at a time
BATCH: Final = 512
SHAKEN: Final = 1.0  # noise on features of unit variance: with so much, captions held back are read best
RATE: Final = 3e-3
DECAY: Final = 0.3


class Meant(nn.Module):
    """A linear map (D, K) on features that are brought to unit variance."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.map = nn.Linear(width, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Scores (N, K) of features (N, D)."""
        out: Tensor = self.map((features - self.mean) / self.scale)
        return out

    def folded(self) -> nn.Linear:
        """The same as one map."""
        out = nn.Linear(self.map.in_features, self.map.out_features)
        weight = self.map.weight / self.scale
        out.weight = nn.Parameter(weight)
        out.bias = nn.Parameter(self.map.bias - weight @ self.mean)
        return out


def train_meant(run: Path, clips: Clips, config: CompactConfig, steps: int, seed: int) -> None:
    """Fits the map; logs the share of captions kept back that it names right among those of their view."""
    torch.manual_seed(seed + 8)
    labels = Labels(clips, config)
    rng = np.random.default_rng(seed + 8)
    told = [
        (retold(clips.about[view][number], view, rng), view, clips.about[view][number]["label"])
        for view in VIEWS
        for number in rng.permutation(clips.count(view))[:TOLD]
    ]
    features, views, classes = _read(run, config, labels, told + all_written(VIEWS, labels.numbers))
    kept, kept_views, kept_classes = _read(
        run, config, labels, all_written(VIEWS, labels.numbers, held_back=True)
    )
    names = list(labels.numbers)
    other = torch.tensor([[not name.startswith(f"{view}/") for name in names] for view in VIEWS])  # (V, K)

    meant = Meant(features.shape[1], len(names))
    meant.mean, meant.scale = features.mean(0), features.std(0) + 1e-5
    optimiser = torch.optim.AdamW(meant.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    stage = Stage(run, "meant", steps, {"meant": meant, "optimiser": optimiser, "schedule": schedule})
    for step in stage:
        rows = torch.from_numpy(np.random.default_rng([seed + 8, step]).integers(len(features), size=BATCH))
        shaken = features[rows] + SHAKEN * meant.scale * torch.randn(BATCH, features.shape[1])
        loss = F.cross_entropy(meant(shaken).masked_fill(other[views[rows]], -1e4), classes[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            with torch.no_grad():
                named = meant(kept).masked_fill(other[kept_views], -1e4).argmax(1)
            stage.log(cross_entropy=loss.item(), held_back=(named == kept_classes).float().mean().item())


def trained_meant(run: Path, config: CompactConfig, classes: int) -> nn.Linear:
    """The map of the stage `meant`."""
    meant = Meant(config.text.width, classes)
    meant.load_state_dict(part_of_run(run, "meant", "meant"))
    return meant.folded()


@torch.no_grad()
def _read(
    run: Path, config: CompactConfig, labels: Labels, told: list[Told]
) -> tuple[Tensor, Tensor, Tensor]:
    """Features (N, D), views by their place in `VIEWS` (N,) and classes (N,) of captions."""
    encoder, vocabulary = trained_text(run, config), vocabulary_of(run)
    parts = []
    for start in range(0, len(told), READ):
        some = told[start : start + READ]
        ids, mask = padded([text for text, _, _ in some], vocabulary, config)
        views = torch.tensor([config.views.index(view) for _, view, _ in some])
        parts.append(summary(encoder(ids, mask, views), with_view(mask)))
    return (
        torch.cat(parts),
        torch.tensor([VIEWS.index(view) for _, view, _ in told]),
        torch.tensor([labels.numbers[f"{view}/{label}"] for _, view, label in told]),
    )
