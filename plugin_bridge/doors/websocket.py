"""The WebSocket of the HTTP door: events to whoever listens, and requests answered on the same socket.

Text frames of JSON; binary frames of msgpack where the client offers the subprotocol `stemscape.msgpack`.
The files of a delivery follow its reply as binary messages of their own. One slow reader costs nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final

import msgpack
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.log_lines import fields
from plugin_bridge.access import Caller
from plugin_bridge.doors.http_reception import Reception
from plugin_bridge.doors.json_envelope import envelope_of, id_in, parse
from plugin_bridge.doors.outbox import WAITING_EVENTS, Outbox, Parcel
from scene_schema.envelope import Envelope, decode
from scene_schema.errors import Finding, Refused, shown
from scene_schema.limits import MESSAGE_BYTES
from scene_schema.messages import ERROR

log = logging.getLogger("stemscape.websocket")

MSGPACK: Final = "stemscape.msgpack"
WELCOME: Final = "welcome"

REQUESTS_OPEN: Final = 32  # of one client; further ones wait in its socket
TOPICS: Final = 256  # more than anybody follows; each costs a comparison an event
TOPIC_CHARS: Final = 256

GOING_AWAY: Final = 1001
TOO_SLOW: Final = 4008
"""Close code of a follower that reads too slowly. It may come back and ask how things stand."""

CLOSING_S: Final = 1.0  # how long a follower that is too slow may take to read that it is


class Followers:
    """All WebSockets of one door."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._open: set[_Follower] = set()

    def __len__(self) -> int:
        return len(self._open)

    def publish(self, topic: str, event: Envelope) -> None:
        """Puts an event before everyone who follows the topic. Never waits."""
        parcel = Parcel(event, is_event=True)
        for follower in self._open:
            if follower.follows(topic):
                follower.put(parcel)

    async def talk(self, websocket: WebSocket, caller: Caller, token: str, where: str) -> None:
        """Serves one socket until it closes."""
        follower = _Follower(websocket, self._reception, caller, token, where)
        await websocket.accept(subprotocol=MSGPACK if follower.binary else None)
        self._open.add(follower)
        whose = fields(client=caller.name)
        log.debug("a WebSocket from %s is open, %d in all", where, len(self._open), extra=whose)
        try:
            await follower.run()
        finally:
            self._open.discard(follower)
            log.debug("a WebSocket from %s is closed, %d are left", where, len(self._open), extra=whose)

    async def close(self) -> None:
        """Says goodbye to everyone; does not wait for whoever does not read."""
        goodbyes = [follower.close(GOING_AWAY, "the engine is stopping") for follower in self._open]
        await asyncio.gather(*goodbyes)


class _Follower:
    """One socket: what it follows, what it asked, what waits for it."""

    def __init__(
        self, websocket: WebSocket, reception: Reception, caller: Caller, token: str, where: str
    ) -> None:
        self.binary: Final = MSGPACK in websocket.scope["subprotocols"]
        self._websocket = websocket
        self._reception = reception
        self._caller = caller
        self._token = token
        self._where = where
        self._whose = fields(client=caller.name)
        self._topics: tuple[str, ...] = ("",)
        self._outbox = Outbox(WAITING_EVENTS)
        self._dropped = 0
        self._filled = asyncio.Event()
        self._behind = asyncio.Event()
        self._closed = False
        self._places = asyncio.Semaphore(REQUESTS_OPEN)
        self._delivering = asyncio.Lock()  # a delivery is large: one at a time waits to be read
        self._unsent: dict[int, asyncio.Event] = {}  # id() of an answer in the outbox → set when it is sent
        self._tasks: set[asyncio.Task[None]] = set()
        self._leases: set[str] = set()  # names that are not gone while this socket is open

    def follows(self, topic: str) -> bool:
        """Whether a topic was subscribed to: by its name, or by a beginning that ends in a full stop."""
        return any(topic == one or (one[-1:] in ("", ".") and topic.startswith(one)) for one in self._topics)

    def put(self, parcel: Parcel) -> None:
        """Never waits."""
        if not self._outbox.put(parcel):
            self._behind.set()
        self._filled.set()
        if self._outbox.dropped > self._dropped:
            missed, self._dropped = self._outbox.dropped - self._dropped, self._outbox.dropped
            self._reception.metrics.events_dropped.add(self._reception.door, by=missed)

    async def run(self) -> None:
        """Until the client goes, or is too slow."""
        self.put(Parcel(await self._welcome("")))
        ends = [self._start(one) for one in (self._send(), self._receive(), self._wait_until_behind())]
        try:
            ended, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for client in self._leases:
                self._reception.disconnected(client)
        if self._behind.is_set():
            log.warning("%s reads its events too slowly, and was let go", self._where, extra=self._whose)
            self._reception.metrics.followers_lost.add(self._reception.door)
            await self.close(TOO_SLOW, "read faster, or follow less")
        for task in ended:
            task.result()  # a fault of ours is raised here

    async def close(self, code: int, reason: str) -> None:
        """Closes in order where the client reads that; otherwise cuts the connection."""
        self._closed = True
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it is closed already
            try:
                await asyncio.wait_for(self._websocket.close(code, reason), CLOSING_S)
            except asyncio.TimeoutError:
                self._websocket.scope["state"]["transport"].abort()

    # --- out --------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        try:
            while not self._closed:
                parcel = self._outbox.take()
                if parcel is None:
                    self._filled.clear()
                    await self._filled.wait()
                else:
                    await self._send_one(parcel)
        except WebSocketDisconnect:
            pass
        except RuntimeError:
            if not self._closed:  # that closing overtakes a message is no fault
                raise

    async def _send_one(self, parcel: Parcel) -> None:
        if self.binary:
            await self._websocket.send_bytes(parcel.frame)
        else:
            await self._websocket.send_text(parcel.text)
        for file in parcel.message.binary:
            await self._websocket.send_bytes(file)
        first = len(parcel.frame if self.binary else parcel.text)
        metrics, door = self._reception.metrics, self._reception.door
        metrics.sent_bytes.add(door, by=first + sum(map(len, parcel.message.binary)))
        if parcel.is_event:
            metrics.events_sent.add(door)
        elif id(parcel) in self._unsent:
            self._unsent[id(parcel)].set()

    async def _answered(self, answer: Envelope) -> None:
        """Returns when the answer has been sent, so that nobody piles up answers by not reading them."""
        parcel = Parcel(answer)
        sent = self._unsent[id(parcel)] = asyncio.Event()
        try:
            self.put(parcel)
            await sent.wait()
        finally:
            del self._unsent[id(parcel)]

    async def _welcome(self, parent: str) -> Envelope:
        answer = await self._reception.ask(Envelope("hello"), self._caller)
        return replace(answer, type=answer.type if answer.type == ERROR else WELCOME, parent=parent)

    async def _wait_until_behind(self) -> None:
        await self._behind.wait()

    # --- in ---------------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        while True:
            received = await self._websocket.receive()
            if received["type"] != "websocket.receive":
                return
            await self._places.acquire()
            self._start(self._answer(received)).add_done_callback(lambda _: self._places.release())
            await asyncio.sleep(0)  # the answer begins before the next message is read: order is kept

    async def _answer(self, received: Message) -> None:
        head: object = None
        try:
            head = self._read(received)
            if isinstance(head, dict) and "subscribe" in head:
                self._topics = _topics_in(head["subscribe"])
                answer = await self._welcome(id_in(head))
            else:
                message = decode([received["bytes"]]) if self.binary else envelope_of(head)
                caller = self._caller_of(message)
                if message.type == "scene.deliver":
                    async with self._delivering:
                        await self._answered(await self._reception.ask(message, caller))
                    return
                answer = await self._reception.ask(message, caller)
                self._keep_lease(caller.name, answer)
        except Refused as refused:
            answer = self._reception.refuse(refused, id_in(head))
        await self._answered(answer)

    def _keep_lease(self, client: str, answer: Envelope) -> None:
        if answer.content.get("lease_s") is not None and client not in self._leases:
            self._leases.add(client)
            self._reception.connected(client)

    def _read(self, received: Message) -> object:
        data, text = received.get("bytes"), received.get("text")
        if (data is not None) != self.binary:
            raise Refused(
                "malformed",
                f"this socket speaks {'msgpack in binary' if self.binary else 'JSON in text'} frames",
                remedy=f"Ask for the subprotocol {MSGPACK} to send msgpack.",
            )
        size = len(data or text or "")
        if size > MESSAGE_BYTES:
            raise Refused("too_large", f"a message of {size}; at most {MESSAGE_BYTES} bytes")
        if text is not None:
            return parse(text)
        try:
            return msgpack.unpackb(data, raw=False)
        except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException):
            return None  # `decode` says what is wrong with it

    def _caller_of(self, message: Envelope) -> Caller:
        if not message.client and not message.token:
            return self._caller
        name, token = message.client or self._caller.name, message.token or self._token
        return self._reception.caller(name, token, self._where)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _topics_in(said: object) -> tuple[str, ...]:
    topics = [one for one in said if isinstance(one, str)] if isinstance(said, list) else []
    good = isinstance(said, list) and len(topics) == len(said) <= TOPICS
    if not good or any(len(one) > TOPIC_CHARS for one in topics):
        expected = f"a list of at most {TOPICS} texts of at most {TOPIC_CHARS} characters"
        finding = Finding(field="$.subscribe", expected=expected, got=shown(said))
        raise Refused(
            "invalid",
            "these topics cannot be followed",
            findings=[finding],
            remedy='Such as {"subscribe": ["scene.rain", "engine"]}; "scene." is all scenes, "" everything.',
        )
    return tuple(topics)
