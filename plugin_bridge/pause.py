"""A moment for other threads, in work that would hold the interpreter for long. Never on the event loop."""

from __future__ import annotations

import time
from typing import Final

PAUSE_S: Final = 1e-4  # a sleep of 0 ends before the thread that waits is awake, and takes the lock again


def pause() -> None:
    """Lets the event loop have its turn. Not needed around hashing, files and large arrays, which let others
    run by themselves."""
    time.sleep(PAUSE_S)
