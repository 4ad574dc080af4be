"""Stage `text`: the caption encoder learns English from a sentence encoder, and from captions what they say.

Four tasks at once: the teacher's vector of any phrase (`engine.training.phrases`), the class of a caption,
the traits that it names and the level of its sound. The generator then reads captions through the encoder
as it is.

Letters: B batch, E width of the teacher's vectors, K classes, R traits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.models.compact import CompactConfig
from engine.models.text_encoder import LEVEL_UNIT_DB, LEVEL_ZERO_DB, TextEncoder, summary, with_view
from engine.precision import mixed
from engine.text_features import COLUMNS, Vocabulary, caption_ids, piece_ids, words_of
from engine.training.averaging import averaged
from engine.training.clips import VIEWS, Clips
from engine.training.levels import clip_levels_db
from engine.training.phrases import PHRASES, VECTORS
from engine.training.progress import Stage, part_of_run
from engine.training.retelling import all_written, retold
from engine.training.vocabulary import know, vocabulary_of

TAUGHT: Final = 192  # phrases a batch
TOLD: Final = 96  # captions a batch
GROUPS: Final = 4
CONTRAST: Final = 0.3  # weight of telling a batch's phrases apart
SHARPNESS: Final = 20.0  # of that
NAMED: Final = 0.3  # weight of class, traits and level
FORGOTTEN: Final = 0.12  # of a caption's words are not heard
SPELT: Final = 512  # words a batch whose vectors are guessed from their letters
HIDDEN_VIEW: Final = 0.3  # of captions whose view is not told ("caption")


class Reader(nn.Module):
    """The encoder with the three heads that only training has."""

    def __init__(self, config: CompactConfig, vector_dim: int, classes: int, traits: int) -> None:
        super().__init__()
        self.encoder = TextEncoder(config.text)
        self.vector = nn.Linear(config.text.width, vector_dim)
        self.classes = nn.Linear(config.text.width, classes)
        self.traits = nn.Linear(config.text.width, traits)

    def forward(self, ids: Tensor, mask: Tensor, view: Tensor) -> Tensor:
        """The caption as one vector (B, D)."""
        return summary(self.encoder(ids, mask, view), with_view(mask))


class Captions:
    """Classes and traits of a corpus as numbers, and captions drawn for its clips."""

    def __init__(self, clips: Clips, config: CompactConfig) -> None:
        self.clips, self.config = clips, config
        self._levels_db = clip_levels_db(clips, config.rate_hz)
        self.classes, self.traits = names_of(clips)
        self._class = {name: number for number, name in enumerate(self.classes)}
        self._trait = {name: number for number, name in enumerate(self.traits)}

    def draw(self, rng: np.random.Generator, count: int) -> tuple[list[str], Tensor, Tensor, Tensor, Tensor]:
        """Captions, their views (B,), classes (B,), traits (B, R), levels (B,) as of `expected_level`."""
        texts, views, classes, levels_db = [], [], [], []
        traits = torch.zeros((count, len(self.traits)))
        for row, view in enumerate(rng.choice(VIEWS, size=count, p=(0.35, 0.35, 0.2, 0.1))):
            number = int(rng.integers(self.clips.count(view)))
            about = self.clips.about[view][number]
            levels_db.append(self._levels_db[view][number])
            texts.append(retold(about, view, rng))
            hidden = rng.random() < HIDDEN_VIEW
            views.append(self.config.views.index("caption" if hidden else view))
            classes.append(self._class[f"{view}/{about['label']}"])
            traits[row, [self._trait[trait] for trait in about["traits"]]] = 1.0
        levels = (torch.tensor(levels_db) - LEVEL_ZERO_DB) / LEVEL_UNIT_DB
        return texts, torch.tensor(views), torch.tensor(classes), traits, levels

    def held_back(self) -> tuple[list[str], Tensor, Tensor]:
        """Captions written by hand that training never sees: texts, views and classes."""
        told = all_written(("env", "sfx", "music"), self._class, held_back=True)
        return (
            [text for text, _, _ in told],
            torch.tensor([self.config.views.index(view) for _, view, _ in told]),
            torch.tensor([self._class[f"{view}/{label}"] for _, view, label in told]),
        )


def names_of(clips: Clips) -> tuple[list[str], list[str]]:
    """Classes and traits of a corpus, in the order of their numbers."""
    abouts = [(view, about) for view in VIEWS for about in clips.about[view]]
    return (
        sorted({f"{view}/{about['label']}" for view, about in abouts}),
        sorted({trait for _, about in abouts for trait in about["traits"]}),
    )


def train_text(run: Path, clips: Clips, config: CompactConfig, steps: int, seed: int) -> None:
    """Trains on the phrases of the stage `phrases`."""
    torch.manual_seed(seed + 5)
    phrases = (run / PHRASES).read_text(encoding="utf-8").splitlines()
    vectors: NDArray[np.float16] = np.load(run / VECTORS)
    captions = Captions(clips, config)
    vocabulary = vocabulary_of(run)
    place = {text: row for row, text in enumerate(phrases)}
    reader = Reader(config, vectors.shape[1], len(captions.classes), len(captions.traits))
    know(reader.encoder, run)
    optimiser = torch.optim.AdamW(reader.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=2e-3, total_steps=steps + 1, pct_start=0.05, cycle_momentum=False
    )
    mean_reader = averaged(reader)
    parts = {"reader": reader, "mean_reader": mean_reader, "optimiser": optimiser, "schedule": schedule}
    stage = Stage(run, "text", steps, parts)
    for step in stage:
        rng = np.random.default_rng([seed + 5, step])
        rows = rng.integers(len(phrases), size=TAUGHT)
        told, views, classes, traits, levels = captions.draw(rng, TOLD)
        views = torch.cat([torch.from_numpy(rng.integers(len(config.views), size=TAUGHT)), views])
        heard = [forgetful(text, rng) for text in told]
        read = in_groups(reader, [phrases[row] for row in rows] + heard, views, vocabulary, config)  # (B, D)
        # Captions that the teacher was shown count as phrases too.
        known = [at for at, text in enumerate(told) if text in place]
        rows = np.concatenate([rows, np.array([place[told[at]] for at in known], dtype=np.int64)])
        learned = torch.cat([read[:TAUGHT], read[TAUGHT:][known]])
        taught = F.normalize(reader.vector(learned), dim=1)  # (N, E)
        wanted = torch.from_numpy(vectors[rows].astype(np.float32))  # (N, E)
        near = 1.0 - (taught * wanted).sum(1).mean()
        apart = F.cross_entropy(SHARPNESS * taught @ wanted.T, torch.arange(len(rows)))
        named = F.cross_entropy(reader.classes(read[TAUGHT:]), classes, label_smoothing=0.1)
        traced = F.binary_cross_entropy_with_logits(reader.traits(read[TAUGHT:]), traits)
        loud = F.smooth_l1_loss(reader.encoder.expected_level(read[TAUGHT:]), levels)
        spelt = spelling_loss(reader.encoder, vocabulary, rng)
        loss = 4.0 * near + CONTRAST * apart + NAMED * (named + 5.0 * traced + loud) + spelt
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        mean_reader.update_parameters(reader)
        if step % 100 == 99 or step == steps - 1:
            right = accuracy(mean_reader.module, captions, vocabulary)
            stage.log(
                distance=near.item(), apart=apart.item(), named=named.item(), traits=traced.item(),
                level=loud.item(), spelt=spelt.item(), held_back=right,
            )  # fmt: skip


def in_groups(
    reader: Reader, texts: list[str], views: Tensor, vocabulary: Vocabulary, config: CompactConfig
) -> Tensor:
    """Vectors of texts (B, D), read in groups of like length: most phrases are short, and padding costs."""
    order = sorted(range(len(texts)), key=lambda row: len(words_of(texts[row])))
    parts = []
    for group in np.array_split(np.array(order), GROUPS):
        ids, mask = padded([texts[row] for row in group], vocabulary, config)
        with mixed():
            parts.append(reader(ids, mask, views[torch.from_numpy(group)]).float())
    return torch.cat(parts)[torch.from_numpy(np.argsort(order))]


def forgetful(text: str, rng: np.random.Generator) -> str:
    """A caption without some of its words, so that no single word is all that names a class."""
    words = text.split()
    kept = [word for word in words if rng.random() >= FORGOTTEN]
    return " ".join(kept) if kept else text


def spelling_loss(encoder: TextEncoder, vocabulary: Vocabulary, rng: np.random.Generator) -> Tensor:
    """Mean square error of known words' vectors guessed from their letters: a scalar."""
    rows = rng.integers(1, 1 + len(vocabulary.words), size=SPELT)
    pieces = np.stack([piece_ids(vocabulary.words[row - 1], encoder.config.buckets) for row in rows])
    wanted = encoder.looked_up(torch.from_numpy(rows))  # (SPELT, W)
    return (encoder.guessed(torch.from_numpy(pieces)) - wanted).square().mean()


@torch.no_grad()
def accuracy(reader: Any, captions: Captions, vocabulary: Vocabulary) -> float:
    """Share of the captions held back whose class is named first among those of their view."""
    texts, views, classes = captions.held_back()
    scores = reader.classes(reader(*padded(texts, vocabulary, captions.config), views))  # (B, K)
    names = captions.classes
    other = torch.tensor(
        [[name.split("/")[0] != names[one].split("/")[0] for name in names] for one in classes]
    )
    right: float = (scores.masked_fill(other, -torch.inf).argmax(1) == classes).float().mean().item()
    return right


def trained_text(run: Path, config: CompactConfig) -> TextEncoder:
    """The averaged encoder of the stage `text`, in evaluation mode."""
    encoder = TextEncoder(config.text)
    prefix = "module.encoder."
    state = part_of_run(run, "text", "mean_reader")
    encoder.load_state_dict(
        {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    )
    return encoder.eval()


def padded(
    texts: list[str], vocabulary: Vocabulary, config: CompactConfig, *, least: int = 0
) -> tuple[Tensor, Tensor]:
    """Captions as rows and pieces (B, L, COLUMNS) and which words exist (B, L), L at least `least`."""
    rows = [
        caption_ids(text, vocabulary, buckets=config.text.buckets, tokens=config.text.tokens)
        for text in texts
    ]
    longest = max(least, *(len(one) for one in rows))
    ids = np.zeros((len(rows), longest, COLUMNS), dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=bool)
    for at, one in enumerate(rows):
        ids[at, : len(one)] = one
        mask[at, : len(one)] = True
    return torch.from_numpy(ids), torch.from_numpy(mask)
