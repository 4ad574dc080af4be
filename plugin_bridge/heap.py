"""Memory that work has freed, given back to the system.

Python leaves old objects that refer to each other in a circle where they are, for as long as they are fewer
than a quarter of all: 14,000 odd requests over HTTP left 24 MB of them, between which nothing could be given
back. glibc keeps what is freed for the next large piece, in pieces: after 18,000 such requests, 22 of its 38
MiB were free and still counted as ours. An engine that runs for weeks would seem to grow.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

BUSY_S: Final = 20.0  # an engine that never rests gives back this often
_ARENA_MAX: Final = -8  # of glibc's malloc.h


class Heap:
    """To be told of work, and looked at every few seconds: gives back when the engine has come to rest."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._worked = False  # since the last look
        self._dirty = False  # since something was given back
        self._given_s = clock()

    def work(self) -> None:
        """Something was done that may have taken memory."""
        self._worked = self._dirty = True

    async def look(self) -> None:
        """Gives back where it is time to. Looking for circles holds up everything for some milliseconds,
        so it waits for a rest, or for `BUSY_S` to pass; a thread does what is left."""
        worked, self._worked = self._worked, False
        now_s = self._clock()
        if self._dirty and (not worked or now_s - self._given_s >= BUSY_S):
            self._dirty, self._given_s = False, now_s
            gc.collect()
            await asyncio.to_thread(give_back)


def share_one() -> None:
    """Makes threads take their memory from one heap, before there are any.

    glibc gives each its own, and what one has freed no other takes: after 20,000 odd messages to the
    WebSocket the bridge had 96 MiB, and 85 with one heap. Does nothing where the C library has no `mallopt`.
    """
    _of_glibc("mallopt", _ARENA_MAX, 1)


def give_back() -> None:
    """Does nothing where the C library has no `malloc_trim`."""
    _of_glibc("malloc_trim", 0)


def _of_glibc(name: str, *numbers: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            getattr(ctypes.CDLL(None), name)(*numbers)
