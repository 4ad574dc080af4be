"""Whether a published model's files have the tensors that our networks have: names and shapes, no values.

Reads the files' heads only and builds the networks without memory, so it takes moments at any size.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.models.audiogen import AudioGen, AudioGenConfig, decoder_config
from engine.models.vocos import Vocos
from engine.models.weights import compare, module_shapes, pieces_of
from engine.published import CONFIG, PublishedModel
from engine.stored_tensors import shapes, stored_tensors
from scene_schema.errors import Finding, Refused

ENCODER: tuple[str, ...] = ("encoder.",)
"""The codec's other half, which turns sound into latents. Rendering does without it."""


def check_shapes(published: PublishedModel) -> None:
    """Raises `Refused` (`model_failed`) with every tensor that is missing, not known or of a wrong shape."""
    findings = [
        *_compared(
            published.generator_weights,
            lambda: AudioGen(AudioGenConfig.from_published(published.generator_config)),
        ),
        *_compared(published.codec_weights, lambda: Vocos(decoder_config(published.codec_config)), ENCODER),
        *_widths(published),
    ]
    if findings:
        raise Refused(
            "model_failed",
            "this is not the model that its configs describe",
            findings=findings,
            remedy="Use the config and the weights of one revision of one model.",
        )


def _compared(entry: Path, build: Callable[[], nn.Module], other: tuple[str, ...] = ()) -> list[Finding]:
    try:
        with torch.device("meta"):
            module = build()
    except (KeyError, TypeError, ValueError) as error:
        return [Finding(field=str(entry.parent / CONFIG), expected="sizes of this network", got=repr(error))]
    found = pieces_of(shapes(stored_tensors(entry)), "", other)
    lines = compare(module_shapes(module), found).lines()
    return [
        Finding(field=str(entry), expected=f"the tensors of {type(module).__name__}", got=line)
        for line in lines
    ]


def _widths(published: PublishedModel) -> list[Finding]:
    """The pieces must fit each other: latents of one width, text states of the width that is read."""
    text: dict[str, Any] = json.loads((published.text_encoder / CONFIG).read_text(encoding="utf-8"))
    pairs = (
        (published.text_encoder / CONFIG, "d_model", text.get("d_model"), "content_dim"),
        (
            published.codec_weights.parent / CONFIG,
            "embed_dim",
            published.codec_config.get("embed_dim"),
            "latent_dim",
        ),
    )
    return [
        Finding(
            field=f"{file}: {key}",
            expected=f"{published.generator_config.get(asked)!r}, the generator's {asked}",
            got=repr(got),
        )
        for file, key, got, asked in pairs
        if got != published.generator_config.get(asked)
    ]
