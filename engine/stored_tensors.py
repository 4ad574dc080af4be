"""Safetensors on disk, read without torch: which files belong together, names, shapes and types of tensors.

Large models are often stored in several files with an index, `model.safetensors.index.json`, that says which
tensor lies where. Knows nothing of networks.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open

INDEX_SUFFIX: Final = ".safetensors.index.json"


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as its file's head describes it."""

    shape: tuple[int, ...]
    dtype: str
    """As safetensors spells it: F32, BF16, I64."""
    file: Path
    """That it lies in."""

    @property
    def weights(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def tensor_files(entry: Path) -> list[Path]:
    """The safetensors files behind `entry`: itself, or those that the index names, in the order of names.

    Raises `OSError`, or `ValueError` for an index that is none, or that names files outside its folder.
    """
    if not entry.name.endswith(INDEX_SUFFIX):
        return [entry]
    index = json.loads(entry.read_text(encoding="utf-8"))
    names = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict) or not names or not all(_is_plain(name) for name in names.values()):
        raise ValueError("no weight_map of names of safetensors files")
    return [entry.parent / name for name in sorted(set(names.values()))]


def stored_tensors(entry: Path) -> dict[str, StoredTensor]:
    """Name, shape and type of every tensor behind `entry`, from the files' heads alone.

    Raises `OSError`, or `ValueError` where a file is no safetensors file or is cut short.
    """
    found: dict[str, StoredTensor] = {}
    for file in tensor_files(entry):
        if not file.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
        try:
            with safe_open(file, framework="np") as stored:
                for name in stored.keys():  # noqa: SIM118 - a file, not a dict
                    described = stored.get_slice(name)
                    found[name] = StoredTensor(tuple(described.get_shape()), described.get_dtype(), file)
        except SafetensorError as error:
            raise ValueError(f"{file.name} is damaged or no safetensors file ({error})") from error
    return found


def shapes(tensors: Mapping[str, StoredTensor]) -> dict[str, tuple[int, ...]]:
    """The shapes alone."""
    return {name: tensor.shape for name, tensor in tensors.items()}


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name
