"""A real engine in a process of its own, and a plain client that speaks frames to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

import psutil
import zmq

from scene_schema.envelope import Envelope, decode, encode

WAIT_S: Final = 20.0  # a test that waits longer has found something
ROOT: Final = Path(__file__).parents[2]


def command(data_dir: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "plugin_bridge", "--model", "fake", "--data-dir", str(data_dir), *options]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def wait_for(what: Callable[[], Any], within_s: float = WAIT_S) -> Any:
    """The first true answer of `what`."""
    deadline_s = time.monotonic() + within_s
    while True:
        if found := what():
            return found
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.01)


class EngineProcess:
    """Started at once, with more `options` if wanted; `with` ends it however the test ended."""

    def __init__(self, data_dir: Path, *options: str, stderr: IO[bytes] | None = None) -> None:
        self.process = subprocess.Popen(
            command(data_dir, "--port", "0", "--json", "--no-announce", *options),
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(),
            cwd=ROOT,
        )
        self._context = zmq.Context()
        self.heard: list[Envelope] = []
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise

    def _connect(self) -> None:
        assert self.process.stdout is not None
        self.said: dict[str, Any] = json.loads(self.process.stdout.readline())
        self._requests = self.socket(zmq.DEALER, "request")
        self._control = self.socket(zmq.DEALER, "control")
        self._events = self._context.socket(zmq.SUB)
        for topic in (b"scene.", b"engine", b"welcome"):
            self._events.subscribe(topic)
        self._events.connect(self.said["events"])
        while (frames := self._poll(self._events).recv_multipart()) != [b"welcome"]:
            self.heard.append(decode(frames[1:]))  # the worker may have had something to say before

    def __enter__(self) -> EngineProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.destroy(linger=0)
        if self.process.poll() is None:
            self.process.terminate()
        assert self.process.wait(WAIT_S) is not None
        assert self.process.stdout is not None
        self.process.stdout.close()

    def socket(self, kind: int, door: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(kind)
        socket.connect(self.said[door])
        return socket

    def ask(self, kind: str, content: dict[str, Any] | None = None, **header: Any) -> Envelope:
        """The answer to a request; asserts that it is the answer to this one."""
        return self.exchange(self._requests, Envelope(kind, content or {}, **header))

    def ask_control(self, kind: str, content: dict[str, Any] | None = None) -> Envelope:
        return self.exchange(self._control, Envelope(kind, content or {}))

    def exchange(self, socket: zmq.Socket[bytes], message: Envelope) -> Envelope:
        socket.send_multipart(encode(message))
        answer = decode(self._poll(socket).recv_multipart())
        assert answer.parent == message.id
        assert answer.session == self.said["session"]
        return answer

    def ask_frames(self, frames: list[bytes]) -> Envelope:
        """The answer to any frames; one that begins with an empty frame is answered likewise, as for REQ."""
        self._requests.send_multipart(frames)
        answer = self._poll(self._requests).recv_multipart()
        return decode(answer if answer[0] else answer[1:])

    def wait_event(self, kind: str, within_s: float = WAIT_S, **fields: Any) -> Envelope:
        """The next event of this kind with these fields in its content; all that came is kept in `heard`."""
        deadline_s = time.monotonic() + within_s
        while True:
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, (
                f"no {kind} with {fields}; heard {[(e.type, e.content) for e in self.heard[-5:]]}"
            )
            if self._events.poll(left_s * 1000):
                frames = self._events.recv_multipart()
                if len(frames) < 2:
                    continue  # the welcome of somebody else
                event = decode(frames[1:])
                self.heard.append(event)
                if event.type == kind and all(event.content[name] == fields[name] for name in fields):
                    return event

    def wait_job(self, job_id: str, *states: str) -> dict[str, Any]:
        """The job's status once it is in one of these states."""

        def there() -> dict[str, Any] | None:
            status = self.ask("job.get", {"job": job_id}).content
            return status if status["state"] in states else None

        found: dict[str, Any] = wait_for(there)
        return found

    def wait_ready(self) -> dict[str, Any]:
        """The worker's status once it can render."""

        def ready() -> dict[str, Any] | None:
            worker: dict[str, Any] = self.ask("status").content["worker"]
            return worker if worker["state"] == "ready" else None

        found: dict[str, Any] = wait_for(ready)
        return found

    def kill(self) -> None:
        """The end of a machine's power, as far as the engine can tell."""
        os.kill(self.said["pid"], signal.SIGKILL)
        self.process.wait(WAIT_S)

    def _poll(self, socket: zmq.Socket[bytes]) -> zmq.Socket[bytes]:
        assert socket.poll(WAIT_S * 1000), "no answer"
        return socket


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def scene(scene_id: str = "rain", *layers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A small scene as plain data."""
    default = [
        {"id": "env", "view": "env", "caption": "light rain"},
        {"id": "music", "view": "music", "caption": "slow piano"},
    ]
    return {"id": scene_id, "duration_s": 0.5, "layers": list(layers) or default, **fields}
