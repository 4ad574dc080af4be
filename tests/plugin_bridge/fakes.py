"""A bridge without sockets or processes: the real parts around a fake worker that a test plays by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.checkpoint import describe
from plugin_bridge.access import Access
from plugin_bridge.audio_store import AudioStore
from plugin_bridge.bridge import Addresses, Bridge
from plugin_bridge.config import BridgeConfig
from plugin_bridge.journal import Journal
from plugin_bridge.metrics import Metrics
from plugin_bridge.scene_store import SceneStore
from scene_schema.envelope import Envelope, envelope_for
from scene_schema.job_states import FINAL
from scene_schema.messages import (
    ExpectedLength,
    RenderDone,
    RenderFailed,
    RenderProgress,
    RenderStopped,
    WorkerStatus,
)
from scene_schema.rendering import RenderJob, RenderRequest

FAKE = describe("fake")


def request(caption: str = "rain", **fields: Any) -> RenderRequest:
    values: dict[str, Any] = {
        "model": "fake",
        "weights_sha256": "",
        "view": "env",
        "caption": caption,
        "transcript": None,
        "cues": [],
        "tempo": None,
        "seed": 0,
        "duration_s": 0.5,
        "steps": 20,
        "guidance": 1.0,
    }
    return RenderRequest(**{**values, **fields})


class FakeWorker:
    """Remembers what it was sent, and whether it was to be loaded or not."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.status = WorkerStatus(state="ready", pid=1, number=number)
        self.sent: list[Envelope] = []
        self.kills = 0
        self.loads = 0
        self.unloads = 0

    def send(self, message: Envelope) -> None:
        self.sent.append(message)
        if message.type == "render":
            self.status = WorkerStatus(state="rendering", pid=1, number=self.number)

    def renders(self) -> list[RenderJob]:
        return [RenderJob.model_validate(one.content) for one in self.sent if one.type == "render"]

    def cancels(self) -> list[str]:
        return [one.content["job"] for one in self.sent if one.type == "cancel"]


class FakePool:
    """Some fake workers, by number."""

    def __init__(self, count: int) -> None:
        self.workers = [FakeWorker(number) for number in range(count)]

    @property
    def statuses(self) -> list[WorkerStatus]:
        return [one.status for one in self.workers]

    def send(self, worker: int, message: Envelope) -> None:
        self.workers[worker].send(message)

    def kill(self, worker: int) -> None:
        self.workers[worker].kills += 1

    def load(self, worker: int) -> None:
        self.workers[worker].loads += 1

    def unload(self, worker: int) -> None:
        self.workers[worker].unloads += 1


class Room:
    """One bridge, its workers (`worker` is the first), what it published, and a clock that the test turns."""

    def __init__(self, data_dir: Path, **config: Any) -> None:
        self.config = BridgeConfig(data_dir=data_dir, model="fake", **config)
        self.journal = Journal(data_dir / "journal.sqlite")
        self.pool = FakePool(self.config.workers or 1)
        self.worker = self.pool.workers[0]
        self.audio = AudioStore(data_dir / "audio")
        self.store = SceneStore(self.journal)
        self.events: list[tuple[str, Envelope]] = []
        self.now_s = 0.0
        self.metrics = Metrics(lambda: self.now_s)
        self.bridge = Bridge(
            self.config,
            FAKE,
            self.store,
            self.audio,
            self.pool,
            Access(operator_token="operator's", token=None, projects=self.config.projects),
            lambda topic, event: self.events.append((topic, event)),
            Addresses(request="tcp://r", control="tcp://c", events="tcp://e"),
            asyncio.Event(),
            clock=lambda: self.now_s,
            metrics=self.metrics,
        )

    async def ask(self, kind: str, content: dict[str, Any] | None = None, **header: Any) -> Envelope:
        """The one answer to a request."""
        (answer,) = await self.bridge.handle(Envelope(kind, content or {}, **header))
        return answer

    async def tell(self, kind: str, content: Any, *binary: bytes, worker: int = 0) -> None:
        """A worker says something."""
        await self.bridge.heard(worker, envelope_for(kind, content, binary=binary))

    async def say_length(self, length_s: float) -> None:
        """The worker answers the newest question how long a clip should be, once it is asked."""
        while not (asked := [one for one in self.worker.sent if one.type == "length"]):
            await asyncio.sleep(0.001)
        await self.tell("length", ExpectedLength(id=asked[-1].content["id"], length_s=length_s))

    async def become(self, state: Any, number: int = 0, **fields: Any) -> None:
        """A worker's process changes."""
        status = WorkerStatus(state=state, number=number, **fields)
        self.pool.workers[number].status = status
        await self.bridge.worker_changed(status)

    async def render(self, job: RenderJob | None = None, worker: int = 0, **done: Any) -> dict[str, Any]:
        """A worker finishes its newest job; returns the job's last status."""
        job = job or self.pool.workers[worker].renders()[-1]
        await self.tell("render.progress", RenderProgress(job=job.id, stage="sampling", step=20, steps=20))
        length = round(job.request.duration_s * FAKE.rate_hz)
        samples = np.full((length, 1), 0.1, dtype="<f4")
        values = {"rate_hz": FAKE.rate_hz, "channels": 1, "length_samples": length, "rendered_s": 0.25}
        binary = done.pop("binary", samples.tobytes())
        await self.tell("render.done", RenderDone(job=job.id, **{**values, **done}), binary, worker=worker)
        await self.become("ready", worker)
        return await self.ended(job.id)

    async def stopped(self, job_id: str) -> None:
        """The worker stopped a job."""
        await self.tell("render.stopped", RenderStopped(job=job_id))
        await self.become("ready")

    async def failed(self, job_id: str, failure: Any) -> None:
        await self.tell("render.failed", RenderFailed(job=job_id, failure=failure))
        await self.become("ready")

    async def ended(self, job_id: str) -> dict[str, Any]:
        """The job's status once it has ended; what is being written is waited for."""
        for _ in range(2000):
            status = (await self.ask("job.get", {"job": job_id})).content
            if status["state"] in FINAL:
                return status
            await asyncio.sleep(0.001)
        raise AssertionError(f"the job goes on: {status}")

    def states(self, job_id: str) -> list[str]:
        """The states that were announced for a job, repeats left out."""
        states = [
            event.content["state"]
            for _, event in self.events
            if event.type == "event.job" and event.content["job"] == job_id
        ]
        return [state for place, state in enumerate(states) if place == 0 or states[place - 1] != state]

    def announced(self, kind: str) -> list[Envelope]:
        return [event for _, event in self.events if event.type == kind]

    async def close(self) -> None:
        await self.bridge.close()
        self.journal.close()


def in_room(data_dir: Path, story: Callable[[Room], Awaitable[None]], **config: Any) -> None:
    """Plays a story with a bridge on this folder, and closes the bridge."""

    async def play() -> None:
        room = Room(data_dir, **config)
        try:
            await story(room)
        finally:
            await room.close()

    asyncio.run(play())
