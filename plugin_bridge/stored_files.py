"""Files below a folder: how large they are and when each was last used. Knows no takes and no scenes.

The last use is the file's access time, set by us: the file system keeps it over a restart and costs nothing,
the content's own time of change stays as it is, and mounts that do not track reading keep what they are told.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple

from plugin_bridge.pause import pause

USE_STEP_S: Final = 60.0  # a use is noted no oftener: a write for every look would cost more than it tells
_RUN: Final = 1000  # files sorted at once: a sort does not let other threads run


class StoredFile(NamedTuple):
    """One file as it was found; times in seconds since 1970. Plain, for there may be a hundred thousand."""

    path: str
    size_bytes: int
    used_s: float
    changed_s: float


def scan(folder: str | Path) -> Iterator[StoredFile]:
    """All files below a folder; what comes and goes meanwhile may be missing. For a thread: it asks the file
    system between any two, which lets other threads run."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from scan(entry.path)
                continue
            with suppress(OSError):  # gone since
                found = entry.stat(follow_symlinks=False)
                yield StoredFile(entry.path, found.st_size, last_use_s(found), found.st_mtime)


def by_use(files: Sequence[StoredFile]) -> Iterator[StoredFile]:
    """Those that were not used for longest come first; sorted bit by bit, for a thread among others."""
    used = attrgetter("used_s")
    runs = []
    for start in range(0, len(files), _RUN):
        runs.append(sorted(files[start : start + _RUN], key=used))
        pause()
    return merge(*runs, key=used)


def last_use_s(found: os.stat_result) -> float:
    """When a file was last used: it was when it was written."""
    return max(found.st_atime, found.st_mtime)


def note_use(path: Path, found: os.stat_result) -> None:
    """The file is used now. Its time of change stays; a file system that refuses is let be."""
    now_ns = time.time_ns()
    if now_ns - found.st_atime_ns > USE_STEP_S * 1e9:
        with suppress(OSError):
            os.utime(path, ns=(now_ns, found.st_mtime_ns))
