"""A fake bridge on real sockets that answers from a script: for what a good engine never does.

Silence, damage, lost events. Everything else is tested against the real one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import zmq
from pydantic import BaseModel

from scene_schema import messages
from scene_schema.capabilities import Capabilities
from scene_schema.envelope import Envelope, decode, encode

CAPABILITIES = Capabilities(
    name="fake",
    title="Fake",
    weights_sha256="0" * 64,
    rate_hz=24_000,
    channels=1,
    latent_rate_hz=25.0,
    shortest_s=0.2,
    longest_s=30.0,
    views=["caption", "speech", "asr", "sfx", "music", "env"],
    transcript=True,
    cues=True,
    tempo=True,
    steps=8,
    guidance=1.0,
)

Answer = BaseModel | tuple[str, BaseModel] | list[bytes] | None
"""A reply's content; a type of its own with content; raw frames; or None: silence."""


class FakeBridge:
    """`script(request)` says what is answered; hello is answered by itself. `asked` keeps every request."""

    def __init__(self, script: Callable[[Envelope], Answer]) -> None:
        self.asked: list[Envelope] = []
        self._script = script
        self._context = zmq.Context()
        self._sockets = [self._context.socket(kind) for kind in (zmq.ROUTER, zmq.ROUTER, zmq.XPUB)]
        self.addresses = []
        for socket in self._sockets:
            socket.setsockopt(zmq.LINGER, 0)
            port = socket.bind_to_random_port("tcp://127.0.0.1")
            self.addresses.append(f"tcp://127.0.0.1:{port}")
        self._sockets[2].setsockopt(zmq.XPUB_WELCOME_MSG, b"welcome")
        self.address = self.addresses[0]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> FakeBridge:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._context.destroy(linger=0)

    def count(self, kind: str) -> int:
        return sum(request.type == kind for request in self.asked)

    def _serve(self) -> None:
        poller = zmq.Poller()
        for socket in self._sockets[:2]:
            poller.register(socket, zmq.POLLIN)
        while not self._stop.is_set():
            for socket, _ in poller.poll(20):
                route, *frames = socket.recv_multipart()
                request = decode(frames)
                self.asked.append(request)
                reply = self._frames(request)
                if reply is not None:
                    socket.send_multipart([route, *reply])

    def _frames(self, request: Envelope) -> list[bytes] | None:
        answer: Answer = self._welcome() if request.type == "hello" else self._script(request)
        if answer is None or isinstance(answer, list):
            return answer
        kind, content = answer if isinstance(answer, tuple) else (f"{request.type}.reply", answer)
        data: dict[str, Any] = content.model_dump(mode="json")
        return encode(Envelope(type=kind, content=data, parent=request.id, session="one"))

    def _welcome(self) -> messages.Welcome:
        return messages.Welcome(
            version="0",
            protocol=1,
            session="one",
            model=CAPABILITIES,
            control=self.addresses[1],
            events=self.addresses[2],
        )
