"""Plain clients of each door, for the conformance suite. They use none of the project's own code on purpose:
what they take for granted is what docs/protocol.md says.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx
import msgpack
import websockets.exceptions
import zmq
from websockets.sync.client import connect

WAIT_S: Final = 30.0


@dataclass(frozen=True)
class Answer:
    """A message that came: its type, content, header and binary frames."""

    type: str
    content: dict[str, Any]
    head: dict[str, Any] = field(default_factory=dict)
    binary: tuple[bytes, ...] = ()

    @property
    def code(self) -> str:
        """The error code, empty where this is no error."""
        return str(self.content.get("code", "")) if self.type == "error" else ""


def message(kind: str, content: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    """A request as docs/protocol.md describes it."""
    return {
        "version": 1,
        "id": uuid.uuid4().hex,
        "type": kind,
        "parent": "",
        "session": "",
        "client": "conformance",
        "content": content,
        **header,
    }


class Talk(Protocol):
    """A connection that takes any message and hears all events."""

    door: str

    def ask(self, kind: str, content: dict[str, Any] | None = None, **header: Any) -> Answer: ...

    def ask_raw(self, data: bytes) -> Answer:
        """The answer to bytes that are no message."""
        ...

    def wait_event(self, kind: str, **fields: Any) -> Answer: ...

    def close(self) -> None: ...


class Heard:
    """Events as they come, for whoever waits for one."""

    def __init__(self) -> None:
        self._coming: queue.Queue[Answer] = queue.Queue()
        self._kept: list[Answer] = []

    def put(self, event: Answer) -> None:
        self._coming.put(event)

    def wait(self, kind: str, fields: dict[str, Any]) -> Answer:
        """The first event of this kind with these fields that nobody was given yet."""

        def fits(event: Answer) -> bool:
            return event.type == kind and all(event.content.get(key) == fields[key] for key in fields)

        deadline_s = time.monotonic() + WAIT_S
        while True:
            for event in self._kept:
                if fits(event):
                    self._kept.remove(event)
                    return event
            try:
                self._kept.append(self._coming.get(timeout=max(0.0, deadline_s - time.monotonic())))
            except queue.Empty:
                last = [(one.type, one.content) for one in self._kept[-3:]]
                raise AssertionError(
                    f"no {kind} with {fields} within {WAIT_S:g} s; last heard {last}"
                ) from None


class ZmqTalk:
    """DEALER and SUB."""

    door = "tcp"

    def __init__(self, address: str) -> None:
        self._context = zmq.Context()
        self._heard = Heard()
        self._requests = self._dealer(address)
        welcome = self.ask("hello").content
        self._control = self._dealer(welcome["control"])
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._listener = threading.Thread(target=self._listen, args=(welcome["events"],), daemon=True)
        self._listener.start()
        assert self._ready.wait(WAIT_S), "the event socket did not answer the subscription to 'welcome'"

    def _dealer(self, address: str) -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.DEALER)
        socket.linger = 0
        socket.connect(address)
        return socket

    def ask(self, kind: str, content: dict[str, Any] | None = None, **header: Any) -> Answer:
        return self._exchange(self._requests, message(kind, content or {}, header))

    def ask_control(self, kind: str, content: dict[str, Any] | None = None, **header: Any) -> Answer:
        return self._exchange(self._control, message(kind, content or {}, header))

    def ask_raw(self, data: bytes) -> Answer:
        self._requests.send(data)
        return self._receive(self._requests)

    def ask_as_req(self, kind: str) -> Answer:
        """Through a REQ socket, which puts an empty frame before its message."""
        self._requests.send_multipart([b"", msgpack.packb(message(kind, {}, {}))])
        assert self._requests.poll(WAIT_S * 1000), "no answer"
        delimiter, *frames = self._requests.recv_multipart()
        assert delimiter == b"", "the empty frame did not come back"
        return _read(frames)

    def wait_event(self, kind: str, **fields: Any) -> Answer:
        return self._heard.wait(kind, fields)

    def close(self) -> None:
        self._stop.set()
        self._listener.join(2.0)
        self._context.destroy(linger=0)

    def _exchange(self, socket: zmq.Socket[bytes], head: dict[str, Any]) -> Answer:
        socket.send(msgpack.packb(head))
        answer = self._receive(socket)
        assert answer.head["parent"] == head["id"], "the answer's parent is not the request's id"
        return answer

    def _receive(self, socket: zmq.Socket[bytes]) -> Answer:
        assert socket.poll(WAIT_S * 1000), f"no answer within {WAIT_S:g} s"
        return _read(socket.recv_multipart())

    def _listen(self, address: str) -> None:
        socket = self._context.socket(zmq.SUB)
        socket.linger = 0
        for topic in (b"scene.", b"engine", b"transport", b"welcome"):  # welcome last, as the protocol says
            socket.subscribe(topic)
        socket.connect(address)
        while not self._stop.is_set():
            if socket.poll(100):
                frames = socket.recv_multipart()
                if frames == [b"welcome"]:
                    self._ready.set()
                else:
                    self._heard.put(_read(frames[1:]))
        socket.close()


def _read(frames: list[bytes]) -> Answer:
    head = msgpack.unpackb(frames[0])
    return Answer(head["type"], head["content"], head, tuple(frames[1:]))


class HttpTalk:
    """`POST /message` for requests, a WebSocket at `/events` for events; deliveries by path or by REST."""

    door = "http"

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=self.url, timeout=WAIT_S, headers=self._headers)
        self._heard = Heard()
        query = f"?token={token}" if token else ""
        self._open = contextlib.ExitStack()
        events = connect(self.url.replace("http", "ws", 1) + "/events" + query, max_size=None)
        self._socket = self._open.enter_context(events)
        self._socket.send(json.dumps({"subscribe": ["scene.", "engine", "transport"]}))
        self._ready = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        assert self._ready.wait(WAIT_S), "the WebSocket did not answer the subscription with 'welcome'"

    def ask(self, kind: str, content: dict[str, Any] | None = None, **header: Any) -> Answer:
        head = message(kind, content or {}, header)
        reply = self.http.post("/message", json=head)
        read = reply.json()
        answer = Answer(read["type"], read["content"], read)
        assert (reply.status_code >= 400) == (answer.type == "error"), "the HTTP status tells another story"
        assert read["parent"] == head["id"], "the answer's parent is not the request's id"
        return answer

    def ask_raw(self, data: bytes) -> Answer:
        read = self.http.post("/message", content=data).json()
        return Answer(read["type"], read["content"], read)

    def wait_event(self, kind: str, **fields: Any) -> Answer:
        return self._heard.wait(kind, fields)

    def close(self) -> None:
        self._open.close()
        self._listener.join(2.0)
        self.http.close()

    def _listen(self) -> None:
        try:
            for text in self._socket:
                head = json.loads(text)
                if head["type"] == "welcome":
                    self._ready.set()
                else:
                    self._heard.put(Answer(head["type"], head["content"], head))
        except websockets.exceptions.ConnectionClosed:
            pass


def until(what: Callable[[], Any]) -> Any:
    """The first true answer of `what`."""
    deadline_s = time.monotonic() + WAIT_S
    while not (found := what()):
        assert time.monotonic() < deadline_s, f"waited {WAIT_S:g} s in vain"
        time.sleep(0.02)
    return found
