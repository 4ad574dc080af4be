"""Delivered files on disk. A name, once taken, is never written again: a host may keep what it found.

Knows no scenes: names, bytes and a key that stands for everything which the bytes depend on. Knows no
journal either: receipts are handed over as values, to be kept by whoever has one.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from io import FileIO
from pathlib import Path
from sys import intern
from typing import Final

from engine.audio import SILENCE_DB
from plugin_bridge.journal import ReceiptRow
from plugin_bridge.stored_files import last_use_s, note_use

RECEIPTS_KEPT: Final = 4_000  # a file whose receipt is gone is made again, and is the same
_READ_BYTES: Final = 2**20
LEFTOVER: Final = ".part"  # how the name of a file ends that is not whole yet


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is known of a file once it was made. The last two are the mix's."""

    sha256: str
    peak_db: float
    loudness_lufs: float | None
    true_peak_db: float
    master_gain_db: float = 0.0
    sum_error_db: float = SILENCE_DB


_Key = tuple[str, str]
"""Folder and key. Receipts are many and live long: as texts one takes 470 bytes, with paths it took 1,060."""


@dataclass(frozen=True, slots=True)
class _Placed:
    name: str
    size_bytes: int
    changed_ns: int
    receipt: Receipt
    trusted: bool = True  # False: from before the start, and its bytes may never have reached the disk


@dataclass(frozen=True)
class Found:
    """A file that is there already."""

    path: Path
    receipt: Receipt


@dataclass(frozen=True)
class News:
    """Receipts to keep, and (folder, key) of those to forget."""

    new: list[ReceiptRow]
    gone: list[tuple[str, str]]


class DeliveryFiles:
    """Files in the engine's own folder of deliveries and in folders that clients named. For several threads.

    Nothing here waits for the disk. So a receipt that was kept from before the start is only believed once
    the file's bytes have been read and have its hash: a power cut may have left others.

    Attributes:
        folder: the engine's own.
        bytes_written: into it, since the start.
    """

    def __init__(self, own: Path, receipts: Iterable[ReceiptRow] = ()) -> None:
        self.folder = own
        self.bytes_written = 0
        self._placed: OrderedDict[_Key, _Placed] = OrderedDict()
        self._new: set[_Key] = set()
        self._gone: set[_Key] = set()
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        for row in receipts:
            receipt = Receipt(**json.loads(row.receipt))
            placed = _Placed(row.name, row.size_bytes, row.changed_ns, receipt, trusted=False)
            self._placed[intern(row.folder), row.key] = placed

    def own(self, scene: str) -> Path:
        """Where a scene's files are kept when nobody named a folder."""
        return self.folder / scene

    def news(self, most: int) -> News:
        """Receipts that came and went since this was last asked, as many as `most` of each."""
        with self._lock:
            new = [self._new.pop() for _ in range(min(most, len(self._new)))]
            gone = [self._gone.pop() for _ in range(min(most, len(self._gone)))]
            rows = [_row(*one, self._placed[one]) for one in new if one in self._placed]
        return News(rows, gone)

    def find(self, folder: Path, key: str) -> Found | None:
        """The file with this key, if it is there as it was written: one look at the folder's entry, and the
        first time after a start one at its bytes."""
        kept_as = (intern(str(folder)), key)
        with self._lock:
            placed = self._placed.get(kept_as)
            if placed is None or not _is_there(folder / placed.name, placed):
                return None
        path = folder / placed.name
        if not placed.trusted:
            if not _has_hash(path, placed.receipt.sha256):
                return None
            with self._lock:
                self._placed[kept_as] = replace(placed, trusted=True)
        return Found(path, placed.receipt)

    def remove(self, path: Path, unless_used_since_s: float) -> int:
        """Takes a file of the engine's own away; returns the bytes that it had, 0 where it stays."""
        try:
            with self._lock:  # nobody finds it between looking and removing
                found = path.stat()
                if last_use_s(found) >= unless_used_since_s:
                    return 0
                path.unlink()
        except OSError:  # gone already, or held open where that matters
            return 0
        return found.st_size

    def put(
        self, folder: Path, name: str, key: str, parts: Sequence[bytes | memoryview], receipt: Receipt
    ) -> Path:
        """Places a file, and remembers it by its key. Raises `OSError`."""
        path = self.place(folder, name, parts)
        now = path.stat()
        kept_as = (intern(str(folder)), key)
        with self._lock:
            self._placed[kept_as] = _Placed(path.name, now.st_size, now.st_mtime_ns, receipt)
            self._placed.move_to_end(kept_as)
            self._new.add(kept_as)
            self._gone.discard(kept_as)
            while len(self._placed) > RECEIPTS_KEPT:
                self._gone.add(self._placed.popitem(last=False)[0])
        return path

    def place(self, folder: Path, name: str, parts: Sequence[bytes | memoryview]) -> Path:
        """Writes under a temporary name, then renames: to `name`, or the next free one where that is taken.

        A file that holds these very bytes already is taken as it is. The folder is made where it is missing.
        Raises `OSError`; nothing is left behind then.
        """
        folder.mkdir(parents=True, exist_ok=True)
        stem, dot, suffix = name.rpartition(".")
        temporary = folder / f".{name}.{os.getpid()}-{next(self._numbers)}{LEFTOVER}"
        written = False
        try:
            path, number = folder / name, 1
            while True:
                if os.path.lexists(path):
                    with self._lock, suppress(OSError):  # from here on it is in use, or gone already
                        note_use(path, path.stat())
                    if _holds(path, parts):
                        return path
                    number += 1
                    path = folder / f"{stem}-{number}{dot}{suffix}"
                    continue
                if not written:
                    _write(temporary, parts)
                    written = True
                with self._lock:  # between looking and renaming no other delivery may take the name
                    if os.path.lexists(path):
                        continue  # it was taken meanwhile, perhaps by a file with these very bytes
                    temporary.rename(path)
                    if self.folder in path.parents:
                        self.bytes_written += _size(parts)
                return path
        finally:
            temporary.unlink(missing_ok=True)


def _row(folder: str, key: str, placed: _Placed) -> ReceiptRow:
    receipt = json.dumps(asdict(placed.receipt))
    return ReceiptRow(folder, key, placed.name, placed.size_bytes, placed.changed_ns, receipt)


def _is_there(path: Path, placed: _Placed) -> bool:
    """Whether the file looks as it did when it was written; then it is in use from now on."""
    try:
        now = path.stat()
    except OSError:
        return False
    if (now.st_size, now.st_mtime_ns) != (placed.size_bytes, placed.changed_ns):
        return False
    note_use(path, now)
    return True


def _has_hash(path: Path, sha256: str) -> bool:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while part := file.read(_READ_BYTES):
                digest.update(part)
    except OSError:
        return False
    return digest.hexdigest() == sha256


def _size(parts: Sequence[bytes | memoryview]) -> int:
    return sum(memoryview(part).nbytes for part in parts)


def _write(path: Path, parts: Sequence[bytes | memoryview]) -> None:
    with path.open("wb", buffering=0) as file:
        for part in parts:
            write_all(file, part)


def write_all(file: FileIO, part: bytes | memoryview) -> int:
    """Writes to a file without a buffer, which may take a part of it at a time; returns the bytes."""
    left = memoryview(part)
    while left:
        left = left[file.write(left) :]
    return memoryview(part).nbytes


def _holds(path: Path, parts: Sequence[bytes | memoryview]) -> bool:
    """Whether a file is these bytes."""
    try:
        if path.stat().st_size != _size(parts):
            return False
        with path.open("rb") as file:
            return all(file.read(len(part)) == part for part in parts)
    except OSError:
        return False
