"""The HTTP door on a real port, around a real bridge whose fake worker the test plays by hand."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from plugin_bridge.access import Access
from plugin_bridge.doors.http_door import HttpDoor
from scene_schema.envelope import Envelope
from tests.plugin_bridge.engine_process import WAIT_S, scene
from tests.plugin_bridge.fakes import Room


class _Told(list[tuple[str, Envelope]]):
    """What the bridge published, told to the door as well."""

    def __init__(self, door: HttpDoor) -> None:
        super().__init__()
        self._door = door

    def append(self, event: tuple[str, Envelope]) -> None:
        super().append(event)
        self._door.publish(*event)


class HttpRoom:
    """Serves from a thread of its own, so that a test may block on sockets."""

    def __init__(self, data_dir: Path, **config: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.run(self._open, data_dir, config)
        self.client = httpx.Client(base_url=self.door.url, timeout=WAIT_S, trust_env=False)

    async def _open(self, data_dir: Path, config: dict[str, Any]) -> None:
        self.room = Room(data_dir, http_port=0, **config)
        self.room.bridge.access = Access(operator_token="operator's", token=self.room.config.token)
        self.door = HttpDoor(self.room.config, self.room.metrics)
        self.room.events = _Told(self.door)
        self.door.serve(self.room.bridge)

    def run(self, work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """Something done in the door's own thread."""

        async def awaited() -> Any:
            return await work(*args)

        done: Future[Any] = asyncio.run_coroutine_threadsafe(awaited(), self._loop)
        return done.result(WAIT_S)

    def __enter__(self) -> HttpRoom:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.run(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        await self.door.close()
        await self.room.close()

    def render(self, scene_id: str = "rain", *layers: dict[str, Any], **fields: Any) -> None:
        """A scene whose stems are all there."""
        self.run(self._render, scene(scene_id, *layers, **fields))

    async def _render(self, wanted: dict[str, Any]) -> None:
        await self.room.ask("scene.create", {"scene": wanted, "render": True})
        for _ in wanted["layers"]:
            await self.room.render()

    def publish(self, topic: str, *events: Envelope) -> None:
        """As the bridge would."""

        async def tell() -> None:
            for event in events:
                self.door.publish(topic, event)

        self.run(tell)

    def socket(self) -> socket.socket:
        """A bare connection."""
        host, port = self.door.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=WAIT_S)

    def events(self, query: str = "", **options: Any) -> ClientConnection:
        """A WebSocket that has not been welcomed yet."""
        url = f"{self.door.url.replace('http', 'ws', 1)}/events{query}"
        client: ClientConnection = connect(url, proxy=None, **options)
        return client
