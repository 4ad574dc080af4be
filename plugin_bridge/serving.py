"""One engine from start to stop: opens the data folder and the doors, keeps workers, ends all in order."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Final, Protocol

from engine.checkpoint import describe
from plugin_bridge import discovery
from plugin_bridge.access import Access, operator_token
from plugin_bridge.audio_store import AudioStore
from plugin_bridge.bridge import Addresses, Bridge, version
from plugin_bridge.config import BridgeConfig
from plugin_bridge.doors.http_door import HttpDoor
from plugin_bridge.doors.osc_door import OscDoor
from plugin_bridge.doors.zmq_door import ZmqDoor
from plugin_bridge.journal import Journal
from plugin_bridge.metrics import Metrics
from plugin_bridge.scene_store import SceneStore
from plugin_bridge.worker_pool import WorkerPool
from scene_schema.envelope import Envelope

COLLECT_AFTER: Final = 20_000  # objects more than before; Python's own 700 are made by two edits

Ready = Callable[[str, Addresses], None]
"""Told the session and the addresses once the door is open; the worker may still be loading."""


class Door(Protocol):
    """A way into the bridge: bound when it is made, open from `serve` to `close`."""

    def serve(self, bridge: Bridge) -> None:
        """Takes messages from now on."""
        ...

    def publish(self, topic: str, event: Envelope) -> None:
        """Tells its own followers. Never waits: whoever is too slow misses it."""
        ...

    async def close(self) -> None:
        """Lets what was sent go out for a moment, then closes."""
        ...


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
        access = Access(
            operator_token=operator_token(config.data_dir), token=config.token, projects=config.projects
        )
        metrics = Metrics()
        zmq_door = ZmqDoor(config, metrics)
        closing.push_async_callback(zmq_door.close)
        doors: list[Door] = [zmq_door]
        addresses = zmq_door.addresses
        if config.http_port is not None:
            http_door = HttpDoor(config, metrics)
            closing.push_async_callback(http_door.close)
            doors.append(http_door)
            addresses = replace(addresses, http=http_door.url)
        if config.osc_port is not None:
            osc_door = await OscDoor.open(config, metrics)
            closing.push_async_callback(osc_door.close)
            doors.append(osc_door)
            addresses = replace(addresses, osc=osc_door.address, oscquery=osc_door.query_url)

        def publish(topic: str, event: Envelope) -> None:
            for door in doors:
                door.publish(topic, event)

        workers = WorkerPool(config, model)
        closing.push_async_callback(workers.stop)
        bridge = Bridge(
            config,
            model,
            SceneStore(journal),
            AudioStore(config.data_dir / "audio", config.sounds_bytes),
            workers,
            access,
            publish,
            addresses,
            stopping,
            metrics=metrics,
        )
        closing.push_async_callback(bridge.close)
        for door in doors:
            door.serve(bridge)
        workers.start(bridge.heard, bridge.worker_changed)
        _spare_the_collector()
        ready(bridge.session, addresses)
        if config.announce:
            announcement = discovery.announce(addresses, addresses.oscquery, bridge.session, version())
            closing.push_async_callback(announcement.close)
        for work, every_s in ((bridge.beat, config.heartbeat_s), (bridge.tidy, config.tidy_s)):
            repeating = asyncio.create_task(_repeat(work, every_s))
            closing.callback(repeating.cancel)
        await stopping.wait()


def _spare_the_collector() -> None:
    """Keeps Python's garbage collector from stopping the event loop for milliseconds.

    What is there now stays until the end and is not looked through again; the rest is, and seldomer than
    usual, for little of it goes in circles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


async def _repeat(work: Callable[[], Awaitable[None]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await work()


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
