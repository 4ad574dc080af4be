"""What a delivered folder promises, checked on the files themselves: lengths, sum, bytes.

Reads WAV files and the manifest, as a host would. Knows no engine.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from clients.python.deliver_files import MANIFEST

STEP_16_BIT: Final = 2.0**-15
SOUNDS: Final = (".wav", ".flac")


@dataclass(frozen=True)
class Promise:
    """One thing that must hold, whether it does, and the measurement."""

    what: str
    kept: bool
    measured: str


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a delivered folder."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return manifest


def stem_files(folder: Path) -> dict[str, Path]:
    """Each layer's WAV file, in the scene's order."""
    files = read_manifest(folder)["files"]
    return {file["layer"]: folder / file["file"] for file in files if file["layer"] is not None}


def sum_error(folder: Path) -> float:
    """Largest difference between the mix and the weighted sum of the stems; full scale is 1.

    Infinite where a stem and the mix are not of one length and channel count.

    mix = 10^(master_gain_db/20) · Σ over audible stems of 10^(gain_db/20) · balance(pan) · stem.
    """
    manifest = read_manifest(folder)
    (mixed,) = (folder / file["file"] for file in manifest["files"] if file["layer"] is None)
    mix = soundfile.read(mixed, dtype="float64", always_2d=True)[0]  # (samples, channels)
    total = np.zeros_like(mix)
    for file in manifest["files"]:
        if file["layer"] is not None and file["audible"]:
            stem = soundfile.read(folder / file["file"], dtype="float64", always_2d=True)[0]
            if stem.shape != mix.shape:
                return math.inf
            total += stem * _balance(file["pan"], mix.shape[1]) * _factor(file["gain_db"])
    return float(np.max(np.abs(total * _factor(manifest["master_gain_db"]) - mix), initial=0.0))


def check_edit(before: Path, after: Path, edited: str) -> list[Promise]:
    """What one edited layer promises: the others unchanged to the byte, all aligned, mixes that add up."""
    old, new = stem_files(before), stem_files(after)
    others = [layer for layer in old if layer != edited]
    same = [layer for layer in others if sha256_of(old[layer]) == sha256_of(new[layer])]
    sounds = [path for folder in (before, after) for path in folder.iterdir() if path.suffix in SOUNDS]
    shapes = {_shape(path) for path in sounds}
    error = max(sum_error(before), sum_error(after))
    return [
        Promise(
            "the other stems are the same, byte for byte",
            same == others,
            f"{len(same)} of {len(others)}",
        ),
        Promise(
            f"the stem of '{edited}' is new",
            sha256_of(old[edited]) != sha256_of(new[edited]),
            f"sha256 {sha256_of(new[edited])[:12]}…",
        ),
        Promise(
            "all files have one length, rate and channel count",
            len(shapes) == 1,
            "; ".join(sorted(shapes)),
        ),
        Promise(
            "mix = weighted sum of the stems, within one 16-bit step",
            error <= STEP_16_BIT,
            f"{error / STEP_16_BIT:.4f} steps",
        ),
    ]


def _shape(path: Path) -> str:
    info = soundfile.info(path)
    return f"{info.frames} samples at {info.samplerate} Hz, {info.channels} ch"


def _factor(gain_db: float) -> float:
    return float(10.0 ** (gain_db / 20.0))


def _balance(pan: float, channels: int) -> Any:
    # unity in the centre: an unpanned mix is a plain sum
    return np.array([min(1.0, 1.0 - pan), min(1.0, 1.0 + pan)]) if channels == 2 else np.ones(1)
