"""The worker process: owns one device and its loaded model, renders one job at a time, keeps no state.

`python -m engine.worker --endpoint ipc://… --model compact --device cpu`. It connects to the bridge that
started it, and ends when its standard input closes, so no worker outlives its bridge.

One thread has the socket; a second only waits for the end of standard input. Between any two sampling
steps the socket is read, which is when a cancel takes effect.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
import zmq
from pydantic import BaseModel

from engine import checkpoint
from engine.log_lines import FORMS, Form, about, formatter
from engine.out_of_memory import ran_out_of_memory
from engine.renderer import Old, Progress, Renderer, RendersTogether, SaysLength, Sound
from scene_schema.envelope import Envelope, decode, encode, envelope_for
from scene_schema.errors import Finding, Refused
from scene_schema.messages import (
    TO_WORKER,
    AskLength,
    CancelJob,
    ExpectedLength,
    Failure,
    RenderDone,
    RenderDraft,
    RenderFailed,
    RenderProgress,
    RenderStopped,
    StopEngine,
    WorkerBroken,
    WorkerReady,
)
from scene_schema.rendering import OldTake, RenderJob, RenderRequest

log = logging.getLogger("stemscape.worker")

WARM_UP_STEPS: Final = 2  # the first one meets what is new, the second what a step leaves behind


class KeepWarm(NamedTuple):
    """What an idle worker does every so often."""

    every_s: float
    nudge: Callable[[], None]


class _Order(NamedTuple):
    """A job, and the take that it starts from."""

    job: RenderJob
    old: Old | None


class Worker:
    """The loop between a socket and a renderer. Batches wait in order, most of them of one job; a cancel
    reaches waiting and running jobs."""

    def __init__(
        self, socket: zmq.Socket[bytes], renderer: Renderer, keep_warm: KeepWarm | None = None
    ) -> None:
        self._socket = socket
        self._renderer = renderer
        self._keep_warm = keep_warm
        self._draft_done: Sound | None = None  # the running job's
        self._waiting: deque[list[_Order]] = deque()
        self._coming: list[_Order] = []  # of a batch that is not here as a whole
        self._arrived = 0  # of its jobs, those that were cancelled since included
        self._running: list[str] = []
        self._cancelled: set[str] = set()  # of the running jobs
        self._stopping = False

    def run(self) -> None:
        """Works until told to stop."""
        while not self._stopping:
            if not self._waiting:
                self._idle()
            self._read(wait=not self._waiting)
            if self._waiting and not self._stopping:
                self._work(self._waiting.popleft())

    def _idle(self) -> None:
        """Waits for a message, and keeps the device from slowing down meanwhile."""
        if self._keep_warm is not None:
            while not self._socket.poll(round(1000.0 * self._keep_warm.every_s)):
                self._keep_warm.nudge()

    def _work(self, batch: list[_Order]) -> None:
        if len(batch) == 1:
            job, old = batch[0]
            with about(request=job.cause, job=job.id, scene=job.scene, layer=job.layer):
                self._try(job, old)
        elif batch and self._fails_together([one.job for one in batch]):
            again = [[one] for one in batch if one.job.id not in self._cancelled]
            self._waiting.extendleft(reversed(again))
        self._running = []

    def _fails_together(self, jobs: list[RenderJob]) -> bool:
        """Renders a batch. Where that failed, its jobs are to be tried one by one."""
        self._running, self._cancelled = [job.id for job in jobs], set()
        with about(scene=jobs[0].scene):
            failure = self._failure_of(lambda: self._render_together(jobs))
            if failure is not None:
                log.warning("a batch of %d jobs failed; they are rendered one by one", len(jobs))
        return failure is not None

    def _render_together(self, jobs: list[RenderJob]) -> None:
        assert isinstance(self._renderer, RendersTogether), "the bridge sends batches only to such models"
        if jobs[0].draft_steps is not None:
            start_s = time.perf_counter()
            drafts = self._sounds_of(jobs, [job.draft_request for job in jobs], "draft")
            for job, sound in zip(jobs, drafts, strict=False):
                if job.id not in self._cancelled:
                    self._deliver(job, sound, time.perf_counter() - start_s, RenderDraft, "render.draft")
        start_s = time.perf_counter()
        sounds = self._sounds_of(jobs, [job.request for job in jobs])
        took_s = time.perf_counter() - start_s
        log.info("rendered %d times %g s in %.3f s", len(sounds), jobs[0].request.duration_s, took_s)
        for job, sound in zip(jobs, sounds, strict=False):
            if job.id not in self._cancelled:
                self._deliver(job, sound, took_s / len(jobs))

    def _sounds_of(
        self, jobs: list[RenderJob], requests: list[RenderRequest], stage: Literal["draft"] | None = None
    ) -> list[Sound]:
        """A batch's sounds; none where all of it was stopped. A job that is cancelled meanwhile is told so at
        once, and its sound is for nobody."""
        assert isinstance(self._renderer, RendersTogether)
        for event in self._renderer.render_together(requests):
            if isinstance(event, list):
                return event
            for job in jobs:
                if job.id not in self._cancelled and (stage is None or event.stage == "sampling"):
                    progress = RenderProgress(
                        job=job.id, stage=stage or event.stage, step=event.step, steps=event.steps
                    )
                    self._send("render.progress", progress)
            self._read(wait=False)
            if self._stopping or len(self._cancelled) == len(jobs):
                break
        return []

    def _try(self, job: RenderJob, old: Old | None) -> None:
        self._running, self._cancelled, self._draft_done = [job.id], set(), None
        failure = self._failure_of(lambda: self._render(job, old))
        if failure is not None and failure.code == "out_of_memory" and (steps := self._fewer_steps(job)):
            log.warning("the render is made in %d steps, for its own do not fit into memory", steps)
            failure = self._failure_of(lambda: self._render_reduced(job, old, steps))
        if failure is not None:
            self._send("render.failed", RenderFailed(job=job.id, failure=failure))
        self._draft_done = None

    def _failure_of(self, render: Callable[[], None]) -> Failure | None:
        """Does the work; says how it failed, if it did."""
        try:
            render()
        except Refused as refused:
            log.warning("the render was refused: %s", refused)
            return Failure.of(refused)
        except Exception as error:
            # the one place in this process where anything may be caught
            log.exception("the render failed")
            if not ran_out_of_memory(error):
                return Failure(
                    code="internal",
                    message="the render failed by a fault of the engine",
                    remedy="See its log.",
                )
            return Failure(
                code="out_of_memory",
                message=str(error) or "this render does not fit into memory",
                remedy="Make the scene shorter, close other programs, or serve a smaller model.",
            )
        return None

    def _fewer_steps(self, job: RenderJob) -> int | None:
        """The steps of a draft, where that is less than was asked for."""
        steps = job.draft_steps or self._renderer.capabilities.draft_steps
        return steps if steps is not None and steps < job.request.steps else None

    def _render_reduced(self, job: RenderJob, old: Old | None, steps: int) -> None:
        """What can still be had when memory ran out: the draft that came before, or one made now.

        Fewer steps take less time, not less memory; what another program held may be free by now.
        """
        start_s = time.perf_counter()
        sound = self._draft_done
        if sound is None:
            sound = self._draft(job.model_copy(update={"draft_steps": steps}), old)
        if sound is None:
            self._send("render.stopped", RenderStopped(job=job.id))
        else:
            self._deliver(job, sound, time.perf_counter() - start_s, reduced_to_steps=steps)

    def _render(self, job: RenderJob, old: Old | None) -> None:
        if job.draft_steps is not None:
            draft_start_s = time.perf_counter()
            self._draft_done = self._draft(job, old)
            if self._draft_done is not None:
                drafted_s = time.perf_counter() - draft_start_s
                self._deliver(job, self._draft_done, drafted_s, RenderDraft, "render.draft")
        start_s = time.perf_counter()
        events = self._renderer.render(job.request, old)
        while not self._cancelled and not self._stopping:
            event = next(events)
            if isinstance(event, Progress):
                progress = RenderProgress(job=job.id, stage=event.stage, step=event.step, steps=event.steps)
                self._send("render.progress", progress)
                self._read(wait=False)
            else:
                took_s = time.perf_counter() - start_s
                log.info("rendered %g s in %.3f s", job.request.duration_s, took_s)
                self._deliver(job, event, took_s)
                return
        log.info("the render was stopped")
        self._send("render.stopped", RenderStopped(job=job.id))

    def _draft(self, job: RenderJob, old: Old | None) -> Sound | None:
        """The same sound in fewer steps; None where it was stopped. Only its steps are told."""
        for event in self._renderer.render(job.draft_request, old):
            if isinstance(event, Sound):
                return event
            if event.stage == "sampling":
                progress = RenderProgress(job=job.id, stage="draft", step=event.step, steps=event.steps)
                self._send("render.progress", progress)
            self._read(wait=False)
            if self._cancelled or self._stopping:
                break
        return None

    def _deliver(
        self,
        job: RenderJob,
        sound: Sound,
        rendered_s: float,
        content: type[RenderDone] = RenderDone,
        kind: str = "render.done",
        reduced_to_steps: int | None = None,
    ) -> None:
        done = content(
            job=job.id,
            rate_hz=sound.rate_hz,
            channels=sound.samples.shape[1],
            length_samples=sound.samples.shape[0],
            rendered_s=rendered_s,
            report=sound.report,
            latent_channels=None if sound.latent is None else sound.latent.shape[0],
            reduced_to_steps=reduced_to_steps,
        )
        frames = [np.ascontiguousarray(sound.samples, dtype="<f4").tobytes()]
        if sound.latent is not None:
            frames.append(np.ascontiguousarray(sound.latent, dtype="<f2").tobytes())
        self._send(kind, done, *frames)

    def _read(self, *, wait: bool) -> None:
        """Takes in whatever has come; with `wait`, sleeps until something has."""
        flags = 0 if wait else zmq.NOBLOCK
        while True:
            try:
                frames = self._socket.recv_multipart(flags)
            except zmq.Again:
                return
            flags = zmq.NOBLOCK
            self._take(decode(frames))

    def _take(self, message: Envelope) -> None:
        order = TO_WORKER[message.type].model_validate(message.content)
        if isinstance(order, RenderJob):
            self._coming.append(_Order(order, _old(order.old, message.binary)))
            self._arrived += 1
            if self._arrived == order.together:
                self._waiting.append(self._coming)
                self._coming, self._arrived = [], 0
        elif isinstance(order, AskLength):
            self._send("length", self._length(order))
        elif isinstance(order, StopEngine):
            self._stopping = True
        elif isinstance(order, CancelJob):
            self._cancel(order.job)

    def _cancel(self, job_id: str) -> None:
        for batch in (*self._waiting, self._coming):
            for one in batch:
                if one.job.id == job_id:
                    batch.remove(one)
                    self._send("render.stopped", RenderStopped(job=job_id))
                    return
        if job_id in self._running and job_id not in self._cancelled:  # otherwise it is over
            self._cancelled.add(job_id)
            if len(self._running) > 1:  # the others of its batch go on
                self._send("render.stopped", RenderStopped(job=job_id))

    def _length(self, order: AskLength) -> ExpectedLength:
        assert isinstance(self._renderer, SaysLength), "the bridge asks only models that declare it"
        try:
            return ExpectedLength(id=order.id, length_s=self._renderer.expected_s(order.prompt))
        except Refused as refused:
            return ExpectedLength(id=order.id, failure=Failure.of(refused))

    def _send(self, kind: str, content: BaseModel, *binary: bytes) -> None:
        self._socket.send_multipart(encode(envelope_for(kind, content, binary=binary)))


def _old(told: OldTake | None, frames: Sequence[bytes]) -> Old | None:
    """The take behind a job, out of its frames."""
    if told is None:
        return None
    samples = np.frombuffer(frames[0], dtype="<f4").reshape(told.length_samples, told.channels)
    latent = None
    if told.latent_channels is not None:
        latent = np.frombuffer(frames[1], dtype="<f2").reshape(told.latent_channels, -1)
    return Old(samples.astype(np.float32), latent)


def warm_up(renderer: Renderer) -> None:
    """Renders something short, so that nobody waits for what a first render alone has to do."""
    model = renderer.capabilities
    request = RenderRequest(
        model=model.name,
        weights_sha256=model.weights_sha256,
        view=model.views[0],
        caption="rain",
        transcript=None,
        cues=[],
        tempo=None,
        seed=0,
        duration_s=model.shortest_s,
        steps=min(WARM_UP_STEPS, model.steps),
        guidance=model.guidance,
    )
    for _ in renderer.render(request):
        pass


def load(model: str, threads: int, device: str = "auto") -> Renderer:
    """The renderer of a model. Torch is imported here, and only for a model that needs it.

    Raises `Refused` (`model_failed`) where the model or the device cannot be used.
    """
    found = checkpoint.find(model)
    if found.architecture == "fake":
        from engine.fake_renderer import FakeRenderer

        _check_cpu_only(found.capabilities.name, device)
        return FakeRenderer(found.capabilities)
    if found.architecture == "compact":
        from engine.compact_renderer import CompactRenderer

        return CompactRenderer.load(found, threads=threads, device=device)
    if found.architecture == checkpoint.PUBLISHED:
        from engine.audiogen_renderer import AudioGenRenderer

        return AudioGenRenderer.load(found, threads=threads, device=device)
    raise Refused("model_failed", f"this engine has no architecture '{found.architecture}'")


def _check_cpu_only(model: str, device: str) -> None:
    if device not in ("auto", "cpu"):
        finding = Finding(field="--device", expected="cpu", got=device)
        raise Refused(
            "model_failed",
            f"the model '{model}' makes its sounds on the CPU",
            findings=[finding],
            remedy="Leave --device out, or serve another model.",
        )


def main() -> None:
    """Entry of the process; the only reader of its command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.worker")
    parser.add_argument("--endpoint", required=True, help="ZeroMQ address of the bridge that started us")
    parser.add_argument("--model", required=True, help="name of a shipped model, or its folder")
    parser.add_argument("--threads", type=int, default=0, help="threads on a CPU; 0: one a core")
    parser.add_argument("--log", choices=FORMS, default="text", help="lines for people, or for the bridge")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument(
        "--warm-up",
        action=argparse.BooleanOptionalAction,
        help="render something short before saying that it is ready (default: on a GPU)",
    )
    parser.add_argument("--together", type=int, help="layers of a scene as one batch (default: the model's)")
    parser.add_argument("--keep-warm", type=float, metavar="SECONDS", help="nudge an idle GPU so often")
    options = parser.parse_args()
    _keep_log(options.log)
    threading.Thread(target=_end_with_the_bridge, daemon=True).start()

    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 1000)
    socket.connect(options.endpoint)
    start_s = time.perf_counter()
    try:
        renderer = load(options.model, options.threads, options.device)
        keep_warm = None if options.keep_warm is None else _keep_warm(renderer, options.keep_warm)
        if options.warm_up or (options.warm_up is None and _is_gpu(renderer)):
            warm_up(renderer)
    except Refused as refused:
        log.error("%s", refused)
        broken = WorkerBroken(failure=Failure.of(refused))
        socket.send_multipart(encode(envelope_for("worker.broken", broken)))
    else:
        ready = WorkerReady(
            pid=os.getpid(),
            model=renderer.capabilities,
            load_s=time.perf_counter() - start_s,
            device=renderer.device,
            together=_together(renderer, options.together),
        )
        socket.send_multipart(encode(envelope_for("worker.ready", ready)))
        Worker(socket, renderer, keep_warm).run()
    socket.close()
    context.term()


def _keep_log(form: Form) -> None:
    """On standard error, with what ends this process by a fault, and where the code was at a crash."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(form))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)
    sys.excepthook = lambda *error: log.critical("the worker ends by a fault", exc_info=error)
    faulthandler.enable()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what a library prints is in the log, and in time


def _together(renderer: Renderer, wanted: int | None) -> int:
    if isinstance(renderer, RendersTogether):
        return renderer.usual_together if wanted is None else wanted
    if wanted is not None and wanted > 1:
        log.warning("--together does nothing: this model renders one layer after the other")
    return 1


def _is_gpu(renderer: Renderer) -> bool:
    return renderer.device.startswith("cuda")


def _keep_warm(renderer: Renderer, every_s: float) -> KeepWarm | None:
    if not _is_gpu(renderer):
        log.warning("--keep-warm does nothing: this worker renders on %s, not on a GPU", renderer.device)
        return None
    from engine.device import nudge_for

    return KeepWarm(every_s, nudge_for(renderer.device))


def _end_with_the_bridge() -> None:
    """Waits for the end of standard input, which the bridge holds open for as long as it lives."""
    while os.read(0, 4096):  # not sys.stdin: its lock, held here, would abort an orderly exit
        pass
    os._exit(0)  # nothing here is worth saving, and a model in the middle of a step cannot be asked


if __name__ == "__main__":
    main()
