"""An engine that is started, killed and started again, always on one data folder and one row of ports.

Knows processes and the control socket; what clients do meanwhile is their business.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgpack
import psutil
import zmq

ROOT: Final = Path(__file__).parents[2]
START_S: Final = 30.0  # an engine that takes longer is not coming
STOP_S: Final = 20.0
POLL_S: Final = 0.005
DOORS: Final = 6  # requests, control, events, HTTP, OSC, OSCQuery: ports in a row


class EngineGone(Exception):  # noqa: N818 - it names what was found
    """The engine's process ended, or does not answer."""


class RunningEngine:
    """Not started when made. `with` ends it however the work inside ended.

    Attributes:
        temporary: what the engine takes for the system's temporary folder, so that what it leaves is seen.
    """

    def __init__(self, data_dir: Path, *options: str, model: str = "fake", port: int | None = None) -> None:
        self.data_dir = data_dir
        self.port = free_row() if port is None else port
        self.model = model
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None
        self.temporary = Path(tempfile.mkdtemp(prefix="soak-"))
        self._context = zmq.Context()
        self._log = data_dir.parent / f"{data_dir.name}.stderr"

    @property
    def request(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def control(self) -> str:
        return f"tcp://127.0.0.1:{self.port + 1}"

    @property
    def events(self) -> str:
        return f"tcp://127.0.0.1:{self.port + 2}"

    @property
    def http_port(self) -> int:
        return self.port + 3

    @property
    def osc_port(self) -> int:
        return self.port + 4

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def __enter__(self) -> RunningEngine:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._context.destroy(linger=0)
        shutil.rmtree(self.temporary, ignore_errors=True)

    def spawn(self, before: Callable[[], None] | None = None) -> None:
        """Starts the process and does not wait. `before` runs in the child, before Python does."""
        assert self.process is None or self.process.poll() is not None
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "plugin_bridge", "--model", self.model, "--data-dir",
                    str(self.data_dir), "--port", str(self.port), "--no-announce", *self.options,
                ],
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)},
                preexec_fn=before,
            )  # fmt: skip

    def start(self, before: Callable[[], None] | None = None) -> float:
        """Seconds from the start to the first `hello` that is answered. Raises `EngineGone`."""
        started_s = time.perf_counter()
        self.spawn(before)
        with self._line() as line:
            _ask(line, "hello", START_S, self.is_alive)
        return time.perf_counter() - started_s

    def status(self, within_s: float = 10.0) -> dict[str, Any]:
        """The content of a reply to `status`, by the control socket. Raises `EngineGone`."""
        with self._line() as line:
            return _ask(line, "status", within_s, self.is_alive)

    def wait_worker(self, not_pid: int | None = None, within_s: float = 120.0) -> WorkerSeen:
        """Waits until a worker can render that is not `not_pid`. Raises `EngineGone`."""
        begun_s = time.perf_counter()
        seen_s: float | None = None
        with self._line() as line:
            while time.perf_counter() < begun_s + within_s:
                worker = _ask(line, "status", 10.0, self.is_alive)["worker"]
                if worker["pid"] not in (None, not_pid):
                    now_s = time.perf_counter()
                    seen_s = now_s if seen_s is None else seen_s
                    if worker["state"] in ("ready", "rendering"):
                        return WorkerSeen(worker["pid"], now_s - begun_s, now_s - seen_s)
                time.sleep(POLL_S)
        raise EngineGone(f"no worker was ready within {within_s:g} s")

    def wait_idle(self, within_s: float) -> list[dict[str, Any]]:
        """Waits until no job is on its way; returns those that still are when the time is over."""
        end_s = time.perf_counter() + within_s
        while (jobs := self.status()["jobs"]) and time.perf_counter() < end_s:
            time.sleep(0.05)
        return list(jobs)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """`kill -9`, and waits until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def last_words(self) -> str:
        """The end of what it said on standard error."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:] if self._log.exists() else ""

    @contextlib.contextmanager
    def _line(self) -> Iterator[zmq.Socket[bytes]]:
        with self._context.socket(zmq.DEALER) as line:
            line.linger = 0
            line.setsockopt(zmq.RECONNECT_IVL, 5)  # ms; it may not be there yet
            line.connect(self.control)
            yield line


class WorkerSeen:
    """A worker that can render: after how long, and how much of that its process was there."""

    def __init__(self, pid: int, after_s: float, load_s: float) -> None:
        self.pid = pid
        self.after_s = after_s
        self.load_s = load_s


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def free_row() -> int:
    """The first of six free ports in a row, below those that the system gives to anybody."""
    draw = random.SystemRandom()
    while True:
        first = draw.randrange(20_000, 30_000)
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + DOORS):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        one = held.enter_context(socket.socket(socket.AF_INET, kind))
                        one.bind(("127.0.0.1", port))
            except OSError:
                continue
        return first


def _ask(line: zmq.Socket[bytes], kind: str, within_s: float, alive: Callable[[], bool]) -> dict[str, Any]:
    message_id = uuid.uuid4().hex
    line.send(msgpack.packb({"version": 1, "id": message_id, "type": kind, "content": {}}))
    end_s = time.perf_counter() + within_s
    while time.perf_counter() < end_s:
        if line.poll(50):
            head = msgpack.unpackb(line.recv_multipart()[0])
            if head["parent"] == message_id:
                if head["type"] == "error":
                    raise EngineGone(f"{kind} was refused: {head['content']}")
                content: dict[str, Any] = head["content"]
                return content
        elif not alive():
            raise EngineGone("the engine's process ended")
    raise EngineGone(f"{kind} was not answered within {within_s:g} s")
