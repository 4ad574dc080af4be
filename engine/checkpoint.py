"""Checkpoints on disk: a folder with `model.json` (capabilities, sizes) and `weights.safetensors`.

The compact model has an ear beside them, in a file of its own.

Or a published model (`engine.published`), whose capabilities follow from its configs. Read without torch,
so that the bridge knows a model before any worker has loaded it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

from pydantic import ValidationError

from engine.model_catalogue import MODELS
from engine.published import find_named, is_published, open_published
from engine.weights_digest import joint_digest, model_digest, sha256_of
from scene_schema.capabilities import Capabilities
from scene_schema.errors import Refused, refused_by

SHIPPED: Final = Path(__file__).parent / "checkpoints"
DESCRIPTION: Final = "model.json"
WEIGHTS: Final = "weights.safetensors"
EAR: Final = "ear.safetensors"
PUBLISHED: Final = "audiogen"
"""The architecture of published models."""

Variant = Literal["", "int8", "fast"]
"""A published model as it is; its weights rounded to int8; that, and guided in part of the steps only."""
VARIANTS: Final[tuple[Variant, ...]] = get_args(Variant)


@dataclass(frozen=True)
class Checkpoint:
    """A model's folder, what it can do, and the sizes of its networks."""

    folder: Path
    architecture: str
    capabilities: Capabilities
    config: dict[str, Any]
    variant: Variant = ""

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS

    @property
    def files(self) -> dict[str, Path]:
        """All that decides how the model sounds, by name; its description says whether it has an ear."""
        names = (WEIGHTS, EAR) if "ear" in self.config else (WEIGHTS,)
        return {name: self.folder / name for name in names}


def find(model: str) -> Checkpoint:
    """A shipped or published model by name, or a folder by path.

    A published one may have a variant behind a plus: `dasheng+int8`. It sounds a little different, so it is
    another model in every take's request.

    Raises `Refused`: `model_failed` where there is no such model or its description cannot be read.
    """
    folder = Path(model)
    name, _, variant = model.rpartition("+")
    if name and not folder.exists():
        return _varied(find(name), variant)
    if folder.name == model and (SHIPPED / model).is_dir():
        folder = SHIPPED / model
    elif model in MODELS:
        return _find_published(model)
    elif not (folder / DESCRIPTION).is_file() and is_published(folder):
        return _describe_published(folder, folder.absolute().name, f"Dasheng-AudioGen from {folder}")
    description = folder / DESCRIPTION
    if not description.is_file():
        names = ", ".join(sorted(path.parent.name for path in SHIPPED.glob(f"*/{DESCRIPTION}")))
        raise Refused(
            "model_failed",
            f"there is no model '{model}': {description} does not exist",
            remedy=f"Shipped models: {names}. Published models: {', '.join(MODELS)} (stemscape models list). "
            f"Or give the path of a folder with {DESCRIPTION}, or of a published model.",
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


def _varied(found: Checkpoint, variant: str) -> Checkpoint:
    known = next((one for one in VARIANTS if one and one == variant), None)
    if known is None or found.architecture != PUBLISHED:
        names = ", ".join(one for one in VARIANTS if one)
        raise Refused(
            "model_failed",
            f"model '{found.capabilities.name}' has no variant '{variant}'",
            remedy=f"Published models have these: {names}. Other models have none.",
        )
    capabilities = found.capabilities.model_copy(update={"name": f"{found.capabilities.name}+{known}"})
    return replace(found, capabilities=capabilities, variant=known)


def _find_published(name: str) -> Checkpoint:
    """A published model by its name here."""
    named = MODELS[name]
    folder = find_named(named)
    if folder is None:
        raise Refused(
            "model_failed",
            f"model '{name}' is not on this machine: {named.generator.id} is not in the hub's cache",
            remedy=f"Fetch it: stemscape models pull {name}",
        )
    return _describe_published(folder, name, named.title)


def _describe_published(folder: Path, name: str, title: str) -> Checkpoint:
    published = open_published(folder)
    config = published.generator_config
    try:
        capabilities = Capabilities(
            name=name,
            title=title,
            weights_sha256=model_digest(published.sounding_files()),
            rate_hz=config["sample_rate"],
            channels=1,
            latent_rate_hz=config["sample_rate"] / config["downsampling_ratio"],
            shortest_s=0.5,
            longest_s=30.0,  # three times the clips it learned from
            views=["caption", "speech", "asr", "sfx", "music", "env"],
            transcript=True,
            cues=False,
            tempo=False,
            chords=False,
            region=True,
            continuation=True,
            variation=True,
            loop=True,
            stems=["independent", "coherent"],
            length=True,
            negative=True,
            steps=25,
            draft_steps=6,
            guidance=5.0,
        )
    except ValidationError as error:
        raise refused_by(error, str(folder)) from error
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise Refused(
            "model_failed", f"{folder} is not a published generator: its config.json: {error!r}"
        ) from error
    except OSError as error:
        raise Refused("model_failed", f"the weights of model '{name}' cannot be read: {error}") from error
    return Checkpoint(folder, PUBLISHED, capabilities, {"generator": config, "codec": published.codec_config})


def describe(model: str) -> Capabilities:
    """What a model can do, from its description alone."""
    return find(model).capabilities


def verify(checkpoint: Checkpoint) -> None:
    """Raises `Refused` (`model_failed`) where the weights are missing or are not the ones described.

    A published model is described by the very digest of its files: to find it is to verify it.
    """
    if checkpoint.architecture == PUBLISHED:
        return
    expected = checkpoint.capabilities.weights_sha256
    try:
        found = files_sha256(checkpoint.files)
    except OSError as error:
        raise Refused(
            "model_failed",
            f"the weights of model '{checkpoint.capabilities.name}' cannot be read: {error}",
            remedy="Install the package again.",
        ) from error
    if found != expected:
        raise Refused(
            "model_failed",
            f"{' or '.join(map(str, checkpoint.files.values()))} is not the file that its description names "
            f"(sha256 {found[:12]}…, expected {expected[:12]}…)",
            remedy="Install the package again.",
        )


def files_sha256(files: Mapping[str, Path]) -> str:
    """The SHA-256 of one file; of several, one over their names and digests, read now. Raises `OSError`."""
    digests = {name: sha256_of(path) for name, path in files.items()}
    return next(iter(digests.values())) if len(digests) == 1 else joint_digest(digests)
