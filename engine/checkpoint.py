"""Checkpoints on disk: a folder with `model.json` (capabilities, sizes) and `weights.safetensors`.

Read without torch, so that the bridge knows a model before any worker has loaded it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from scene_schema.capabilities import Capabilities
from scene_schema.errors import Refused, refused_by

SHIPPED: Final = Path(__file__).parent / "checkpoints"
DESCRIPTION: Final = "model.json"
WEIGHTS: Final = "weights.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A model's folder, what it can do, and the sizes of its networks."""

    folder: Path
    architecture: str
    capabilities: Capabilities
    config: dict[str, Any]

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS


def find(model: str) -> Checkpoint:
    """A shipped model by name, or a folder by path.

    Raises `Refused`: `model_failed` where there is no such model or its description cannot be read.
    """
    folder = SHIPPED / model if (SHIPPED / model).is_dir() else Path(model)
    description = folder / DESCRIPTION
    if not description.is_file():
        shipped = ", ".join(sorted(path.parent.name for path in SHIPPED.glob(f"*/{DESCRIPTION}")))
        raise Refused(
            "model_failed",
            f"there is no model '{model}': {description} does not exist",
            remedy=f"Shipped models: {shipped}. Or give the path of a folder with {DESCRIPTION}.",
        )
    try:
        data = json.loads(description.read_text(encoding="utf-8"))
        return Checkpoint(
            folder=folder,
            architecture=data["architecture"],
            capabilities=Capabilities.model_validate(data["capabilities"]),
            config=data.get("config", {}),
        )
    except ValidationError as error:
        raise refused_by(error, str(description)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("model_failed", f"{description} is not a model description: {error!r}") from error


def describe(model: str) -> Capabilities:
    """What a model can do, from its description alone."""
    return find(model).capabilities


def verify(checkpoint: Checkpoint) -> None:
    """Raises `Refused` (`model_failed`) where the weights are missing or are not the ones described."""
    expected = checkpoint.capabilities.weights_sha256
    try:
        with checkpoint.weights.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise Refused(
            "model_failed",
            f"the weights of model '{checkpoint.capabilities.name}' cannot be read: {error}",
            remedy="Install the package again.",
        ) from error
    found = digest.hexdigest()
    if found != expected:
        raise Refused(
            "model_failed",
            f"{checkpoint.weights} is not the file that its description names "
            f"(sha256 {found[:12]}…, expected {expected[:12]}…)",
            remedy="Install the package again.",
        )
