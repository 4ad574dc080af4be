"""Keeps the audio on disk within its budget: what was not used for longest goes, what is in use never does.

Joins the files of takes and of deliveries with what the scenes need. Decides on the event loop, in small
steps; looks at files and removes them in a thread. A take is forgotten in the journal before its file goes:
a kill in between leaves a file without a take, which goes at the next start, and never the other way round.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from plugin_bridge import audio_store, delivery_files
from plugin_bridge.audio_store import AudioStore
from plugin_bridge.commit_group import CommitGroup
from plugin_bridge.delivery_files import DeliveryFiles
from plugin_bridge.guard import guarded
from plugin_bridge.scene_store import SceneStore
from plugin_bridge.stored_files import StoredFile, by_use, scan
from plugin_bridge.take_use import TakeUse
from scene_schema.capabilities import Capabilities
from scene_schema.messages import StoreStatus

log = logging.getLogger("stemscape.bridge")

STEP: Final = 16  # files that go at once: with them one write to the journal, as long as that of an edit
PAUSE_S: Final = 0.02  # between two steps, so that edits do not queue behind them
LOW_WATER: Final = 0.95  # of the budget: so far down at once, so that not every take looks at every file
RETRY_S: Final = 60.0  # when all was in use, it is looked at again after this
HANDED_OUT_S: Final = 600.0  # a host that was given a path has so long to open the file


class AudioBudget:
    """The audio of one data folder. To be used from the event loop's thread only.

    `in_use` are takes that jobs make or deliveries read at this moment.
    """

    def __init__(
        self,
        budget_bytes: int,
        model: Capabilities,
        store: SceneStore,
        audio: AudioStore,
        files: DeliveryFiles,
        disk: CommitGroup,
        in_use: Callable[[], Collection[str]],
    ) -> None:
        self._budget_bytes = budget_bytes
        self._store = store
        self._audio = audio
        self._files = files
        self._disk = disk
        self._in_use = in_use
        self._use = TakeUse(store, model)
        self._started_s = time.time()  # compared with files' times, which are of the calendar
        self._counted_bytes = 0  # by the last look, less what was removed since
        self._written_bytes = 0  # what the stores said then
        self._full_since_s: float | None = None  # when nothing could go, by the monotonic clock
        self._detail = ""
        self._pruned = 0
        self._grown = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._work())

    @property
    def status(self) -> StoreStatus:
        """The numbers, as far as they are known; the first look at all files takes a moment."""
        return StoreStatus(
            audio_bytes=self._bytes,
            budget_bytes=self._budget_bytes,
            takes=len(self._store.takes),
            pruned=self._pruned,
            detail=self._detail,
        )

    def grew(self) -> None:
        """A take or a delivery was written."""
        self._grown.set()

    async def close(self) -> None:
        """Ends after the step that is being made."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # --- inside -----------------------------------------------------------------------------------------

    @property
    def _bytes(self) -> int:
        return self._counted_bytes + self._written() - self._written_bytes

    def _written(self) -> int:
        return self._audio.bytes_written + self._files.bytes_written

    async def _work(self) -> None:
        await guarded("the look at the audio folder", self._tidy())
        while True:
            await guarded("the audio budget", self._prune())
            await self._grown.wait()
            self._grown.clear()

    async def _look(self) -> _Found:
        written_bytes = self._written()
        found = await asyncio.to_thread(self._find)
        self._counted_bytes = found.size_bytes
        self._written_bytes = written_bytes
        return found

    def _find(self) -> _Found:
        found = _Found()
        for one in scan(self._audio.folder):
            found.size_bytes += one.size_bytes
            old = one.changed_s < self._started_s
            if _name(one).startswith(audio_store.LEFTOVER):
                found.leftovers += [one] if old else []
            elif one.path.endswith(audio_store.LATENT):  # goes with its sound
                alone = old and not Path(one.path).with_suffix(".wav").exists()
                found.leftovers += [one] if alone else []
            else:
                found.sounds.append(one)
                if old and not self._store.takes_of(_sound(one)):
                    found.orphans.append(one)
        for one in scan(self._files.folder):
            found.size_bytes += one.size_bytes
            if _name(one).startswith(".") and one.path.endswith(delivery_files.LEFTOVER):
                found.leftovers += [one] if one.changed_s < self._started_s else []
            else:
                found.delivered.append(one)
        return found

    async def _tidy(self) -> None:
        """What an earlier run left: files that were not finished, and audio that no take names."""
        found = await self._look()
        for start in range(0, len(found.leftovers), STEP):
            await asyncio.to_thread(self._unlink, found.leftovers[start : start + STEP])
        if found.orphans and not self._store.takes:
            # such a journal is new, or stands in the place of another that may come back
            log.warning("%d sounds belong to no take of this journal, and stay", len(found.orphans))
            found.orphans.clear()
        for start in range(0, len(found.orphans), STEP):
            await self._let_go(found.orphans[start : start + STEP])
            await asyncio.sleep(PAUSE_S)
        if found.leftovers or found.orphans:
            log.info(
                "removed %d unfinished files and %d without a take", len(found.leftovers), len(found.orphans)
            )

    def _unlink(self, files: Sequence[StoredFile]) -> None:
        for one in files:
            try:
                Path(one.path).unlink()
            except OSError as error:
                log.warning("%s cannot be removed: %s", one.path, error)
            else:
                self._counted_bytes -= one.size_bytes

    async def _prune(self) -> None:
        if self._bytes <= self._budget_bytes:
            self._full_since_s, self._detail = None, ""
            return
        now_s = time.monotonic()
        if self._full_since_s is not None and now_s - self._full_since_s < RETRY_S:
            return
        found = await self._look()
        await self._use.look()
        waiting = await asyncio.to_thread(lambda: by_use([*found.sounds, *found.delivered]))
        low_bytes = int(self._budget_bytes * LOW_WATER)
        before, pruned = self._bytes, self._pruned
        while some := _enough(waiting, self._bytes - low_bytes):
            await self._let_go(some)
            await asyncio.sleep(PAUSE_S)
        if self._pruned > pruned:
            log.info("removed %d files, %d MiB", self._pruned - pruned, (before - self._bytes) // 2**20)
        if self._bytes <= self._budget_bytes:
            self._full_since_s, self._detail = None, ""
            return
        self._detail = (
            f"over its budget by {self._bytes - self._budget_bytes:,} bytes, and all that is left is in use: "
            "give it more with --audio-budget, or remove layers that are not needed"
        )
        if self._full_since_s is None:
            log.warning("the audio folder is %s", self._detail)
        self._full_since_s = now_s

    async def _let_go(self, some: Sequence[StoredFile]) -> None:
        """Those of the files that nobody needs. From deciding to forgetting nobody else has a turn."""
        self._use.catch_up()
        delivered = [one for one in some if self._files.folder in Path(one.path).parents]
        sounds = {_sound(one): one for one in some if one not in delivered}
        takes = {take for sound in sounds for take in self._store.takes_of(sound)}
        needed = self._store.playing(takes) | (takes & set(self._in_use()))
        needed |= {take for take in takes if take in self._use}
        loose = [sound for sound, one in sounds.items() if self._is_loose(sound, one, needed)]
        forgotten = [take for sound in loose for take in self._store.takes_of(sound)]
        if forgotten:
            self._store.forget_takes(forgotten)
        self._audio.condemn(loose)
        try:
            await self._disk.durable()
        except BaseException:
            self._audio.spare(loose)
            raise
        if forgotten:
            await asyncio.sleep(0)
            self._store.write_back()
        await asyncio.to_thread(self._remove, loose, delivered)

    def _is_loose(self, sound: str, file: StoredFile, needed: Collection[str]) -> bool:
        takes = self._store.takes_of(sound)
        if not takes:  # a newer one may be about to get its take
            return file.changed_s < self._started_s
        return not any(take in needed for take in takes)

    def _remove(self, sounds: Sequence[str], delivered: Sequence[StoredFile]) -> None:
        unless_used_since_s = time.time() - HANDED_OUT_S
        for sound in sounds:
            self._note_removed(self._audio.remove(sound))
        for one in delivered:
            self._note_removed(self._files.remove(Path(one.path), unless_used_since_s))

    def _note_removed(self, size_bytes: int) -> None:
        if size_bytes:
            self._counted_bytes -= size_bytes
            self._pruned += 1


@dataclass
class _Found:
    """What lies in both folders."""

    sounds: list[StoredFile] = field(default_factory=list)
    delivered: list[StoredFile] = field(default_factory=list)
    orphans: list[StoredFile] = field(default_factory=list)  # sounds from before the start without a take
    leftovers: list[StoredFile] = field(default_factory=list)  # names of an earlier run's unfinished files
    size_bytes: int = 0


def _name(file: StoredFile) -> str:
    return file.path.rpartition(os.sep)[2]


def _sound(file: StoredFile) -> str:
    """The hash that names a take's audio."""
    return _name(file).removesuffix(".wav")


def _enough(waiting: Iterator[StoredFile], wanted_bytes: int) -> list[StoredFile]:
    """The next ones until they have so many bytes, `STEP` at most."""
    found: list[StoredFile] = []
    while wanted_bytes > 0 and len(found) < STEP and (one := next(waiting, None)) is not None:
        found.append(one)
        wanted_bytes -= one.size_bytes
    return found
