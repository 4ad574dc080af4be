"""The golden files and what agreeing with them means. tests/golden/README.md says where they come from."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.models.audiogen import AudioGen, AudioGenConfig, decoder_config, encoder_config
from engine.models.tokenizer import TokenizerEncoder
from engine.models.vocos import Vocos
from engine.models.weights import load_weights

FOLDER = Path(__file__).parents[2] / "golden"

TOLERANCE = 5e-6
"""Largest error allowed, relative to a tensor's peak.

Float32 sums taken in another order differ by some 1e-7 a layer; over the stages here that has come to 3e-6
at most (the encoder, whose logarithm magnifies quiet bins). A wrong formula shows at 1e-3 and above.
"""


@cache
def tensors(name: str) -> dict[str, Tensor]:
    return load_file(FOLDER / f"{name}.safetensors")


def config(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / f"{name}_config.json").read_text())
    return read


@cache
def published() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / "published_tensors.json").read_text())
    return read


@cache
def tiny_audiogen() -> AudioGen:
    model = AudioGen(AudioGenConfig.from_published(config("audiogen_tiny"))).eval()
    load_weights(model, FOLDER / "audiogen_tiny.safetensors")
    return model


@cache
def tiny_vocos() -> Vocos:
    model = Vocos(decoder_config(config("tokenizer_tiny"))).eval()
    load_weights(model, FOLDER / "tokenizer_tiny.safetensors", other_pieces=("encoder.",))
    return model


@cache
def tiny_encoder() -> TokenizerEncoder:
    model = TokenizerEncoder(encoder_config(config("tokenizer_tiny"))).eval()
    load_weights(model, FOLDER / "tokenizer_tiny.safetensors", prefix="encoder.")
    return model


def relative_error(got: Tensor, expected: Tensor) -> float:
    assert got.shape == expected.shape, f"expected shape {tuple(expected.shape)}, got {tuple(got.shape)}"
    return float((got - expected).abs().max() / expected.abs().max())


def assert_agrees(got: Tensor, expected: Tensor) -> None:
    """Floats within the tolerance, whole numbers and masks exactly."""
    if expected.is_floating_point():
        assert relative_error(got, expected) <= TOLERANCE
    else:
        assert torch.equal(got.to(expected.dtype), expected)
