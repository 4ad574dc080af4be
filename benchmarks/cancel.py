"""`python -m benchmarks.cancel`: how soon the worker is free when a running render is cancelled.

A layer is edited, and its render is cancelled at a random moment of a random step, through the control
socket. The time runs from sending the cancel to `event.worker` ready, which is when the next job may begin.
A sampling step's own duration is taken from the steps that are told in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack
import numpy as np
import zmq
from rich.console import Console
from rich.table import Table

from benchmarks.private_engine import private_engine

PATIENCE_S: Final = 60
LAYER_S: Final = 10.0
CLIENT: Final = "benchmark"


class Line:
    """The three sockets of one client."""

    def __init__(self, said: dict[str, str]) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets = {door: self._context.socket(zmq.DEALER) for door in ("request", "control")}
        for door, socket in self._sockets.items():
            socket.connect(said[door])
        self._events = self._context.socket(zmq.SUB)
        self._events.setsockopt(zmq.RCVHWM, 0)
        for topic in (b"scene.", b"engine", b"welcome"):
            self._events.subscribe(topic)
        self._events.connect(said["events"])
        while self._receive(self._events) != [b"welcome"]:
            pass

    def close(self) -> None:
        self._context.destroy(linger=0)

    def send(self, door: str, kind: str, content: dict[str, Any]) -> str:
        """Sends and does not wait; returns the message's id."""
        head = {"version": 1, "id": uuid.uuid4().hex, "type": kind, "client": CLIENT, "content": content}
        self._sockets[door].send(msgpack.packb(head))
        return str(head["id"])

    def answer(self, door: str, message_id: str) -> dict[str, Any]:
        """The content of the reply. Raises RuntimeError for a refusal, TimeoutError."""
        while True:
            head = msgpack.unpackb(self._receive(self._sockets[door])[0])
            if head["parent"] == message_id:
                content: dict[str, Any] = head["content"]
                if head["type"] == "error":
                    raise RuntimeError(f"the engine refused: {content}")
                return content

    def ask(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """A request and its answer, by the request socket."""
        return self.answer("request", self.send("request", kind, content))

    def event(self) -> tuple[str, dict[str, Any]]:
        """Type and content of the next event. Raises TimeoutError."""
        while True:
            frames = self._receive(self._events)
            if len(frames) > 1:
                head = msgpack.unpackb(frames[1])
                return head["type"], head["content"]

    def _receive(self, socket: zmq.Socket[bytes]) -> list[bytes]:
        if not socket.poll(1000 * PATIENCE_S):
            raise TimeoutError(f"nothing came within {PATIENCE_S} s")
        return socket.recv_multipart()


@dataclass
class Taken:
    """What was measured, in seconds. `late` renders were done before the cancel reached the bridge."""

    free_s: list[float] = field(default_factory=list)
    step_s: list[float] = field(default_factory=list)
    late: int = 0


def cancel_once(line: Line, draw: random.Random, taken: Taken) -> None:
    """Edits, waits for a drawn step, cancels, and waits until the worker is free."""
    steps = int(line.ask("hello", {})["model"]["steps"])
    cancel_at = draw.randrange(steps - 1)
    usual_s = float(np.median(taken.step_s)) if taken.step_s else 0.0
    changes = {"seed": draw.getrandbits(32)}
    edit = {"scene": "cancelled", "layer": "layer", "changes": changes}
    (job,) = (one["job"] for one in line.ask("layer.edit", edit)["jobs"])
    last: tuple[int, float] | None = None  # a sampling step, and when it was told
    while True:
        kind, content = line.event()
        now_s = time.perf_counter()
        if kind != "event.job" or content["job"] != job or content["state"] != "running":
            continue
        step = content["step"] if content["stage"] == "sampling" else 0
        if step:
            if last is not None and step > last[0]:
                taken.step_s.append((now_s - last[1]) / (step - last[0]))
            last = (step, now_s)
        if step >= cancel_at:
            break
    time.sleep(draw.random() * usual_s)
    begun_s = time.perf_counter()
    asked = line.send("control", "job.cancel", {"job": job})
    ending = ""
    while True:
        kind, content = line.event()
        if kind == "event.worker" and content["state"] == "ready":
            free_s = time.perf_counter() - begun_s
            break
        if kind == "event.job" and content["job"] == job:
            ending = content["state"]
    line.answer("control", asked)
    while ending not in ("cancelled", "done"):
        kind, content = line.event()
        ending = content["state"] if kind == "event.job" and content["job"] == job else ending
    if ending == "cancelled":
        taken.free_s.append(free_s)
    else:
        taken.late += 1


def measure(model: str, count: int, layer_s: float, seed: int) -> Taken:
    """So many cancelled renders, after two that are not, which warm up and tell of steps."""
    taken, draw = Taken(), random.Random(seed)
    with (
        private_engine(model, "--http-port", "off", "--osc-port", "off") as said,
        contextlib.closing(Line(said)) as line,
    ):
        layers = [{"id": "layer", "view": "env", "caption": "rain on a roof"}]
        scene = {"id": "cancelled", "duration_s": layer_s, "layers": layers}
        line.ask("scene.create", {"scene": scene})
        for number in range(2):
            whole(line, number, taken)
        taken.step_s = taken.step_s[len(taken.step_s) // 2 :]  # the first brings code and buffers into being
        tries = 0
        while len(taken.free_s) < count and tries < 2 * count:
            cancel_once(line, draw, taken)
            tries += 1
    return taken


def whole(line: Line, seed: int, taken: Taken) -> None:
    """One render to its end."""
    edit = {"scene": "cancelled", "layer": "layer", "changes": {"seed": seed}}
    line.ask("layer.edit", {**edit, "render": False})
    (job,) = (one["job"] for one in line.ask("scene.render", {"scene": "cancelled"})["jobs"])
    last: tuple[int, float] | None = None
    while True:
        kind, content = line.event()
        now_s = time.perf_counter()
        if kind != "event.job" or content["job"] != job:
            continue
        if content["state"] == "running" and content["stage"] == "sampling" and content["step"]:
            if last is not None and content["step"] > last[0]:
                taken.step_s.append((now_s - last[1]) / (content["step"] - last[0]))
            last = (content["step"], now_s)
        elif content["state"] in ("done", "failed"):
            if content["state"] == "failed":
                raise RuntimeError(f"the render failed: {content['error']}")
            return


def found_in(taken: Taken) -> dict[str, float | int]:
    """The numbers, in milliseconds."""
    free_ms, step_ms = 1000 * np.array(taken.free_s), 1000 * np.array(taken.step_s)
    return {
        "free_p50_ms": round(float(np.percentile(free_ms, 50)), 2),
        "free_p99_ms": round(float(np.percentile(free_ms, 99)), 2),
        "free_max_ms": round(float(free_ms.max()), 2),
        "step_p50_ms": round(float(np.percentile(step_ms, 50)), 2),
        "step_p99_ms": round(float(np.percentile(step_ms, 99)), 2),
        "cancelled": len(taken.free_s),
        "late": taken.late,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cancel", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--count", type=int, default=200, help="of cancelled renders")
    parser.add_argument("--model", default="compact", help="a shipped model, or its folder")
    parser.add_argument("--layer-s", type=float, default=LAYER_S, help="length of the layer, seconds")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with Console(stderr=True).status("cancelling renders"):
        found = found_in(measure(options.model, options.count, options.layer_s, options.seed))
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    table = Table(title=f"cancel → worker free, model {options.model}")
    for name in found:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_row(*(f"{value:g}" for value in found.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
