"""What a bridge is told when it starts: addresses, folders, model, timeouts. Frozen, checked when made.

Reads neither environment nor command line: `__main__` does, alone.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import platformdirs

from scene_schema.errors import Finding, Refused, shown
from scene_schema.limits import LAYERS, Bound

REQUEST_PORT: Final = 47710
CONTROL_PORT: Final = 47711
EVENT_PORT: Final = 47712
HTTP_PORT: Final = 47713
OSC_PORT: Final = 47714  # UDP and TCP
OSCQUERY_PORT: Final = 47715
TOKEN_CHARS: Final = 16  # fewer are guessed
QUIET_S: Final = 60.0  # nobody means to wait longer than that for a render to begin
LEASE_S: Final = Bound(1.0, 3600.0)  # below: a busy client's pause; above: not while anybody remembers
AUTO: Final = "auto"  # the device that suits the model
WORKERS: Final = 64  # each a process with a model of its own
_DEVICE: Final = re.compile(r"auto|cpu|cuda(:\d{1,3})?")


def default_data_dir() -> Path:
    """The user's own folder for Stemscape's journal and audio, by the platform's custom. Not created here."""
    return Path(platformdirs.user_data_dir("stemscape", appauthor=False))


def default_threads() -> int:
    """The cores that this process may use, which in a container are fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Seat:
    """What one worker is started with: its number from 0, its device, and its threads on a CPU."""

    number: int
    device: str
    threads: int


@dataclass(frozen=True)
class BridgeConfig:
    """Raises `Refused` (`invalid`) that names the option. A port of 0 is any free one."""

    host: str = "127.0.0.1"
    request_port: int = REQUEST_PORT
    control_port: int = CONTROL_PORT
    event_port: int = EVENT_PORT
    http_port: int | None = HTTP_PORT  # None: this door stays shut; the same for the next two
    osc_port: int | None = OSC_PORT
    oscquery_port: int | None = OSCQUERY_PORT  # only with OSC
    data_dir: Path = field(default_factory=default_data_dir)
    model: str = "compact"
    worker_threads: int = field(default_factory=default_threads)  # of all workers together
    devices: tuple[str, ...] = (AUTO,)  # what the workers render on, each in turn
    workers: int | None = None  # None: one a device
    warm_up: bool | None = None  # a worker renders something short before it is ready; None: on a GPU
    together: int | None = None  # layers of a scene that are one batch, at most; None: as the model says
    keep_warm_s: float | None = None  # an idle worker keeps its GPU's clock up so often; None: it does not
    idle_unload_s: float | None = None  # a worker that long idle ends, to free its memory; None: never
    token: str | None = None  # for HTTP, WebSocket and OSC over TCP; without one, loopback only
    keys: Path | None = None  # folder of CURVE certificates for ZeroMQ; without one, loopback only
    projects: tuple[Path, ...] = ()  # folders that deliveries may be written into
    origins: tuple[str, ...] = ()  # web pages' origins that may use the HTTP door, beside the engine's own
    udp_anywhere: bool = False  # OSC over UDP, which has no token, also on an address that is not loopback
    announce: bool = False  # tell the local network by mDNS where the doors are
    private: bool = False  # ends when its standard input closes, so it never outlives who started it

    backoff_first_s: float = 0.1  # a worker that died is started again after this, doubling up to
    backoff_longest_s: float = 5.0
    worker_exit_s: float = 5.0  # how long a worker may take to end when asked, before it is killed
    cancel_s: float = 60.0  # a render that does not stop within this has hung, and costs its worker its life
    length_wait_s: float = 60.0  # for a worker to say how long a scene should be, loading its model included
    linger_s: float = 0.5  # how long closing sockets may go on sending
    heartbeat_s: float = 5.0
    tidy_s: float = 2.0  # how often the journal's log is written back, before it is long enough to be felt
    step_interval_s: float = 0.02  # events of sampling steps come no closer together

    quiet_s: float = 0.25  # a render waits until its layer was not edited for so long; 0: none waits
    quiet_longest_s: float = 3.0  # but no longer than this, from the first edit on
    quiet_from_s: float = 1.5  # where renders take less, none waits: throwing one away costs less
    waiting_jobs: int = 256  # of one client at a time; more are refused
    lease_s: float = 15.0  # silence after which a client that asked for that counts as gone

    deliveries: int = 2  # at once; each holds all its files in memory
    delivery_bytes: int = 2**30
    sounds_bytes: int = 64 * 2**20  # newest sounds kept in memory: eight stereo stems of 20 s at 48 kHz
    audio_bytes: int = 20 * 2**30  # of takes and own deliveries on disk; what is not in use goes beyond it

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the doors."""
        return is_loopback(self.host)

    @property
    def seats(self) -> list[Seat]:
        """The workers that the engine has. Threads are split between them, at least one for each."""
        count = len(self.devices) if self.workers is None else self.workers
        each, more = divmod(self.worker_threads, count)
        return [
            Seat(number, self.devices[number % len(self.devices)], max(1, each + (number < more)))
            for number in range(count)
        ]

    def __post_init__(self) -> None:
        if not self.is_loopback and (self.keys is None or self.token is None):
            raise _refused(
                "host",
                "a loopback address such as 127.0.0.1, or keys and a token beside it",
                self.host,
                "Anyone who reaches another address could use this engine: make keys with `stemscape keys` "
                "and give --keys FOLDER and --token FILE.",
            )
        for name in ("request_port", "control_port", "event_port", "http_port", "osc_port", "oscquery_port"):
            port = getattr(self, name)
            if port is not None and not 0 <= port <= 65_535:
                raise _refused(name, "a port from 0 (any free one) to 65535", port)
        if self.token is not None and len(self.token) < TOKEN_CHARS:
            raise _refused("token", f"at least {TOKEN_CHARS} characters", "•" * len(self.token))
        for project in self.projects:
            if not project.is_dir():
                raise _refused("projects", "folders that exist", str(project))
        for name in ("audio_bytes", "sounds_bytes"):
            if getattr(self, name) < 0:
                raise _refused(name, "no less than nothing", getattr(self, name))
        for name, least in (("quiet_s", 0.0), ("quiet_from_s", 0.0), ("quiet_longest_s", self.quiet_s)):
            value = getattr(self, name)
            if not least <= value <= QUIET_S:
                raise _refused(name, f"seconds from {least:g} to {QUIET_S:g}", value)
        if not LEASE_S.low <= self.lease_s <= LEASE_S.high:
            raise _refused("lease_s", f"seconds from {LEASE_S.low:g} to {LEASE_S.high:g}", self.lease_s)
        if self.waiting_jobs < LAYERS:
            raise _refused(
                "waiting_jobs", f"at least {LAYERS}, so that a whole scene fits", self.waiting_jobs
            )
        if self.worker_threads < 1:
            raise _refused("worker_threads", "at least 1", self.worker_threads)
        self._check_workers()

    def _check_workers(self) -> None:
        for device in self.devices or ("",):
            if not _DEVICE.fullmatch(device):
                raise _refused(
                    "devices",
                    "auto, cpu, cuda or cuda:N",
                    device,
                    "Name one device for each worker, such as --device cuda:0,cuda:1; `stemscape doctor` "
                    "says what torch finds here.",
                )
        if self.workers is not None and not len(self.devices) <= self.workers <= WORKERS:
            expected = f"from {len(self.devices)}, one a device, to {WORKERS}"
            raise _refused("workers", expected, self.workers)
        if self.together is not None and not 1 <= self.together <= LAYERS:
            raise _refused("together", f"from 1 to {LAYERS}, the layers of a scene", self.together)
        for name in ("keep_warm_s", "idle_unload_s"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds < float("inf"):
                raise _refused(name, "more than 0", seconds, "Leave the option out to switch this off.")


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(name: str, expected: str, got: object, remedy: str = "") -> Refused:
    finding = Finding(field=f"$.{name}", expected=expected, got=shown(got))
    return Refused("invalid", "the bridge cannot start like this", findings=[finding], remedy=remedy)
