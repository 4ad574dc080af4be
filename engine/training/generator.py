"""Stage `generator`: frame encoder and denoiser learn the flow from noise to latents.

Every stream of conditioning is dropped at random, so that all are optional at run time. The caption encoder
stays as the stage `text` left it: fitted to the corpus's captions, it would forget the rest of English.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.frame_features import FrameFeatures, TimedChord, frame_features, triad_of
from engine.models.compact import CompactConfig, Conditioning, Generator
from engine.models.dit import Block
from engine.models.frame_encoder import Around
from engine.precision import mixed
from engine.text_features import Vocabulary
from engine.training.averaging import averaged
from engine.training.clips import PART, PART_CONTEXT, VIEWS, Clips
from engine.training.ear import Drawn, mistaken, train_ear, trained_ear
from engine.training.latents import latents_file
from engine.training.losses import flow_errors
from engine.training.meaning import Labels, timed_phonemes
from engine.training.optimisers import Optimisers
from engine.training.progress import Stage, part_of_run
from engine.training.retelling import retold
from engine.training.text import padded, trained_text
from engine.training.vocabulary import vocabulary_of
from scene_schema.scene import TempoGrid

BATCH: Final = 16  # clips of the short corpus; of others as many as have the same frames
PIECE_S: Final = 2.4
PIECES: Final = "pieces"  # of the short corpus: twice the clips in a batch of the same cost
STEPS: Final = {"short": 0.4, PIECES: 0.45, "long": 0.15}  # shares of all steps
MIX: Final = {
    "short": {"env": 0.20, "sfx": 0.46, "music": 0.12, PART: 0.06, "speech": 0.16},
    PIECES: {"env": 0.44, "sfx": 0.34, "music": 0.08, "speech": 0.14},
    "long": {"env": 0.25, "sfx": 0.35, "music": 0.2, "speech": 0.2},
}  # of the clips of a step
EAR_MIX: Final = {"env": 0.28, "sfx": 0.40, "music": 0.20, PART: 0.08, "speech": 0.04}
LEVEL_MEAN: Final = 0.8  # of the noise level's logit
LEVEL_SPREAD: Final = 1.3
NEARLY_NOISE: Final = 0.15  # of all examples have a level above 0.95
NAMED: Final = 0.04  # weight of what the ear finds wrong
DROP_ALL: Final = 0.1  # the unconditional branch: zeros for tokens and frames
DROP_CAPTION: Final = 0.04
DROP_TIME: Final = {"env": 0.0, "sfx": 0.2, "music": 0.2, PART: 0.2, "speech": 0.05}
DROP_CHORDS: Final = 0.4
DROP_VIEW: Final = 0.1  # the view is then "caption": a text of which nobody says what it is
KNOWN: Final = 0.2  # of all examples are given a part of themselves
CONTEXT: Final = 0.8  # of the ensemble's parts hear the others
STRANGE_CONTEXT: Final = 0.15  # of all other examples hear a stem that has nothing to do with them


@dataclass(frozen=True)
class Example:
    """One clip as the generator sees it."""

    view: int
    caption: str
    features: FrameFeatures


@dataclass(frozen=True)
class Batch:
    """Clips with what is told of them."""

    wanted: Tensor  # latents (B, C, T)
    examples: list[Example]
    around: Around
    drawn: list[str]  # of which part of the mix each clip is
    labels: Tensor  # classes (B,), as `Labels` numbers them
    triads: Tensor  # of each frame, or `NO_CHORD` (B, T)


class Shelf:
    """Latents of one corpus with their clips' descriptions, from which batches are drawn.

    With `piece_s`, of each clip no more than so many seconds are taken.
    """

    def __init__(
        self,
        run: Path,
        name: str,
        clips: Clips,
        mix: dict[str, float],
        config: CompactConfig,
        piece_s: float | None = None,
    ) -> None:
        self._clips, self._config = clips, config
        self.labels = Labels(clips, config)
        shares = {view: share for view, share in mix.items() if view in clips.about}
        self._views = list(shares)
        self._shares = np.array(list(shares.values())) / sum(shares.values())
        self._latents: dict[str, NDArray[np.float16]] = {
            view: np.load(latents_file(run, name, view)) for view in clips.arrays
        }
        self._clip_frames = self._latents[self._views[0]].shape[1]
        self.frames = self._clip_frames if piece_s is None else round(piece_s * config.latent_rate_hz)

    def draw(self, rng: np.random.Generator, count: int) -> Batch:
        """So many clips at random."""
        views = [str(view) for view in rng.choice(self._views, size=count, p=self._shares)]
        numbers = [int(rng.integers(self._clips.count(view))) for view in views]
        during = [
            self._during(self._clips.about[view][number]["cues_s"], rng)
            for view, number in zip(views, numbers, strict=True)
        ]
        drawn = list(zip(views, numbers, during, strict=True))
        latents = [self._latents[view][number][frames] for view, number, frames in drawn]
        wanted = np.stack(latents).astype(np.float32)  # (B, T, C)
        context, has_context = np.zeros_like(wanted), np.zeros((count, self.frames, 1), np.float32)
        for row, (view, number, frames) in enumerate(drawn):
            heard = self._context(view, number, rng)
            if heard is not None:
                context[row], has_context[row] = heard[frames], 1.0
        is_known = np.stack([known_frames(self.frames, rng) for _ in range(count)])[..., None]
        return Batch(
            wanted=torch.from_numpy(wanted).transpose(1, 2),
            examples=[
                self._example(view, self._clips.about[view][number], frames, rng)
                for view, number, frames in drawn
            ],
            around=Around(
                *(torch.from_numpy(one) for one in (wanted * is_known, is_known, context, has_context))
            ),
            drawn=views,
            labels=torch.tensor(
                [self.labels.class_of(view, self._clips.about[view][number]) for view, number, _ in drawn]
            ),
            triads=torch.from_numpy(
                np.stack(
                    [self._triads(self._clips.about[view][number], frames) for view, number, frames in drawn]
                )
            ),
        )

    def _during(self, cues_s: list[float], rng: np.random.Generator) -> slice:
        """Which frames of a clip are taken. A piece of one with hits begins before the first of them: in the
        middle of its tail, a hit would have no cue."""
        first, last = 0, self._clip_frames - self.frames
        if cues_s:
            hit = int(cues_s[0] * self._config.latent_rate_hz)
            first, last = max(0, hit - 3 * self.frames // 4), min(hit, last)
        start = int(rng.integers(min(first, last), last + 1))
        return slice(start, start + self.frames)

    def _context(self, view: str, number: int, rng: np.random.Generator) -> NDArray[np.float16] | None:
        if view == PART and rng.random() < CONTEXT:
            part: NDArray[np.float16] = self._latents[PART_CONTEXT][number]
            return part
        if view != PART and rng.random() < STRANGE_CONTEXT:
            other = str(rng.choice([one for one in VIEWS if one != view]))
            strange: NDArray[np.float16] = self._latents[other][int(rng.integers(self._clips.count(other)))]
            return strange
        return None

    def _triads(self, about: dict[str, Any], frames: slice) -> NDArray[np.int64]:
        chords = [TimedChord(*chord) for chord in about["chords"]]
        whole = frame_features(self._clip_frames, self._config.latent_rate_hz, chords=chords)
        return triad_of(whole.during(frames).numbers)

    def _example(self, view: str, about: dict[str, Any], frames: slice, rng: np.random.Generator) -> Example:
        config = self._config
        called = "music" if view == PART else view
        timed = rng.random() >= DROP_TIME[view]
        harmonised = timed and bool(about["chords"]) and rng.random() >= DROP_CHORDS
        return Example(
            view=config.views.index("caption" if rng.random() < DROP_VIEW else called),
            caption=retold(about, called, rng),
            features=frame_features(
                self._clip_frames,
                config.latent_rate_hz,
                phonemes=timed_phonemes(about, config) if timed and view == "speech" else None,
                cues_s=about["cues_s"] if timed and view == "sfx" else None,
                tempo=tempo_of(about) if timed else None,
                chords=[TimedChord(*chord) for chord in about["chords"]] if harmonised else None,
            ).during(frames),
        )


def train_generator(
    run: Path,
    corpora: dict[str, Clips],
    config: CompactConfig,
    steps: int,
    seed: int,
    *,
    fused: bool,
    pace: float = 1.0,
) -> None:
    """Trains on the latents; `corpora` has "short", and may have "long".

    `fused` compiles the blocks: a quarter off the time of a step on a CPU, and it needs a C++ compiler.
    `pace` scales the learning rates, for weights that are trained already.
    """
    torch.manual_seed(seed + 2)
    shelves = shelves_of(run, corpora, config)
    labels = shelves["short"].labels
    ear = trained_ear(run, config, len(labels.numbers))
    shares = np.array([STEPS[name] for name in shelves])
    vocabulary = vocabulary_of(run)
    network = Generator(config)
    network.backbone.initialise_for_training()
    network.text = trained_text(run, config).requires_grad_(False)
    optimisers = Optimisers(
        [network], blocks_of(network), steps,
        muon_rate=0.01 * pace, adam_rate=1e-3 * pace, betas=(0.9, 0.98), longest=5.0,
    )  # fmt: skip
    mean_network = averaged(network)
    parts = {"network": network, "mean_network": mean_network, **optimisers.parts()}
    if fused:
        for block in blocks_of(network):
            block.compile(dynamic=False)  # once for each of the three lengths
    stage = Stage(run, "generator", steps, parts)
    mean = mean_network.module
    assert isinstance(mean, Generator)
    read = trained_text(run, config).state_dict()  # the stage `text` may have gone on since
    network.text.load_state_dict(read)
    mean.text.load_state_dict(read)
    totals: dict[str, list[float]] = {}
    for step in stage:
        rng = np.random.default_rng([seed + 2, step])
        shelf = shelves[str(rng.choice(list(shelves), p=shares / shares.sum()))]
        count = max(1, BATCH * shelves["short"].frames // shelf.frames)
        batch = shelf.draw(rng, count)
        noise = torch.randn_like(batch.wanted)
        timestep = (noise_levels(count) * 1000).long()
        sigma = (timestep.float() / 1000)[:, None, None]
        noisy = sigma * noise + (1 - sigma) * batch.wanted
        with mixed():
            given, told = conditioning(network, batch, rng, vocabulary, config)
            velocity = network(noisy, timestep, given)  # (B, C, T)
            guess = noisy - sigma * velocity
            wrong = mistaken(ear, guess, batch.labels, told)  # (B,)
        errors = flow_errors(velocity, noise, batch.wanted)
        optimisers.step(errors.mean() + NAMED * wrong.mean())
        mean_network.update_parameters(network)
        for view, error in zip(batch.drawn, errors.tolist(), strict=True):
            totals.setdefault(view, []).append(error)
        totals.setdefault("mistaken", []).append(wrong.mean().item())
        if step % 50 == 49:
            stage.log(**{view: float(np.mean(values)) for view, values in sorted(totals.items())})
            totals = {}


def conditioning(
    network: Generator,
    batch: Batch,
    rng: np.random.Generator,
    vocabulary: Vocabulary,
    config: CompactConfig,
) -> tuple[Conditioning, Tensor]:
    """What a batch is told, some of it forgotten; and who was told its caption (B,)."""
    ids, mask = padded(
        [one.caption for one in batch.examples], vocabulary, config, least=config.text.tokens
    )  # one length for all batches: a compiled block is made for one
    given = network.condition(
        ids,
        mask,
        torch.tensor([one.view for one in batch.examples]),
        torch.from_numpy(np.stack([one.features.phonemes for one in batch.examples])),
        torch.from_numpy(np.stack([one.features.numbers for one in batch.examples])),
        batch.around,
    )
    keep = torch.from_numpy(rng.random((2, len(batch.examples))) >= [[DROP_CAPTION], [DROP_ALL]])
    both, told = keep[1], keep[0] & keep[1]
    return Conditioning(
        context=given.context * told[:, None, None],
        mask=given.mask,
        frames=given.frames * both[:, None, None],
    ), told


def shelves_of(run: Path, corpora: dict[str, Clips], config: CompactConfig) -> dict[str, Shelf]:
    """All that batches are drawn from, by the names in `STEPS`."""
    shelves = {name: Shelf(run, name, clips, MIX[name], config) for name, clips in corpora.items()}
    shelves[PIECES] = Shelf(run, "short", corpora["short"], MIX[PIECES], config, PIECE_S)
    return shelves


def train_generators_ear(
    run: Path, corpora: dict[str, Clips], config: CompactConfig, steps: int, seed: int
) -> None:
    """The stage `ear`, on whole clips and pieces as the generator gets them."""
    chosen = [Shelf(run, "short", corpora["short"], EAR_MIX, config, piece_s) for piece_s in (None, PIECE_S)]

    def draw(rng: np.random.Generator, count: int) -> Drawn:
        batch = chosen[int(rng.integers(len(chosen)))].draw(rng, count)
        return batch.wanted, batch.labels, batch.triads

    train_ear(run, draw, config, len(chosen[0].labels.numbers), steps, seed)


def trained_generator(run: Path, config: CompactConfig) -> Generator:
    """The averaged network of the stage `generator`."""
    mean = averaged(Generator(config))
    mean.load_state_dict(part_of_run(run, "generator", "mean_network"))
    found = mean.module
    assert isinstance(found, Generator)
    return found.eval()


def noise_levels(count: int) -> Tensor:
    """Levels (count,) in 0…1, 1 is noise: logit-normal about the noisy side, and some close to noise alone.

    In 125 frames of a steady sound the class can be read through a lot of noise, so levels about one half
    teach nothing of the caption; it decides where there is next to nothing else to go by.
    """
    levels = torch.sigmoid(LEVEL_MEAN + LEVEL_SPREAD * torch.randn(count))
    return torch.where(torch.rand(count) < NEARLY_NOISE, 1.0 - 0.05 * torch.rand(count), levels)


def known_frames(frames: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """1 where a clip is given (frames,): mostly nowhere, else all but its end, a hole, or its beginning."""
    known = np.zeros(frames, dtype=np.float32)
    if rng.random() >= KNOWN:
        return known
    first, last = sorted(rng.integers(frames // 8, frames - frames // 8, size=2))
    kind = rng.integers(3)
    if kind < 2:
        known[:first] = 1.0  # continuation; a hole
    if kind > 0:
        known[max(last, first + 5) :] = 1.0  # a hole; a beginning to be found
    return known


def tempo_of(about: dict[str, Any]) -> TempoGrid | None:
    """The beat grid of a clip's line of metadata, if it has one."""
    if not about["bpm"]:
        return None
    return TempoGrid(
        bpm=about["bpm"],
        beats_per_bar=about["beats_per_bar"],
        bar_offset_s=max(0.0, about["beat_offset_s"]),
    )


def blocks_of(network: Generator) -> list[Block]:
    """The denoiser's blocks."""
    return [one for one in network.backbone.modules() if isinstance(one, Block)]
