"""All workers of an engine, each supervised by itself. Knows no jobs: who gets what is for the job desk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from plugin_bridge.config import BridgeConfig
from plugin_bridge.worker_process import Changed, WorkerProcess
from scene_schema.capabilities import Capabilities
from scene_schema.envelope import Envelope
from scene_schema.messages import WorkerStatus

Heard = Callable[[int, Envelope], Awaitable[None]]
"""Told a worker's number and what it said."""

BEST_FIRST: Final = ("rendering", "ready", "loading", "starting", "unloaded", "lost", "failed", "stopped")


class WorkerPool:
    """Call `start` once and `stop` at the end. Workers are named by their numbers, from 0."""

    def __init__(self, config: BridgeConfig, model: Capabilities) -> None:
        self._workers = [WorkerProcess(config, model, seat) for seat in config.seats]

    @property
    def statuses(self) -> Sequence[WorkerStatus]:
        """By number."""
        return [one.status for one in self._workers]

    def start(self, heard: Heard, changed: Changed) -> None:
        """Starts all. The callbacks must not raise."""
        for number, one in enumerate(self._workers):
            one.start(partial(heard, number), changed)

    def send(self, worker: int, message: Envelope) -> None:
        """See `WorkerProcess.send`."""
        self._workers[worker].send(message)

    def kill(self, worker: int) -> None:
        """See `WorkerProcess.kill`."""
        self._workers[worker].kill()

    def load(self, worker: int) -> None:
        """See `WorkerProcess.load`."""
        self._workers[worker].load()

    def unload(self, worker: int) -> None:
        """See `WorkerProcess.unload`."""
        self._workers[worker].unload()

    async def stop(self) -> None:
        """Ends all for good, at once."""
        await asyncio.gather(*(one.stop() for one in self._workers))


def foremost(statuses: Sequence[WorkerStatus]) -> WorkerStatus:
    """The worker that is best off: what an engine with several says where there is room for one."""
    return min(statuses, key=lambda one: (BEST_FIRST.index(one.state), one.number))
