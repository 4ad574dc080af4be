"""Stage `export`: the trained parts as one checkpoint folder, `model.json` and `weights.safetensors`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from engine.checkpoint import DESCRIPTION, WEIGHTS
from engine.models.compact import CompactConfig, CompactModel
from engine.training.codec import trained_decoder
from engine.training.generator import trained_generator
from engine.training.latents import turn_decoder
from engine.training.pronouncer import trained_durations, trained_pronouncer
from scene_schema.capabilities import Capabilities
from scene_schema.scene import View

VIEWS: list[View] = ["caption", "speech", "asr", "sfx", "music", "env"]


def export(run: Path, config: CompactConfig, folder: Path) -> None:
    """Writes the folder. Weights are stored as float16 and computed with in float32."""
    model = CompactModel(config)
    model.generator = trained_generator(run, config)
    model.codec = trained_decoder(run, config, "texture")
    turn_decoder(model.codec, run)
    model.pronouncer = trained_pronouncer(run, config)
    model.durations = trained_durations(run, config)

    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.to(torch.float16).contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    capabilities = Capabilities(
        name="compact",
        title="Compact v0: 24 kHz mono, trained on rendered sound",
        weights_sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
        rate_hz=config.rate_hz,
        channels=1,
        latent_rate_hz=config.latent_rate_hz,
        shortest_s=0.5,
        longest_s=30.0,
        views=VIEWS,
        transcript=True,
        cues=True,
        tempo=True,
        steps=10,
        guidance=2.5,
    )
    description = {
        "architecture": "compact",
        "capabilities": capabilities.model_dump(),
        "config": config.as_data(),
    }
    text = json.dumps(description, indent=1, ensure_ascii=False) + "\n"
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")
