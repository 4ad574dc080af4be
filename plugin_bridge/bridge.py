"""The bridge: a message in, messages out. Joins store, planner, jobs and delivery; knows no sockets.

What changes a scene is written before it is answered, and told to everyone after.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from plugin_bridge import delivery, planner
from plugin_bridge.audio_store import AudioStore
from plugin_bridge.config import BridgeConfig
from plugin_bridge.guard import guarded
from plugin_bridge.job_desk import JobDesk, Worker
from plugin_bridge.planner import Standing
from plugin_bridge.scene_store import Kept, SceneStore, id_taken
from scene_schema import messages
from scene_schema.capabilities import Capabilities
from scene_schema.edits import AddLayer, EditLayer, EditScene, MoveLayer, RemoveLayer, apply
from scene_schema.envelope import PROTOCOL_VERSION, Envelope, envelope_for
from scene_schema.errors import Refused, shown
from scene_schema.messages import ERROR, Accepted, Failure, WorkerStatus, read_request
from scene_schema.scene import Scene, Strict

log = logging.getLogger("stemscape.bridge")

REPLIES_KEPT: Final = 1024  # for messages sent twice; older ones are answered from the journal

CONTROL: Final = frozenset({"hello", "status", "job.get", "job.cancel", "engine.stop"})
"""Requests that the control socket takes: none of them waits for anything."""

Publish = Callable[[str, Envelope], None]
"""Sends an event to everyone who follows a topic."""


@dataclass(frozen=True)
class _Answer:
    content: BaseModel
    binary: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Addresses:
    """Where the doors are; told to clients in `Welcome`."""

    request: str
    control: str
    events: str


class Bridge:
    """One engine's session. All methods are called from the event loop's thread.

    Attributes:
        session: a new one at each start, so that clients notice a restart.
        stopping: set when a signal or a client asked the engine to stop.
    """

    def __init__(
        self,
        config: BridgeConfig,
        model: Capabilities,
        store: SceneStore,
        audio: AudioStore,
        worker: Worker,
        publish: Publish,
        addresses: Addresses,
        stopping: asyncio.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session = uuid.uuid4().hex
        self.stopping = stopping
        self._config = config
        self._model = model
        self._store = store
        self._audio = audio
        self._worker = worker
        self._publish = publish
        self._addresses = addresses
        self._clock = clock
        self._started_s = clock()
        self._version = _version()
        self._jobs = JobDesk(config, model, store, audio, worker, self._announce, clock)
        self._accepted: OrderedDict[str, tuple[Strict, Accepted]] = OrderedDict()
        self._deliveries = asyncio.Semaphore(config.deliveries)

    # --- in and out -------------------------------------------------------------------------------------

    async def handle(self, message: Envelope, *, control: bool = False) -> list[Envelope]:
        """Answers one request; never raises. Requests take effect in the order of the calls."""
        answer = await guarded(message.id, self._answer(message, control))
        if isinstance(answer, Failure):
            answer = self._with_newest(message, answer)
            return [envelope_for(ERROR, answer, parent=message.id, session=self.session)]
        kind = f"{message.type}.reply"
        reply = envelope_for(
            kind, answer.content, parent=message.id, session=self.session, binary=answer.binary
        )
        return [reply]

    def refuse(self, refused: Refused, parent: str = "") -> Envelope:
        """The answer to frames that are no message."""
        return envelope_for(ERROR, Failure.of(refused), parent=parent, session=self.session)

    async def heard(self, message: Envelope) -> None:
        """A message from the worker. One that cannot be followed costs the worker its life, not ours."""
        if isinstance(await guarded("worker", self._hear(message)), Failure):
            self._worker.kill()

    async def worker_changed(self, status: WorkerStatus) -> None:
        """The worker's process is in another state."""
        await guarded("worker", self._note_worker(status))

    async def close(self) -> None:
        """Ends all jobs; takes being written are kept."""
        self.stopping.set()
        await self._jobs.close()

    # --- requests ---------------------------------------------------------------------------------------

    async def _answer(self, message: Envelope, control: bool) -> _Answer:
        request = read_request(message.type, message.content)
        if control and message.type not in CONTROL:
            raise Refused(
                "unknown_type",
                f"the control socket takes {', '.join(sorted(CONTROL))}, not {shown(message.type)}",
                remedy=f"Send it to the request socket, {self._addresses.request}.",
            )
        if self.stopping.is_set():
            raise Refused("shutting_down", "the engine is stopping", remedy="Start it, then send this again.")
        match request:
            case messages.Hello():
                return _Answer(self._welcome())
            case messages.GetStatus():
                return _Answer(self._status())
            case messages.GetScene():
                return _Answer(self._scene_reply(self._store.get(request.scene, request.revision)))
            case messages.ListScenes():
                return _Answer(messages.SceneList(scenes=self._store.revisions()))
            case messages.CreateScene() | EditScene() | EditLayer():
                return _Answer(self._once(message, request, self._revise))
            case AddLayer() | RemoveLayer() | MoveLayer():
                return _Answer(self._once(message, request, self._revise))
            case messages.RenderScene():
                return _Answer(self._once(message, request, self._render))
            case messages.DeliverScene():
                return await self._deliver(request)
            case messages.GetJob():
                return _Answer(self._jobs.get(request.job))
            case messages.CancelJob():
                return _Answer(messages.Cancelled(job=self._jobs.cancel(request.job)))
            case messages.StopEngine():
                self.stopping.set()
                return _Answer(messages.Done())
        raise AssertionError(f"no answer is written for {message.type}")

    def _welcome(self) -> messages.Welcome:
        return messages.Welcome(
            version=self._version,
            protocol=PROTOCOL_VERSION,
            session=self.session,
            model=self._model,
            events=self._addresses.events,
            control=self._addresses.control,
        )

    def _status(self) -> messages.Status:
        return messages.Status(
            session=self.session,
            version=self._version,
            model=self._model,
            worker=self._worker.status,
            jobs=self._jobs.active(),
            scenes=len(self._store.revisions()),
            uptime_s=round(self._clock() - self._started_s, 3),
        )

    def _scene_reply(self, kept: Kept) -> messages.SceneReply:
        layers = [
            messages.LayerStatus(
                layer=one.layer.id,
                stem=one.stem,
                take=one.take,
                job=self._jobs.job_of(kept.scene.id, one.layer.id),
            )
            for one in self._standing(kept.scene)
        ]
        return messages.SceneReply(scene=kept.scene, revision=kept.revision, layers=layers)

    # --- changes ----------------------------------------------------------------------------------------

    def _once(
        self, message: Envelope, request: Strict, change: Callable[[Envelope, Strict], Accepted]
    ) -> Accepted:
        """Sent twice, carried out once. The journal remembers edits beyond a restart, without their jobs."""
        known = self._accepted.get(message.id)
        if known is not None:
            if known[0] != request:
                raise id_taken(message.id)
            return known[1]
        made = self._store.made_by(message.id, message.type, request)
        if made is not None:
            return Accepted(scene=made.scene.id, revision=made.revision, stale=list(made.stale), jobs=[])
        accepted = change(message, request)
        self._accepted[message.id] = (request, accepted)
        while len(self._accepted) > REPLIES_KEPT:
            self._accepted.popitem(last=False)
        return accepted

    def _revise(self, message: Envelope, request: Strict) -> Accepted:
        before, after, render = self._changed(request)
        resounding = planner.resounding(before, after, self._model)
        standings = [one for one in self._standing(after) if one.layer.id in resounding]
        stale = [one.layer.id for one in standings if one.stem != "fresh"]
        wanted = planner.to_render(after, self._model, standings) if render else []

        kept = self._store.keep(  # refusals come before this line, announcements after it
            after,
            request_id=message.id,
            kind=message.type,
            request=request,
            stale=stale,
            stems={one.layer.id: one.wanted for one in standings if one.stem == "fresh"},
        )
        revised = messages.SceneRevised(
            scene=after.id, revision=kept.revision, stale=stale, caused_by=message.id
        )
        self._announce(f"scene.{after.id}", "event.scene", revised, message.id)
        renewed = {one.layer.id for one in wanted}
        unwanted = [
            layer
            for layer in ([] if before is None else _ids(before))
            if layer not in _ids(after) or (layer in resounding and layer not in renewed)
        ]
        self._jobs.supersede(after.id, unwanted)
        jobs = self._jobs.submit(after.id, kept.revision, wanted, message.id)
        return Accepted(scene=after.id, revision=kept.revision, stale=stale, jobs=jobs)

    def _changed(self, request: Strict) -> tuple[Scene | None, Scene, bool]:
        if isinstance(request, messages.CreateScene):
            scene_id = request.scene.id
            if not self._store.exists(scene_id):
                return None, request.scene, request.render
            if not request.replace:
                raise Refused(
                    "exists",
                    f"there is a scene '{scene_id}' already",
                    remedy="Send replace: true to make this its next revision, or choose another id.",
                )
            return self._store.get(scene_id).scene, request.scene, request.render
        assert isinstance(request, EditScene | EditLayer | AddLayer | RemoveLayer | MoveLayer)
        before = self._store.get_base(request.scene, request.base_revision).scene
        return before, apply(before, request), request.render

    def _render(self, message: Envelope, request: Strict) -> Accepted:
        assert isinstance(request, messages.RenderScene)
        kept = self._store.get(request.scene)
        chosen = _ids(kept.scene)
        if request.layers is not None:
            chosen = [kept.scene.layer(layer).id for layer in request.layers]
        standings = [one for one in self._standing(kept.scene) if one.layer.id in chosen]
        wanted = planner.to_render(kept.scene, self._model, standings)
        stale = [one.layer.id for one in standings if one.stem != "fresh"]
        jobs = self._jobs.submit(kept.scene.id, kept.revision, wanted, message.id)
        return Accepted(scene=kept.scene.id, revision=kept.revision, stale=stale, jobs=jobs)

    # --- delivery ---------------------------------------------------------------------------------------

    async def _deliver(self, request: messages.DeliverScene) -> _Answer:
        kept = self._store.get(request.scene)
        standings = self._standing(kept.scene)
        rate_hz, channels = delivery.check_order(
            request, standings, kept, self._model, self._config.delivery_bytes
        )
        takes = {one.layer.id: self._store.take(one.take) for one in standings if one.take is not None}
        order = delivery.Order(kept, standings, takes, rate_hz, channels, request.bit_depth)
        generated_by = f"Stemscape {self._version}, model {self._model.name}; made by a machine"
        async with self._deliveries:
            try:
                parcel = await asyncio.to_thread(delivery.pack, order, self._audio, generated_by)
            except delivery.DamagedTake as damaged:
                log.error("%s", damaged)
                self._store.forget_take(damaged.take)
                raise Refused(
                    "not_rendered",
                    f"the stored audio of layer '{damaged.layer}' is damaged",
                    remedy=f"Send scene.render for '{request.scene}': it makes the same sound again.",
                ) from damaged
        return _Answer(parcel.delivery, parcel.frames)

    # --- inside -----------------------------------------------------------------------------------------

    def _standing(self, scene: Scene) -> list[Standing]:
        return planner.standing(scene, self._model, self._store.takes, self._store.stems(scene.id))

    def _with_newest(self, message: Envelope, failure: Failure) -> Failure:
        """A conflict carries the newest scene, so that the sender can look and edit again."""
        scene_id = message.content.get("scene")
        if failure.code != "conflict" or not isinstance(scene_id, str):
            return failure
        return failure.model_copy(update={"newest": self._scene_reply(self._store.get(scene_id))})

    def _announce(self, topic: str, kind: str, content: BaseModel, cause: str) -> None:
        self._publish(topic, envelope_for(kind, content, parent=cause, session=self.session))

    async def _hear(self, message: Envelope) -> None:
        self._jobs.heard(message)

    async def _note_worker(self, status: WorkerStatus) -> None:
        self._jobs.worker_changed(status)


def _ids(scene: Scene) -> list[str]:
    return [layer.id for layer in scene.layers]


def _version() -> str:
    try:
        return importlib.metadata.version("stemscape")
    except importlib.metadata.PackageNotFoundError:
        return "0+source"  # run from a checkout that was never installed
