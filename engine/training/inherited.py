"""A run that goes on from a finished checkpoint: its weights as the first state of every stage.

What only training has (optimisers, heads that are thrown away) begins anew, and so does the schedule.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine import checkpoint
from engine.checkpoint import EAR, Checkpoint
from engine.models.compact import CompactConfig, CompactModel
from engine.models.ear import Ear
from engine.models.weights import load_weights
from engine.training.averaging import averaged
from engine.training.clips import Clips
from engine.training.latents import AXES
from engine.training.meaning import Labels
from engine.training.phrases import TEACHER_DIM
from engine.training.progress import write_first_state
from engine.training.text import Reader, names_of
from engine.training.vocabulary import FILE


def inherit(model: str, run: Path, clips: Clips, config: CompactConfig) -> None:
    """Writes first states of all stages of a run that has none yet: a shipped model's name, or a folder.

    Raises `Refused` where there is no such model, ValueError where it has other sizes.
    """
    if (run / AXES).exists():
        return
    found = checkpoint.find(model)
    checkpoint.verify(found)
    # Through `as_data`, for `model.json` holds more than sizes, and lists where dataclasses have tuples.
    sizes = {key: found.config.get(key) for key in config.as_data()}
    if CompactConfig.from_data(sizes) != config:
        raise ValueError(f"{found.folder} has other sizes than this run: train from scratch")
    whole = CompactModel(config)
    load_weights(whole, found.weights, dtype=torch.float32)
    run.mkdir(parents=True, exist_ok=True)
    text = whole.generator.text
    words = str(found.config["vocabulary"]).split()
    np.savez_compressed(
        run / FILE,
        words=np.array(words),
        vectors=text.known[: 1 + len(words)].numpy(),
        scales=text.known_scale[: 1 + len(words)].numpy(),
    )
    classes, traits = names_of(clips)
    reader = Reader(config, TEACHER_DIM, len(classes), len(traits))
    reader.encoder.load_state_dict(text.state_dict())
    turn = whole.turn.weight.detach()  # (C, C): rows are axes over their scale
    unturn_decoder(whole.codec, turn)
    stages: dict[str, dict[str, nn.Module]] = {
        "text": with_mean("reader", reader),
        "codec": with_mean("encoder", whole.encoder) | with_mean("decoder", whole.codec),
        "generator": with_mean("network", whole.generator),
        "pronouncer": {"network": whole.pronouncer},
        "durations": {"network": whole.durations},
    }
    if (ear := _ear_of(found, clips, config)) is not None:
        stages["ear"] = with_mean("ear", ear)
    for stage, parts in stages.items():
        write_first_state(run, stage, parts)
    scale = 1.0 / turn.norm(dim=1)  # (C,)
    np.savez(run / AXES, vectors=(turn * scale[:, None]).T.numpy(), scale=scale.numpy())


def _ear_of(found: Checkpoint, clips: Clips, config: CompactConfig) -> Ear | None:
    """A checkpoint's ear, where it has one that knows a corpus's classes and no others."""
    names = list(Labels(clips, config).numbers)
    if found.config.get("ear") != names:
        return None
    ear = Ear(config, len(names))
    load_weights(ear, found.files[EAR], dtype=torch.float32)
    return ear


def with_mean(name: str, network: nn.Module) -> dict[str, Any]:
    """A network and its running mean, which are one and the same at the beginning."""
    return {name: network, f"mean_{name}": averaged(network)}


@torch.no_grad()
def unturn_decoder(decoder: nn.Module, turn: Tensor) -> None:
    """The inverse of `latents.turn_decoder`, in place: from the generator's axes back to the codec's."""
    weight = decoder.get_parameter("upsampler.weight")  # (latent C, C', upsample)
    weight.copy_(torch.einsum("ji,jok->iok", turn, weight))
