"""What the hub's cache on this disk holds. Never asks the network; see `engine.model_pull` for that."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

SHA256: Final = re.compile(r"[0-9a-f]{64}")


def cache_folder() -> Path | None:
    """The folder that `HF_HOME` or `HF_HUB_CACHE` name, or the usual one. None without huggingface_hub."""
    try:
        from huggingface_hub import constants
    except ImportError:
        return None
    return Path(constants.HF_HUB_CACHE)


def repository_folder(repository: str, cache: Path) -> Path:
    """Where a cache keeps a repository: blobs, refs and snapshots."""
    return cache / ("models--" + repository.replace("/", "--"))


def find_snapshot(
    repository: str, is_whole: Callable[[Path], bool], cache: Path | None = None
) -> Path | None:
    """The snapshot of a repository that has all that is needed: the one of `main`, else the newest other.

    Args:
        repository: such as `google/flan-t5-large`.
        is_whole: whether a snapshot's folder has what is needed; an interrupted download's has not.
        cache: left out, the usual one.
    """
    cache = cache or cache_folder()
    if cache is None:
        return None
    folder = repository_folder(repository, cache)
    try:
        snapshots = {path.name: path for path in (folder / "snapshots").iterdir() if path.is_dir()}
    except OSError:
        return None
    try:
        main = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        main = ""
    newest_first = sorted(
        snapshots.values(), key=lambda path: (path.name == main, path.stat().st_mtime_ns), reverse=True
    )
    return next((path for path in newest_first if is_whole(path)), None)


def owner_of(snapshot: Path) -> tuple[str, Path] | None:
    """The repository and the cache that a snapshot's folder belongs to; None for any other folder."""
    snapshot = snapshot.absolute()
    if len(snapshot.parts) < 4 or snapshot.parent.name != "snapshots":
        return None
    kind, _, name = snapshot.parent.parent.name.partition("--")
    if kind != "models" or "--" not in name:
        return None
    return name.replace("--", "/", 1), snapshot.parents[2]


def named_digest(file: Path) -> str | None:
    """The SHA-256 that a cached large file is named by; None for any other file.

    A snapshot's file is a link to `blobs/DIGEST` of its repository, the digest being the hub's own.
    """
    if not file.is_symlink():
        return None
    blob = Path(os.path.normpath(file.parent / file.readlink()))  # one link: what is behind has other names
    is_blob = blob.parent.name == "blobs" and blob.parent.parent.name.startswith("models--")
    return blob.name if is_blob and SHA256.fullmatch(blob.name) else None
