"""What a bridge is told when it starts: addresses, folders, model, timeouts. Frozen, checked when made.

Reads neither environment nor command line: `__main__` does, alone.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import platformdirs

from scene_schema.errors import Finding, Refused, shown

REQUEST_PORT: Final = 47710
CONTROL_PORT: Final = 47711
EVENT_PORT: Final = 47712


def default_data_dir() -> Path:
    """The user's own folder for Stemscape's journal and audio, by the platform's custom. Not created here."""
    return Path(platformdirs.user_data_dir("stemscape", appauthor=False))


def default_threads() -> int:
    """The cores that this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class BridgeConfig:
    """Raises `Refused` (`invalid`) that names the option. A port of 0 is any free one."""

    host: str = "127.0.0.1"
    request_port: int = REQUEST_PORT
    control_port: int = CONTROL_PORT
    event_port: int = EVENT_PORT
    data_dir: Path = field(default_factory=default_data_dir)
    model: str = "compact"
    worker_threads: int = field(default_factory=default_threads)
    private: bool = False  # ends when its standard input closes, so it never outlives who started it

    backoff_first_s: float = 0.1  # a worker that died is started again after this, doubling up to
    backoff_longest_s: float = 5.0
    worker_exit_s: float = 5.0  # how long a worker may take to end when asked, before it is killed
    cancel_s: float = 60.0  # a render that does not stop within this has hung, and costs its worker its life
    linger_s: float = 0.5  # how long closing sockets may go on sending
    step_interval_s: float = 0.02  # events of sampling steps come no closer together

    deliveries: int = 2  # at once; each holds all its files in memory
    delivery_bytes: int = 2**30

    def __post_init__(self) -> None:
        if not _is_loopback(self.host):
            raise _refused(
                "host",
                "a loopback address such as 127.0.0.1",
                self.host,
                "Anyone who reaches another address could use this engine: there are no keys yet.",
            )
        for name in ("request_port", "control_port", "event_port"):
            if not 0 <= getattr(self, name) <= 65_535:
                raise _refused(name, "a port from 0 (any free one) to 65535", getattr(self, name))
        if self.worker_threads < 1:
            raise _refused("worker_threads", "at least 1", self.worker_threads)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(name: str, expected: str, got: object, remedy: str = "") -> Refused:
    finding = Finding(field=f"$.{name}", expected=expected, got=shown(got))
    return Refused("invalid", "the bridge cannot start like this", findings=[finding], remedy=remedy)
