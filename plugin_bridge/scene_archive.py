"""A scene with its history, takes and audio as one file, and back. Knows no store, no folder and no socket.

A plain ZIP (`plain_zip`) of `manifest.json`, `revisions.jsonl` and `takes.jsonl`, one JSON value a line,
`audio/<sha256>.wav`, floats, and `latents/<sha256>.latent` where they were kept. The manifest has size and
SHA-256 of all others. The same scene gives the same bytes on any day. What is read is data and nothing else:
no name in it is ever used as a path.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from engine.wav_chunks import chunk, fmt
from plugin_bridge import plain_zip
from plugin_bridge.audio_store import Audio
from plugin_bridge.latent_file import latent_bytes, latent_in
from plugin_bridge.pause import pause
from plugin_bridge.plain_zip import Entry, Part
from plugin_bridge.scene_store import Kept
from scene_schema import limits
from scene_schema.errors import Finding, Refused, shown
from scene_schema.identity import identity
from scene_schema.manifest import NOTICE
from scene_schema.rendering import Take
from scene_schema.scene import Scene
from scene_schema.strict import Strict

FORMAT: Final = "stemscape-scene"
VERSION: Final = 1
SUFFIX: Final = ".stemscape"
MANIFEST: Final = "manifest.json"
REVISIONS: Final = "revisions.jsonl"
TAKES: Final = "takes.jsonl"
AUDIO: Final = "audio/"
LATENTS: Final = "latents/"

_MANIFEST_BYTES: Final = 2**20  # twice what it has with `limits.ARCHIVE_TAKES`
_LEVEL_DB: Final = 1_000.0  # floats reach neither so high nor so low
_RENDERED_S: Final = 1e6  # a fortnight


@dataclass(frozen=True)
class ArchivedScene:
    """What an archive says: revisions of one scene in order, takes, and the take that plays for a layer.

    `content_of` and `redo` of the revisions are numbers among `revisions`, which count from 1 where there is
    more than one. What each of them made stale in its time is not told.
    """

    revisions: Sequence[Kept]
    takes: Sequence[Take]
    stems: dict[str, str] = field(default_factory=dict)

    @property
    def newest(self) -> Kept:
        return self.revisions[-1]


class _Line(Strict):
    """One revision."""

    revision: int
    scene: Scene
    content_of: int | None
    redo: int | None


# --- writing ------------------------------------------------------------------------------------------------


def pack(
    archived: ArchivedScene,
    read_audio: Callable[[Take], Audio],
    read_latent: Callable[[Take], NDArray[np.float16] | None],
    *,
    software: str,
) -> list[Part]:
    """The archive's bytes in parts. Seconds of work for long histories: run it in a thread.

    A take whose latent is gone goes without. `read_audio` may raise what it likes. Raises `Refused`
    (`too_large`) over `limits.ARCHIVE_BYTES`.
    """
    latents: dict[str, bytes] = {}
    takes = []
    for take in sorted(archived.takes, key=lambda take: take.id):
        latent = None if take.latent_sha256 is None else read_latent(take)
        if latent is not None and take.latent_sha256 is not None:
            latents[take.latent_sha256] = latent_bytes(latent)
        takes.append(take if latent is not None else take.model_copy(update={"latent_sha256": None}))
    check_size(takes, latents_bytes=sum(map(len, latents.values())))
    sounds = {take.audio_sha256: take for take in takes}
    head: dict[str, Any] = {"stems": dict(sorted(archived.stems.items()))}
    entries: list[tuple[str, list[Part]]] = [
        (REVISIONS, [_json_line(_line(one)) for one in archived.revisions]),
        (TAKES, [_json_line(head), *(_json_line(take.model_dump(mode="json")) for take in takes)]),
    ]
    for sha256, take in sorted(sounds.items()):
        samples = np.ascontiguousarray(read_audio(take).samples, dtype="<f4")
        entries.append((f"{AUDIO}{sha256}.wav", [wav_head(take), samples.data.cast("B")]))
    entries += [(f"{LATENTS}{sha256}.latent", [data]) for sha256, data in sorted(latents.items())]
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "notice": NOTICE,
        "software": software,
        "scene": archived.newest.scene.id,
        "revision": archived.newest.revision,
        "files": {name: _described(content) for name, content in entries},
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False).encode() + b"\n"
    return plain_zip.pack([(MANIFEST, [text]), *entries])


def name_of(newest: Kept) -> str:
    """What an archive is called."""
    return f"{newest.scene.id}-r{newest.revision}{SUFFIX}"


def check_size(takes: Iterable[Take], *, latents_bytes: int = 0) -> None:
    """Raises `Refused` (`too_large`) where so many takes, or their audio, would not be read again."""
    sounds = {take.audio_sha256: 4 * take.length_samples * take.channels for take in takes}
    size_bytes = sum(sounds.values()) + latents_bytes
    if size_bytes > limits.ARCHIVE_BYTES or len(sounds) > limits.ARCHIVE_TAKES:
        raise Refused(
            "too_large",
            f"this archive would hold {len(sounds)} sounds in {size_bytes // 2**20} MiB; at most "
            f"{limits.ARCHIVE_TAKES} in {limits.ARCHIVE_BYTES // 2**20} MiB",
            remedy='Export with revisions "newest": that brings only the takes that play.',
        )


def wav_head(take: Take) -> bytes:
    """Everything before the samples of a file of floats: 58 bytes that follow from the take."""
    data_bytes = 4 * take.length_samples * take.channels
    chunks = fmt(take.rate_hz, take.channels, 32) + chunk(b"fact", struct.pack("<I", take.length_samples))
    return (
        struct.pack("<4sI4s", b"RIFF", 4 + len(chunks) + 8 + data_bytes, b"WAVE")
        + chunks
        + struct.pack("<4sI", b"data", data_bytes)
    )


def _line(kept: Kept) -> dict[str, Any]:
    return {
        "revision": kept.revision,
        "scene": kept.scene.model_dump(mode="json"),
        "content_of": kept.content_of,
        "redo": kept.redo,
    }


def _json_line(value: dict[str, Any]) -> bytes:
    pause()  # thousands of these hold up nobody
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _described(content: Sequence[Part]) -> dict[str, Any]:
    digest = hashlib.sha256()
    for part in content:
        digest.update(part)
    return {"bytes": sum(memoryview(part).nbytes for part in content), "sha256": digest.hexdigest()}


# --- reading ------------------------------------------------------------------------------------------------


class OpenArchive:
    """An archive all of whose bytes were checked, from which the sounds can still be read. `close` it.

    Attributes:
        scene: what it says.
    """

    def __init__(self, source: Path | bytes, sha256: str | None = None) -> None:
        """Reads and checks everything. Seconds of work for large files: make it in a thread.

        Raises `Refused`: `malformed`, `too_large`, `invalid` (a scene in it), `not_found` (no such file),
        `version`; `OSError`.
        """
        self._file: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else _opened(source)
        try:
            self._sounds: dict[str, Entry] = {}
            self._latents: dict[str, Entry] = {}
            self.scene = self._read(sha256)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def audio(self, take: Take) -> Audio:
        """A take's sound, checked against its hash. Raises `Refused` (`malformed`)."""
        data = plain_zip.read(self._file, self._sounds[take.audio_sha256])
        head = wav_head(take)
        if data[: len(head)] != head or len(data) != len(head) + 4 * take.length_samples * take.channels:
            raise _malformed(f"the audio of take {shown(take.id)} has another form than the take says")
        samples = np.frombuffer(data[len(head) :], dtype="<f4").reshape(-1, take.channels)
        audio = Audio(samples.astype(np.float32, copy=False), take.rate_hz)
        if audio.sha256 != take.audio_sha256:
            raise _malformed(f"the audio of take {shown(take.id)} does not have the hash that names it")
        if not np.isfinite(samples).all():
            raise _malformed(f"the audio of take {shown(take.id)} has samples that are not numbers")
        return audio

    def latent(self, take: Take) -> NDArray[np.float16] | None:
        """A take's latent (channels, frames), if it came with one. Raises `Refused` (`malformed`)."""
        if take.latent_sha256 is None:
            return None
        latent = latent_in(plain_zip.read(self._file, self._latents[take.latent_sha256]), take.latent_sha256)
        if latent is None:
            raise _malformed(f"the latent of take {shown(take.id)} is damaged, or another one")
        return latent

    def _read(self, sha256: str | None) -> ArchivedScene:
        size_bytes = self._file.seek(0, os.SEEK_END)
        if size_bytes > limits.ARCHIVE_BYTES + 2**26:  # the texts come on top of the sounds
            raise Refused(
                "too_large",
                f"an archive of {size_bytes // 2**20} MiB; at most {limits.ARCHIVE_BYTES // 2**20} MiB",
                remedy='Export the scene with revisions "newest".',
            )
        if sha256 is not None and _hash_of(self._file) != sha256:
            raise _malformed("it does not have the sha256 that was sent with it")
        entries = plain_zip.entries_of(self._file, size_bytes, most=2 * limits.ARCHIVE_TAKES + 3)
        names = [entry.name for entry in entries]
        behind = names[3:]
        if names[:3] != [MANIFEST, REVISIONS, TAKES] or behind != sorted(set(behind)):
            raise _malformed("it holds other files than a scene's, or in another order")
        self._sounds = _named(entries[3:], AUDIO, ".wav")
        self._latents = _named(entries[3:], LATENTS, ".latent")
        if len(behind) != len(self._sounds) + len(self._latents):
            raise _malformed("it holds other files than a scene's")
        manifest = self._check_manifest(entries)
        revisions = self._revisions(entries[1])
        head, *lines = [_value(line) for line in self._lines(entries[2])] or [{}]
        takes = [_checked_take(line) for line in lines]
        stems = head.get("stems")
        if not isinstance(stems, dict) or not all(isinstance(one, str) for one in stems.values()):
            raise _malformed("it does not say which takes play")
        archived = ArchivedScene(revisions, takes, stems)
        if (manifest.get("scene"), manifest.get("revision")) != (
            archived.newest.scene.id,
            archived.newest.revision,
        ):
            raise _malformed("its manifest names another scene or revision")
        if len({take.id for take in takes}) != len(takes):
            raise _malformed("it holds one take twice")
        if {take.audio_sha256 for take in takes} != set(self._sounds):
            raise _malformed("takes and audio do not belong together")
        if {take.latent_sha256 for take in takes} - {None} != set(self._latents):
            raise _malformed("takes and latents do not belong together")
        for take in takes:
            self.audio(take)
            self.latent(take)
        return archived

    def _check_manifest(self, entries: Sequence[Entry]) -> dict[str, Any]:
        if entries[0].size_bytes > _MANIFEST_BYTES:
            raise _malformed("its manifest is longer than any is")
        manifest = _value(plain_zip.read(self._file, entries[0]))
        if manifest.get("format") != FORMAT:
            raise _malformed("its manifest names another format")
        if manifest.get("version") != VERSION:
            raise Refused(
                "version",
                f"this archive has version {shown(manifest.get('version'))}, this engine reads {VERSION}",
                remedy="Update the older engine.",
            )
        described = {
            entry.name: {"bytes": entry.size_bytes, "sha256": _hash_of(self._file, entry)}
            for entry in entries[1:]
        }
        if manifest.get("files") != described:
            raise _malformed("its files do not have the sizes and hashes that its manifest says")
        return manifest

    def _revisions(self, entry: Entry) -> list[Kept]:
        found: list[Kept] = []
        for text in self._lines(entry):
            if len(found) == limits.ARCHIVE_REVISIONS:
                raise Refused("too_large", f"an archive of over {limits.ARCHIVE_REVISIONS} revisions")
            line = _checked(_Line, _value(text), f"revision {len(found) + 1}")
            kept = Kept(line.scene, line.revision, (), line.content_of, line.redo)
            _check_place(kept, found)
            found.append(kept)
        if not found:
            raise _malformed("it holds no revision")
        if len(found) == 1 and (found[0].content_of, found[0].redo) != (None, None):
            raise _malformed("its only revision is an undo of another")
        return found

    def _lines(self, entry: Entry) -> Iterator[bytes]:
        text = io.BytesIO(plain_zip.read(self._file, entry))
        while line := text.readline(limits.MESSAGE_BYTES + 1):
            if len(line) > limits.MESSAGE_BYTES or not line.endswith(b"\n"):
                raise _malformed(f"its entry {entry.name!r} has a line that is too long or does not end")
            yield line
            pause()  # thousands of these hold up nobody


def _named(entries: Sequence[Entry], folder: str, ending: str) -> dict[str, Entry]:
    """Entries in a folder of the archive, by what their names say."""
    return {
        entry.name.removeprefix(folder).removesuffix(ending): entry
        for entry in entries
        if entry.name.startswith(folder) and entry.name.endswith(ending)
    }


def _opened(path: Path) -> BinaryIO:
    if not path.is_file():  # a pipe would keep us waiting for ever
        finding = Finding(field="$.path", expected="a file", got=shown(str(path)))
        raise Refused("not_found", "there is no such archive", findings=[finding])
    return path.open("rb")


def _check_place(kept: Kept, before: Sequence[Kept]) -> None:
    """Whether a revision follows those before it, as undo and redo leave them."""
    number = kept.revision
    if before and (kept.scene.id != before[0].scene.id or number != len(before) + 1):
        raise _malformed("its revisions are not those of one scene, in order")
    if len(before) == 1 and before[0].revision != 1:
        raise _malformed("its history does not begin at revision 1")
    if number < 1 or (kept.content_of is None and kept.redo is not None):
        raise _malformed(f"its revision {number} cannot be")
    for there in (kept.content_of, kept.redo):
        if there is not None and not (1 <= there < number and before):
            raise _malformed(f"its revision {number} goes back to one that was not there")
    if kept.content_of is not None:
        edit = before[kept.content_of - 1]
        if edit.content_of is not None or edit.scene != kept.scene:
            raise _malformed(f"its revision {number} does not have the content that it says")


def _checked_take(data: dict[str, Any]) -> Take:
    take: Take = _checked(Take, data, "take")
    request = take.request
    levels_db = (take.peak_db, take.rms_db, take.loudness_lufs or 0.0, take.true_peak_db or 0.0)
    lawful = (
        take.id == identity(request)
        and len(take.audio_sha256) == 64
        and take.channels in (1, 2)
        and 1_000 <= take.rate_hz <= 384_000
        and take.length_samples == round(request.duration_s * take.rate_hz)
        and all(abs(level_db) <= _LEVEL_DB for level_db in levels_db)
        and 0.0 <= take.rendered_s <= _RENDERED_S
    )
    if not lawful:
        raise _malformed(f"its take {shown(take.id)} cannot be what its request makes")
    return take


def _checked(model: type[Any], data: dict[str, Any], what: str) -> Any:
    try:
        value: BaseModel = model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _malformed(f"its {what} is not valid at {place}: {first['msg']}") from error
    return value


def _value(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _malformed("it holds a line that is not JSON") from error
    if not isinstance(value, dict):
        raise _malformed("it holds a line that is no JSON object")
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _hash_of(file: BinaryIO, entry: Entry | None = None) -> str:
    digest = hashlib.sha256()
    left = file.seek(0, os.SEEK_END) if entry is None else entry.size_bytes
    file.seek(0 if entry is None else entry.offset)
    while left > 0 and (part := file.read(min(left, 2**20))):
        digest.update(part)
        left -= len(part)
    return digest.hexdigest()


def _malformed(what: str) -> Refused:
    return Refused(
        "malformed",
        f"this archive cannot be used: {what}",
        remedy="Nothing was kept. Export the scene again, and copy the file whole.",
    )
