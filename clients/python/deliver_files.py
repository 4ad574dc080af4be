"""Delivered audio to files: `<layer>.wav`, `mix.wav` (or `.flac`), `manifest.json`; each whole or not at all.

Knows no sockets. Names come from layer ids, which are checked; a path in a message is never opened.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scene_schema.capabilities import Capabilities
from scene_schema.errors import Refused
from scene_schema.manifest import as_text, manifest_of
from scene_schema.messages import DeliveredFile, Delivery, Exported
from scene_schema.scene import Scene

MANIFEST: Final = "manifest.json"
MIX: Final = "mix.wav"


@dataclass(frozen=True)
class Delivered:
    """What was written: the folder, each layer's stem, the mix if it was asked for, and its receipt."""

    folder: Path
    stems: dict[str, Path]
    mix: Path | None
    manifest: Path
    delivery: Delivery


def write_delivery(
    folder: Path, delivery: Delivery, frames: Sequence[bytes], scene: Scene, model: Capabilities
) -> Delivered:
    """Writes all files of a delivery into `folder`, which is made where it is missing.

    Every frame is checked before the first file is written. Raises `Refused` (`malformed`) where one is
    missing or damaged, `OSError` where the folder cannot be written; older files then stay as they are.
    """
    names = [_name(file) for file in delivery.files]
    if len(set(names)) != len(names):
        raise Refused("malformed", f"two delivered files have one name: {sorted(names)}")
    contents = [_checked(file, frames) for file in delivery.files]

    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(names, contents, strict=True):
        write_whole(folder / name, content)
    write_whole(folder / MANIFEST, as_text(manifest_of(delivery, names, scene, model)))
    paths = {file.layer: folder / name for file, name in zip(delivery.files, names, strict=True)}
    return Delivered(
        folder=folder,
        stems={layer: path for layer, path in paths.items() if layer is not None},
        mix=paths.get(None),
        manifest=folder / MANIFEST,
        delivery=delivery,
    )


def write_archive(path: Path, exported: Exported, frames: Sequence[bytes]) -> None:
    """Writes an exported scene. Raises `Refused` (`malformed`) where it was damaged, and `OSError`."""
    if exported.frame is None or not 0 <= exported.frame < len(frames):
        raise Refused("malformed", f"'{exported.name}' is frame {exported.frame}, {len(frames)} frames came")
    if hashlib.sha256(frames[exported.frame]).hexdigest() != exported.sha256:
        raise Refused("malformed", f"'{exported.name}' was damaged on the way", remedy="Ask again.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, frames[exported.frame])


def write_whole(path: Path, data: bytes) -> None:
    """Writes under a temporary name, then renames: a reader sees the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _name(file: DeliveredFile) -> str:
    suffix = ".flac" if file.name.endswith(".flac") else ".wav"
    if file.layer is None:
        return Path(MIX).stem + suffix
    if not file.layer.replace("-", "").replace("_", "").isalnum():
        raise Refused("malformed", f"a delivered layer's id cannot name a file: {file.layer!r}")
    return file.layer + suffix


def _checked(file: DeliveredFile, frames: Sequence[bytes]) -> bytes:
    if file.frame is None or not 0 <= file.frame < len(frames):
        raise Refused("malformed", f"'{file.name}' is frame {file.frame}, but {len(frames)} frames came")
    if hashlib.sha256(frames[file.frame]).hexdigest() != file.sha256:
        raise Refused(
            "malformed", f"'{file.name}' was damaged on the way: its hash differs", remedy="Ask again."
        )
    return frames[file.frame]
