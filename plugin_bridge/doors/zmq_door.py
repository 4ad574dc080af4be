"""The ZeroMQ door: ROUTER for requests, ROUTER for control, XPUB for events. Moves frames, decides nothing.

With `config.keys` all three speak CURVE and let in only clients whose public key lies in its `clients`
folder: see plugin_bridge/curve_keys.py.

Each request has a task of its own, so a slow delivery holds up nobody. A client that vanished or does not
read costs its own answers and no one else's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import msgpack
import zmq
import zmq.asyncio

from plugin_bridge import curve_keys
from plugin_bridge.bridge import Addresses, Bridge
from plugin_bridge.config import BridgeConfig
from plugin_bridge.metrics import Metrics
from scene_schema.envelope import Envelope, decode, encode
from scene_schema.errors import Refused

log = logging.getLogger("stemscape.door")

WELCOME: Final = b"welcome"
"""Whoever subscribes to this gets it back as a single frame: the subscriptions sent before it are in."""

MESSAGE_BYTES: Final = 64 * 2**20  # far over the schema's limit: too long gets an answer, not a cut
HEARTBEAT_MS: Final = 10_000  # ZMTP's own ping, answered by every ZeroMQ from 4.2 on

WAITING_MESSAGES: Final = 1000  # per client and direction, before its own messages are dropped


class ZmqDoor:
    """Bound when it is made: `addresses` are real then. Raises `Refused` where a port is taken."""

    def __init__(self, config: BridgeConfig, metrics: Metrics | None = None) -> None:
        self._metrics = metrics or Metrics()
        self._context = zmq.asyncio.Context()
        self._linger_ms = round(config.linger_s * 1000)
        self._tasks: set[asyncio.Task[None]] = set()
        self.dropped = 0  # answers that could not be handed over
        self._keys = None if config.keys is None else curve_keys.server_keys(config.keys)
        self._gate = None if config.keys is None else curve_keys.gate(self._context, config.keys)
        if self._gate is not None:
            self._gate.start()  # before anything is bound: without it CURVE would let any key in
        try:
            self._requests, request = self._bind(zmq.ROUTER, config.host, config.request_port, "request")
            self._control, control = self._bind(zmq.ROUTER, config.host, config.control_port, "control")
            self._events, events = self._bind(zmq.XPUB, config.host, config.event_port, "event")
        except BaseException:
            self._context.destroy(linger=0)
            raise
        self.addresses = Addresses(request=request, control=control, events=events)

    def serve(self, bridge: Bridge) -> None:
        """Takes messages from now on, until `close`."""
        self._spawn(self._take(self._requests, bridge, control=False))
        self._spawn(self._take(self._control, bridge, control=True))
        self._spawn(self._welcome())

    def publish(self, topic: str, event: Envelope) -> None:
        """Sends an event as `[topic, *message]`. A follower that is too far behind misses it."""
        if not self._events.closed:
            self._events.send_multipart([topic.encode(), *encode(event)], flags=zmq.NOBLOCK)

    async def close(self) -> None:
        """Lets what was sent go out for a moment, then closes the sockets."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in (self._requests, self._control, self._events):
            socket.close(linger=self._linger_ms)
        if self._gate is not None:
            self._gate.stop()
        await asyncio.to_thread(self._context.term)  # waits for what lingers

    async def _take(self, socket: zmq.asyncio.Socket, bridge: Bridge, *, control: bool) -> None:
        while True:
            route, *frames = await socket.recv_multipart()
            self._spawn(self._answer(socket, bridge, route, frames, control))
            await asyncio.sleep(0)  # receiving does not pause while messages wait, and others have turns too

    async def _answer(
        self,
        socket: zmq.asyncio.Socket,
        bridge: Bridge,
        route: bytes,
        frames: list[bytes],
        control: bool,
    ) -> None:
        # a REQ socket puts an empty frame before its message, and waits for one before the answer
        delimiter = frames[:1] if len(frames) > 1 and not frames[0] else []
        frames = frames[len(delimiter) :]
        try:
            message = decode(frames)
        except Refused as refused:
            answers = [bridge.refuse(refused, parent=_id_in(frames))]
        else:
            try:
                caller = bridge.access.caller(message.client, message.token, admitted=True, where="ZeroMQ")
            except Refused as refused:
                answers = [bridge.refuse(refused, parent=message.id)]
            else:
                handled = bridge.handle(message, caller, control=control)
                answers = await self._metrics.timed("zmq", message, handled)
        for answer in answers:
            try:
                frames = [route, *delimiter, *encode(answer)]
                await socket.send_multipart(frames, flags=zmq.NOBLOCK, copy=False)
            except zmq.ZMQError as error:
                self.dropped += 1
                log.warning("an answer %s found nobody (%d so far): %s", answer.type, self.dropped, error)

    async def _welcome(self) -> None:
        while True:
            frame = await self._events.recv()
            if frame == b"\x01" + WELCOME:
                await self._events.send(WELCOME, flags=zmq.NOBLOCK)

    def _bind(self, kind: int, host: str, port: int, name: str) -> tuple[zmq.asyncio.Socket, str]:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
        socket.setsockopt(zmq.SNDHWM, WAITING_MESSAGES)
        socket.setsockopt(zmq.RCVHWM, WAITING_MESSAGES)
        socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)  # a half-open connection is noticed, and let go
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 3 * HEARTBEAT_MS)
        if self._keys is not None:
            socket.curve_server = True
            socket.curve_publickey, socket.curve_secretkey = self._keys
        if kind == zmq.ROUTER:
            socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # an answer to nobody is an error, not silence
        else:
            socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # every subscriber is welcomed, not the first alone
        try:
            socket.bind(f"tcp://{'127.0.0.1' if host == 'localhost' else host}:{port or '*'}")
        except zmq.ZMQError as error:
            raise Refused(
                "conflict",
                f"the {name} port {port} on {host} cannot be used: {error.strerror}",
                remedy="Stop what is using it, or take any free ports with --port 0.",
            ) from error
        return socket, socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _id_in(frames: Sequence[bytes]) -> str:
    """The id of a message that is refused as a whole, so that its sender knows which one: as far as it can
    be read."""
    try:
        head = msgpack.unpackb(frames[0], raw=False) if frames else {}
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException):
        return ""
    found = head.get("id") if isinstance(head, dict) else None
    return found[:256] if isinstance(found, str) else ""
