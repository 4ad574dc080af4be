"""A slow reader loses the oldest events, counted; closing ends the stream."""

from __future__ import annotations

import asyncio

from clients.python.event_stream import EVENTS_KEPT, EventStream
from clients.python.session import Event
from scene_schema.messages import WorkerStatus


def event(number: int) -> Event:
    return Event("event.worker", "engine", WorkerStatus(state="ready", restarts=number))


def test_the_oldest_are_lost_and_counted() -> None:
    async def story() -> list[Event]:
        stream = EventStream()
        for number in range(EVENTS_KEPT + 3):
            stream.put(event(number))
        assert stream.missed == 3
        stream.close()
        stream.close()
        return [one async for one in stream]

    kept = asyncio.run(story())
    assert kept[-1] == event(EVENTS_KEPT + 2)
    assert len(kept) == EVENTS_KEPT - 1  # the end of the stream took the place of one


def test_a_stream_that_was_read_to_its_end_stays_ended() -> None:
    async def story() -> list[Event]:
        stream = EventStream()
        stream.put(event(1))
        stream.close()
        return [one async for one in stream] + [one async for one in stream]

    assert asyncio.run(story()) == [event(1)]
