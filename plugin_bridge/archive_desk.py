"""Scenes out to archives and in from them: joins `scene_archive` with the stores. Knows no messages' ways.

Files are read, checked and written in threads; what is decided, is decided on the event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from plugin_bridge import scene_archive
from plugin_bridge.audio_store import Audio, AudioStore, DamagedAudio
from plugin_bridge.commit_group import CommitGroup
from plugin_bridge.delivery import DamagedTake
from plugin_bridge.delivery_files import DeliveryFiles, write_all
from plugin_bridge.journal import History, Past, Row
from plugin_bridge.pause import pause
from plugin_bridge.plain_zip import Part
from plugin_bridge.scene_archive import ArchivedScene, OpenArchive
from plugin_bridge.scene_store import Kept, SceneStore, kept_of
from plugin_bridge.take_use import AskedTakes
from scene_schema import limits
from scene_schema.capabilities import Capabilities
from scene_schema.errors import Finding, Refused
from scene_schema.messages import Exported, ExportScene, ImportScene
from scene_schema.rendering import Take
from scene_schema.scene import Scene

ROWS: Final = 16  # read from the journal or written to it at once

Reading = Callable[[Iterable[str]], AbstractAsyncContextManager[None]]
"""Sees to it that takes stay while they are read."""


@dataclass(frozen=True)
class Arrived:
    """A scene from elsewhere, as its newest revision has it, and what goes before that."""

    scene: Scene
    content_of: int | None
    redo: int | None
    history: History | None
    takes: Sequence[Take]
    stems: Mapping[str, str]


@dataclass(frozen=True)
class ExportParcel:
    """The reply and its binary frames."""

    exported: Exported
    frames: tuple[bytes, ...] = ()


class ArchiveDesk:
    """To be used from the event loop's thread only."""

    def __init__(
        self,
        model: Capabilities,
        store: SceneStore,
        audio: AudioStore,
        files: DeliveryFiles,
        disk: CommitGroup,
        reading: Reading,
        software: str,
    ) -> None:
        self._model = model
        self._store = store
        self._audio = audio
        self._files = files
        self._disk = disk
        self._reading = reading
        self._software = software

    # --- out --------------------------------------------------------------------------------------------

    async def export(self, request: ExportScene, folder: Path | None) -> ExportParcel:
        """A scene as it is now, as a file. `folder` is where to, None: the engine's own.

        Raises `Refused` (`not_found`, `too_large`, `invalid`), `DamagedTake`, `OSError`.
        """
        if request.folder is not None and request.hand_off != "path":
            finding = Finding(field="$.folder", expected='no folder, or hand_off "path"', got=request.folder)
            raise Refused("invalid", "this cannot be exported", findings=[finding])
        newest = self._store.get(request.scene)
        playing = self._store.stems(request.scene)
        first = 1 if request.revisions == "all" else newest.revision
        if newest.revision - first >= limits.ARCHIVE_REVISIONS:
            raise Refused(
                "too_large",
                f"scene '{request.scene}' has {newest.revision} revisions; an archive holds "
                f"{limits.ARCHIVE_REVISIONS}",
                remedy='Export it with revisions "newest".',
            )
        rows: list[Row] = []
        for start in range(first, newest.revision + 1, ROWS):
            last = min(start + ROWS - 1, newest.revision)
            rows += self._store.rows(request.scene, start, last)
            await asyncio.sleep(0)
        revisions = _Revisions(rows)
        asked = await asyncio.to_thread(_asked_takes, revisions, self._model)
        stems = {layer.id: playing[layer.id] for layer in newest.scene.layers if layer.id in playing}
        there = (asked | set(stems.values())) & self._store.takes
        async with self._reading(there):  # from here on they stay
            takes = []
            for take in sorted(there):
                takes.append(self._store.take(take))
                await asyncio.sleep(0)
            archived = ArchivedScene(
                revisions,
                takes,
                {layer: take for layer, take in stems.items() if take in there},
            )
            return await asyncio.to_thread(self._write, archived, request, folder)

    def _write(self, archived: ArchivedScene, request: ExportScene, folder: Path | None) -> ExportParcel:
        parts = scene_archive.pack(archived, self._read, self._read_latent, software=self._software)
        name = scene_archive.name_of(archived.newest)
        digest, size_bytes = hashlib.sha256(), 0
        for part in parts:
            digest.update(part)
            size_bytes += len(part)
        exported = Exported(
            scene=request.scene,
            revision=archived.newest.revision,
            revisions=len(archived.revisions),
            takes=len(archived.takes),
            name=name,
            size_bytes=size_bytes,
            sha256=digest.hexdigest(),
        )
        if request.hand_off == "frames":
            return ExportParcel(exported.model_copy(update={"frame": 0}), (_joined(parts),))
        path = self._files.place(folder or self._files.own(request.scene), name, parts)
        return ExportParcel(exported.model_copy(update={"name": path.name, "path": str(path)}))

    def _read(self, take: Take) -> Audio:
        try:
            return self._audio.read(take.audio_sha256)
        except DamagedAudio as error:
            raise DamagedTake("", take.id) from error

    def _read_latent(self, take: Take) -> NDArray[np.float16] | None:
        assert take.latent_sha256 is not None
        return self._audio.read_latent(take.audio_sha256, take.latent_sha256)

    # --- in ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def opened(self, request: ImportScene, source: Path | bytes) -> AsyncIterator[Arrived]:
        """An archive that was checked, its audio in the store and held there: takes may name it.

        Afterwards audio that no take names is removed again. Raises as `OpenArchive` does, and `OSError`.
        """
        archive = await asyncio.to_thread(OpenArchive, source, request.sha256)
        held: list[str] = []
        history = self._store.new_history() if len(archive.scene.revisions) > 1 else None
        used = False
        try:
            await asyncio.to_thread(self._keep_audio, archive, held)
            scenes = await asyncio.to_thread(_as_json, archive.scene, request.as_id)
            if history is not None:
                history = await self._keep_history(history, scenes[:-1])
            newest = archive.scene.newest
            yield Arrived(
                Scene.model_validate_json(scenes[-1].snapshot),
                newest.content_of,
                newest.redo,
                history,
                archive.scene.takes,
                archive.scene.stems,
            )
            used = True
        finally:
            archive.close()
            for sha256 in held:
                self._audio.release(sha256)
            loose = [sha256 for sha256 in held if not self._store.takes_of(sha256)]
            self._audio.condemn(loose)
            await asyncio.to_thread(lambda: [self._audio.remove(sha256) for sha256 in loose])
            if history is not None and not used:
                await self._drop_history(history, len(archive.scene.revisions))

    async def _keep_history(self, history: History, past: Sequence[Past]) -> History:
        for start in range(0, len(past), ROWS):
            history = self._store.add_past(history, past[start : start + ROWS])
            await self._disk.durable()
            self._store.write_back()
        return history

    async def _drop_history(self, history: History, length: int) -> None:
        for above in range(length - ROWS, -ROWS, -ROWS):
            self._store.remove_past(history, max(above, 0))
            await self._disk.durable()

    def _keep_audio(self, archive: OpenArchive, held: list[str]) -> None:
        for take in {take.audio_sha256: take for take in archive.scene.takes}.values():
            held.append(self._audio.write(archive.audio(take)))
        for take in archive.scene.takes:
            latent = archive.latent(take)
            if latent is not None:
                self._audio.write_latent(take.audio_sha256, latent)


def _joined(parts: Sequence[Part]) -> bytes:
    """All in one, by way of a file without a name: reading and writing let other threads run, where copying
    in memory keeps them waiting for all of it."""
    with tempfile.TemporaryFile(buffering=0) as file:
        size_bytes = sum(write_all(file, part) for part in parts)
        file.seek(0)
        whole = file.read(size_bytes)
    assert whole is not None and len(whole) == size_bytes, "a file gives back what was written"
    return whole


class _Revisions(Sequence[Kept]):
    """Rows of the journal, each read when it is looked at: a long history read as a whole takes several times
    the memory of its text."""

    def __init__(self, rows: Sequence[Row]) -> None:
        # what the only revision goes back to stays here
        self._rows = [rows[0]._replace(content_of=None, redo=None)] if len(rows) == 1 else rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Kept: ...
    @overload
    def __getitem__(self, place: slice) -> _Revisions: ...
    def __getitem__(self, place: int | slice) -> Kept | _Revisions:
        return _Revisions(self._rows[place]) if isinstance(place, slice) else kept_of(self._rows[place])


def _asked_takes(revisions: Sequence[Kept], model: Capabilities) -> set[str]:
    """The takes that any of them asks for."""
    asked = AskedTakes(model)
    takes = set[str]()
    for kept in revisions:
        takes |= asked.by(kept.scene)
        pause()  # thousands of these hold up nobody
    return takes


def _as_json(archived: ArchivedScene, as_id: str | None) -> list[Past]:
    found = []
    for one in archived.revisions:
        scene = one.scene if as_id is None else one.scene.model_copy(update={"id": as_id})
        found.append(Past(scene.model_dump_json(), one.content_of, one.redo))
        pause()
    return found
