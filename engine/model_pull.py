"""Fetches a published model's repositories into the hub's cache: resumed, checked, named last.

The hub's own library lays out the cache and speaks to the hub. But its downloads throw a partial file away
when they are interrupted, and these files have many gigabytes, so large ones are fetched here: into
`blobs/DIGEST.incomplete`, from where the last attempt ended, and renamed only once their SHA-256 is right.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine import hub_cache
from engine.hub_errors import explained
from engine.hub_listing import HubFile, Listing, list_files
from engine.model_catalogue import NamedModel, Repository
from engine.weights_digest import file_digests, remember, sha256_of
from scene_schema.errors import Finding, Refused

INSTALL: Final = "Install it: pip install 'stemscape[dasheng]'"
TOLD_EVERY_S: Final = 0.1
SPARE_BYTES: Final = 256 * 2**20  # of disk, left to everybody else


@dataclass(frozen=True)
class PullProgress:
    """How far a pull is, over all its repositories."""

    repository: str
    file: str
    stage: str
    """`fetching` or `checking`."""
    done_bytes: int
    size_bytes: int


Told = Callable[[PullProgress], None]


def is_offline() -> bool:
    """Whether `HF_HUB_OFFLINE` forbids to ask the hub."""
    try:
        from huggingface_hub import constants
    except ImportError:
        return False
    return bool(constants.is_offline_mode())


def missing_bytes(listing: Listing, cache: Path) -> int:
    """What is still to be fetched of a repository; a partial file counts for what it has."""
    folder = hub_cache.repository_folder(listing.repository.id, cache)
    missing = 0
    for file in listing.files:
        if (folder / "snapshots" / listing.commit / file.name).exists():
            continue
        blob = _blob(folder, file)
        for place in () if blob is None else (blob, _partial(blob)):
            if place.exists():
                missing += max(0, file.size_bytes - place.stat().st_size)
                break
        else:
            missing += file.size_bytes
    return missing


def check_disk(needed_bytes: int, cache: Path) -> None:
    """Raises `Refused` where the cache's disk has less room than is needed."""
    place = cache
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed_bytes + SPARE_BYTES:
        finding = Finding(
            field=f"free space in {place}",
            expected=f"{(needed_bytes + SPARE_BYTES) / 1e9:.2f} GB",
            got=f"{free / 1e9:.2f} GB",
        )
        raise Refused(
            "model_failed",
            "there is too little room on the disk for this model",
            findings=[finding],
            remedy="Make room, or name another disk's folder in HF_HOME, then run the same command again.",
        )


def pull(model: NamedModel, told: Told, revisions: dict[str, str] | None = None) -> list[Listing]:
    """Fetches what is missing of a model and checks every file. Returns what the hub had.

    Run again after an interruption, it goes on where it ended. Raises `Refused`.
    """
    cache = hub_cache.cache_folder()
    if cache is None:
        raise Refused("model_failed", "fetching models needs huggingface_hub", remedy=INSTALL)
    listings = list_files(model, revisions or {})
    check_disk(sum(missing_bytes(listing, cache) for listing in listings), cache)
    size_bytes = sum(listing.size_bytes for listing in listings)
    done_bytes = 0
    for listing in listings:
        with _alone(listing.repository, cache):
            for file in listing.files:
                steps = _Steps(told, listing.repository.id, file.name, done_bytes, size_bytes)
                with explained(listing.repository, listing.revision):
                    _fetch(listing, file, cache, steps)
                done_bytes += file.size_bytes
            _point(listing, cache)
    return listings


class _Steps:
    """Tells of one file's progress, not too often. Also the bar that the hub's library advances."""

    def __init__(self, told: Told, repository: str, file: str, before: int, size_bytes: int) -> None:
        self._told = told
        self._names = (repository, file)
        self._before, self._size_bytes = before, size_bytes
        self._at, self._told_s = 0, 0.0

    def start(self, stage: str, at: int) -> None:
        self._stage, self._at, self._told_s = stage, at, 0.0
        self.update(0)

    def update(self, more: float | None = 1) -> None:
        self._at += int(more or 0)
        now = time.monotonic()
        if now - self._told_s >= TOLD_EVERY_S:
            self._told_s = now
            self._told(PullProgress(*self._names, self._stage, self._before + self._at, self._size_bytes))

    def as_bar(self, **_options: Any) -> _Steps:
        return self

    def __enter__(self) -> _Steps:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _fetch(listing: Listing, file: HubFile, cache: Path, steps: _Steps) -> None:
    """One file, whole and right, in the snapshot of the listing's commit."""
    from huggingface_hub import hf_hub_download

    folder = hub_cache.repository_folder(listing.repository.id, cache)
    blob = _blob(folder, file)
    if blob is not None and not blob.exists():
        _fetch_large(listing, file, blob, steps)
    else:
        steps.start("fetching", 0)
    # finds the large file by its digest, fetches the small one, links either to the snapshot
    found = Path(hf_hub_download(listing.repository.id, file.name, revision=listing.commit, cache_dir=cache))
    steps.start("checking", file.size_bytes)
    if file.sha256 is not None:
        # a file that another program fetched was perhaps never checked; once is enough
        right = file_digests([found], trusted=False)[found] == file.sha256
    else:
        right = file.git_digest is None or _git_digest(found) == file.git_digest
    if not right:
        found.resolve().unlink(missing_ok=True)
        found.unlink(missing_ok=True)
        raise _wrong(listing, file)


def _fetch_large(listing: Listing, file: HubFile, blob: Path, steps: _Steps) -> None:
    """Goes on with a partial file, or starts one, and names it once its digest is right."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    partial = _partial(blob)
    partial.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("ab") as opened:
        done = opened.tell()
        if done > file.size_bytes:
            opened.truncate(0)
            done = 0
        steps.start("fetching", done)
        if done < file.size_bytes:
            http_get(
                hf_hub_url(listing.repository.id, file.name, revision=listing.commit),
                opened,
                resume_size=done,
                headers=build_hf_headers(),
                expected_size=file.size_bytes,
                displayed_filename=file.name,
                tqdm_class=steps.as_bar,  # type: ignore[arg-type]  # it is called, and updated
            )
        opened.flush()
        os.fsync(opened.fileno())
    steps.start("checking", file.size_bytes)
    if sha256_of(partial) != file.sha256:
        partial.unlink()
        raise _wrong(listing, file)
    partial.replace(blob)
    remember({blob: file.sha256})


def _point(listing: Listing, cache: Path) -> None:
    """Lets the revision's name mean this commit, now that all its files are there."""
    folder = hub_cache.repository_folder(listing.repository.id, cache)
    reference = folder / "refs" / listing.revision
    if listing.revision != listing.commit:
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(listing.commit, encoding="utf-8")


@contextmanager
def _alone(repository: Repository, cache: Path) -> Iterator[None]:
    """One pull of a repository at a time: two would write into the same partial file."""
    from filelock import FileLock, Timeout

    place = cache / ".locks" / hub_cache.repository_folder(repository.id, cache).name / "stemscape.lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Refused(
            "conflict",
            f"{repository.id} is being fetched by another command",
            remedy="Wait for it, then run the same command again.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _wrong(listing: Listing, file: HubFile) -> Refused:
    return Refused(
        "model_failed",
        f"{file.name} of {listing.repository.id} arrived damaged: its digest is not the one the hub names",
        remedy="It was thrown away: run the same command again. If that does not help, see to the network.",
    )


def _blob(folder: Path, file: HubFile) -> Path | None:
    return None if file.sha256 is None else folder / "blobs" / file.sha256


def _partial(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.incomplete")


def _git_digest(file: Path) -> str:
    content = file.read_bytes()
    # git names a file so; it is no protection, and the files are small and hold no weights
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
