"""The bridge: a message in, messages out. Joins store, planner, jobs and delivery; knows no sockets.

What changes a scene is written before it is answered, and told to everyone after.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import logging
import time
import uuid
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from pydantic import BaseModel

from engine.log_lines import about, fields
from plugin_bridge import delivery, planner, undo
from plugin_bridge.access import Access, Caller
from plugin_bridge.archive_desk import ArchiveDesk, Arrived
from plugin_bridge.audio_budget import AudioBudget
from plugin_bridge.audio_store import AudioStore
from plugin_bridge.commit_group import CommitGroup
from plugin_bridge.config import BridgeConfig
from plugin_bridge.delivery_files import DeliveryFiles
from plugin_bridge.drafts import WithDrafts
from plugin_bridge.guard import guarded
from plugin_bridge.heap import Heap
from plugin_bridge.job_desk import JobDesk, Pool
from plugin_bridge.job_story import JobStory
from plugin_bridge.leases import Leases
from plugin_bridge.length_desk import LengthDesk
from plugin_bridge.metrics import Metrics
from plugin_bridge.origin_takes import check_origins
from plugin_bridge.planner import Standing
from plugin_bridge.scene_store import Kept, SceneStore, as_text, id_taken
from plugin_bridge.worker_pool import foremost
from scene_schema import messages
from scene_schema.apart import kept_apart
from scene_schema.capabilities import Capabilities
from scene_schema.edits import (
    EDITS,
    AddLayer,
    ComposeScene,
    Edit,
    EditLayer,
    EditScene,
    ExtendScene,
    FitScene,
    MoveLayer,
    RemoveLayer,
    apply,
)
from scene_schema.envelope import PROTOCOL_VERSION, Envelope, envelope_for
from scene_schema.errors import Finding, Refused, shown
from scene_schema.messages import ERROR, Accepted, Failure, WorkerStatus, read_request
from scene_schema.priority import Priority
from scene_schema.prompt import compose
from scene_schema.scene import Scene
from scene_schema.strict import Strict

log = logging.getLogger("stemscape.bridge")

REPLIES_KEPT: Final = 1024  # for messages sent twice; older ones are answered from the journal
REPLIES_BYTES: Final = 2**20  # and no more of them: one holds its whole scene
RECEIPTS_AT_ONCE: Final = 64
DELIVERIES: Final = "deliveries"  # the folder, in the data folder, of files that hosts were given

CONTROL: Final = frozenset(
    {
        "hello",
        "status",
        "job.get",
        "job.cancel",
        "jobs.cancel",
        "transport.get",
        "transport.set",
        "engine.load",
        "engine.unload",
        "engine.stop",
    }
)
"""Requests that the control socket takes: none of them waits for anything."""

Publish = Callable[[str, Envelope], None]
"""Sends an event to everyone who follows a topic."""


@dataclass(frozen=True)
class _Answer:
    content: BaseModel
    binary: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class _Underway:
    """A message that is being carried out."""

    request: Strict
    reply: asyncio.Future[Accepted]


@dataclass(frozen=True, slots=True)
class _Answered:
    """A message that was carried out: a hash of what it said, and the reply as JSON, for there are many."""

    said: bytes | None
    reply: bytes


@dataclass(frozen=True)
class _Change:
    """What a request makes of a scene; `content_of` and `redo` as in `undo.Step`, `typed` as in `JobDesk`."""

    before: Scene | None
    after: Scene
    render: bool
    content_of: int | None = None
    redo: int | None = None
    draft: bool = False
    priority: Priority = "interactive"
    typed: bool = False
    arrived: Arrived | None = None  # where it comes with a history and takes of its own


@dataclass(frozen=True)
class Addresses:
    """Where the doors are; told to clients in `Welcome`."""

    request: str
    control: str
    events: str
    http: str | None = None
    osc: str | None = None
    oscquery: str | None = None


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
        workers: Pool,
        access: Access,
        publish: Publish,
        addresses: Addresses,
        stopping: asyncio.Event,
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        self.session = uuid.uuid4().hex
        self.stopping = stopping
        self._config = config
        self._model = model
        self._store = store
        self._audio = audio
        self._workers = workers
        self.access = access
        self._publish = publish
        self._addresses = addresses
        self._clock = clock
        self._started_s = clock()
        self._version = version()
        self._metrics = metrics or Metrics(clock)
        self._metrics.sounds = audio.cache
        self._story = JobStory(self._metrics, clock)
        self._disk = CommitGroup(store)
        self._heap = Heap(clock)
        self._files = DeliveryFiles(config.data_dir / DELIVERIES, store.receipts())
        self._reading: Counter[str] = Counter()  # takes that deliveries read at this moment
        self._budget = AudioBudget(
            config.audio_bytes, model, store, audio, self._files, self._disk, self._takes_in_use
        )
        self._archives = ArchiveDesk(
            model, store, audio, self._files, self._disk, self._reading_takes, f"Stemscape {self._version}"
        )
        self._jobs = JobDesk(
            config, model, store, audio, workers, self._announce, clock, when_kept=self._budget.grew
        )
        self._lengths = LengthDesk(model, self._ask_a_worker, config.length_wait_s)
        self._jobs.when_stopping = self._story.stopping
        self._accepted: OrderedDict[str, _Underway | _Answered] = OrderedDict()
        self._replies_bytes = 0  # of those that are answered
        self._leases = Leases(config.lease_s)
        self._lease_timer: asyncio.TimerHandle | None = None
        self._transport = messages.Transport()
        self._deliveries = asyncio.Semaphore(config.deliveries)

    # --- in and out -------------------------------------------------------------------------------------

    async def handle(
        self, message: Envelope, caller: Caller | None = None, *, control: bool = False
    ) -> list[Envelope]:
        """Answers one request; never raises. Requests take effect in the order of the calls.

        `caller` is who the door says it is; without one, whoever the message says, with no more rights.
        """
        caller = Caller(message.client) if caller is None else caller
        self.heard_of(caller.name)
        self._heap.work()
        came_s = self._clock()
        with about(request=message.id, client=caller.name):
            answer = await guarded(message.id, self._answer(message, caller, control))
            self._note_answer(message, answer, came_s)
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

    def heard_of(self, client: str) -> None:
        """A client sent something, be it no request: its lease, if it has one, begins anew."""
        self._leases.heard(client, self._clock())

    def connected(self, client: str) -> None:
        """A connection of a client with a lease stands; `disconnected` is to follow."""
        self._leases.connected(client)

    def disconnected(self, client: str) -> None:
        """Such a connection is closed."""
        self._leases.disconnected(client, self._clock())
        self._watch_leases()

    async def heard(self, worker: int, message: Envelope) -> None:
        """A message from a worker. One that cannot be followed costs the worker its life, not ours."""
        with about(**self._story.about(message.content.get("job"))):
            if isinstance(await guarded("worker", self._hear(worker, message)), Failure):
                self._workers.kill(worker)

    async def worker_changed(self, status: WorkerStatus) -> None:
        """A worker's process is in another state."""
        await guarded("worker", self._note_worker(status))

    async def beat(self) -> None:
        """Tells everyone that the engine lives; never raises."""
        await guarded("heartbeat", self._tell_alive())

    async def tidy(self) -> None:
        """Keeps the journal's log and the heap short, between edits; never raises."""
        await guarded("tidy", self._write_back())

    async def close(self) -> None:
        """Ends all jobs; takes being written are kept."""
        self.stopping.set()
        if self._lease_timer is not None:
            self._lease_timer.cancel()
        await self._jobs.close()
        await self._budget.close()
        await guarded("receipts", self._keep_receipts())

    # --- requests ---------------------------------------------------------------------------------------

    async def _answer(self, message: Envelope, caller: Caller, control: bool) -> _Answer:
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
                return _Answer(self._hello(request, caller))
            case messages.GetStatus():
                return _Answer(self._status())
            case messages.GetScene():
                await self._disk.durable()  # nothing is told that a kill could take back
                return _Answer(self._scene_reply(self._store.get(request.scene, request.revision)))
            case messages.ListScenes():
                await self._disk.durable()
                return _Answer(messages.SceneList(scenes=self._store.revisions()))
            case messages.CreateScene() | EditScene() | EditLayer():
                return _Answer(await self._once(message, caller, request, self._revise))
            case AddLayer() | RemoveLayer() | MoveLayer() | ExtendScene() | ComposeScene():
                return _Answer(await self._once(message, caller, request, self._revise))
            case FitScene():
                return _Answer(await self._once(message, caller, request, self._fit))
            case messages.UndoScene() | messages.RedoScene():
                return _Answer(await self._once(message, caller, request, self._revise))
            case messages.ExportScene():
                return await self._export(request)
            case messages.ImportScene():
                asked = await self._with_hash(request, message.binary)
                return _Answer(await self._once(message, caller, asked, self._import))
            case messages.RenderScene():
                return _Answer(await self._once(message, caller, request, self._render))
            case messages.DeliverScene():
                return await self._deliver(request)
            case messages.GetJob():
                return _Answer(self._jobs.get(request.job))
            case messages.CancelJob():
                return _Answer(messages.Cancelled(job=self._jobs.cancel(request.job, caller)))
            case messages.CancelJobs():
                owner = _owner_of(request, caller)
                return _Answer(messages.JobsCancelled(jobs=self._jobs.leave(owner, request.scene)))
            case messages.GetTransport():
                return _Answer(self._transport)
            case messages.SetTransport():
                return _Answer(self._set_transport(message, caller, request))
            case messages.LoadEngine():
                self._jobs.load(request.worker)
                return _Answer(messages.Workers(workers=list(self._workers.statuses)))
            case messages.UnloadEngine():
                self._jobs.unload(request.worker)
                return _Answer(messages.Workers(workers=list(self._workers.statuses)))
            case messages.StopEngine():
                self.stopping.set()
                return _Answer(messages.Done())
        raise AssertionError(f"no answer is written for {message.type}")

    def _hello(self, request: messages.Hello, caller: Caller) -> messages.Welcome:
        if not request.cancel_on_disconnect:
            if request.cancel_on_disconnect is not None:
                self._leases.end(caller.name)
            return self._welcome()
        _check_named(caller, "whose jobs are to end when they are gone")
        self._leases.grant(caller.name, self._clock())
        self._watch_leases()
        return self._welcome().model_copy(update={"lease_s": self._leases.lease_s})

    def _watch_leases(self) -> None:
        """Ends the jobs of whoever is gone, and looks again when the next one may be."""
        if self.stopping.is_set():
            return
        for client in self._leases.gone(self._clock()):
            ended = self._jobs.leave(client)
            log.info(
                "%s was silent for %g s: its %d jobs end", shown(client), self._leases.lease_s, len(ended)
            )
        if self._lease_timer is not None:
            self._lease_timer.cancel()
            self._lease_timer = None
        next_s = self._leases.next_s()
        if next_s is not None:
            wait_s = max(0.0, next_s - self._clock())
            self._lease_timer = asyncio.get_running_loop().call_later(wait_s, self._watch_leases)

    def _welcome(self) -> messages.Welcome:
        return messages.Welcome(
            version=self._version,
            protocol=PROTOCOL_VERSION,
            session=self.session,
            model=self._model,
            events=self._addresses.events,
            control=self._addresses.control,
            http=self._addresses.http,
            osc=self._addresses.osc,
            oscquery=self._addresses.oscquery,
        )

    def _status(self) -> messages.Status:
        return messages.Status(
            session=self.session,
            version=self._version,
            model=self._model,
            worker=foremost(self._workers.statuses),
            workers=list(self._workers.statuses),
            jobs=self._jobs.active(),
            scenes=len(self._store.revisions()),
            uptime_s=round(self._clock() - self._started_s, 3),
            store=self._budget.status,
            measured=self._metrics.measured([one.pid for one in self._workers.statuses if one.pid]),
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

    def _set_transport(
        self, message: Envelope, caller: Caller, request: messages.SetTransport
    ) -> messages.Transport:
        said = request.model_dump(exclude_none=True)
        self._transport = self._transport.model_copy(update={**said, "set_by": caller.name})
        self._announce("transport", "event.transport", self._transport, message.id)
        return self._transport

    # --- changes ----------------------------------------------------------------------------------------

    async def _once(
        self,
        message: Envelope,
        caller: Caller,
        request: Strict,
        change: Callable[[Envelope, Caller, Strict], Awaitable[Accepted]],
    ) -> Accepted:
        """Sent twice, carried out once. The journal remembers edits beyond a restart, without their jobs."""
        known = self._accepted.get(message.id)
        if isinstance(known, _Underway) and known.request == request:
            return await asyncio.shield(known.reply)
        if isinstance(known, _Answered) and known.said == _print_of(message, request):
            return Accepted.model_validate_json(known.reply)
        if known is not None:
            raise id_taken(message.id)
        made = self._store.made_by(message.id, message.type, request)
        if made is not None:
            await self._disk.durable()
            return _accepted(made)
        reply: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._accepted[message.id] = _Underway(request, reply)
        try:
            accepted = await change(message, caller, request)
        except BaseException as error:
            self._accepted.pop(message.id, None)
            reply.set_exception(error)
            reply.exception()  # nobody else may have waited for it
            raise
        reply.set_result(accepted)
        answered = _Answered(_print_of(message, request), accepted.model_dump_json().encode())
        self._accepted[message.id] = answered
        self._replies_bytes += len(answered.reply)
        while len(self._accepted) > REPLIES_KEPT or self._replies_bytes > REPLIES_BYTES:
            _, oldest = self._accepted.popitem(last=False)
            self._replies_bytes -= len(oldest.reply) if isinstance(oldest, _Answered) else 0
        return accepted

    async def _revise(self, message: Envelope, caller: Caller, request: Strict) -> Accepted:
        return await self._make(message, caller, request, self._changed(request))

    async def _fit(self, message: Envelope, caller: Caller, request: Strict) -> Accepted:
        assert isinstance(request, FitScene)
        scene = self._store.get_base(request.scene, request.base_revision).scene
        length_s = await self._lengths.expected_s(compose(scene).text())
        edit = EditScene(**request.model_dump(exclude={"type"}), changes={"duration_s": length_s})
        return await self._make(message, caller, request, self._changed(edit))

    async def _make(self, message: Envelope, caller: Caller, request: Strict, change: _Change) -> Accepted:
        """The next revision: nothing else has a turn until it is written."""
        before, after = change.before, change.after
        resounding = planner.resounding(before, after, self._model)
        standings = []
        if change.arrived is not None:
            standings = self._standing_with(after, change.arrived)
        elif resounding:
            standings = [one for one in self._standing(after) if one.layer.id in resounding]
            self._metrics.takes.add("kept", by=sum(one.stem == "fresh" for one in standings))
        stale = [one.layer.id for one in standings if one.stem != "fresh"]
        wanted = self._to_render(after, standings) if change.render else []

        kept = self._store.keep(  # refusals come before this line, announcements after it
            after,
            request_id=message.id,
            kind=message.type,
            request=request,
            stale=stale,
            stems={one.layer.id: one.take for one in standings if one.take and _plays_now(one, change)},
            content_of=change.content_of,
            redo=change.redo,
            history=None if change.arrived is None else change.arrived.history,
            takes=[] if change.arrived is None else change.arrived.takes,
        )
        await self._disk.durable()
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
        try:
            jobs = self._jobs.submit(
                after.id,
                kept.revision,
                wanted,
                message.id,
                caller.name,
                draft=change.draft,
                priority=change.priority,
                typed=change.typed,
            )
        except Refused as refused:  # too many wait: what was said is kept all the same, and renders later
            moot = [one.layer.id for one in wanted if not self._jobs.is_coming(after.id, one)]
            self._jobs.supersede(after.id, moot)
            return _accepted(kept).model_copy(update={"unqueued": Failure.of(refused)})
        return _accepted(kept, jobs)

    def _changed(self, request: Strict) -> _Change:
        if isinstance(request, messages.CreateScene):
            scene_id = request.scene.id
            before = self._store.get(scene_id).scene if self._store.exists(scene_id) else None
            if before is not None and not request.replace:
                raise _scene_exists(scene_id)
            said = [one.id for one in request.scene.layers if "apart_from" in one.model_fields_set]
            after = self._apart(before, request.scene, said)
            return _Change(before, after, request.render, priority=request.priority)
        if isinstance(request, messages.UndoScene | messages.RedoScene):
            newest = self._store.get_base(request.scene, request.base_revision)
            walk = undo.undo if isinstance(request, messages.UndoScene) else undo.redo
            step = walk(newest, partial(self._store.get, request.scene))
            return _Change(
                newest.scene,
                step.scene,
                request.render,
                step.content_of,
                step.redo,
                priority=request.priority,
                typed=True,
            )
        assert isinstance(request, EDITS)
        before = self._store.get_base(request.scene, request.base_revision).scene
        after = self._apart(before, apply(before, request, self._store.stems(request.scene)), _said(request))
        return _Change(
            before, after, request.render, draft=request.draft, priority=request.priority, typed=True
        )

    def _apart(self, before: Scene | None, after: Scene, said: Collection[str]) -> Scene:
        """The scene whose changed layers know what they must not sound like, for a model that hears it."""
        return kept_apart(before, after, said) if self._model.negative else after

    async def _import(self, message: Envelope, caller: Caller, request: Strict) -> Accepted:
        assert isinstance(request, messages.ImportScene)
        source = message.binary[0] if request.path is None else self.access.file(request.path)
        async with self._archives.opened(request, source) as arrived:
            scene, before = arrived.scene, None
            if self._store.exists(scene.id):
                if not request.replace:
                    raise _scene_exists(scene.id)
                before = self._store.get(scene.id).scene
            change = _Change(
                before,
                scene,
                request.render,
                arrived.content_of,
                arrived.redo,
                priority=request.priority,
                arrived=arrived,
            )
            accepted = await self._make(message, caller, request, change)
        self._budget.grew()
        return accepted

    async def _with_hash(
        self, request: messages.ImportScene, binary: tuple[bytes, ...]
    ) -> messages.ImportScene:
        """The request with the hash of what came behind it, so that sending it twice can be told from sending
        another archive. Raises `Refused` (`invalid`)."""
        expected = 0 if request.path is not None else 1
        if len(binary) != expected:
            what = f"one binary frame with the archive, or its path; got {len(binary)} frames"
            finding = Finding(field="$.path", expected=what, got=shown(request.path))
            raise Refused("invalid", "there is no one archive to import", findings=[finding])
        if request.path is not None or request.sha256 is not None:
            return request  # a hash that was sent is checked when the archive is opened
        digest = await asyncio.to_thread(hashlib.sha256, binary[0])
        return request.model_copy(update={"sha256": digest.hexdigest()})

    async def _render(self, message: Envelope, caller: Caller, request: Strict) -> Accepted:
        assert isinstance(request, messages.RenderScene)
        kept = self._store.get(request.scene)
        chosen = _ids(kept.scene)
        if request.layers is not None:
            chosen = [kept.scene.layer(layer).id for layer in request.layers]
        standings = [one for one in self._standing(kept.scene) if one.layer.id in chosen]
        wanted = self._to_render(kept.scene, standings)
        stale = [one.layer.id for one in standings if one.stem != "fresh"]
        jobs = self._jobs.submit(
            kept.scene.id,
            kept.revision,
            wanted,
            message.id,
            caller.name,
            draft=request.draft,
            priority=request.priority,
        )
        return Accepted(scene=kept.scene.id, revision=kept.revision, stale=stale, jobs=jobs)

    # --- delivery ---------------------------------------------------------------------------------------

    async def _deliver(self, request: messages.DeliverScene) -> _Answer:
        await self._disk.durable()
        kept = self._store.get(request.scene)
        standings = self._standing(kept.scene)
        drafts = self._jobs.drafts.of(standings, request.scene) if request.drafts else []
        sounds = WithDrafts(drafts, self._audio)
        order = delivery.order_for(
            request,
            kept,
            sounds.standings(standings),
            lambda take: sounds.take(take) or self._store.take(take),
            self._model,
            drafts=sounds.ids,
            software=f"Stemscape {self._version}",
            limit_bytes=self._config.delivery_bytes,
        )
        folder = None if request.folder is None else self.access.folder(request.folder)
        reading = self._reading_takes(take.id for take in order.takes.values())
        async with reading, self._deliveries, self._finding_damage(request.scene):
            if request.hand_off == "frames":
                parcel = await asyncio.to_thread(delivery.pack, order, sounds)
            else:
                parcel = await asyncio.to_thread(delivery.write, order, sounds, self._files, folder)
        self._budget.grew()
        return _Answer(parcel.delivery, parcel.frames)

    @asynccontextmanager
    async def _reading_takes(self, takes: Iterable[str]) -> AsyncIterator[None]:
        """Their audio stays, however long it is read."""
        reading = Counter(takes)
        self._reading += reading
        try:
            yield
        finally:
            self._reading -= reading

    @asynccontextmanager
    async def _finding_damage(self, scene: str) -> AsyncIterator[None]:
        """A take whose audio is damaged is forgotten, so that it can be rendered again: `not_rendered`."""
        try:
            yield
        except delivery.DamagedTake as damaged:
            log.error("%s", damaged)
            self._store.forget_take(damaged.take)
            whose = f"layer '{damaged.layer}'" if damaged.layer else f"scene '{scene}'"
            raise Refused(
                "not_rendered",
                f"the stored audio of {whose} is damaged",
                remedy=f"Send scene.render for '{scene}', which makes the same sound again; then ask again.",
            ) from damaged

    def _takes_in_use(self) -> set[str]:
        return self._jobs.takes() | set(self._reading)

    async def _keep_receipts(self) -> None:
        """Brings the receipts of deliveries to the journal: behind them, so that none waits for the disk."""
        while (news := self._files.news(RECEIPTS_AT_ONCE)).new or news.gone:
            self._store.keep_receipts(news.new, news.gone)
            await self._disk.durable()

    async def _export(self, request: messages.ExportScene) -> _Answer:
        await self._disk.durable()
        folder = None if request.folder is None else self.access.folder(request.folder)
        async with self._deliveries, self._finding_damage(request.scene):
            parcel = await self._archives.export(request, folder)
        self._budget.grew()
        return _Answer(parcel.exported, parcel.frames)

    # --- inside -----------------------------------------------------------------------------------------

    def _note_answer(self, message: Envelope, answer: _Answer | Failure, came_s: float) -> None:
        """For the log: what is refused, and what makes jobs; the rest where every request is wanted."""
        if isinstance(answer, Failure):
            log.info("%s refused: %s", shown(message.type), answer.message, extra=fields(code=answer.code))
            return
        accepted = answer.content if isinstance(answer.content, Accepted) else None
        for job in () if accepted is None else accepted.jobs:
            self._story.asked(job.job, message.id, came_s)
        level = logging.INFO if accepted is not None and accepted.jobs else logging.DEBUG
        if log.isEnabledFor(level):
            said: dict[str, object] = {"seconds": round(self._clock() - came_s, 6)}
            if accepted is not None:
                said |= {"scene": accepted.scene, "revision": accepted.revision}
                said["jobs"] = [job.job for job in accepted.jobs]
            log.log(level, "%s accepted", message.type, extra=fields(**said))

    def _to_render(self, scene: Scene, standings: Iterable[Standing]) -> list[Standing]:
        wanted = planner.to_render(scene, self._model, standings)
        check_origins(scene, wanted, self._store.takes, self._store.take, self._model)
        return wanted

    def _standing(self, scene: Scene) -> list[Standing]:
        return planner.standing(scene, self._model, self._store.takes, self._store.stems(scene.id))

    def _standing_with(self, scene: Scene, arrived: Arrived) -> list[Standing]:
        """How its layers stand once the takes that came with it are here."""
        takes = self._store.takes | {take.id for take in arrived.takes}
        return planner.standing(scene, self._model, takes, {**self._store.stems(scene.id), **arrived.stems})

    def _with_newest(self, message: Envelope, failure: Failure) -> Failure:
        """A conflict carries the newest scene, so that the sender can look and edit again."""
        scene_id = message.content.get("scene")
        if failure.code != "conflict" or not isinstance(scene_id, str):
            return failure
        return failure.model_copy(update={"newest": self._scene_reply(self._store.get(scene_id))})

    def _announce(self, topic: str, kind: str, content: BaseModel, cause: str) -> None:
        self._story.heard(content, cause)
        self._publish(topic, envelope_for(kind, content, parent=cause, session=self.session))

    async def _write_back(self) -> None:
        self._store.write_back()
        await self._heap.look()

    async def _tell_alive(self) -> None:
        uptime_s = round(self._clock() - self._started_s, 3)
        worker = foremost(self._workers.statuses).state
        beat = messages.Heartbeat(session=self.session, uptime_s=uptime_s, worker=worker)
        self._announce("engine", "event.heartbeat", beat, "")
        await self._keep_receipts()

    async def _hear(self, worker: int, message: Envelope) -> None:
        self._story.worker_said(message)
        if message.type == "length":
            self._lengths.heard(messages.ExpectedLength.model_validate(message.content))
        else:
            self._jobs.heard(worker, message)

    def _ask_a_worker(self, question: Envelope) -> None:
        """Of one that has its model loaded, an idle one first; where none has, one is loaded meanwhile."""
        states = {
            one.state: one.number for one in reversed(self._workers.statuses)
        }  # the first in each state
        if loaded := [states[state] for state in ("ready", "rendering") if state in states]:
            self._workers.send(loaded[0], question)
        elif "unloaded" in states and not {"starting", "loading"} & states.keys():
            self._workers.load(states["unloaded"])

    async def _note_worker(self, status: WorkerStatus) -> None:
        self._jobs.worker_changed(status)
        if status.state == "ready":
            self._lengths.worker_ready()


def _said(request: Edit) -> list[str]:
    """The layers whose `apart_from` an edit gives."""
    if isinstance(request, AddLayer) and "apart_from" in request.layer.model_fields_set:
        return [request.layer.id]
    if isinstance(request, EditLayer) and "apart_from" in request.changes:
        return [request.layer]
    return []


def _owner_of(request: messages.CancelJobs, caller: Caller) -> str:
    """Whose jobs are to end. Raises `Refused` (`invalid`, `denied`)."""
    if request.owner is None:
        _check_named(caller, "that end all their jobs")
        return caller.name
    if request.owner != caller.name and not caller.operator:
        log.warning("%s may not end the jobs of %s", shown(caller.name), shown(request.owner))
        raise Refused(
            "denied",
            f"the jobs of {shown(request.owner)} are not this client's",
            remedy="Leave owner out for those of your own, or send the operator's token as well.",
        )
    return request.owner


def _check_named(caller: Caller, who: str) -> None:
    """Whoever has no name shares it with all who have none."""
    if not caller.name:
        finding = Finding(field="$.client", expected=f"a name, as all need {who}", got="none")
        raise Refused("invalid", "this client has no name", findings=[finding], remedy="Send one as client.")


def _plays_now(one: Standing, change: _Change) -> bool:
    """Whether the layer's stem has to be noted: it is fresh, or came with the scene."""
    return one.stem == "fresh" or change.arrived is not None


def _scene_exists(scene_id: str) -> Refused:
    return Refused(
        "exists",
        f"there is a scene '{scene_id}' already",
        remedy="Send replace: true to make this its next revision, or choose another id.",
    )


def _accepted(kept: Kept, jobs: Sequence[messages.JobStatus] = ()) -> Accepted:
    return Accepted(
        scene=kept.scene.id,
        revision=kept.revision,
        stale=list(kept.stale),
        jobs=list(jobs),
        content_of=kept.content_of,
    )


def _print_of(message: Envelope, request: Strict) -> bytes | None:
    text = as_text(message.type, request)
    return None if text is None else hashlib.blake2b(text.encode(), digest_size=16).digest()


def _ids(scene: Scene) -> list[str]:
    return [layer.id for layer in scene.layers]


def version() -> str:
    """Of the installed package."""
    try:
        return importlib.metadata.version("stemscape")
    except importlib.metadata.PackageNotFoundError:
        return "0+source"  # run from a checkout that was never installed
