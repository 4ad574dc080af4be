"""Stage `ear`: a network that names the class of a latent, and tells the generator what its sound lacks.

The flow's mean square counts every number of a latent alike, and little of it says what a thing is: what
tells a helicopter from a waterfall is a few per cent of the energy. The ear hears just that. The generator's
guess of the clean latent, at any noise level, is named by it, and a wrong name costs (`mistaken`). It is
trained on corpus latents alone, and is not the judge that measures the model. It ships: see
engine/listening.py.

Letters: B batch, C latent channels, T latent frames, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.compact import CompactConfig
from engine.models.ear import Ear, chord_errors
from engine.precision import mixed
from engine.training.averaging import averaged
from engine.training.progress import Stage, part_of_run

BATCH: Final = 48
NOISE: Final = 0.7  # at most, on latents of unit variance: guesses of the generator are never clean
BLURRED: Final = 0.3  # of the clips are smeared over three frames, as early guesses are

CHORDS: Final = 0.5  # weight of a frame's chord beside the clip's class

Drawn = tuple[Tensor, Tensor, Tensor]
"""Latents (B, C, T), their classes (B,) and the triads of their frames (B, T), or `NO_CHORD`."""


def train_ear(
    run: Path,
    draw: Callable[[np.random.Generator, int], Drawn],
    config: CompactConfig,
    classes: int,
    steps: int,
    seed: int,
) -> None:
    """Trains on latents that `draw` gives."""
    torch.manual_seed(seed + 7)
    ear = Ear(config, classes)
    optimiser = torch.optim.AdamW(ear.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=2e-3, total_steps=steps + 1, pct_start=0.05, cycle_momentum=False
    )
    mean_ear = averaged(ear)
    stage = Stage(
        run, "ear", steps, {"ear": ear, "mean_ear": mean_ear, "optimiser": optimiser, "schedule": schedule}
    )
    for step in stage:
        rng = np.random.default_rng([seed + 7, step])
        latent, labels, chords = draw(rng, BATCH)
        with mixed():
            heard = ear(disturbed(latent))
        scores = heard.classes.float()
        named = F.cross_entropy(scores, labels, label_smoothing=0.05)
        loss = named + CHORDS * chord_errors(heard.chords.float(), chords)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(ear.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        mean_ear.update_parameters(ear)
        if step % 50 == 49:
            right = (scores.argmax(1) == labels).float().mean().item()
            stage.log(cross_entropy=named.item(), named_right=right, chords=(loss - named).item() / CHORDS)


def trained_ear(run: Path, config: CompactConfig, classes: int) -> Ear:
    """The averaged network of the stage `ear`, its weights fixed."""
    ear = averaged(Ear(config, classes))
    ear.load_state_dict(part_of_run(run, "ear", "mean_ear"))
    found = ear.module
    assert isinstance(found, Ear)
    return found.eval().requires_grad_(False)


def disturbed(latent: Tensor) -> Tensor:
    """Latents (B, C, T) as a guess may have them: noisy by different amounts, some smeared over time."""
    noise = NOISE * torch.rand(len(latent), 1, 1)
    blurred = torch.rand(len(latent), 1, 1) < BLURRED
    smeared = F.avg_pool1d(latent, 3, stride=1, padding=1)
    return torch.where(blurred, smeared, latent) + noise * torch.randn_like(latent)


def mistaken(ear: Ear, guess: Tensor, labels: Tensor, told: Tensor) -> Tensor:
    """How wrongly guesses of clean latents (B, C, T) are named, in nats: (B,); 0 where `told` (B,) is False,
    for what was told nothing may be anything."""
    scores = ear(guess).classes.float()  # (B, K)
    return F.cross_entropy(scores, labels, reduction="none") * told
