"""`python -m benchmarks.edit`: how long one caption edit takes, from sending it to hearing it.

A private engine, a scene of three layers that all have their stems, and caption edits one after another over
ZeroMQ, each of another layer and in words that were never rendered. Times run from sending the edit to its
acknowledgement (it is on disk), the first step of its render, its draft and its take. The engine is started
twice on one data folder, the first time an empty one; a start runs from the process to a ready worker.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import matplotlib.pyplot as plt
import msgpack
import numpy as np
import zmq
from rich.console import Console
from rich.table import Table

from benchmarks.private_engine import private_engine

LAYERS: Final = 3
LAYER_S: Final = 10.0
PATIENCE_S: Final = 300  # a large model on a CPU
PICTURE: Final = Path(__file__).parents[1] / "docs" / "edit.png"
VIEWS: Final = ("env", "sfx", "music", "caption", "speech")
SOUNDS: Final = ("rain on a roof", "a wooden door creaks", "a slow piano", "wind in pines", "glass breaks")
TIMES: Final = {
    "ack_ms": "acknowledged",
    "first_progress_ms": "first step",
    "draft_ms": "draft",
    "final_ms": "stem",
}


@dataclass
class Edits:
    """Milliseconds of every edit, a list for each name in `TIMES`, and what they were measured on."""

    device: str = ""
    cold_start_s: float = 0.0
    warm_start_s: float = 0.0
    taken_ms: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in TIMES})

    def summary(self) -> dict[str, Any]:
        """Percentiles, None where the model makes no drafts."""
        found: dict[str, Any] = {name: percentiles(taken) for name, taken in self.taken_ms.items()}
        starts = {"cold_start_s": round(self.cold_start_s, 3), "warm_start_s": round(self.warm_start_s, 3)}
        return {**found, **starts, "device": self.device, "edits": len(self.taken_ms["final_ms"])}


def percentiles(taken: list[float]) -> dict[str, float] | None:
    if not taken:
        return None
    return {f"p{share}": round(float(np.percentile(taken, share)), 2) for share in (50, 95)}


class Follower:
    """One client: requests on one socket, events on another, read as soon as either has something."""

    def __init__(self, said: dict[str, str]) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._requests = self._context.socket(zmq.DEALER)
        self._requests.connect(said["request"])
        self._events = self._context.socket(zmq.SUB)
        for topic in (b"scene.", b"engine", b"welcome"):
            self._events.subscribe(topic)
        self._events.connect(said["events"])
        while self._events.recv_multipart() != [b"welcome"]:
            pass
        self._poller = zmq.Poller()
        for socket in (self._requests, self._events):
            self._poller.register(socket, zmq.POLLIN)

    def close(self) -> None:
        self._context.destroy(linger=0)

    def send(self, kind: str, content: dict[str, Any]) -> str:
        head = {"version": 1, "id": uuid.uuid4().hex, "type": kind, "content": content}
        self._requests.send(msgpack.packb(head))
        return str(head["id"])

    def next(self) -> dict[str, Any]:
        """Whatever comes next. Raises `TimeoutError`, and `RuntimeError` where the engine refuses."""
        ready = dict(self._poller.poll(PATIENCE_S * 1000))
        if not ready:
            raise TimeoutError(f"the engine said nothing in {PATIENCE_S} s")
        if self._requests in ready:
            head: dict[str, Any] = msgpack.unpackb(self._requests.recv_multipart()[0])
        else:
            head = msgpack.unpackb(self._events.recv_multipart()[1])
        failed = head["type"] == "error" or head["content"].get("state") == "failed"
        if failed:
            raise RuntimeError(f"the engine says {head['type']}: {head['content']}")
        return head

    def ask(self, kind: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        """The content of the answer."""
        message_id = self.send(kind, content or {})
        while (head := self.next())["parent"] != message_id or not head["type"].endswith(".reply"):
            pass
        found: dict[str, Any] = head["content"]
        return found

    def wait_ready(self) -> str:
        """Returns the worker's device once it has loaded its model."""
        while (worker := self.ask("status")["worker"])["state"] != "ready":
            time.sleep(0.005)
        return str(worker["detail"])


def scene_for(model: dict[str, Any]) -> dict[str, Any]:
    """Three layers that this model renders."""
    views = [view for view in VIEWS if view in model["views"]]
    layers = [
        {"id": f"layer-{number}", "view": view, "caption": SOUNDS[number]}
        for number, view in enumerate(islice(cycle(views), LAYERS))
    ]
    length_s = min(max(LAYER_S, model["shortest_s"]), model["longest_s"])
    return {"id": "edited", "duration_s": length_s, "layers": layers}


def edit_once(follower: Follower, number: int, found: Edits) -> None:
    """One caption edit to its end; its times are added."""
    caption = f"{SOUNDS[number % len(SOUNDS)]}, take {number}"
    content = {"scene": "edited", "layer": f"layer-{number % LAYERS}", "changes": {"caption": caption}}
    begun_s = time.perf_counter()
    message_id = follower.send("layer.edit", {**content, "draft": True})
    seen: dict[str, float] = {}
    job = done = ""
    while "ack_ms" not in seen or not done:
        head = follower.next()
        now_ms = 1000 * (time.perf_counter() - begun_s)
        if head["parent"] != message_id:
            continue
        kind, said = head["type"], head["content"]
        if kind == "layer.edit.reply":
            seen["ack_ms"] = now_ms
            (job,) = (one["job"] for one in said["jobs"])
        elif kind == "event.job" and said["state"] == "running" and said["step"]:
            seen.setdefault("first_progress_ms", now_ms)
        elif kind == "event.draft":
            seen["draft_ms"] = now_ms
        elif kind == "event.take":
            seen["final_ms"] = now_ms
        elif kind == "event.job" and said["state"] == "done":
            done = said["job"]
    assert job == done, "another job ended"
    for name, taken_ms in seen.items():
        found.taken_ms[name].append(taken_ms)


def measure(model: str, edits: int) -> Edits:
    """Two starts, then the edits on the second engine."""
    found = Edits()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for start in ("cold_start_s", "warm_start_s"):
            begun_s = time.perf_counter()
            with private_engine(model, "--data-dir", folder) as said:
                follower = Follower(said)
                try:
                    found.device = follower.wait_ready()
                    setattr(found, start, time.perf_counter() - begun_s)
                    if start == "warm_start_s":
                        capabilities = follower.ask("hello")["model"]
                        _first_stems(follower, scene_for(capabilities))
                        for number in range(edits):
                            edit_once(follower, number, found)
                finally:
                    follower.close()
    return found


def _first_stems(follower: Follower, scene: dict[str, Any]) -> None:
    """Not measured: a first render also brings code and buffers into being."""
    created = follower.ask("scene.create", {"scene": scene, "render": True})
    waiting = {job["job"] for job in created["jobs"]}
    while waiting:
        head = follower.next()
        if head["type"] == "event.job" and head["content"]["state"] == "done":
            waiting.discard(head["content"]["job"])


def draw(found: Edits, model: str, path: Path) -> None:
    """Every edit as a point, a row for each of the times."""
    figure, axes = plt.subplots(figsize=(7, 2.8))
    rows = [(TIMES[name], taken) for name, taken in found.taken_ms.items() if taken]
    for place, (_, taken) in enumerate(rows):
        axes.plot(taken, np.full(len(taken), place), "|", markersize=16, alpha=0.5)
        axes.plot(float(np.median(taken)), place, "o", color="black", markersize=4)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    edits = len(found.taken_ms["final_ms"])
    axes.set(xscale="log", xlabel="since the edit was sent, ms (dot: median)")
    axes.set_title(f"{edits} caption edits, {model} on {found.device}")
    axes.grid(axis="x", which="both", linewidth=0.3)
    figure.savefig(path, dpi=100, bbox_inches="tight")
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.edit", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--model", default="compact", help="name of a shipped model, or its folder")
    parser.add_argument("--edits", type=int, default=30)
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where the plot goes")
    options = parser.parse_args()
    if options.edits < 1:
        parser.error("--edits: at least 1")
    console = Console(stderr=True)
    with console.status(f"{options.edits} edits, one after another"):
        found = measure(options.model, options.edits)
    name = Path(options.model).name
    draw(found, name, options.picture)
    console.print(f"plot: {options.picture}")
    summary = found.summary()
    if options.json:
        sys.stdout.write(json.dumps({"model": name, **summary, "picture": str(options.picture)}) + "\n")
        return
    table = Table(title=f"edits, {name} on {found.device}")
    for head in ("", "p50, ms", "p95, ms"):
        table.add_column(head, justify="right")
    for key, what in TIMES.items():
        one = summary[key]
        table.add_row(what, *(("none", "") if one is None else (f"{one['p50']:g}", f"{one['p95']:g}")))
    Console().print(table)
    Console().print(f"started in {found.cold_start_s:.2f} s, again in {found.warm_start_s:.2f} s")


if __name__ == "__main__":
    main()
