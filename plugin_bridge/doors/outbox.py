"""What waits to be sent to one WebSocket. Pure: knows no socket, so a slow one cannot hold up a publisher.

Answers wait as long as it takes: a client has only so many requests open. Events are bounded: of a job's
progress only the newest waits, then the oldest progress is dropped, and who still is too far behind is lost.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Final

from plugin_bridge.doors.json_envelope import text_of
from scene_schema.envelope import Envelope, encode
from scene_schema.job_states import FINAL

WAITING_EVENTS: Final = 1000  # more than a minute of three jobs' steps


@dataclass(frozen=True)
class Parcel:
    """One message, encoded once for all who get it. `is_event`: it answers nobody."""

    message: Envelope
    is_event: bool = False

    @cached_property
    def text(self) -> str:
        """As JSON."""
        return text_of(self.message).decode()

    @cached_property
    def frame(self) -> bytes:
        """As msgpack: the first frame of the same message over ZeroMQ."""
        return encode(self.message)[0]

    @property
    def progress(self) -> Hashable | None:
        """What a newer parcel of the same value makes this one worthless; None where nothing does."""
        content = self.message.content
        if not self.is_event or self.message.type != "event.job" or content["state"] in FINAL:
            return None
        return content["job"], content["state"]


class Outbox:
    """First in, first out.

    Attributes:
        dropped: events that were left out, because a newer one says more or because too many waited.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: OrderedDict[Hashable, Parcel] = OrderedDict()
        self._numbers = count()
        self._events = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, parcel: Parcel) -> bool:
        """False where an event found no place: whoever reads this has lost the thread."""
        progress = parcel.progress
        if progress is not None and progress in self._waiting:
            self._waiting[progress] = parcel  # in the older one's place
            self.dropped += 1
            return True
        if parcel.is_event and self._events >= self._limit and not self._drop_progress():
            return False
        self._events += parcel.is_event
        self._waiting[next(self._numbers) if progress is None else progress] = parcel
        return True

    def take(self) -> Parcel | None:
        """The oldest, or None."""
        if not self._waiting:
            return None
        _, parcel = self._waiting.popitem(last=False)
        self._events -= parcel.is_event
        return parcel

    def _drop_progress(self) -> bool:
        for key, parcel in self._waiting.items():
            if parcel.progress is not None:
                del self._waiting[key]
                self._events -= 1
                self.dropped += 1
                return True
        return False
