"""The latent of a take as bytes: a head of 12, then float16 little-endian (channels, frames).

They are named by their hash.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

_HEAD: Final = struct.Struct("<4sII")
_MAGIC: Final = b"LTNT"


def latent_bytes(latent: NDArray[np.float16]) -> bytes:
    """The file's content for a latent (channels, frames)."""
    return _HEAD.pack(_MAGIC, *latent.shape) + np.ascontiguousarray(latent, dtype="<f2").tobytes()


def latent_in(data: bytes, sha256: str) -> NDArray[np.float16] | None:
    """The latent (channels, frames) in a file's content; None where it is damaged or another one."""
    if hashlib.sha256(data).hexdigest() != sha256 or len(data) < _HEAD.size:
        return None
    magic, channels, frames = _HEAD.unpack_from(data)
    if magic != _MAGIC or channels < 1 or len(data) != _HEAD.size + 2 * channels * frames:
        return None
    values = np.frombuffer(data, dtype="<f2", offset=_HEAD.size).reshape(channels, frames)
    return values if np.isfinite(values).all() else None
