"""One engine worker as a child process: started, watched, fed, started again when it dies or is wanted.

Knows processes and the worker's socket; what its messages mean is for the job desk. The child ends when
its standard input closes, and that happens whichever way this process ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import zmq
import zmq.asyncio

from engine.log_lines import fields
from plugin_bridge.config import BridgeConfig, Seat
from plugin_bridge.worker_log import WorkerLog
from scene_schema.capabilities import Capabilities
from scene_schema.envelope import Envelope, decode, encode, envelope_for
from scene_schema.errors import Refused
from scene_schema.messages import Failure, WorkerBroken, WorkerReady, WorkerState, WorkerStatus

log = logging.getLogger("stemscape.worker")

Heard = Callable[[Envelope], Awaitable[None]]
Changed = Callable[[WorkerStatus], Awaitable[None]]

FOLDER: Final = "stemscape"  # its socket's, followed by our process id
_IPC_CHARS: Final = 90  # the kernel takes 104 to 108 in a socket's path
ONLY_SEAT: Final = Seat(number=0, device="auto", threads=1)
_LAST_WORDS_S: Final = 0.1  # what a worker said just before it ended may still be on its way


def clear_leftovers(folder: Path) -> None:
    """Removes the socket folders of bridges that were killed; each has a process id in its name."""
    for path in folder.glob(f"{FOLDER}-*-*"):
        pid = path.name.split("-")[1]
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # there os.kill ends a process instead of asking for it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # somebody else's, or no number of a process: leave it alone
    return True


class WorkerProcess:
    """One worker and its successors. Call `start` once and `stop` at the end."""

    def __init__(self, config: BridgeConfig, model: Capabilities, seat: Seat = ONLY_SEAT) -> None:
        self._config = config
        self._model = model
        self._seat = seat
        self._status = WorkerStatus(state="starting", number=seat.number)
        self._context = zmq.asyncio.Context()
        clear_leftovers(Path(tempfile.gettempdir()))
        name = f"{FOLDER}-{os.getpid()}-"
        self._folder = tempfile.TemporaryDirectory(prefix=name, ignore_cleanup_errors=True)
        self._socket: zmq.asyncio.Socket | None = None
        self._route = b""
        self._jobs = 0  # that it was sent and has not ended
        self._child: subprocess.Popen[bytes] | None = None
        self._log: WorkerLog | None = None
        self._backoff_s = config.backoff_first_s
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._wanted = asyncio.Event()  # cleared while there is to be no process
        self._wanted.set()
        self._unloading = False  # this life is over, though its process may not know yet
        self._idle: asyncio.TimerHandle | None = None

    @property
    def status(self) -> WorkerStatus:
        return self._status

    def start(self, heard: Heard, changed: Changed) -> None:
        """Starts a worker, and another one whenever it dies. The callbacks must not raise."""
        self._heard, self._changed = heard, changed
        self._task = asyncio.get_running_loop().create_task(self._supervise())

    def send(self, message: Envelope) -> None:
        """Hands the worker a message. One that died meanwhile loses it: its exit is the news."""
        if self._socket is None or not self._route:
            return
        frames = [self._route, *encode(message)]
        sent = asyncio.ensure_future(self._socket.send_multipart(frames, flags=zmq.NOBLOCK))
        if error := sent.exception():  # without blocking it is done at once
            log.warning("the worker did not take %s: %s", message.type, error)
        if message.type == "render":
            self._jobs += 1
            self._note_job(message)
            self._stop_idling()
            self._status = self._status.model_copy(update={"state": "rendering"})

    def _note_job(self, render: Envelope) -> None:
        """What the worker writes from here on is about this job."""
        job = render.content
        about = {"request": job["cause"], "job": job["id"], "scene": job["scene"], "layer": job["layer"]}
        if self._log is not None:
            self._log.about = about

    def kill(self) -> None:
        """Ends a worker that cannot be reasoned with; another one follows."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()

    def unload(self) -> None:
        """Ends the worker to free its memory, until `load`. Leaves one that has a job, or is not there to be
        ended."""
        if self._status.state not in ("starting", "loading", "ready", "lost") or not self._wanted.is_set():
            return
        self._stop_idling()
        self._wanted.clear()
        self._unloading = True
        self._status = self._status.model_copy(update={"state": "unloaded"})  # nothing is sent from here on
        if self._child is not None:
            self._end(self._child)

    def load(self) -> None:
        """Starts a worker where one was unloaded."""
        if not self._wanted.is_set():
            self._status = self._status.model_copy(update={"state": "starting"})
            self._wanted.set()

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        """Closes a child's input, which ends it; one that goes on is ended by force."""
        if child.stdin is not None:
            child.stdin.close()

        def insist() -> None:
            if child.poll() is None:
                child.kill()

        asyncio.get_running_loop().call_later(self._config.worker_exit_s, insist)

    async def stop(self) -> None:
        """Ends the worker for good: by closing its input, and if that is not enough, by force."""
        self._stopping = True
        self._stop_idling()
        self._wanted.set()
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()
        if self._task is not None:
            _done, late = await asyncio.wait({self._task}, timeout=self._config.worker_exit_s)
            if late:
                self.kill()
                await asyncio.wait(late)
        self._context.destroy(linger=0)
        self._folder.cleanup()

    # --- lives ------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        number = 0
        while not self._stopping:
            if not self._wanted.is_set():
                await self._become("unloaded", pid=None, detail="loads again with the next render")
                await self._wanted.wait()
                continue
            number += 1
            self._unloading = False
            await self._become("starting", pid=None, detail="")
            how = await self._live(number)
            if self._stopping or self._status.state == "failed":
                break
            at = {"worker_pid": self._status.pid, **({} if self._log is None else self._log.about)}
            seat = self._seat.number
            if self._unloading:
                log.info("worker %d was unloaded", seat, extra=fields(**at))
                continue
            log.error(
                "worker %d %s; starting another in %g s", seat, how, self._backoff_s, extra=fields(**at)
            )
            restarts = self._status.restarts + 1
            await self._become("lost", detail=how, restarts=restarts)
            await self._sleep(self._backoff_s)
            self._backoff_s = min(2.0 * self._backoff_s, self._config.backoff_longest_s)
        if self._status.state != "failed":
            await self._become("stopped", pid=None, detail="")

    async def _live(self, number: int) -> str:
        """One worker from start to end; returns how it ended. Every life has its own socket, so that no
        worker ever answers for the one before it."""
        socket = self._context.socket(zmq.ROUTER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._socket, self._route, self._jobs = socket, b"", 0
        try:
            try:
                child = self._spawn(self._bind(socket, number))
            except (OSError, zmq.ZMQError) as error:
                return f"could not be started: {error}"
            self._child = child
            assert child.stdout is not None
            self._log = WorkerLog(child.stdout, child.pid)
            if self._stopping or self._unloading:
                self._end(child)
            else:
                await self._become("loading", pid=child.pid)
            await self._listen(socket, asyncio.ensure_future(asyncio.to_thread(child.wait)))
            await asyncio.to_thread(self._log.join)  # its last words come before the news of its end
            return _ending(child.returncode)
        finally:
            self._socket, self._child = None, None
            socket.close()

    async def _listen(self, socket: zmq.asyncio.Socket, ended: asyncio.Future[Any]) -> None:
        """Passes the worker's messages on until it has ended and its last words are heard."""
        while True:
            receiving: asyncio.Future[Any] = asyncio.ensure_future(socket.recv_multipart())
            await asyncio.wait({receiving, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                await asyncio.wait({receiving}, timeout=_LAST_WORDS_S)
            if not receiving.done():
                receiving.cancel()
                return
            await self._hear(receiving.result())

    async def _hear(self, frames: list[bytes]) -> None:
        route, *rest = frames
        try:
            message = decode(rest)
            if message.type == "worker.ready":
                await self._note_ready(route, WorkerReady.model_validate(message.content))
                return
            if message.type == "worker.broken":
                await self._give_up(WorkerBroken.model_validate(message.content).failure)
                return
        except (Refused, ValueError) as error:
            log.error("the worker said what cannot be read: %s", error)
            self.kill()
            return
        await self._heard(message)
        if message.type in ("render.done", "render.failed", "render.stopped"):
            self._backoff_s = self._config.backoff_first_s
            self._jobs -= 1
            if self._jobs:  # of a batch
                return
            if self._log is not None:
                self._log.about = {}
            if self._child is not None and self._child.poll() is None:
                await self._become("ready")

    async def _note_ready(self, route: bytes, ready: WorkerReady) -> None:
        if self._unloading:
            return
        loaded, told = ready.model, self._model
        if (loaded.name, loaded.weights_sha256) != (told.name, told.weights_sha256):
            self.kill()
            await self._give_up(
                Failure(
                    code="model_failed",
                    message=f"the worker loaded other weights than model '{told.name}' describes",
                    remedy="Stop the engine, install it again, start it.",
                )
            )
            return
        at = fields(worker_pid=ready.pid)
        number = self._seat.number
        log.info("worker %d is ready on %s after %.2f s", number, ready.device, ready.load_s, extra=at)
        self._route = route
        await self._become("ready", detail=ready.device, device=ready.device, together=ready.together)

    async def _give_up(self, failure: Failure) -> None:
        """Another process will do no better: the model cannot be used, or not on this device."""
        await self._heard(envelope_for("worker.broken", WorkerBroken(failure=failure)))
        await self._become("failed", detail=failure.message)

    # --- the process ------------------------------------------------------------------------------------

    def _bind(self, socket: zmq.asyncio.Socket, number: int) -> str:
        path = Path(self._folder.name) / f"{number}"
        path.parent.mkdir(mode=0o700, exist_ok=True)  # some systems sweep their temporary folder
        if sys.platform == "win32" or len(str(path)) > _IPC_CHARS:
            socket.bind("tcp://127.0.0.1:*")
        else:
            socket.bind(f"ipc://{path}")  # the folder is its owner's alone
        return socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def _spawn(self, endpoint: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "engine.worker", "--endpoint", endpoint]
        command += ["--model", self._config.model, "--threads", str(self._seat.threads)]
        command += ["--device", self._seat.device]
        if self._config.keep_warm_s is not None:
            command += ["--keep-warm", str(self._config.keep_warm_s)]
        if self._config.warm_up is not None:
            command += ["--warm-up" if self._config.warm_up else "--no-warm-up"]
        if self._config.together is not None:
            command += ["--together", str(self._config.together)]
        command += ["--log", "json"]
        own_group: dict[str, Any] = (
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if sys.platform == "win32"
            else {"start_new_session": True}  # Ctrl-C is for the bridge, which ends the worker in order
        )
        # standard output belongs to the bridge's one line, so both of the worker's go to the log
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **own_group
        )

    async def _become(self, state: WorkerState, **fields: Any) -> None:
        status = self._status.model_copy(update={"state": state, **fields})
        self._status = status
        self._stop_idling()
        if state == "ready" and self._config.idle_unload_s is not None:
            self._idle = asyncio.get_running_loop().call_later(self._config.idle_unload_s, self.unload)
        await self._changed(status)

    def _stop_idling(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    async def _sleep(self, seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not (self._stopping or self._unloading) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)


def _ending(returncode: int) -> str:
    if returncode < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended with status {returncode}"
