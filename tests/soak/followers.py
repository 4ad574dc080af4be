"""Followers that behave badly: they come, follow everything, and never read, or vanish without a word.

Plain sockets, so that nothing reads behind our back. ZeroMQ's own thread reads as far as its high-water mark.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import socket
import struct
import time
from typing import Final

import msgpack
import zmq

from tests.soak.clients import packed
from tests.soak.running_engine import RunningEngine

HOST: Final = "127.0.0.1"
SMALL_BYTES: Final = 4096  # what the system keeps for a socket that is not read
REPLACED_S: Final = 20.0  # an engine has let go of it by then, or never will


def stream(port: int) -> socket.socket:
    """A TCP connection that keeps little."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
    one.settimeout(10.0)
    one.connect((HOST, port))
    return one


def websocket(port: int, query: str = "") -> socket.socket:
    """A WebSocket after its handshake; it follows everything at once."""
    one = stream(port)
    key = base64.b64encode(os.urandom(16)).decode()
    one.sendall(
        f"GET /events{query} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    said = b""
    while b"\r\n\r\n" not in said:
        said += (came := one.recv(1))
        if not came:
            raise ConnectionError(f"no WebSocket: {said!r}")
    if b" 101 " not in said:
        raise ConnectionError(f"no WebSocket: {said!r}")
    return one


def text_frame(payload: bytes, opcode: int = 1) -> bytes:
    """One masked frame, as clients send them."""
    mask = os.urandom(4)
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
    elif size < 2**16:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


def osc_stream(port: int) -> socket.socket:
    """An OSC follower over TCP."""
    one = stream(port)
    packet = packed("/notify", 1)
    one.sendall(struct.pack(">I", len(packet)) + packet)
    return one


def osc_datagrams(port: int) -> socket.socket:
    """An OSC follower over UDP."""
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
    one.connect((HOST, port))
    one.send(packed("/notify", 1))
    return one


def subscriber(context: zmq.Context[zmq.Socket[bytes]], address: str) -> zmq.Socket[bytes]:
    """A SUB that nobody reads."""
    one = context.socket(zmq.SUB)
    one.linger = 0
    one.setsockopt(zmq.RCVHWM, 1)
    one.setsockopt(zmq.RCVBUF, SMALL_BYTES)
    one.subscribe(b"")
    one.connect(address)
    return one


def vanish(one: socket.socket) -> None:
    """Closes with a reset, as a program that crashed or a cable that was pulled and put back."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


class SilentFollowers:
    """Three WebSockets, two OSC streams, two OSC datagram sockets and two SUBs that never read. `with` ends
    them."""

    def __init__(self, engine: RunningEngine) -> None:
        self._engine = engine
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._streams: list[socket.socket] = []
        self._datagrams: list[socket.socket] = []

    def __enter__(self) -> SilentFollowers:
        self._open()
        self._datagrams = [osc_datagrams(self._engine.osc_port) for _ in range(2)]
        for _ in range(2):
            subscriber(self._context, self._engine.events)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        for one in self._datagrams:
            one.send(packed("/notify", 0))
            one.close()
        self._context.destroy(linger=0)

    def replace(self) -> None:
        """New ones in the place of those that the engine has let go of by now."""
        self._close()
        self._open()

    def _open(self) -> None:
        self._streams = [websocket(self._engine.http_port) for _ in range(3)]
        self._streams += [osc_stream(self._engine.osc_port) for _ in range(2)]

    def _close(self) -> None:
        for one in self._streams:
            one.close()


async def keep_silent(engine: RunningEngine, until_s: float) -> int:
    """Followers that never read, renewed now and then; returns how many there were."""
    count = 9
    with SilentFollowers(engine) as silent:
        while (left_s := until_s - time.monotonic()) > 0:
            await asyncio.sleep(min(left_s, REPLACED_S))
            if left_s > REPLACED_S:
                await asyncio.to_thread(silent.replace)
                count += 5
    return count


async def come_and_go(engine: RunningEngine, until_s: float, draw: random.Random) -> int:
    """Followers and clients that vanish in the middle of something; returns how many there were."""
    count = 0
    while time.monotonic() < until_s:
        await asyncio.to_thread(_come_and_go, engine, draw)
        count += 1
        await asyncio.sleep(0.1 * draw.random())
    return count


def _come_and_go(engine: RunningEngine, draw: random.Random) -> None:
    kind = draw.choice(("sub", "dealer", "websocket", "osc", "half a request", "half an upload", "silence"))
    if kind in ("sub", "dealer"):
        with zmq.Context() as context:
            if kind == "sub":
                one = subscriber(context, engine.events)
            else:
                one = context.socket(zmq.DEALER)
                one.linger = 0
                one.connect(engine.request)
                for number in range(20):
                    head = {"version": 1, "id": f"gone-{number}", "type": "scene.list", "content": {}}
                    one.send(msgpack.packb(head))
            time.sleep(0.2 * draw.random())
            one.close()
        return
    port = engine.osc_port if kind == "osc" else engine.http_port
    with contextlib.suppress(OSError):  # it may be turned away: there are limits
        if kind == "websocket":
            one_stream = websocket(port)
            one_stream.sendall(text_frame(b'{"subscribe": ["scene."]}'))
        elif kind == "osc":
            one_stream = osc_stream(port)
        else:
            one_stream = stream(port)
            if kind == "half a request":
                one_stream.sendall(b"PATCH /scenes/fog HTTP/1.1\r\nHo")
            elif kind == "half an upload":
                begun = b"PUT /scenes/fog HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"
                one_stream.sendall(begun + b'{"scene": ' + b" " * 5000)
        time.sleep(0.2 * draw.random())
        vanish(one_stream)
