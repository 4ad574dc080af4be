"""Stem audio by its own hash: float32 WAV files that are never changed once they are there. Beside some of
them lies the latent that they were decoded from.

A file is written beside its place, flushed to disk and renamed, so that a kill leaves a whole file or none.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from plugin_bridge.config import BridgeConfig
from plugin_bridge.latent_file import latent_bytes, latent_in
from plugin_bridge.stored_files import note_use


class DamagedAudio(Exception):  # noqa: N818 - it names the thing found, as the others do
    """The file is missing, unreadable, or holds other samples than its name says."""


LATENT: Final = ".latent"  # the ending of what audio was decoded from, in a file beside it
LEFTOVER: Final = ".writing-"  # how the name of a file begins that is not whole yet

_Stamp = tuple[int, int, int]
"""A file's size, its time of change and its number in the file system."""


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


class SoundCache(NamedTuple):
    """Sounds that are ready in memory, and how often one was there when it was read."""

    memory_bytes: int
    hits: int
    misses: int


class AudioStore:
    """A folder of stems. Safe to use from several threads: files only ever appear whole.

    The newest sounds stay in memory, up to `sounds_bytes`, for a new take is asked for at once; a file that
    changed is read again.

    A file goes in two steps, so that none is taken from a take that comes meanwhile: it is condemned when no
    take needs it, and removed unless it was written again since. What was written is held until `release`.

    Attributes:
        folder: where the files are.
        bytes_written: since the start.
    """

    def __init__(self, folder: Path, sounds_bytes: int = BridgeConfig.sounds_bytes) -> None:
        self.folder = folder
        self.bytes_written = 0
        self._sounds_bytes = sounds_bytes
        self._hits = self._misses = 0
        self._warm: OrderedDict[str, tuple[_Stamp, Audio]] = OrderedDict()
        self._held: Counter[str] = Counter()
        self._condemned: set[str] = set()
        self._lock = threading.Lock()

    def path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / f"{sha256}.wav"

    def write(self, audio: Audio) -> str:
        """Keeps the audio and returns its sha256; audio that is there already is written no second time.

        It is held from now on: `release` it once a take names it, or none will.
        """
        sha256 = audio.sha256
        with self._lock:
            self._held[sha256] += 1
            self._condemned.discard(sha256)
        try:
            if self._warm_audio(sha256) is None:
                self._load(sha256)
        except DamagedAudio:
            try:
                self._put(self.path(sha256), lambda file: _as_wav(file, audio))
            except BaseException:
                self.release(sha256)
                raise
            self._keep_warm(sha256, audio)
        return sha256

    def write_latent(self, sha256: str, latent: NDArray[np.float16]) -> str:
        """Keeps the latent (channels, frames) of audio that is held, beside it; returns the latent's sha256.

        It comes and goes with the audio. Of two latents with the very same sound the first stays.
        """
        path = self.path(sha256).with_suffix(LATENT)
        data = latent_bytes(latent)
        with suppress(OSError):
            there = path.read_bytes()
            name = hashlib.sha256(there).hexdigest()
            if latent_in(there, name) is not None:
                return name
        self._put(path, lambda file: file.write(data))
        return hashlib.sha256(data).hexdigest()

    def read_latent(self, sha256: str, latent_sha256: str) -> NDArray[np.float16] | None:
        """The latent (channels, frames) beside audio; None where it is gone, damaged or another."""
        try:
            return latent_in(self.path(sha256).with_suffix(LATENT).read_bytes(), latent_sha256)
        except OSError:
            return None

    def release(self, sha256: str) -> None:
        """Who wrote this has brought it where it belongs."""
        with self._lock:
            self._held[sha256] -= 1
            if self._held[sha256] <= 0:
                del self._held[sha256]

    def condemn(self, sha256s: Iterable[str]) -> None:
        """No take needs these: `remove` may take them away. Those that are held stay."""
        with self._lock:
            self._condemned.update(one for one in sha256s if one not in self._held)

    def spare(self, sha256s: Iterable[str]) -> None:
        """They are needed after all."""
        with self._lock:
            self._condemned.difference_update(sha256s)

    def remove(self, sha256: str) -> int:
        """Takes a file away if it is still condemned; returns the bytes that it had, else 0."""
        path = self.path(sha256)
        going = path.with_name(f"{LEFTOVER}{path.name}")
        try:
            with self._lock:  # who writes the same sound waits, and then finds that it is gone
                if sha256 not in self._condemned:
                    return 0
                self._condemned.discard(sha256)
                self._warm.pop(sha256, None)
                path.replace(going)  # at once, where letting go of the bytes may take milliseconds
                latent = path.with_suffix(LATENT)
                size_bytes = latent.stat().st_size if latent.exists() else 0
                latent.unlink(missing_ok=True)
            size_bytes += going.stat().st_size
            going.unlink()
        except OSError:  # gone already, or held open where that matters
            return 0
        return size_bytes

    def read(self, sha256: str) -> Audio:
        """The audio, verified against its hash; not to be written into. Raises `DamagedAudio`."""
        warm = self._warm_audio(sha256)
        with self._lock:
            self._hits += warm is not None
            self._misses += warm is None
        return self._load(sha256) if warm is None else warm

    def _warm_audio(self, sha256: str) -> Audio | None:
        with self._lock:
            stamp, warm = self._warm.get(sha256, (None, None))
            if warm is not None and stamp == _stamp(self.path(sha256)):
                self._warm.move_to_end(sha256)
                return warm
            self._warm.pop(sha256, None)
            return None

    def _load(self, sha256: str) -> Audio:
        path = self.path(sha256)
        try:
            samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        except (OSError, soundfile.LibsndfileError) as error:
            raise DamagedAudio(f"{path.name} cannot be read: {error}") from error
        audio = Audio(samples, rate_hz)
        if audio.sha256 != sha256:
            raise DamagedAudio(f"{path.name} does not hold the samples that its name says")
        self._keep_warm(sha256, audio)
        return audio

    def cache(self) -> SoundCache:
        """How it stands."""
        with self._lock:
            return SoundCache(self._warm_bytes(), self._hits, self._misses)

    def _warm_bytes(self) -> int:
        return sum(one.samples.nbytes for _, one in self._warm.values())

    def _keep_warm(self, sha256: str, audio: Audio) -> None:
        stamp = _stamp(self.path(sha256))
        with self._lock:
            if stamp is not None:
                self._warm[sha256] = (stamp, audio)
            while self._warm_bytes() > self._sounds_bytes:
                self._warm.popitem(last=False)

    def _put(self, path: Path, write: Callable[[BinaryIO], object]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=LEFTOVER, suffix=path.suffix)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w+b") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                size_bytes = file.tell()
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        with self._lock:
            self.bytes_written += size_bytes
        _sync_folder(path.parent)


def _as_wav(file: BinaryIO, audio: Audio) -> None:
    soundfile.write(file, audio.samples, audio.rate_hz, format="WAV", subtype="FLOAT")


def _stamp(path: Path) -> _Stamp | None:
    """What tells the file from another, None where there is none. Who asks is about to use it."""
    try:
        found = path.stat()
    except OSError:
        return None
    note_use(path, found)
    return found.st_size, found.st_mtime_ns, found.st_ino


def _sync_folder(folder: Path) -> None:
    """Makes the new name durable too; Windows has no such call and does not need it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
