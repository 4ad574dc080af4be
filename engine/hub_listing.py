"""What the hub has of a model: the wanted files of its repositories, with digests. Asks the network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from engine.hub_errors import explained
from engine.model_catalogue import NamedModel, Piece, Repository
from scene_schema.errors import Finding, Refused

CONVERTER: Final = "SFconvertbot"
"""The hub's own account that offers safetensors, as a pull request, where a repository has only a pickle."""

_WEIGHTS: Final = r"model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json"
WANTED: Final[dict[Piece, re.Pattern[str]]] = {
    "generator": re.compile(rf"config\.json|{_WEIGHTS}"),
    "codec": re.compile(rf"config\.json|{_WEIGHTS}"),
    "text_encoder": re.compile(
        rf"config\.json|{_WEIGHTS}|tokenizer\.json|tokenizer_config\.json|spiece\.model"
        r"|special_tokens_map\.json|added_tokens\.json"
    ),
}
"""Names of files that are fetched, of each piece. Nothing that could carry code is among them."""


@dataclass(frozen=True)
class HubFile:
    """A file of a repository, as the hub lists it."""

    name: str
    size_bytes: int
    sha256: str | None
    """None for a small file, which has a git digest instead."""
    git_digest: str | None


@dataclass(frozen=True)
class Listing:
    """The files of one repository that are wanted, at one commit."""

    repository: Repository
    revision: str
    """That was asked for: a branch, a tag, a pull request."""
    commit: str
    files: tuple[HubFile, ...]

    @property
    def size_bytes(self) -> int:
        """Of all its files."""
        return sum(file.size_bytes for file in self.files)


def list_files(model: NamedModel, revisions: dict[str, str]) -> list[Listing]:
    """What the hub has of each repository. `revisions` by repository id; left out, `main`.

    Raises `Refused` where the hub cannot be reached, refuses, or lacks a repository, a revision or weights.
    """
    return [_listing(repository, revisions.get(repository.id)) for repository in model.repositories]


def _listing(repository: Repository, asked: str | None) -> Listing:
    from huggingface_hub import HfApi

    api = HfApi()
    revision = asked or "main"
    with explained(repository, revision):
        listing = _list(api, repository, revision)
        if not _has_weights(listing) and asked is None:
            converted = _converted(api, repository, listing.commit)
            listing = converted or listing
    lacking = []
    names = {file.name for file in listing.files}
    if not _has_weights(listing):
        lacking.append("model.safetensors")
    if "config.json" not in names:
        lacking.append("config.json")
    if repository.piece == "text_encoder" and not names & {"tokenizer.json", "spiece.model"}:
        lacking.append("tokenizer.json or spiece.model")
    if lacking:
        findings = [
            Finding(field=f"{repository.id}@{revision}", expected=name, got="no such file")
            for name in lacking
        ]
        raise Refused(
            "not_found",
            f"{repository.id} lacks files that are needed",
            findings=findings,
            remedy=f"Name a revision that has them: --revision {repository.id}=REVISION. "
            "Weights in a pickle are never opened; docs/models.md says how to convert them yourself.",
        )
    return listing


def _list(api: Any, repository: Repository, revision: str) -> Listing:
    info = api.model_info(repository.id, revision=revision, files_metadata=True)
    wanted = WANTED[repository.piece]
    files = [
        HubFile(
            name=file.rfilename,
            size_bytes=int(file.size or 0),
            sha256=file.lfs.sha256 if file.lfs else None,
            git_digest=file.blob_id,
        )
        for file in info.siblings or ()
        if wanted.fullmatch(file.rfilename)
    ]
    if any(file.name == "model.safetensors" for file in files):  # then the pieces are the same once more
        files = [file for file in files if not re.search(r"-of-|\.index\.json$", file.name)]
    return Listing(repository, revision, info.sha, tuple(sorted(files, key=lambda file: file.size_bytes)))


def _has_weights(listing: Listing) -> bool:
    return any(file.name.endswith(".safetensors") for file in listing.files)


def _converted(api: Any, repository: Repository, commit: str) -> Listing | None:
    """The converter's pull request on this very commit, where there is one."""
    requests = api.get_repo_discussions(
        repository.id, author=CONVERTER, discussion_type="pull_request", discussion_status="open"
    )
    for request in requests:
        if request.author != CONVERTER:
            continue
        revision = f"refs/pr/{request.num}"
        commits = api.list_repo_commits(repository.id, revision=revision)
        if commit not in [one.commit_id for one in commits]:
            continue
        listing = _list(api, repository, revision)
        if _has_weights(listing):
            return listing
    return None
