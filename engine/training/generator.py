"""Stage `generator`: caption encoder, frame encoder and denoiser learn the flow from noise to latents.

Every stream of conditioning is dropped at random, so that all are optional at run time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.frame_features import FrameFeatures, TimedPhoneme, frame_features
from engine.models.compact import CompactConfig, Conditioning, Generator
from engine.models.dit import Block
from engine.text_features import PIECES, caption_ids
from engine.training.averaging import averaged
from engine.training.clips import Clips
from engine.training.losses import flow_errors
from engine.training.progress import Stage, part_of_run
from scene_schema.scene import TempoGrid

BATCH: Final = 16
MIX: Final = {"env": 0.18, "sfx": 0.22, "music": 0.22, "speech": 0.38}
LEVEL_MEAN: Final = 1.0  # of the noise level's logit
LEVEL_SPREAD: Final = 1.3
NEARLY_NOISE: Final = 0.15  # of all examples have a level above 0.95
DROP_ALL: Final = 0.1  # the unconditional branch: zeros for tokens and frames
DROP_CAPTION: Final = 0.05
DROP_TIME: Final = {"env": 0.0, "sfx": 0.25, "music": 0.25, "speech": 0.07}
DROP_VIEW: Final = 0.1  # the view is then "caption": a text of which nobody says what it is


@dataclass(frozen=True)
class Example:
    """One clip as the generator sees it."""

    view: int
    ids: NDArray[np.int64]  # (L, PIECES)
    features: FrameFeatures


def train_generator(run: Path, clips: Clips, config: CompactConfig, steps: int, seed: int) -> None:
    """Trains from scratch on the latents of the stage `latents`."""
    torch.manual_seed(seed + 2)
    latents = {view: np.load(run / f"latents_{view}.npy") for view in MIX}
    frames = latents["env"].shape[1]
    timed = {view: [example(about, view, config, frames) for about in clips.about[view]] for view in MIX}
    untimed = {view: frame_features(frames, config.latent_rate_hz) for view in MIX}

    network = Generator(config)
    network.backbone.initialise_for_training()
    matrices, others = split_parameters(network)
    muon = torch.optim.Muon(matrices, lr=0.01, momentum=0.95, weight_decay=0.01)
    adam = torch.optim.AdamW(others, lr=1e-3, betas=(0.9, 0.98), weight_decay=0.0)
    schedules = [torch.optim.lr_scheduler.LambdaLR(one, lambda at: decay(at, steps)) for one in (muon, adam)]
    mean_network = averaged(network)
    parts = {
        "network": network, "mean_network": mean_network, "muon": muon, "adam": adam,
        "schedule_muon": schedules[0], "schedule_adam": schedules[1],
    }  # fmt: skip
    stage = Stage(run, "generator", steps, parts)
    for step in stage:
        rng = np.random.default_rng([seed + 2, step])
        views = [str(view) for view in rng.choice(list(MIX), size=BATCH, p=list(MIX.values()))]
        numbers = [int(rng.integers(len(latents[view]))) for view in views]
        data = np.stack([latents[view][number] for view, number in zip(views, numbers, strict=True)])
        wanted = torch.from_numpy(data.astype(np.float32)).transpose(1, 2)  # (B, C, T)
        examples = [
            dropped(timed[view][number], untimed[view], view, config, rng)
            for view, number in zip(views, numbers, strict=True)
        ]
        noise = torch.randn_like(wanted)
        timestep = (noise_levels(BATCH) * 1000).long()
        sigma = (timestep.float() / 1000)[:, None, None]
        noisy = sigma * noise + (1 - sigma) * wanted
        with torch.autocast("cpu", dtype=torch.bfloat16):
            given = network.condition(*batch_of(examples))
            keep = torch.from_numpy(rng.random((2, BATCH)) >= [[DROP_CAPTION], [DROP_ALL]])
            both = keep[1][:, None, None]
            given = Conditioning(
                context=given.context * (both & keep[0][:, None, None]),
                mask=given.mask,
                frames=given.frames * both,
            )
            velocity = network(noisy, timestep, given)  # (B, C, T)
        errors = flow_errors(velocity, noise, wanted)
        loss = errors.mean()
        network.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        muon.step()
        adam.step()
        for schedule in schedules:
            schedule.step()
        mean_network.update_parameters(network)
        if step % 25 == 24:
            by_view = {
                view: errors[[index for index, one in enumerate(views) if one == view]].mean().item()
                for view in set(views)
            }
            stage.log(loss=loss.item(), **by_view)


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


def example(about: dict[str, Any], view: str, config: CompactConfig, frames: int) -> Example:
    """A clip's line of metadata as word pieces and frame rows."""
    number_of = config.phoneme_numbers
    spoken = [
        TimedPhoneme(number_of[symbol], start_s, end_s)
        for symbol, start_s, end_s in about["phonemes"]
        if symbol in number_of
    ]
    tempo = None
    if about["bpm"]:
        tempo = TempoGrid(
            bpm=about["bpm"],
            beats_per_bar=about["beats_per_bar"],
            bar_offset_s=max(0.0, about["beat_offset_s"]),
        )
    return Example(
        view=config.views.index(view),
        ids=caption_ids(about["caption"], buckets=config.text.buckets, tokens=config.text.tokens),
        features=frame_features(
            frames,
            config.latent_rate_hz,
            phonemes=spoken if view == "speech" else None,
            cues_s=about["cues_s"] if view == "sfx" else None,
            tempo=tempo,
        ),
    )


def dropped(
    whole: Example, untimed: FrameFeatures, view: str, config: CompactConfig, rng: np.random.Generator
) -> Example:
    """The example with some of its streams left out."""
    return Example(
        view=config.views.index("caption") if rng.random() < DROP_VIEW else whole.view,
        ids=whole.ids,
        features=untimed if rng.random() < DROP_TIME[view] else whole.features,
    )


def batch_of(examples: list[Example]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The arguments of `Generator.condition`."""
    longest = max(len(one.ids) for one in examples)
    ids = np.zeros((len(examples), longest, PIECES), dtype=np.int64)
    mask = np.zeros((len(examples), longest), dtype=bool)
    for row, one in enumerate(examples):
        ids[row, : len(one.ids)] = one.ids
        mask[row, : len(one.ids)] = True
    return (
        torch.from_numpy(ids),
        torch.from_numpy(mask),
        torch.tensor([one.view for one in examples]),
        torch.from_numpy(np.stack([one.features.phonemes for one in examples])),
        torch.from_numpy(np.stack([one.features.numbers for one in examples])),
    )


def split_parameters(network: Generator) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The blocks' matrices, for Muon, and everything else, for AdamW."""
    matrices = [
        parameter
        for block in network.backbone.modules()
        if isinstance(block, Block)
        for name, parameter in block.named_parameters()
        if parameter.ndim == 2 and "adaln" not in name
    ]
    taken = {id(parameter) for parameter in matrices}
    return matrices, [one for one in network.parameters() if id(one) not in taken]


def decay(at: int, steps: int) -> float:
    """Flat for 40 % of the way, then straight down to 2 %; the first 50 steps rise."""
    warm = min(1.0, (at + 1) / 50)
    return warm * min(1.0, max(0.02, (1 - at / steps) / 0.6))
