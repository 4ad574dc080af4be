"""The models on this machine: `python -m engine.model_shelf list | pull NAME | info NAME | remove NAME`.

Speaks in lines of JSON on standard output, for the `stemscape models` commands to show: any number of
`{"progress": …}`, then `{"result": …}` or `{"error": …}`. Exit status: 0 done · 2 refused · 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from engine import checkpoint, hub_cache, model_pull
from engine.model_catalogue import MODELS, NamedModel, Repository
from engine.published import PublishedModel, find_named, is_published, is_whole, open_published
from engine.published_memory import BFLOAT16_BYTES, available_bytes, memory_need
from engine.weights_digest import model_digest
from scene_schema.errors import Finding, Refused

REFUSED: Final = 2
INTERRUPTED: Final = 130


def main() -> None:
    """Entry of the process; the only reader of its command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.model_shelf")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    pulled = commands.add_parser("pull")
    pulled.add_argument("name")
    pulled.add_argument("--revision", action="append", default=[], metavar="REPOSITORY=REVISION")
    commands.add_parser("info").add_argument("name", help="of a model, or the path of its folder")
    removed = commands.add_parser("remove")
    removed.add_argument("name")
    removed.add_argument("--all", action="store_true", help="the text encoder too")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    try:
        if options.command == "list":
            result = list_models()
        elif options.command == "pull":
            result = pull(options.name, options.revision)
        elif options.command == "info":
            result = info(options.name)
        else:
            result = remove(options.name, everything=options.all)
    except Refused as refused:
        findings = [finding.model_dump() for finding in refused.findings]
        error = {
            "code": refused.code,
            "message": refused.message,
            "findings": findings,
            "remedy": refused.remedy,
        }
        _say("error", error)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    _say("result", result)


def list_models() -> dict[str, Any]:
    """Every model that has a name, and what of it is on this disk."""
    shipped = sorted(path.parent for path in checkpoint.SHIPPED.glob(f"*/{checkpoint.DESCRIPTION}"))
    models = [
        {
            "name": folder.name,
            "title": checkpoint.describe(folder.name).title,
            "state": "ready",
            "size_bytes": sum(file.stat().st_size for file in folder.iterdir() if file.is_file()),
            "source": "shipped",
        }
        for folder in shipped
        if folder.name != "fake"  # makes test tones
    ]
    for model in MODELS.values():
        sizes = [_kept_bytes(repository) for repository in model.repositories]
        models.append(
            {
                "name": model.name,
                "title": model.title,
                "state": _state(model),
                "size_bytes": sum(sizes),
                "source": model.generator.id,
            }
        )
    return {"models": models, "cache": _cache()}


def pull(name: str, revisions: Iterable[str]) -> dict[str, Any]:
    """Fetches a model, checks its files and that they are the tensors that this engine computes with."""
    model = _known(name)
    chosen = dict(_revision(text, model) for text in revisions)
    offline = model_pull.is_offline() and _state(model) == "ready"
    if not offline:
        model_pull.pull(model, _tell, chosen)
    folder = find_named(model)
    assert folder is not None, "a pull that ended has the generator"
    published = open_published(folder)
    _check_shapes(published)
    return {
        "name": name,
        "offline": offline,
        "size_bytes": sum(_kept_bytes(repository) for repository in model.repositories),
        "pieces": [_piece(repository) for repository in model.repositories],
        "weights_sha256": model_digest(published.sounding_files()),
        "folder": str(folder),
    }


def info(name: str) -> dict[str, Any]:
    """What a published model is, where it lies, and what it needs. Reads this disk alone."""
    folder = None if name in MODELS else Path(name)
    if folder is not None and not is_published(folder):
        found = checkpoint.find(name)  # a shipped model, or a refusal that lists what there is
        return {
            "name": found.capabilities.name,
            "title": found.capabilities.title,
            "state": "ready",
            "folder": str(found.folder),
            "weights_sha256": found.capabilities.weights_sha256,
            "pieces": [],
        }
    model = MODELS.get(name)
    if model is not None and _state(model) != "ready":
        return {
            "name": name,
            "title": model.title,
            "state": _state(model),
            "pieces": [_piece(repository) for repository in model.repositories],
        }
    folder = folder or (find_named(model) if model else None)
    assert folder is not None, "a model that is ready has a folder"
    published = open_published(folder)
    _check_shapes(published)
    need = memory_need(published)
    narrow = memory_need(published, generator_weight_bytes=BFLOAT16_BYTES)
    return {
        "name": name,
        "title": model.title if model else checkpoint.describe(name).title,
        "state": "ready",
        "folder": str(folder),
        "weights_sha256": model_digest(published.sounding_files()),
        "pieces": [_piece(repository) for repository in model.repositories] if model else [],
        "memory": {
            "generator_float32_bytes": need.generator_bytes,
            "generator_bfloat16_bytes": narrow.generator_bytes,
            "codec_bytes": need.codec_bytes,
            "text_encoder_bytes": need.text_encoder_bytes,
            "available_bytes": available_bytes(),
        },
    }


def remove(name: str, *, everything: bool) -> dict[str, Any]:
    """Takes a model off this disk. What another pulled model uses stays.

    The text encoder stays too, unless `everything`: other programs may have fetched that common model.
    """
    model = _known(name)
    cache = hub_cache.cache_folder()
    if cache is None:
        raise Refused("model_failed", "removing models needs huggingface_hub", remedy=model_pull.INSTALL)
    used = {
        repository.id
        for other in MODELS.values()
        if other.name != name and find_named(other) is not None
        for repository in other.repositories
    }
    removed, kept = [], []
    for repository in model.repositories:
        size = _kept_bytes(repository)
        if not hub_cache.repository_folder(repository.id, cache).exists():
            continue
        if repository.id in used:
            kept.append({"id": repository.id, "size_bytes": size, "why": "another model uses it"})
        elif repository.piece == "text_encoder" and not everything:
            kept.append({"id": repository.id, "size_bytes": size, "why": "other programs may use it"})
        else:
            _remove(repository, cache)
            removed.append({"id": repository.id, "size_bytes": size})
    if not removed and not kept:
        raise Refused("not_found", f"nothing of model '{name}' is on this disk")
    return {"name": name, "removed": removed, "kept": kept}


def _remove(repository: Repository, cache: Path) -> None:
    from huggingface_hub import scan_cache_dir

    scanned = scan_cache_dir(cache)
    revisions = [
        revision.commit_hash
        for one in scanned.repos
        if one.repo_type == "model" and one.repo_id == repository.id
        for revision in one.revisions
    ]
    if revisions:
        scanned.delete_revisions(*revisions).execute()
    # what an interrupted pull left has no revision yet
    shutil.rmtree(hub_cache.repository_folder(repository.id, cache), ignore_errors=True)


def _known(name: str) -> NamedModel:
    try:
        return MODELS[name]
    except KeyError:
        finding = Finding(field="NAME", expected=f"one of {', '.join(MODELS)}", got=repr(name))
        raise Refused(
            "not_found",
            f"there is no published model '{name}'",
            findings=[finding],
            remedy="stemscape models list",
        ) from None


def _revision(text: str, model: NamedModel) -> tuple[str, str]:
    repository, _, revision = text.partition("=")
    if not revision or repository not in [one.id for one in model.repositories]:
        expected = f"REPOSITORY=REVISION with one of {', '.join(one.id for one in model.repositories)}"
        raise Refused(
            "invalid",
            "this revision cannot be understood",
            findings=[Finding(field="--revision", expected=expected, got=repr(text))],
        )
    return repository, revision


def _check_shapes(published: PublishedModel) -> None:
    from engine.published_shapes import check_shapes  # brings torch

    check_shapes(published)


def _state(model: NamedModel) -> str:
    """`ready`, `partly` or `absent`."""
    whole = [_snapshot(repository) is not None for repository in model.repositories]
    if all(whole):
        return "ready"
    # the codec or the text encoder alone may be there for another model, or for another program
    return "partly" if whole[0] or _kept_bytes(model.generator) else "absent"


def _snapshot(repository: Repository) -> Path | None:
    return hub_cache.find_snapshot(repository.id, lambda folder: is_whole(folder, repository.piece))


def _piece(repository: Repository) -> dict[str, Any]:
    snapshot = _snapshot(repository)
    return {
        "piece": repository.piece,
        "repository": repository.id,
        "licence": repository.licence,
        "commit": snapshot.name if snapshot else None,
        "folder": str(snapshot) if snapshot else None,
        "size_bytes": _kept_bytes(repository),
    }


def _kept_bytes(repository: Repository) -> int:
    """What a repository takes on this disk, partial files included."""
    cache = hub_cache.cache_folder()
    if cache is None:
        return 0
    blobs = hub_cache.repository_folder(repository.id, cache) / "blobs"
    return sum(blob.stat().st_size for blob in blobs.glob("*") if blob.is_file())


def _cache() -> str | None:
    cache = hub_cache.cache_folder()
    return None if cache is None else str(cache)


def _tell(progress: model_pull.PullProgress) -> None:
    _say("progress", asdict(progress))


def _say(kind: str, content: dict[str, Any]) -> None:
    print(json.dumps({kind: content}, ensure_ascii=False), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
