"""SHA-256 of files that take long to read: each is read once, and again only when it has changed.

What was found is kept by path, size and time of change in `digests.json`, in the user's cache folder. Losing
that file costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

import platformdirs

from engine.hub_cache import named_digest

log = logging.getLogger("stemscape.models")

BLOCK_BYTES: Final = 1 << 20
TOLD_BYTES: Final = 1 << 28  # reading so much takes long enough to say so
READERS: Final = 4  # files read at once; hashing lets go of the interpreter's lock


def digests_file() -> Path:
    """Where the digests are kept. Not made here."""
    return Path(platformdirs.user_cache_dir("stemscape", appauthor=False)) / "digests.json"


def model_digest(files: Mapping[str, Path]) -> str:
    """One SHA-256 over the names and contents of a model's files. Raises `OSError`."""
    digests = file_digests(files.values())
    return joint_digest({name: digests[file] for name, file in files.items()})


def joint_digest(digests: Mapping[str, str]) -> str:
    """One SHA-256 over the names of files and their digests."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def file_digests(files: Iterable[Path], *, trusted: bool = True) -> dict[Path, str]:
    """The SHA-256 of each file, read where it is not known yet. Raises `OSError`.

    `trusted`: a file of the hub's cache is believed to have the digest that it is named by.
    """
    known = _load()
    found: dict[Path, str] = {}
    unread: list[Path] = []
    for file in files:
        digest = known.get(_key(file)) or (named_digest(file) if trusted else None)
        if digest is None:
            unread.append(file)
        else:
            found[file] = digest
    size = sum(file.stat().st_size for file in unread)
    if size >= TOLD_BYTES:
        log.info("reading %.1f GB of weights once, to know them by their digest", size / 1e9)
    with ThreadPoolExecutor(READERS) as readers:
        found.update(zip(unread, readers.map(sha256_of, unread), strict=True))
    remember({file: found[file] for file in unread})
    return found


def sha256_of(file: Path) -> str:
    """The digest of a file's content, read now. Raises `OSError`."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def remember(digests: Mapping[Path, str]) -> None:
    """Keeps digests that were just computed. A cache that cannot be written is none."""
    if not digests:
        return
    place = digests_file()
    with suppress(OSError):
        kept = {**_load(), **{_key(file): digest for file, digest in digests.items()}}
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(kept, file)
            Path(name).replace(place)
        finally:
            Path(name).unlink(missing_ok=True)


def _key(file: Path) -> str:
    state = file.stat()
    return f"{file.resolve()}|{state.st_size}|{state.st_mtime_ns}"


def _load() -> dict[str, str]:
    try:
        kept = json.loads(digests_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
