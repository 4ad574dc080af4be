"""The worker process over a real socket, with the fake model: progress, cancel at any moment, the end."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from engine import checkpoint
from engine import worker as engine_worker
from engine.fake_renderer import FakeRenderer, pitch_hz
from engine.out_of_memory import ran_out_of_memory
from engine.renderer import Old, Progress, Renderer, Sound
from engine.worker import KeepWarm
from scene_schema.envelope import Envelope, decode, encode, envelope_for
from scene_schema.messages import CancelJob, StopEngine
from scene_schema.rendering import RenderJob, RenderRequest, request_for
from scene_schema.scene import check_scene

FAKE = checkpoint.describe("fake")


class Worker:
    """One worker process and our end of its socket."""

    def __init__(self, folder: Path, model: str = "fake", *options: str) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.RCVTIMEO, 60_000)
        self.socket.bind(f"ipc://{folder}/worker")
        command = [sys.executable, "-m", "engine.worker", "--endpoint", f"ipc://{folder}/worker"]
        self.log = folder / "worker.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--model", model, *options], stdin=subprocess.PIPE, stderr=log
            )

    def next(self) -> Envelope:
        return decode(self.socket.recv_multipart())

    def send(self, message: Envelope) -> None:
        self.socket.send_multipart(encode(message))

    def until(self, *kinds: str) -> Envelope:
        while (message := self.next()).type not in kinds:
            pass
        return message

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.context.destroy(linger=0)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    one = Worker(tmp_path)
    yield one
    one.close()


def job(name: str, caption: str = "a bell", **layer: object) -> RenderJob:
    scene = check_scene(
        {"id": "s", "duration_s": 1.0, "layers": [{"id": "a", "view": "sfx", "caption": caption, **layer}]}
    )
    request = request_for(scene, scene.layers[0], FAKE)
    return RenderJob(id=name, scene="s", layer="a", revision=1, request=request)


def test_it_says_what_it_is_then_renders_with_every_step_reported(worker: Worker) -> None:
    ready = worker.next()
    assert ready.type == "worker.ready"
    assert ready.content["pid"] == worker.process.pid
    assert ready.content["model"] == FAKE.model_dump()
    one = job("1", cues=[{"at_s": 0.5}])
    worker.send(envelope_for("render", one))
    steps = [worker.next() for _ in range(1 + FAKE.steps)]
    assert [step.content["step"] for step in steps[1:]] == list(range(1, FAKE.steps + 1))
    done = worker.next()
    assert done.type == "render.done"
    samples = np.frombuffer(done.binary[0], "<f4")
    assert len(samples) == done.content["length_samples"] == FAKE.rate_hz
    assert int(np.argmax(samples)) == FAKE.rate_hz // 2
    spectrum = np.abs(np.fft.rfft(np.delete(samples, FAKE.rate_hz // 2)))
    assert int(np.argmax(spectrum)) == pytest.approx(pitch_hz(one.request), abs=1)


@pytest.mark.parametrize("after_steps", [0, 1, 10, 20])
def test_a_cancelled_job_stops_and_the_next_one_runs(worker: Worker, after_steps: int) -> None:
    worker.until("worker.ready")
    worker.send(envelope_for("render", job("1", "slow bell")))
    for _ in range(after_steps):
        worker.until("render.progress")
    worker.send(envelope_for("cancel", CancelJob(job="1")))
    seen = 0
    while (message := worker.next()).type == "render.progress":
        seen += 1
    assert message.type in {"render.stopped"} | ({"render.done"} if after_steps == 20 else set())
    assert seen <= 2  # the step that was under way, and the text that came before any
    worker.send(envelope_for("render", job("2")))
    assert worker.until("render.done").content["job"] == "2"


def test_a_waiting_job_is_cancelled_without_a_step(worker: Worker) -> None:
    worker.until("worker.ready")
    worker.send(envelope_for("render", job("1", "slow bell")))
    worker.send(envelope_for("render", job("2")))
    worker.until("render.progress")
    worker.send(envelope_for("cancel", CancelJob(job="2")))
    assert worker.until("render.stopped", "render.done").content["job"] == "2"
    assert worker.until("render.stopped", "render.done").content["job"] == "1"


def test_a_cancel_of_a_job_that_is_over_stops_nothing(worker: Worker) -> None:
    worker.until("worker.ready")
    worker.send(envelope_for("render", job("1")))
    worker.until("render.done")
    worker.send(envelope_for("cancel", CancelJob(job="1")))
    worker.send(envelope_for("render", job("2")))
    assert worker.until("render.stopped", "render.done").content["job"] == "2"


def test_a_draft_comes_first_and_is_the_same_request_in_fewer_steps(worker: Worker) -> None:
    worker.until("worker.ready")
    one = job("1").model_copy(update={"draft_steps": 4})
    worker.send(envelope_for("render", one))
    heard = [worker.next()]
    while heard[-1].type != "render.done":
        heard.append(worker.next())
    stages = [(said.content["stage"], said.content["step"]) for said in heard if "stage" in said.content]
    assert stages == [
        *(("draft", step) for step in range(1, 5)),
        ("text", 1),
        *(("sampling", step) for step in range(1, FAKE.steps + 1)),
    ]
    draft = next(said for said in heard if said.type == "render.draft")
    assert heard.index(draft) == 4
    stem = np.frombuffer(heard[-1].binary[0], "<f4")
    assert np.allclose(np.frombuffer(draft.binary[0], "<f4"), stem * 4 / FAKE.steps, atol=1e-6)
    assert heard[-1].content["rendered_s"] < 2 * draft.content["rendered_s"] * FAKE.steps / 4

    worker.send(envelope_for("render", one.model_copy(update={"id": "2"})))
    worker.until("render.progress")
    worker.send(envelope_for("cancel", CancelJob(job="2")))
    assert worker.until("render.stopped", "render.done").type == "render.stopped"


def test_it_stops_when_told_to(worker: Worker) -> None:
    worker.until("worker.ready")
    worker.send(envelope_for("stop", StopEngine()))
    assert worker.process.wait(10) == 0


def test_it_ends_with_the_one_who_holds_its_standard_input(worker: Worker) -> None:
    worker.until("worker.ready")
    worker.send(envelope_for("render", job("1", "slow bell")))
    worker.until("render.progress")
    assert worker.process.stdin is not None
    worker.process.stdin.close()
    assert worker.process.wait(10) == 0


def test_a_model_that_cannot_be_loaded_is_told_and_ends_it(tmp_path: Path) -> None:
    worker = Worker(tmp_path, model="no-such-model")
    broken = worker.next()
    assert broken.type == "worker.broken"
    assert broken.content["failure"]["code"] == "model_failed"
    assert worker.process.wait(10) == 0
    worker.close()


@pytest.mark.parametrize("model", ["fake", "compact"])
def test_a_device_that_is_not_there_is_told_with_what_to_do(tmp_path: Path, model: str) -> None:
    worker = Worker(tmp_path, model, "--device", "cuda:99")
    failure = worker.next().content["failure"]
    assert failure["code"] == "model_failed"
    assert failure["findings"][0]["field"] == "--device"
    assert failure["findings"][0]["got"].strip("'") == "cuda:99"
    assert "--device" in failure["remedy"] or "Use one of these" in failure["remedy"]
    assert worker.process.wait(10) == 0
    worker.close()


def test_warming_up_comes_before_it_is_ready(tmp_path: Path) -> None:
    worker = Worker(tmp_path, "compact", "--device", "cpu", "--warm-up", "--keep-warm", "5", "--threads", "1")
    ready = worker.next()
    assert (ready.type, ready.content["device"]) == ("worker.ready", "cpu")
    assert "--keep-warm does nothing" in worker.log.read_text("utf-8")
    worker.close()


# --- the loop alone, over a renderer that is played -----------------------------------------------------


class FakeNarrowRenderer(FakeRenderer):
    """Memory for some steps only, and none at all for some captions."""

    def __init__(self, most_steps: int) -> None:
        super().__init__(FAKE)
        self.most_steps = most_steps
        self.asked: list[int] = []

    def render(self, request: RenderRequest, old: Old | None = None) -> Iterator[Progress | Sound]:
        self.asked.append(request.steps)
        if request.steps > self.most_steps:
            yield Progress("text", 1, 1)
            raise MemoryError("no room left")
        yield from super().render(request, old)


class Loop:
    """A worker's loop in a thread, and our end of its socket."""

    def __init__(self, renderer: Renderer, keep_warm: KeepWarm | None = None) -> None:
        self.context = zmq.Context()
        self.ours, theirs = self.context.socket(zmq.PAIR), self.context.socket(zmq.PAIR)
        self.ours.setsockopt(zmq.RCVTIMEO, 60_000)
        self.ours.bind("inproc://worker")
        theirs.connect("inproc://worker")
        self._theirs = theirs
        self.thread = threading.Thread(target=engine_worker.Worker(theirs, renderer, keep_warm).run)
        self.thread.start()

    def answers(self, job: RenderJob) -> list[Envelope]:
        """All it says of a job."""
        self.ours.send_multipart(encode(envelope_for("render", job)))
        said = [decode(self.ours.recv_multipart())]
        while said[-1].type in ("render.progress", "render.draft"):
            said.append(decode(self.ours.recv_multipart()))
        return said

    def close(self) -> None:
        self.ours.send_multipart(encode(envelope_for("stop", StopEngine())))
        self.thread.join(60)
        self._theirs.close()
        self.context.destroy(linger=0)


@pytest.mark.parametrize("drafted", [False, True])
def test_memory_that_runs_out_leaves_a_draft(drafted: bool) -> None:
    assert FAKE.draft_steps is not None
    renderer = FakeNarrowRenderer(most_steps=FAKE.draft_steps)
    loop = Loop(renderer)
    one = job("1")
    said = loop.answers(one.model_copy(update={"draft_steps": FAKE.draft_steps if drafted else None}))
    assert said[-1].type == "render.done"
    assert said[-1].content["reduced_to_steps"] == FAKE.draft_steps
    draft_request = one.request.model_copy(update={"steps": FAKE.draft_steps})
    (sound,) = [event for event in FakeRenderer(FAKE).render(draft_request) if isinstance(event, Sound)]
    assert said[-1].binary[0] == sound.samples.astype("<f4").tobytes()
    order = [FAKE.draft_steps, FAKE.steps] if drafted else [FAKE.steps, FAKE.draft_steps]
    assert renderer.asked == order, "a draft that was made already is not made twice"
    loop.close()


def test_memory_for_nothing_at_all_is_a_failure_and_the_next_job_runs() -> None:
    renderer = FakeNarrowRenderer(most_steps=0)
    loop = Loop(renderer)
    (failed,) = [one for one in loop.answers(job("1")) if one.type == "render.failed"]
    assert failed.content["failure"]["code"] == "out_of_memory"
    assert failed.content["failure"]["message"] == "no room left"
    renderer.most_steps = FAKE.steps
    done = loop.answers(job("2"))[-1]
    assert (done.type, done.content["reduced_to_steps"]) == ("render.done", None)
    loop.close()


@pytest.mark.parametrize(
    "error, ours",
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes differ"), False),
        (ValueError(), False),
    ],
)
def test_how_memory_says_that_it_ran_out(error: Exception, ours: bool) -> None:
    assert ran_out_of_memory(error) is ours


def test_torch_says_so_by_a_name_of_its_own() -> None:
    import torch

    assert ran_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))


def test_an_idle_worker_is_kept_warm_and_still_listens() -> None:
    nudges = threading.Semaphore(0)
    loop = Loop(FakeRenderer(FAKE), KeepWarm(0.001, nudges.release))
    for _ in range(3):
        assert nudges.acquire(timeout=60)
    assert loop.answers(job("1"))[-1].type == "render.done"
    for _ in range(3):
        assert nudges.acquire(timeout=60)
    loop.close()
