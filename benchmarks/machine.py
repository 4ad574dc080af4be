"""What the model costs on this machine: seconds a layer and a draft, seconds to be ready, memory.

The worker is a real one, in a process of its own, asked through its socket as the bridge asks it.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
import zmq

from benchmarks.findings import Findings, NotMeasured
from benchmarks.stems import Bench, rendered, request_of
from scene_schema.envelope import Envelope, decode, encode, envelope_for
from scene_schema.messages import StopEngine
from scene_schema.rendering import RenderJob, RenderRequest
from scene_schema.scene import check_scene

THREADS: Final = 2
TIMES: Final = 5
LAYER_S: Final = 10.0
LONG_S: Final = 30.0
DRAFT_STEPS: Final = 4  # where the model declares no draft
PATIENCE_S: Final = 120.0


def measure_machine(bench: Bench) -> Findings:
    """layer_s and draft_s in this process; ready_s and worker_rss_mb of a worker process."""
    found = Findings()
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        request = _request(bench, LAYER_S)
        bench.tell("seconds a layer")
        found.values["layer_s"] = _seconds(bench, request)
        steps = bench.renderer.capabilities.draft_steps or DRAFT_STEPS
        found.values["draft_s"] = _seconds(bench, request.model_copy(update={"steps": steps}))
    finally:
        torch.set_num_threads(before)
    bench.tell("a worker process")
    try:
        with _Worker(bench.model) as worker:
            found.values["ready_s"] = round(worker.ready_s, 3)
            for number, length_s in enumerate((LAYER_S, LONG_S)):
                worker.render(RenderJob(
                    id=f"job-{number}", scene="measured", layer="layer", revision=1,
                    request=_request(bench, length_s),
                ))  # fmt: skip
            found.values["worker_rss_mb"] = round(worker.highest_bytes() / 1e6)
    except NotMeasured as reason:
        found.missing(str(reason), "worker_rss_mb")
    found.notes["threads"] = THREADS
    return found


def _request(bench: Bench, length_s: float) -> RenderRequest:
    layers = [{"id": "layer", "view": "env", "caption": "rain on a roof"}]
    scene = check_scene({"id": "measured", "duration_s": length_s, "layers": layers})
    return request_of(bench, scene, "layer")


def _seconds(bench: Bench, request: RenderRequest) -> float:
    """The median of TIMES renders, after one that is not counted."""
    rendered(bench.renderer, request)
    taken_s = []
    for seed in range(TIMES):
        start_s = time.perf_counter()
        rendered(bench.renderer, request.model_copy(update={"seed": seed}))
        taken_s.append(time.perf_counter() - start_s)
    return round(statistics.median(taken_s), 3)


class _Worker(contextlib.AbstractContextManager["_Worker"]):
    """A worker process, and the socket that it connects to."""

    def __init__(self, model: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        start_s = time.perf_counter()
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "engine.worker", "--endpoint", f"tcp://127.0.0.1:{port}",
                "--model", model, "--threads", str(THREADS),
            ],
            stdin=subprocess.PIPE,
        )  # fmt: skip
        self._route = b""
        self._expect("worker.ready")
        self.ready_s = time.perf_counter() - start_s

    def render(self, job: RenderJob) -> None:
        """Waits until a job is done. Raises RuntimeError where it fails."""
        self._socket.send_multipart([self._route, *encode(envelope_for("render", job))])
        self._expect("render.done")

    def highest_bytes(self) -> int:
        """Resident memory at its highest so far."""
        status = Path(f"/proc/{self._process.pid}/status")
        if not status.exists():
            raise NotMeasured("the peak of a process's memory is read from /proc, which this system has not")
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def __exit__(self, *_: object) -> None:
        self._socket.send_multipart([self._route, *encode(envelope_for("stop", StopEngine()))])
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._socket.close(linger=0)
        self._context.term()

    def _expect(self, kind: str) -> None:
        for message in self._messages():
            if message.type == kind:
                return
            if message.type in ("worker.broken", "render.failed"):
                raise RuntimeError(f"the worker says {message.type}: {message.content}")

    def _messages(self) -> Iterator[Envelope]:
        end_s = time.perf_counter() + PATIENCE_S
        while time.perf_counter() < end_s:
            if self._socket.poll(200):
                self._route, *frames = self._socket.recv_multipart()
                yield decode(frames)
            elif self._process.poll() is not None:
                raise RuntimeError(f"the worker ended with status {self._process.returncode}")
        self._process.kill()
        raise RuntimeError(f"the worker said nothing in {PATIENCE_S:.0f} s")
