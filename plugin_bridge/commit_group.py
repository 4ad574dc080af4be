"""Edits that come at the same time wait for the disk once, together. Knows the event loop and no scenes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress
from typing import Final, Protocol

from plugin_bridge.journal import Batch

QUIET_ROUNDS: Final = 2  # of the event loop without another write: nobody else is on the way
MOST_ROUNDS: Final = 64  # then whoever came first has waited long enough


class Committing(Protocol):
    """What is written and put on disk."""

    @property
    def batch(self) -> Batch | None: ...

    def commit(self) -> None: ...


class CommitGroup:
    """To be used from the event loop's thread only."""

    def __init__(self, store: Committing) -> None:
        self._store = store
        self._committing: asyncio.Task[None] | None = None

    async def durable(self) -> None:
        """Returns when all that was written before is on disk. Raises sqlite3.Error: it never was written."""
        batch = self._store.batch
        if batch is None:
            return
        while not batch.is_over:  # the commit that is on its way may be an earlier batch's
            if self._committing is None or self._committing.done():
                self._committing = asyncio.get_running_loop().create_task(self._commit_soon(batch))
            await asyncio.shield(self._committing)  # whoever stops waiting does not stop the others
        if batch.error is not None:
            raise batch.error

    async def _commit_soon(self, batch: Batch) -> None:
        quiet = 0
        for _ in range(MOST_ROUNDS):
            writes = batch.writes
            await asyncio.sleep(0)
            if batch.is_over:
                return
            quiet = quiet + 1 if batch.writes == writes else 0
            if quiet == QUIET_ROUNDS:
                break
        with suppress(sqlite3.Error):  # it is in the batch, for everyone who waits
            self._store.commit()
