"""Stem audio by its own hash: float32 WAV files that are never changed once they are there.

A file is written beside its place, flushed to disk and renamed, so that a kill leaves a whole file or none.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray


class DamagedAudio(Exception):  # noqa: N818 - it names the thing found, as the others do
    """The file is missing, unreadable, or holds other samples than its name says."""


@dataclass(frozen=True)
class Audio:
    """Samples at a model's own rate: float32, (length_samples, channels)."""

    samples: NDArray[np.float32]
    rate_hz: int

    @property
    def sha256(self) -> str:
        """Over rate, channels and samples: silence at two rates is two sounds."""
        digest = hashlib.sha256(f"{self.rate_hz} Hz, {self.samples.shape[1]} channels\n".encode())
        digest.update(np.ascontiguousarray(self.samples, dtype="<f4").data)
        return digest.hexdigest()


class AudioStore:
    """A folder of stems. Safe to use from several threads: files only ever appear whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.wav"

    def write(self, audio: Audio) -> str:
        """Keeps the audio and returns its sha256; audio that is there already is written no second time."""
        sha256 = audio.sha256
        try:
            self.read(sha256)
        except DamagedAudio:
            self._put(self.path(sha256), audio)
        return sha256

    def read(self, sha256: str) -> Audio:
        """The audio, verified against its hash. Raises `DamagedAudio`."""
        path = self.path(sha256)
        try:
            samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        except (OSError, soundfile.LibsndfileError) as error:
            raise DamagedAudio(f"{path.name} cannot be read: {error}") from error
        audio = Audio(samples, rate_hz)
        if audio.sha256 != sha256:
            raise DamagedAudio(f"{path.name} does not hold the samples that its name says")
        return audio

    def _put(self, path: Path, audio: Audio) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=".wav")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w+b") as file:
                soundfile.write(file, audio.samples, audio.rate_hz, format="WAV", subtype="FLOAT")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Makes the new name durable too; Windows has no such call and does not need it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
