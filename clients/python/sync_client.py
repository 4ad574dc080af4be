"""The blocking SDK: the same methods as `AsyncClient`, run on a loop in a thread of their own."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from clients.python.client import (
    CONNECT_S,
    DEFAULT_ADDRESS,
    NOBODY,
    AsyncClient,
    OnDraft,
    OnProgress,
    Rendered,
)
from clients.python.credentials import Credentials
from clients.python.deliver_files import Delivered
from clients.python.errors import EngineLost
from clients.python.event_stream import EventStream
from clients.python.session import Event, Session
from scene_schema.messages import (
    Accepted,
    Delivery,
    Exported,
    JobStatus,
    SceneReply,
    Status,
    Welcome,
    WorkerStatus,
)
from scene_schema.priority import Priority
from scene_schema.scene import Layer, Scene

_T = TypeVar("_T")


class Client:
    """A blocking connection to one engine.

        with Client() as client:
            client.create_scene(scene)
            client.render(scene.id)
            client.deliver(scene.id, "out")

    Connects when made. Raises as `AsyncClient` does. `on_progress` and `on_draft` are called on the client's
    own thread: there they must not ask this client anything.
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
        # libzmq's file descriptors need a selector; Windows' own loop has none
        self._loop = asyncio.SelectorEventLoop() if sys.platform == "win32" else asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stemscape-client", daemon=True)
        self._thread.start()
        self._closed = False
        try:
            self._client = self._run(
                AsyncClient.connect(
                    address,
                    timeout_s=timeout_s,
                    connect_timeout_s=connect_timeout_s,
                    credentials=credentials,
                    cancel_on_disconnect=cancel_on_disconnect,
                )
            )
        except BaseException:
            self._stop_loop()
            raise

    def close(self) -> None:
        """Closes the connection; closing twice is fine."""
        if not self._closed:
            try:
                self._run(self._client.close())
            finally:
                self._stop_loop()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def welcome(self) -> Welcome:
        """What the engine said when we connected."""
        assert self._client.welcome is not None
        return self._client.welcome

    @property
    def session(self) -> Session:
        """The talk's own book-keeping: the engine's session, restarts, dropped messages."""
        return self._client.session

    def hello(self) -> Welcome:
        """See `AsyncClient.hello`."""
        return self._run(self._client.hello())

    def status(self) -> Status:
        """See `AsyncClient.status`."""
        return self._run(self._client.status())

    def wait_ready(self, timeout_s: float = 120.0) -> Status:
        """See `AsyncClient.wait_ready`."""
        return self._run(self._client.wait_ready(timeout_s))

    def get_scene(self, scene: str, revision: int | None = None) -> SceneReply:
        """See `AsyncClient.get_scene`."""
        return self._run(self._client.get_scene(scene, revision))

    def list_scenes(self) -> dict[str, int]:
        """See `AsyncClient.list_scenes`."""
        return self._run(self._client.list_scenes())

    def get_job(self, job: str) -> JobStatus:
        """See `AsyncClient.get_job`."""
        return self._run(self._client.get_job(job))

    def events(self) -> Iterator[Event]:
        """Everything that happens from now on; blocks until the next event, ends when the client closes."""
        stream = self._run(self._listen())

        async def following() -> Event | None:
            async for event in stream:
                return event
            return None

        def read() -> Iterator[Event]:
            while not self._closed and (event := self._run(following())) is not None:
                yield event

        return read()

    def create_scene(
        self, scene: Scene, *, replace: bool = False, render: bool = False, priority: Priority = "interactive"
    ) -> Accepted:
        """See `AsyncClient.create_scene`."""
        return self._run(self._client.create_scene(scene, replace=replace, render=render, priority=priority))

    def edit_layer(
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
        """See `AsyncClient.edit_layer`."""
        return self._run(
            self._client.edit_layer(
                scene,
                layer,
                changes,
                base_revision=base_revision,
                render=render,
                priority=priority,
                draft=draft,
            )
        )

    def add_layer(
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
        """See `AsyncClient.add_layer`."""
        return self._run(
            self._client.add_layer(
                scene,
                layer,
                index=index,
                base_revision=base_revision,
                render=render,
                priority=priority,
                draft=draft,
            )
        )

    def remove_layer(
        self,
        scene: str,
        layer: str,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """See `AsyncClient.remove_layer`."""
        return self._run(
            self._client.remove_layer(
                scene, layer, base_revision=base_revision, render=render, priority=priority
            )
        )

    def move_layer(
        self,
        scene: str,
        layer: str,
        index: int,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """See `AsyncClient.move_layer`."""
        return self._run(
            self._client.move_layer(
                scene, layer, index, base_revision=base_revision, render=render, priority=priority
            )
        )

    def edit_scene(
        self,
        scene: str,
        changes: dict[str, Any],
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
        draft: bool = False,
    ) -> Accepted:
        """See `AsyncClient.edit_scene`."""
        return self._run(
            self._client.edit_scene(
                scene, changes, base_revision=base_revision, render=render, priority=priority, draft=draft
            )
        )

    def extend_scene(
        self,
        scene: str,
        duration_s: float,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """See `AsyncClient.extend_scene`."""
        return self._run(
            self._client.extend_scene(
                scene, duration_s, base_revision=base_revision, render=render, priority=priority
            )
        )

    def fit_scene(
        self,
        scene: str,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """See `AsyncClient.fit_scene`."""
        return self._run(
            self._client.fit_scene(scene, base_revision=base_revision, render=render, priority=priority)
        )

    def compose(
        self,
        scene: str,
        seed: int = 0,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """See `AsyncClient.compose`."""
        return self._run(
            self._client.compose(scene, seed, base_revision=base_revision, render=render, priority=priority)
        )

    def undo(
        self,
        scene: str,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """See `AsyncClient.undo`."""
        return self._run(
            self._client.undo(scene, base_revision=base_revision, render=render, priority=priority)
        )

    def redo(
        self,
        scene: str,
        *,
        base_revision: int | None = None,
        render: bool = True,
        priority: Priority = "interactive",
    ) -> Accepted:
        """See `AsyncClient.redo`."""
        return self._run(
            self._client.redo(scene, base_revision=base_revision, render=render, priority=priority)
        )

    def render(
        self,
        scene: str,
        layers: list[str] | None = None,
        on_progress: OnProgress | None = None,
        *,
        on_draft: OnDraft | None = None,
        timeout_s: float | None = None,
        priority: Priority = "interactive",
    ) -> Rendered:
        """See `AsyncClient.render`."""
        work = self._client.render(
            scene, layers, on_progress, on_draft=on_draft, timeout_s=timeout_s, priority=priority
        )
        return self._run(work)

    def start_render(
        self,
        scene: str,
        layers: list[str] | None = None,
        *,
        draft: bool = False,
        priority: Priority = "interactive",
    ) -> Accepted:
        """See `AsyncClient.start_render`."""
        return self._run(self._client.start_render(scene, layers, draft=draft, priority=priority))

    def wait(
        self,
        accepted: Accepted,
        on_progress: OnProgress | None = None,
        *,
        on_draft: OnDraft | None = None,
        timeout_s: float | None = None,
    ) -> Rendered:
        """See `AsyncClient.wait`."""
        return self._run(self._client.wait(accepted, on_progress, on_draft=on_draft, timeout_s=timeout_s))

    def cancel(self, job: str) -> JobStatus:
        """See `AsyncClient.cancel`."""
        return self._run(self._client.cancel(job))

    def cancel_all(self, scene: str | None = None, *, owner: str | None = None) -> list[JobStatus]:
        """See `AsyncClient.cancel_all`."""
        return self._run(self._client.cancel_all(scene, owner=owner))

    def deliver(
        self,
        scene: str,
        out_dir: str | Path,
        *,
        rate_hz: int | None = None,
        bit_depth: Literal[16, 24, 32] = 24,
        channels: Literal[1, 2] | None = None,
        **more: Any,
    ) -> Delivered:
        """See `AsyncClient.deliver`."""
        return self._run(
            self._client.deliver(
                scene, out_dir, rate_hz=rate_hz, bit_depth=bit_depth, channels=channels, **more
            )
        )

    def place(self, scene: str, folder: str | Path | None = None, **fields: Any) -> Delivery:
        """See `AsyncClient.place`."""
        return self._run(self._client.place(scene, folder, **fields))

    def export_scene(
        self, scene: str, file: str | Path, *, revisions: Literal["newest", "all"] = "newest"
    ) -> Exported:
        """See `AsyncClient.export_scene`."""
        return self._run(self._client.export_scene(scene, file, revisions=revisions))

    def import_scene(
        self,
        file: str | Path,
        *,
        as_id: str | None = None,
        replace: bool = False,
        render: bool = False,
        priority: Priority = "interactive",
    ) -> Accepted:
        """See `AsyncClient.import_scene`."""
        return self._run(
            self._client.import_scene(file, as_id=as_id, replace=replace, render=render, priority=priority)
        )

    def load(self, worker: int | None = None) -> list[WorkerStatus]:
        """See `AsyncClient.load`."""
        return self._run(self._client.load(worker))

    def unload(self, worker: int | None = None) -> list[WorkerStatus]:
        """See `AsyncClient.unload`."""
        return self._run(self._client.unload(worker))

    def stop_engine(self) -> None:
        """See `AsyncClient.stop_engine`."""
        self._run(self._client.stop_engine())

    async def _listen(self) -> EventStream:
        return self._client.events()

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        if self._closed:
            work.close()
            raise EngineLost("this client is closed", "Make a new one: Client(address)")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C stops the wait on the loop too
            raise

    def _stop_loop(self) -> None:
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
