"""The asyncio SDK: what may be asked of a running engine, one method each.

Owns sockets and timeouts; what a message means is in `session`. Retries nothing but the sending: the
same message with the same id, which the engine carries out once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import zmq
import zmq.asyncio
from pydantic import ValidationError

from clients.python.credentials import Credentials
from clients.python.deliver_files import Delivered, write_archive, write_delivery
from clients.python.errors import EngineLost, StillRendering
from clients.python.event_stream import EventStream
from clients.python.session import KIND_OF, Reply, Session
from scene_schema import messages
from scene_schema.edits import (
    AddLayer,
    ComposeScene,
    EditLayer,
    EditScene,
    ExtendScene,
    FitScene,
    MoveLayer,
    RemoveLayer,
)
from scene_schema.envelope import encode
from scene_schema.errors import Refused, refused_by
from scene_schema.job_states import FINAL
from scene_schema.limits import ARCHIVE_FRAME_BYTES
from scene_schema.messages import (
    Accepted,
    DraftReady,
    JobStatus,
    Open,
    SceneReply,
    Status,
    Welcome,
    WorkerStatus,
)
from scene_schema.priority import Priority
from scene_schema.scene import Layer, Scene
from scene_schema.strict import Strict

DEFAULT_ADDRESS: Final = "tcp://127.0.0.1:47710"
POLL_S: Final = 0.5  # how often a wait asks for jobs by itself, so that a lost event costs no more than this
LEASE_PART: Final = 0.25  # of a lease, after which it is renewed: three may be lost
CONNECT_S: Final = 3.0  # an engine says hello in milliseconds; a port where nobody is says nothing at all
FIT_S: Final = 90.0  # the engine waits a minute for a model that loads
DELIVER_S: Final = 120.0  # resampling and writing 32 long stems is work, not an answer
NOBODY: Final = Credentials()
_TURNED_AWAY: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
TOPICS: Final = (b"scene.", b"engine", b"transport", b"welcome")

OnProgress = Callable[[JobStatus], None]
OnDraft = Callable[[DraftReady], None]
_Reply = TypeVar("_Reply", bound=Open)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Rendered:
    """How a render ended: every job in a final state."""

    scene: str
    revision: int
    jobs: list[JobStatus]


class AsyncClient:
    """A connection to one engine.

        async with AsyncClient() as client:
            await client.create_scene(scene)
            await client.render(scene.id)
            await client.deliver(scene.id, "out")

    Every method raises `Refused` where the engine says no (nothing changed) and `EngineLost` where no
    answer comes within `timeout_s`. With `cancel_on_disconnect` the engine ends the jobs of this client's
    name when nothing was heard of it for `welcome.lease_s`: it was closed, or died.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        timeout_s: float = 10.0,
        connect_timeout_s: float = CONNECT_S,
        credentials: Credentials = NOBODY,
        cancel_on_disconnect: bool = False,
    ) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self.connect_timeout_s = connect_timeout_s
        self._credentials = credentials
        self._hello = messages.Hello(cancel_on_disconnect=True) if cancel_on_disconnect else messages.Hello()
        self.session = Session(credentials.name, credentials.token)
        self.welcome: Welcome | None = None
        self._context: zmq.asyncio.Context | None = None
        self._requests: zmq.asyncio.Socket | None = None
        self._control: zmq.asyncio.Socket | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._streams: set[EventStream] = set()
        self._heard = asyncio.Event()

    # --- connection -------------------------------------------------------------------------------------

    @classmethod
    async def connect(
        cls,
        address: str = DEFAULT_ADDRESS,
        *,
        timeout_s: float = 10.0,
        connect_timeout_s: float = CONNECT_S,
        credentials: Credentials = NOBODY,
        cancel_on_disconnect: bool = False,
    ) -> AsyncClient:
        """A client that has been welcomed. Close it with `await client.close()`."""
        client = cls(
            address,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
            credentials=credentials,
            cancel_on_disconnect=cancel_on_disconnect,
        )
        await client.open()
        return client

    async def open(self) -> Welcome:
        """Connects and says hello. Leaves nothing open where that fails; opening twice is fine."""
        if self._context is not None and self.welcome is not None:
            return self.welcome
        self._context = zmq.asyncio.Context()
        try:
            await _check_reachable(self.address, self.connect_timeout_s)
            self._requests = self._dealer()
            self.welcome = welcome = _expect(await self._say_hello(self._requests), Welcome)
            self._control = self._dealer()
            self._connect(self._control, _seen_from_here(welcome.control, self.address))
            events = self._context.socket(zmq.SUB)
            self._credentials.lock(events)
            for topic in TOPICS:
                events.setsockopt(zmq.SUBSCRIBE, topic)
            events.connect(_seen_from_here(welcome.events, self.address))
            self._tasks.append(asyncio.create_task(self._read_events(events)))
            if welcome.lease_s is not None:
                self._tasks.append(asyncio.create_task(self._stay(welcome.lease_s)))
            # the welcome message says that the subscription stands; without it, polling still does
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._heard.wait(), POLL_S)
        except BaseException:
            await self.close()
            raise
        return welcome

    async def _say_hello(self, socket: zmq.asyncio.Socket) -> Reply:
        """Connects; returns the engine's answer, or raises why it does not even listen to this client."""
        monitor = socket.get_monitor_socket(_TURNED_AWAY)  # before, or the news may come when nobody listens
        self._connect(socket, self.address)
        turned_away = asyncio.ensure_future(monitor.recv_multipart())
        hello = asyncio.create_task(self._exchange(self._hello, socket, self.connect_timeout_s, sendings=1))
        try:
            await asyncio.wait({turned_away, hello}, return_when=asyncio.FIRST_COMPLETED)
            if not hello.done():
                raise Refused(
                    "denied",
                    f"the engine at {self.address} turned this client away: it does not know its keys",
                    remedy="Have keys made where the engine runs (stemscape keys FOLDER --client NAME), and "
                    "give NAME.key_secret and engine.key as Credentials.",
                )
            return hello.result()
        finally:
            for task in (turned_away, hello):
                task.cancel()
            await asyncio.gather(turned_away, hello, return_exceptions=True)
            socket.disable_monitor()

    async def close(self) -> None:
        """Closes the sockets. What the engine was asked to do, it goes on doing."""
        for stream in list(self._streams):
            stream.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._context is not None:
            self._context.destroy(linger=0)
            self._context = None

    async def __aenter__(self) -> AsyncClient:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- questions --------------------------------------------------------------------------------------

    async def hello(self) -> Welcome:
        """Which engine this is: its version, session and model."""
        self.welcome = await self._ask(messages.Hello(), Welcome)
        return self.welcome

    async def status(self) -> Status:
        """What the engine is doing: its worker and its jobs."""
        return await self._ask(messages.GetStatus(), Status)

    async def get_scene(self, scene: str, revision: int | None = None) -> SceneReply:
        """The newest revision of a scene, or the one asked for, and how its stems stand."""
        return await self._ask(_made(messages.GetScene, scene=scene, revision=revision), SceneReply)

    async def list_scenes(self) -> dict[str, int]:
        """The ids of all scenes with their newest revision."""
        return (await self._ask(messages.ListScenes(), messages.SceneList)).scenes

    async def get_job(self, job: str) -> JobStatus:
        """How a job stands."""
        return await self._ask(_made(messages.GetJob, job=job), JobStatus)

    def events(self) -> EventStream:
        """Everything that happens from now on: `async for event in client.events()`."""
        stream = EventStream()
        self._streams.add(stream)
        return stream

    # --- changes ----------------------------------------------------------------------------------------

    async def create_scene(
        self, scene: Scene, *, replace: bool = False, render: bool = False, priority: Priority = "interactive"
    ) -> Accepted:
        """Keeps a new scene; with `replace`, also where one with its id exists."""
        return await self._ask(
            _made(messages.CreateScene, scene=scene, replace=replace, render=render, priority=priority),
            Accepted,
        )

    async def edit_layer(
        self,
        scene: str,
        layer: str,
        changes: dict[str, Any],
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
        draft: bool = False,
    ) -> Accepted:
        """Changes fields of one layer, for example `{"caption": "heavy rain"}`.

        With `draft`, a quick version of the new stem comes first, where nothing else waits: `wait` tells.
        """
        edit = _made(
            EditLayer,
            scene=scene,
            layer=layer,
            changes=changes,
            base_revision=base_revision,
            render=render,
            priority=priority,
            draft=draft,
        )
        return await self._ask(edit, Accepted)

    async def add_layer(
        self,
        scene: str,
        layer: Layer,
        *,
        index: int | None = None,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
        draft: bool = False,
    ) -> Accepted:
        """Puts a new layer at `index`, at the end where it is None."""
        edit = _made(
            AddLayer,
            scene=scene,
            layer=layer,
            index=index,
            base_revision=base_revision,
            render=render,
            priority=priority,
            draft=draft,
        )
        return await self._ask(edit, Accepted)

    async def remove_layer(
        self,
        scene: str,
        layer: str,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """Takes a layer out of the scene; its takes stay in the store."""
        edit = _made(
            RemoveLayer,
            scene=scene,
            layer=layer,
            base_revision=base_revision,
            render=render,
            priority=priority,
        )
        return await self._ask(edit, Accepted)

    async def move_layer(
        self,
        scene: str,
        layer: str,
        index: int,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """Puts a layer at another place in the order. Nothing sounds different."""
        edit = _made(
            MoveLayer,
            scene=scene,
            layer=layer,
            index=index,
            base_revision=base_revision,
            render=render,
            priority=priority,
        )
        return await self._ask(edit, Accepted)

    async def edit_scene(
        self,
        scene: str,
        changes: dict[str, Any],
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
        draft: bool = False,
    ) -> Accepted:
        """Changes fields of the scene itself: `title`, `caption`, `duration_s`, `tempo`, `chords`."""
        edit = _made(
            EditScene,
            scene=scene,
            changes=changes,
            base_revision=base_revision,
            render=render,
            priority=priority,
            draft=draft,
        )
        return await self._ask(edit, Accepted)

    async def extend_scene(
        self,
        scene: str,
        duration_s: float,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """Makes a scene longer: every layer that has a stem goes on with it."""
        edit = _made(
            ExtendScene,
            scene=scene,
            duration_s=duration_s,
            base_revision=base_revision,
            render=render,
            priority=priority,
        )
        return await self._ask(edit, Accepted)

    async def fit_scene(
        self,
        scene: str,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """Gives a scene the length that the model itself would choose for its words.

        Raises `Refused` (`unsupported`) where the model has no opinion: its capabilities say `length`.
        """
        edit = _made(FitScene, scene=scene, base_revision=base_revision, render=render, priority=priority)
        return await self._ask(edit, Accepted, timeout_s=max(FIT_S, self.timeout_s))

    async def compose(
        self,
        scene: str,
        seed: int = 0,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """Makes one mix of all layers, and each stem a part of it, where the model can."""
        edit = _made(
            ComposeScene,
            scene=scene,
            seed=seed,
            base_revision=base_revision,
            render=render,
            priority=priority,
        )
        return await self._ask(edit, Accepted)

    async def undo(
        self,
        scene: str,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """Takes back the last edit, as a new revision; several in a row walk back.

        Raises `Refused` (`not_found`) where there is nothing to take back.
        """
        asked = _made(
            messages.UndoScene, scene=scene, base_revision=base_revision, render=render, priority=priority
        )
        return await self._ask(asked, Accepted)

    async def redo(
        self,
        scene: str,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """Does again what the last undo took back, as a new revision. Raises `Refused` (`not_found`)."""
        asked = _made(
            messages.RedoScene, scene=scene, base_revision=base_revision, render=render, priority=priority
        )
        return await self._ask(asked, Accepted)

    # --- sound ------------------------------------------------------------------------------------------

    async def render(
        self,
        scene: str,
        layers: list[str] | None = None,
        on_progress: OnProgress | None = None,
        *,
        on_draft: OnDraft | None = None,
        timeout_s: float | None = None,
        priority: Priority = "interactive",
    ) -> Rendered:
        """Renders what is stale, and returns when every job has ended. See `wait`.

        With `on_draft`, drafts are asked for. With `priority="batch"` what somebody waits for goes first,
        here and in every other method that may render.
        """
        accepted = await self.start_render(scene, layers, draft=on_draft is not None, priority=priority)
        return await self.wait(accepted, on_progress, on_draft=on_draft, timeout_s=timeout_s)

    async def start_render(
        self,
        scene: str,
        layers: list[str] | None = None,
        *,
        draft: bool = False,
        priority: Priority = "interactive",
    ) -> Accepted:
        """Asks for a render and returns at once; `wait` for it, or follow its jobs in `events`.

        Raises `Refused` (`too_many_jobs`), and nothing is queued, where too many of this client's wait.
        """
        asked = _made(messages.RenderScene, scene=scene, layers=layers, draft=draft, priority=priority)
        return await self._ask(asked, Accepted)

    async def wait(
        self,
        accepted: Accepted,
        on_progress: OnProgress | None = None,
        *,
        on_draft: OnDraft | None = None,
        timeout_s: float | None = None,
    ) -> Rendered:
        """Returns when every job of an accepted edit or render has ended.

        `on_progress` is called with each new status of each job, `on_draft` when a draft can be delivered
        (`deliver` with `drafts=True`, until its job ends). Raises `Refused` with what the first
        failed job says, once all have ended; cancelled and superseded are ends, not failures. Raises
        `Refused` (`too_many_jobs`) where an edit is kept whose renders were not queued. Raises
        `StillRendering` after `timeout_s` (None: as long as the engine answers).
        """
        if accepted.unqueued is not None:
            raise accepted.unqueued.refusal()
        loop = asyncio.get_running_loop()
        deadline = None if timeout_s is None else loop.time() + timeout_s
        jobs: dict[str, JobStatus] = {}

        def note(status: JobStatus) -> None:
            known = jobs.get(status.job)
            if known == status or (known is not None and known.state in FINAL):
                return  # an answer may arrive behind a newer event
            jobs[status.job] = status
            if on_progress is not None:
                on_progress(status)

        for job in accepted.jobs:
            note(job)
        stream = self.events()
        next_poll = loop.time()  # at once: what happened before the stream was there is asked for
        try:
            while waiting := [job for job in jobs.values() if job.state not in FINAL]:
                if deadline is not None and loop.time() > deadline:
                    left = ", ".join(f"{job.layer} ({job.state})" for job in waiting)
                    raise StillRendering(
                        f"after {timeout_s:g} s these layers are not done: {left}",
                        "See what the engine does: stemscape status",
                    )
                if loop.time() >= next_poll:
                    for job in waiting:
                        note(await self.get_job(job.job))
                    next_poll = loop.time() + POLL_S
                    continue
                with contextlib.suppress(asyncio.TimeoutError, StopAsyncIteration):
                    event = await _within(anext(stream), max(0.001, next_poll - loop.time()))
                    said = event.content
                    if isinstance(said, JobStatus) and said.job in jobs:
                        note(said)
                    elif on_draft is not None and isinstance(said, DraftReady) and said.job in jobs:
                        on_draft(said)
        finally:
            self._drop(stream)
        for job in jobs.values():
            if job.state == "failed":
                raise _failure(job)
        return Rendered(accepted.scene, accepted.revision, list(jobs.values()))

    async def cancel(self, job: str) -> JobStatus:
        """Stops one job; on the control socket, so it never waits behind work."""
        return (await self._ask(_made(messages.CancelJob, job=job), messages.Cancelled, self._control)).job

    async def cancel_all(self, scene: str | None = None, *, owner: str | None = None) -> list[JobStatus]:
        """Ends all jobs of this client's name, or those of one scene; returns how they stand now.

        What others asked for too goes on, for them. `owner`: another client's name, for operators.
        """
        asked = _made(messages.CancelJobs, scene=scene, owner=owner)
        return (await self._ask(asked, messages.JobsCancelled, self._control)).jobs

    async def deliver(
        self,
        scene: str,
        out_dir: str | Path,
        *,
        rate_hz: int | None = None,
        bit_depth: Literal[16, 24, 32] = 24,
        channels: Literal[1, 2] | None = None,
        **more: Any,
    ) -> Delivered:
        """Writes one file for each stem, the mix and `manifest.json` into `out_dir`.

        Every file appears whole or not at all. `rate_hz` None is the model's own rate. `more`: the other
        fields of `messages.DeliverScene`, such as `layers`, `mix`, `format`, `length_bars`, `loop`,
        `position_s` and `target_lufs`.
        """
        reply = await self._delivery(
            scene=scene, rate_hz=rate_hz, bit_depth=bit_depth, channels=channels, **more, hand_off="frames"
        )
        delivery = _expect(reply, messages.Delivery)
        kept = await self.get_scene(scene, delivery.revision)
        model = (self.welcome or await self.hello()).model
        return await asyncio.to_thread(
            write_delivery, Path(out_dir), delivery, reply.binary, kept.scene, model
        )

    async def place(self, scene: str, folder: str | Path | None = None, **fields: Any) -> messages.Delivery:
        """Lets the engine write the files itself, on its own machine; their paths are in what this returns.

        Into `folder`, absolute and inside one of the engine's project folders, or where it likes. `fields`
        are those of `messages.DeliverScene`. Quicker than `deliver`: no sound travels.
        """
        into = None if folder is None else str(folder)
        reply = await self._delivery(scene=scene, folder=into, **fields, hand_off="path")
        return _expect(reply, messages.Delivery)

    async def _delivery(self, **fields: Any) -> Reply:
        request = _made(messages.DeliverScene, **fields)
        return await self._exchange(request, self._requests, max(DELIVER_S, self.timeout_s), sendings=1)

    async def export_scene(
        self, scene: str, file: str | Path, *, revisions: Literal["newest", "all"] = "newest"
    ) -> messages.Exported:
        """Writes a scene with its takes and audio as one file, which appears whole or not at all."""
        request = _made(messages.ExportScene, scene=scene, revisions=revisions)
        reply = await self._exchange(request, self._requests, max(DELIVER_S, self.timeout_s), sendings=1)
        exported = _expect(reply, messages.Exported)
        await asyncio.to_thread(write_archive, Path(file), exported, reply.binary)
        return exported

    async def import_scene(
        self,
        file: str | Path,
        *,
        as_id: str | None = None,
        replace: bool = False,
        render: bool = False,
        priority: Priority = "interactive",
    ) -> Accepted:
        """Keeps a scene from such a file, under another id if wanted.

        The file travels where a message can hold it (60 MiB); a larger one has to lie in a project folder on
        the engine's own machine. Raises `OSError` where it cannot be read.
        """
        path = Path(file).absolute()
        travels = path.stat().st_size <= ARCHIVE_FRAME_BYTES
        binary = (await asyncio.to_thread(path.read_bytes),) if travels else ()
        request = _made(
            messages.ImportScene,
            path=None if travels else str(path),
            as_id=as_id,
            replace=replace,
            render=render,
            priority=priority,
        )
        wait_s = max(DELIVER_S, self.timeout_s)
        reply = await self._exchange(request, self._requests, wait_s, sendings=1, binary=binary)
        return _expect(reply, Accepted)

    async def wait_ready(self, timeout_s: float = 120.0) -> Status:
        """Returns when a worker of the engine has loaded its model, or was unloaded and would with the next
        render. Raises `EngineLost` where none can."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            status = await self.status()
            if status.worker.state in ("ready", "rendering", "unloaded"):  # the last loads when it is needed
                return status
            detail = status.worker.detail or status.worker.state
            if status.worker.state in ("failed", "stopped"):
                raise EngineLost(f"the engine's worker cannot work: {detail}")
            if loop.time() > deadline:
                raise EngineLost(f"the engine's worker is not ready after {timeout_s:g} s: {detail}")
            await asyncio.sleep(0.05)

    async def load(self, worker: int | None = None) -> list[WorkerStatus]:
        """Starts the workers that were unloaded, or one by its number, ahead of the render that would.
        Returns at once with how all stand."""
        request = _made(messages.LoadEngine, worker=worker)
        return (await self._ask(request, messages.Workers, self._control)).workers

    async def unload(self, worker: int | None = None) -> list[WorkerStatus]:
        """Frees the memory of idle workers, or of one by its number; one that has a job stays. The next
        render loads what it needs again."""
        request = _made(messages.UnloadEngine, worker=worker)
        return (await self._ask(request, messages.Workers, self._control)).workers

    async def stop_engine(self) -> None:
        """Ends the engine, in order."""
        await self._ask(messages.StopEngine(), messages.Done, self._control)

    # --- frames -----------------------------------------------------------------------------------------

    def _dealer(self) -> zmq.asyncio.Socket:
        assert self._context is not None
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        self._credentials.lock(socket)
        return socket

    def _connect(self, socket: zmq.asyncio.Socket, address: str) -> None:
        try:
            socket.connect(address)
        except zmq.ZMQError as error:
            raise EngineLost(
                f"'{address}' is not an address: {error.strerror}", f"Write it like {DEFAULT_ADDRESS}."
            ) from error
        self._tasks.append(asyncio.create_task(self._read_replies(socket)))

    async def _ask(
        self,
        content: Strict,
        expected: type[_Reply],
        socket: zmq.asyncio.Socket | None = None,
        timeout_s: float | None = None,
    ) -> _Reply:
        wait_s = self.timeout_s if timeout_s is None else timeout_s
        reply = await self._exchange(content, socket or self._requests, wait_s, sendings=2)
        return _expect(reply, expected)

    async def _exchange(
        self,
        content: Strict,
        socket: zmq.asyncio.Socket | None,
        timeout_s: float,
        sendings: int,
        binary: tuple[bytes, ...] = (),
    ) -> Reply:
        if socket is None or self._context is None:
            raise EngineLost("this client is closed", "Connect it first: await client.open()")
        message = replace(self.session.request(content), binary=binary)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[message.id] = future
        try:
            for _ in range(sendings):
                with contextlib.suppress(asyncio.TimeoutError):
                    attempt = _answered(socket, encode(message), future)
                    return await _within(attempt, timeout_s / sendings)
        finally:
            self._waiting.pop(message.id, None)
            self.session.forget(message.id)
        raise EngineLost(f"no engine answered '{message.type}' at {self.address} within {timeout_s:g} s")

    async def _stay(self, lease_s: float) -> None:
        """Tells the engine that this client is there; after a restart, that it wants a lease again."""
        while True:
            await asyncio.sleep(lease_s * LEASE_PART)
            with contextlib.suppress(EngineLost, Refused):
                await self._exchange(self._hello, self._control, lease_s * LEASE_PART, sendings=1)

    async def _read_replies(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            frames = await socket.recv_multipart()
            try:
                reply = self.session.reply(frames)
            except Refused as refused:  # another protocol: nobody's answer can be told from another's
                for future in self._waiting.values():
                    if not future.done():
                        future.set_exception(refused)
                continue
            if reply is not None and not (future := self._waiting[reply.request]).done():
                future.set_result(reply)

    async def _read_events(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            frames = await socket.recv_multipart()
            self._heard.set()
            event = self.session.event(frames)
            if event is not None:
                for stream in self._streams:
                    stream.put(event)

    def _drop(self, stream: EventStream) -> None:
        stream.close()
        self._streams.discard(stream)


async def _answered(socket: zmq.asyncio.Socket, frames: list[bytes], answer: asyncio.Future[Reply]) -> Reply:
    await socket.send_multipart(frames)  # for ever, where the socket was turned away or nobody has ever been
    return await asyncio.shield(answer)


async def _within(work: Coroutine[Any, Any, _T], seconds: float) -> _T:
    """As `asyncio.wait_for`, which before Python 3.12 loses a cancel that comes together with the result:
    whoever gave up would go on waiting. Raises asyncio.TimeoutError."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # perhaps nobody else looks
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    if not task.done():
        raise asyncio.TimeoutError
    return task.result()


async def _check_reachable(address: str, timeout_s: float) -> None:
    # libzmq goes on trying in silence where nobody listens; a plain connection says so at once
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    if not address.startswith("tcp://") or not port.isdigit():
        return
    try:
        opened = asyncio.open_connection(host.strip("[]"), int(port))
        _, writer = await asyncio.wait_for(opened, timeout_s)
    except (OSError, asyncio.TimeoutError) as error:
        raise EngineLost(f"no engine is at {address}") from error
    writer.close()


def _seen_from_here(told: str, address: str) -> str:
    """An address that the engine told, on the host where we found it: it may listen on all of its own."""
    if not told.startswith(("tcp://0.0.0.0:", "tcp://[::]:")):
        return told
    return f"{address.rpartition(':')[0]}:{told.rpartition(':')[2]}"


def _made(kind: type[Strict], **fields: Any) -> Strict:
    """A request from what the caller gave. Raises `Refused` as the engine would, without asking it."""
    try:
        return kind(**fields)
    except ValidationError as error:
        raise refused_by(error, KIND_OF[kind]) from error


def _expect(reply: Reply, expected: type[_Reply]) -> _Reply:
    if isinstance(reply.content, Refused):
        raise reply.content
    assert isinstance(reply.content, expected)  # the session reads each reply by its request's own class
    return reply.content


def _failure(job: JobStatus) -> Refused:
    if job.error is None:
        return Refused("internal", f"layer '{job.layer}' failed, and the engine does not say why")
    return Refused(
        job.error.code,
        f"layer '{job.layer}': {job.error.message}",
        findings=job.error.findings,
        remedy=job.error.remedy,
    )
