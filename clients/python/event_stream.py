"""Events waiting to be read by one reader. Knows no sockets; a slow reader loses the oldest, counted."""

from __future__ import annotations

import asyncio
from typing import Final

from clients.python.session import Event

EVENTS_KEPT: Final = (
    4096  # some minutes of progress from a full scene; a reader this late has stopped reading
)


class EventStream:
    """`async for event in stream`. It hears everything from the moment it is made until `close()`."""

    def __init__(self) -> None:
        self.missed = 0
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(EVENTS_KEPT)
        self._closed = False

    def put(self, event: Event) -> None:
        """Adds an event, in place of the oldest where the stream is full."""
        if self._events.full():
            self._events.get_nowait()
            self.missed += 1
        self._events.put_nowait(event)

    def close(self) -> None:
        """Ends the stream: a reader that waits stops at once."""
        if not self._closed:
            self._closed = True
            if self._events.full():
                self._events.get_nowait()
            self._events.put_nowait(None)

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        if self._closed and self._events.empty():
            raise StopAsyncIteration
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        return event
