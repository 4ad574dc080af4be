"""Disks that are full or cannot be written, for one folder and without harm to the rest of the machine.

A small file system in memory, where we may mount one; otherwise the system's limit on the size of files.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

NO_LIMIT: Final = resource.RLIM_INFINITY


class NotHere(Exception):  # noqa: N818 - nothing went wrong
    """This machine does not let us; the message says what."""


@contextlib.contextmanager
def mounted(folder: Path, size_mib: int) -> Iterator[Path]:
    """A file system of its own at the folder. Raises `NotHere`."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[Callable[[], None]]:
    """Takes the last byte of the folder's file system; what it gives frees all that it took."""
    filler = folder / "filler"

    def free() -> None:
        filler.unlink(missing_ok=True)

    with filler.open("wb", buffering=0) as file:
        for size in (2**20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    try:
        yield free
    finally:
        free()


@contextlib.contextmanager
def no_larger_files(pid: int, size_bytes: int) -> Iterator[Callable[[], None]]:
    """A running process can write nothing past this size in any file; what it gives ends that.

    Raises `NotHere`.
    """
    if not hasattr(resource, "prlimit"):
        raise NotHere("this system has no prlimit")
    old = resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, NO_LIMIT))

    def free() -> None:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, old)

    try:
        yield free
    finally:
        free()


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody can make a file in the folder. Raises `NotHere`: root needs a file system with such a mark."""
    if os.geteuid():
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    _run("chattr", "+i", str(folder))
    try:
        yield
    finally:
        _run("chattr", "-i", str(folder))


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or error
        raise NotHere(f"{command[0]}: {said}") from error
