"""A published Dasheng-AudioGen on disk: where its pieces lie. Without torch, so that the bridge can look.

Two layouts are read:

    FOLDER/generator/     config.json, model.safetensors      the generator's own repository, as it is
    FOLDER/codec/         config.json, model.safetensors
    FOLDER/text_encoder/  config.json, model.safetensors, tokenizer.json or spiece.model

and the generator's repository alone (`config.json`, `model.safetensors`), with the codec and the text encoder
that its config names beside it or in the hub's cache. Weights may be in several files with
`model.safetensors.index.json`; pickles are never opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine import hub_cache
from engine.model_catalogue import MODELS, NamedModel, Piece
from engine.stored_tensors import stored_tensors, tensor_files
from scene_schema.errors import Finding, Refused

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
TOKENIZERS: Final = ("tokenizer.json", "spiece.model")
"""The first that is there is the one that is used."""
PICKLED: Final = "pytorch_model.bin"
PIECES: Final[tuple[Piece, ...]] = ("generator", "codec", "text_encoder")
MODEL_TYPE: Final = "dasheng_audiogen"
NAMED_BY: Final[dict[Piece, str]] = {"codec": "tokenizer_name", "text_encoder": "text_encoder_name"}
"""Keys of the generator's config that hold the other pieces' repositories."""


@dataclass(frozen=True)
class PublishedModel:
    """The pieces of one published model, all there."""

    generator_weights: Path
    """A safetensors file, or the index of several (`model.safetensors.index.json`)."""
    codec_weights: Path
    """The same; encoder and decoder are in it."""
    text_encoder: Path
    """A folder for transformers: config, safetensors, tokenizer."""
    generator_config: dict[str, Any]
    codec_config: dict[str, Any]

    @property
    def text_encoder_weights(self) -> Path:
        """As the generator's."""
        return _entry(self.text_encoder)

    def sounding_files(self) -> dict[str, Path]:
        """Every file that the sound depends on, by piece and name; copies of a model have the same names."""
        entries: dict[Piece, Path] = {
            "generator": self.generator_weights,
            "codec": self.codec_weights,
            "text_encoder": self.text_encoder_weights,
        }
        files = {}
        for piece, entry in entries.items():
            for file in (entry.parent / CONFIG, *tensor_files(entry)):
                files[f"{piece}/{file.name}"] = file
        tokenizer = next(
            self.text_encoder / name for name in TOKENIZERS if (self.text_encoder / name).is_file()
        )
        files[f"text_encoder/{tokenizer.name}"] = tokenizer
        return files


def is_published(folder: Path) -> bool:
    """Whether a folder means to be a published model; `open_published` says whether it is whole."""
    if (folder / "generator").is_dir():
        return True
    try:
        return bool(_read(folder / CONFIG).get("model_type") == MODEL_TYPE)
    except (OSError, ValueError):
        return False


def open_published(folder: Path) -> PublishedModel:
    """The pieces of the model in `folder`, in either layout.

    Raises `Refused` (`model_failed`) that names every file that is missing or cannot be read, and what to do.
    """
    if (folder / "generator").is_dir():
        places: dict[Piece, Path] = {piece: folder / piece for piece in PIECES}
        findings = [finding for piece, place in places.items() for finding in _lacks(place, piece)]
        if findings:
            raise _incomplete(folder, findings, None)
        generator_config = _read(places["generator"] / CONFIG)
    else:
        places = {"generator": folder}
        findings = list(_lacks(folder, "generator"))
        if findings:
            raise _incomplete(folder, findings, None)
        generator_config = _read(folder / CONFIG)
        for piece in PIECES[1:]:
            place = _find_piece(piece, generator_config, folder)
            if isinstance(place, Finding):
                findings.append(place)
            else:
                places[piece] = place
        if findings:
            raise _incomplete(folder, findings, _named(generator_config))
    return PublishedModel(
        generator_weights=_entry(places["generator"]),
        codec_weights=_entry(places["codec"]),
        text_encoder=places["text_encoder"],
        generator_config=generator_config,
        codec_config=_read(places["codec"] / CONFIG),
    )


def find_named(model: NamedModel) -> Path | None:
    """The generator's snapshot of a model that was pulled, None where it was not."""
    return hub_cache.find_snapshot(model.generator.id, lambda folder: is_whole(folder, "generator"))


def is_whole(folder: Path, piece: Piece) -> bool:
    """Whether a folder has all files of a piece."""
    return next(_lacks(folder, piece), None) is None


def _find_piece(piece: Piece, generator_config: dict[str, Any], folder: Path) -> Path | Finding:
    """Where the codec or the text encoder of a bare generator lies, or what was looked for in vain."""
    repository = generator_config.get(NAMED_BY[piece])
    if not isinstance(repository, str) or not repository:
        return Finding(
            field=f"{folder / CONFIG}: {NAMED_BY[piece]}",
            expected="the name of a repository",
            got=repr(repository),
        )
    owner = hub_cache.owner_of(folder)
    beside = [folder / piece, folder.absolute().parent / piece]
    beside.append(folder.absolute().parent / repository.rpartition("/")[2])
    for place in beside:
        if is_whole(place, piece):
            return place
    found = hub_cache.find_snapshot(
        repository, lambda snapshot: is_whole(snapshot, piece), owner and owner[1]
    )
    if found is not None:
        return found
    started = next((place for place in beside if place.is_dir()), None)
    if started is not None:
        return next(_lacks(started, piece))
    return Finding(
        field=piece,
        expected=f"{repository} in {beside[0]}, in {beside[-1]} or in the hub's cache",
        got="no whole copy of it",
    )


def _lacks(folder: Path, piece: Piece) -> Iterator[Finding]:
    """One finding for each thing that a piece's folder lacks."""
    try:
        _read(folder / CONFIG)
    except OSError as error:
        yield Finding(field=str(folder / CONFIG), expected="the sizes of the network", got=_story(error))
    except ValueError as error:
        yield Finding(field=str(folder / CONFIG), expected="a JSON object", got=str(error))
    entry = _entry(folder)
    if entry.name == WEIGHTS and not entry.is_file() and (folder / PICKLED).is_file():
        got = f"{PICKLED} alone, a pickle, which could carry code and is never opened"
        yield Finding(field=str(entry), expected="the weights", got=got)
    else:
        try:
            stored_tensors(entry)
        except FileNotFoundError as error:
            yield Finding(field=str(error.filename), expected="the weights", got="no such file")
        except (OSError, ValueError) as error:
            yield Finding(field=str(entry), expected="whole safetensors weights", got=str(error))
    if piece == "text_encoder" and not any((folder / name).is_file() for name in TOKENIZERS):
        yield Finding(
            field=str(folder / TOKENIZERS[0]), expected=f"that or {TOKENIZERS[1]}", got="neither of them"
        )


def _entry(folder: Path) -> Path:
    """The file through which a folder's weights are read; the one file where there is neither."""
    return folder / (INDEX if (folder / INDEX).is_file() and not (folder / WEIGHTS).is_file() else WEIGHTS)


def _read(file: Path) -> dict[str, Any]:
    """Raises `OSError`, or `ValueError` where the file is no JSON object."""
    data = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ValueError(f"{type(data).__name__} instead")
    return data


def _story(error: Exception) -> str:
    return "no such file" if isinstance(error, FileNotFoundError) else str(error)


def _named(generator_config: dict[str, Any]) -> NamedModel | None:
    """The model of the catalogue that a generator's config belongs to, by its text encoder."""
    encoder = generator_config.get(NAMED_BY["text_encoder"])
    return next((model for model in MODELS.values() if model.text_encoder.id == encoder), None)


def _incomplete(folder: Path, findings: list[Finding], named: NamedModel | None) -> Refused:
    remedy = (
        "Put the files named there; docs/models.md shows the layout. Or fetch a whole model: "
        f"stemscape models pull {named.name if named else 'dasheng'}"
    )
    if hub_cache.cache_folder() is None:
        remedy += "\nThe hub's cache was not looked into: pip install 'stemscape[dasheng]'"
    return Refused(
        "model_failed", f"the published model in {folder} is not whole", findings=findings, remedy=remedy
    )
