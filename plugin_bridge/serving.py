"""One engine from start to stop: opens the data folder and the door, keeps a worker, ends all in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

from engine.checkpoint import describe
from plugin_bridge.audio_store import AudioStore
from plugin_bridge.bridge import Addresses, Bridge
from plugin_bridge.config import BridgeConfig
from plugin_bridge.doors.zmq_door import ZmqDoor
from plugin_bridge.journal import Journal
from plugin_bridge.scene_store import SceneStore
from plugin_bridge.worker_process import WorkerProcess

Ready = Callable[[str, Addresses], None]
"""Told the session and the addresses once the door is open; the worker may still be loading."""


async def serve(config: BridgeConfig, ready: Ready) -> None:
    """Runs until a signal or a client says stop. Raises `Refused` where it cannot start.

    A private engine (`config.private`) also ends with the process that holds its standard input open.
    """
    stopping = asyncio.Event()
    _stop_on_signals(stopping)  # first, so that a stop that comes while it starts is an orderly one
    if config.private:
        _stop_when_abandoned(stopping)
    async with AsyncExitStack() as closing:  # what is opened last is closed first
        model = describe(config.model)
        journal = Journal(config.data_dir / "journal.sqlite")
        closing.callback(journal.close)
        door = ZmqDoor(config)
        closing.push_async_callback(door.close)
        worker = WorkerProcess(config, model)
        closing.push_async_callback(worker.stop)
        bridge = Bridge(
            config,
            model,
            SceneStore(journal),
            AudioStore(config.data_dir / "audio"),
            worker,
            door.publish,
            door.addresses,
            stopping,
        )
        closing.push_async_callback(bridge.close)
        door.serve(bridge)
        worker.start(bridge.heard, bridge.worker_changed)
        ready(bridge.session, door.addresses)
        await stopping.wait()


def _stop_on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    names = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last is Windows' way to end a process group
    for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopping.set))
        else:
            loop.add_signal_handler(number, stopping.set)


def _stop_when_abandoned(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def wait() -> None:
        while os.read(0, 4096):
            pass
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=wait, daemon=True).start()
