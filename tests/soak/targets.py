"""What is sent to each door when it is mutated: seeds, how they are changed, and what comes back.

A target sends one mutant and says how it was answered, in words; None where nothing came in time.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import random
import socket
import struct
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, TypeAlias

import msgpack
import zmq
import zmq.asyncio
from pythonosc import slip
from pythonosc.osc_packet import OscPacket, ParseError

from tests.soak.clients import packed
from tests.soak.followers import text_frame
from tests.soak.mutations import deep_bytes, mutate_bytes, mutate_message, odd_msgpack, odd_value
from tests.soak.running_engine import RunningEngine

HOST: Final = "127.0.0.1"
SCENE: Final = {
    "id": "rain",
    "duration_s": 0.3,
    "tempo": {"bpm": 96.0, "beats_per_bar": 4},
    "chords": ["C", "F#m"],
    "layers": [
        {"id": "env", "view": "env", "caption": "light rain", "seed": 1, "gain_db": -3.0},
        {"id": "music", "view": "music", "caption": "piano", "cues": [{"at_s": 0.1, "text": "now"}]},
    ],
}

TAKE: Final = "47e6a6b961f65e51442eb154c666619e6e33a2b0ebd835861f03cb328093337f"
"""What the fake model makes of the layer `env` above."""

PART: Final = {"view": "env", "caption": "light rain", "seed": 1}
ORIGINS: Final[list[dict[str, Any]]] = [
    {"kind": "variation", "take": TAKE, "strength": 0.4},
    {"kind": "region", "take": TAKE, "from_s": 0.05, "to_s": 0.15},
    {"kind": "continuation", "take": TAKE},
    {"kind": "mix", "seed": 3, "scene_caption": "a wet street", "parts": [PART, PART], "place": 1},
]

REQUESTS: Final[list[tuple[str, dict[str, Any]]]] = [
    ("hello", {"cancel_on_disconnect": True}),
    ("status", {}),
    ("scene.create", {"scene": SCENE, "replace": True}),
    ("scene.get", {"scene": "rain", "revision": 1}),
    ("scene.list", {}),
    ("scene.edit", {"scene": "rain", "changes": {"title": "x", "chords": ["C"]}, "render": False}),
    ("layer.edit", {"scene": "rain", "layer": "env", "changes": {"gain_db": -6.0, "caption": "storm"}}),
    *(("layer.edit", {"scene": "rain", "layer": "env", "changes": {"origin": one}}) for one in ORIGINS),
    ("layer.edit", {"scene": "rain", "layer": "env", "changes": {"loop": True, "apart_from": ["wind"]}}),
    ("layer.edit", {"scene": "rain", "layer": "music", "changes": {"seed": 9}, "draft": True}),
    ("scene.extend", {"scene": "rain", "duration_s": 0.6, "base_revision": 1}),
    ("scene.fit", {"scene": "rain", "render": False}),
    ("scene.compose", {"scene": "rain", "seed": 5, "render": True}),
    ("scene.undo", {"scene": "rain", "render": False}),
    ("scene.redo", {"scene": "rain", "base_revision": 2}),
    ("layer.add", {"scene": "rain", "layer": {"id": "bell", "view": "sfx", "caption": "bell"}, "index": 0}),
    ("layer.remove", {"scene": "rain", "layer": "bell"}),
    ("layer.move", {"scene": "rain", "layer": "env", "index": 1}),
    ("scene.render", {"scene": "rain", "layers": ["env"], "priority": "batch"}),
    ("scene.deliver", {"scene": "rain", "rate_hz": 48_000, "bit_depth": 16, "loop": True}),
    ("scene.deliver", {"scene": "rain", "hand_off": "path", "folder": "/tmp", "length_bars": 1}),
    ("scene.deliver", {"scene": "rain", "layers": ["env"], "drafts": True}),
    ("scene.export", {"scene": "rain", "revisions": "all"}),
    ("scene.import", {"path": "/tmp/rain.stemscape", "as_id": "fog", "replace": True}),
    ("job.get", {"job": "0" * 32}),
    ("job.cancel", {"job": "0" * 32}),
    ("jobs.cancel", {"scene": "rain"}),
    ("engine.load", {"worker": 0}),
    ("engine.unload", {"worker": 1}),
    ("transport.get", {}),
    ("transport.set", {"playing": True, "bpm": 120.0, "position_s": 1.0}),
]
"""Every request but `engine.stop`, which ends the engine on purpose."""

CONTROL: Final = (
    "hello", "status", "job.get", "job.cancel", "jobs.cancel", "transport.get", "transport.set",
    "engine.load", "engine.unload",
)  # fmt: skip

Seed: TypeAlias = Any


class Target(Protocol):
    """One connection, or one after the other, to one door."""

    async def send(self, mutant: Seed) -> str | None: ...

    async def close(self) -> None: ...


def head_of(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "id": "", "type": kind, "client": "mutant", "content": content}


def in_words(head: Any) -> str:
    """An answer without what changes from one to the next."""
    if not isinstance(head, dict) or not isinstance(head.get("content"), dict):
        return f"{head!r}"
    content = head["content"]
    if head.get("type") != "error":
        return f"{head.get('type')} {sorted(content)}"
    findings = [(one.get("field"), one.get("expected")) for one in content.get("findings", ())]
    return f"error {content.get('code')} {content.get('message')} {findings}"


def packed_or_deep(value: Any, draw: random.Random) -> bytes:
    try:
        return bytes(msgpack.packb(value))
    except (ValueError, OverflowError):
        return deep_bytes(draw.choice((b"\x91", b"\x81\xa1a")), draw)


# --- ZeroMQ -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ZmqSeed:
    """`head` is None where the frame is no message any more."""

    head: Any
    frames: tuple[bytes, ...] = ()
    control: bool = False


ZMQ_SEEDS: Final = [
    *(ZmqSeed(head_of(*one)) for one in REQUESTS),
    *(ZmqSeed(head_of(kind, content), control=True) for kind, content in REQUESTS if kind in CONTROL),
]


def mutate_zmq(seed: ZmqSeed, draw: random.Random) -> ZmqSeed:
    if seed.head is None:
        first, *rest = seed.frames
        return replace(seed, frames=(mutate_bytes(first, draw), *rest))
    head = (
        {**seed.head, "id": uuid.UUID(int=draw.getrandbits(128)).hex}
        if isinstance(seed.head, dict)
        else seed.head
    )
    kind = draw.randrange(10)
    if kind <= 5:
        head = mutate_message(head, draw)
        return replace(seed, head=head, frames=(packed_or_deep(head, draw),))
    if kind == 6:
        return replace(seed, head=None, frames=(mutate_bytes(packed_or_deep(head, draw), draw),))
    if kind == 7:
        return replace(seed, head=None, frames=(odd_msgpack(head, draw),))
    if kind == 8:
        return replace(seed, head=None, frames=(deep_bytes(draw.choice((b"\x91", b"\x81\xa1a")), draw),))
    first = packed_or_deep(head, draw)
    more = tuple(draw.choice((b"", b"x" * 1000, first)) for _ in range(draw.choice((1, 2, 79, 80, 300))))
    return replace(seed, head=None, frames=(*more, first) if draw.random() < 0.5 else (first, *more))


class ZmqTarget:
    """A DEALER each for requests and control."""

    silence_s: Final = 2.0

    def __init__(self, engine: RunningEngine) -> None:
        self._engine = engine
        self._context = zmq.asyncio.Context()
        self._sockets: dict[bool, zmq.asyncio.Socket] = {}

    async def send(self, mutant: ZmqSeed) -> str | None:
        line = self._line(mutant.control)
        await line.send_multipart(list(mutant.frames))
        if not await line.poll(1000 * self.silence_s):
            line.close(linger=0)
            del self._sockets[mutant.control]
            return None
        first, *_ = (one for one in await line.recv_multipart() if one)
        return in_words(msgpack.unpackb(first, strict_map_key=False))

    def _line(self, control: bool) -> zmq.asyncio.Socket:
        if control not in self._sockets:
            line = self._context.socket(zmq.DEALER)
            line.linger = 0
            line.connect(self._engine.control if control else self._engine.request)
            self._sockets[control] = line
        return self._sockets[control]

    async def close(self) -> None:
        self._context.destroy(linger=0)


# --- HTTP -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HttpSeed:
    """`raw` where the request is no request any more. `half`: our side of the connection is shut then."""

    method: str
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    half: bool = False


_LAYER: Final = "/scenes/rain/layers/env"
HTTP_SEEDS: Final = [
    *(HttpSeed("POST", "/message", head_of(*one)) for one in REQUESTS),
    HttpSeed("GET", "/hello"),
    HttpSeed("GET", "/scenes/rain?revision=1"),
    HttpSeed("PUT", "/scenes/rain?render=false", {key: value for key, value in SCENE.items() if key != "id"}),
    HttpSeed("PATCH", "/scenes/rain", {"title": "x"}, (("If-Match", '"1"'),)),
    HttpSeed("PATCH", f"{_LAYER}?render=false", {"caption": "storm"}, (("Idempotency-Key", "k1"),)),
    HttpSeed("POST", "/scenes/rain/layers", {"id": "bell", "view": "sfx", "caption": "bell"}),
    HttpSeed("DELETE", "/scenes/rain/layers/bell"),
    HttpSeed("POST", f"{_LAYER}/move", {"index": 1}),
    *(HttpSeed("PATCH", _LAYER, {"origin": one}) for one in ORIGINS),
    HttpSeed("POST", "/scenes/rain/extend?render=false", {"duration_s": 0.6}),
    HttpSeed("POST", "/scenes/rain/compose", {"seed": 5}),
    HttpSeed("POST", "/scenes/rain/undo"),
    HttpSeed("POST", "/scenes/rain/redo", {"render": False}),
    HttpSeed("POST", "/scenes/rain/export", {"hand_off": "path"}),
    HttpSeed("POST", "/import?as_id=fog", {"path": "/tmp/rain.stemscape"}),
    HttpSeed("POST", "/scenes/rain/deliver", {"mix": False}),
    HttpSeed("GET", "/scenes/rain/stems/env.wav?rate_hz=48000&bit_depth=16", None, (("Range", "bytes=0-9"),)),
    HttpSeed("GET", "/scenes/rain/mix.flac?loop=true", None, (("If-None-Match", '"x"'),)),
    HttpSeed("HEAD", "/scenes/rain/mix.wav/receipt"),
    HttpSeed("DELETE", "/jobs/0123"),
    HttpSeed("PATCH", "/transport", {"bpm": 100.0}),
    HttpSeed("OPTIONS", "/scenes", None, (("Origin", "http://x"), ("Access-Control-Request-Method", "PUT"))),
    HttpSeed("GET", "/metrics", None, (("Authorization", "Bearer x"),)),
    HttpSeed("GET", "/openapi.json"),
    HttpSeed("GET", "/events", None, (("Upgrade", "websocket"), ("Connection", "Upgrade"),
                                      ("Sec-WebSocket-Key", "x" * 24), ("Sec-WebSocket-Version", "13"))),
]  # fmt: skip
_METHODS: Final = (
    "GET",
    "PUT",
    "POST",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "",
    "get",
    "💥",
)
_HEADERS: Final = (
    ("Content-Length", "-1"), ("Content-Length", "99999999999999999999"), ("Content-Length", "1e3"),
    ("Content-Length", "5000000"), ("Transfer-Encoding", "chunked"), ("Expect", "100-continue"),
    ("Range", "bytes=" + "0-0," * 500), ("Range", "bytes=-99999999999999999999"), ("Range", "bytes=5-1"),
    ("If-Match", "*"), ("If-Match", '"-1"'), ("If-Match", '"999999999999999999999"'),
    ("Host", "evil.example"), ("Host", "[::1"), ("Origin", "null"), ("Cookie", "x=" + "y" * 9000),
    ("X-Stemscape-Client", "é" * 300), ("Idempotency-Key", ""), ("Idempotency-Key", "z" * 300),
    ("Authorization", "Bearer é"), ("Connection", "close"), ("Content-Encoding", "gzip"), ("Upgrade", "h2c"),
    ("Accept-Encoding", "\x00"), ("Sec-Fetch-Site", "cross-site"),
)  # fmt: skip


def mutate_http(seed: HttpSeed, draw: random.Random) -> HttpSeed:
    if seed.raw is not None:
        return replace(seed, raw=mutate_bytes(seed.raw, draw))
    kind = draw.randrange(10)
    seed = replace(seed, half=draw.random() < 0.2)
    if kind <= 2 and seed.body is not None:
        return replace(seed, body=mutate_message(seed.body, draw))
    if kind <= 4:
        path = mutate_bytes(seed.path.encode(), draw).decode("latin-1")
        return replace(seed, path=path)
    if kind == 5:
        key, _, value = seed.path.partition("?")
        more = "&".join(
            f"{draw.choice(('revision', 'take', 'rate_hz', 'render', 'x'))}={odd_value(draw)}" for _ in "ab"
        )
        return replace(seed, path=f"{key}?{value}&{more}")
    if kind == 6:
        return replace(seed, method=draw.choice(_METHODS))
    if kind == 7:
        return replace(seed, headers=(*seed.headers, *draw.choices(_HEADERS, k=draw.choice((1, 2, 200)))))
    if kind == 8 and seed.body is not None:
        opening = draw.choice((b"[", b'{"a":'))
        return replace(seed, raw=_request(seed, deep_bytes(opening, draw)))
    return replace(seed, raw=mutate_bytes(_request(seed), draw))


def _request(seed: HttpSeed, body: bytes | None = None) -> bytes:
    if body is None:
        body = b"" if seed.body is None else json.dumps(seed.body, default=repr).encode()
    headers = {"Host": HOST, "Content-Length": str(len(body))}
    fields = [*headers.items(), *seed.headers]
    lines = [f"{seed.method} {seed.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body


class HttpTarget:
    """A connection for each request, which is cut as soon as an answer begins."""

    silence_s: Final = 0.3

    def __init__(self, engine: RunningEngine) -> None:
        self._engine = engine

    async def send(self, mutant: HttpSeed) -> str | None:
        reader, writer = await asyncio.open_connection(HOST, self._engine.http_port)
        try:
            writer.write(_request(mutant) if mutant.raw is None else mutant.raw)
            if mutant.half:
                with contextlib.suppress(OSError):  # the engine was quicker to close
                    writer.write_eof()
            said = await asyncio.wait_for(reader.read(4096), self.silence_s)
        except asyncio.TimeoutError:
            return None
        except ConnectionError:
            return "reset"
        finally:
            cut(writer)
        head, _, body = said.partition(b"\r\n\r\n")
        status = head.split(b"\r\n")[0].decode("latin-1")
        with contextlib.suppress(ValueError):
            content = json.loads(body)
            is_error = isinstance(content, dict) and "code" in content
            return f"{status} {in_words({'type': 'error', 'content': content} if is_error else content)}"
        return status or "closed"

    async def close(self) -> None:
        pass


def cut(writer: asyncio.StreamWriter) -> None:
    """Closes with a reset, so that a hundred thousand connections leave no ports waiting."""
    one = writer.get_extra_info("socket")
    if one is not None:
        with contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# --- WebSocket --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WebSocketSeed:
    """`raw` are the bytes of frames as they are sent; otherwise `value` goes in one frame."""

    value: Any = None
    raw: bytes | None = None
    binary: bool = False


WEBSOCKET_SEEDS: Final = [
    *(WebSocketSeed(head_of(*one), binary=binary) for one in REQUESTS for binary in (False, True)),
    WebSocketSeed({"subscribe": ["scene.nothing"], "id": "s1"}),
]


def mutate_websocket(seed: WebSocketSeed, draw: random.Random) -> WebSocketSeed:
    if seed.raw is not None:
        return replace(seed, raw=mutate_bytes(seed.raw, draw))
    value = seed.value
    if isinstance(value, dict):
        value = {**value, "id": uuid.UUID(int=draw.getrandbits(128)).hex}
    kind = draw.randrange(10)
    if kind <= 4:
        return replace(seed, value=mutate_message(value, draw))
    payload = _payload(value, seed.binary, draw)
    opcode = 2 if seed.binary else 1
    if kind == 5:
        return replace(seed, raw=text_frame(mutate_bytes(payload, draw), opcode))
    if kind == 6:
        deep = deep_bytes(b"\x91" if seed.binary else b"[", draw)
        return replace(seed, raw=text_frame(deep[:200_000], opcode))
    if kind == 7:  # wrong kinds of frames: continuation first, unknown, control frames that are too long
        return replace(seed, raw=text_frame(payload, draw.choice((0, 3, 7, 8, 9, 10, 15, 3 - opcode))))
    if kind == 8:  # in parts
        at = draw.randrange(len(payload) + 1)
        first, last = text_frame(payload[:at], opcode), text_frame(payload[at:], 0)
        return replace(
            seed, raw=bytes([first[0] & 0x7F]) + first[1:] + (last if draw.random() < 0.7 else b"")
        )
    return replace(seed, raw=mutate_bytes(text_frame(payload, opcode), draw))


def _payload(value: Any, binary: bool, draw: random.Random) -> bytes:
    return packed_or_deep(value, draw) if binary else json.dumps(value, default=repr).encode()


class WebSocketTarget:
    """One socket of each kind, text and msgpack; opened again whenever the engine closes it."""

    silence_s: Final = 0.3

    def __init__(self, engine: RunningEngine) -> None:
        self._engine = engine
        self._open: dict[bool, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._draw = random.Random(0)

    async def send(self, mutant: WebSocketSeed) -> str | None:
        try:
            reader, writer = await self._socket(mutant.binary)
            if mutant.raw is None:
                payload = _payload(mutant.value, mutant.binary, self._draw)
                writer.write(text_frame(payload, 2 if mutant.binary else 1))
            else:
                writer.write(mutant.raw)
            return await asyncio.wait_for(self._answer(reader, mutant.binary), self.silence_s)
        except asyncio.TimeoutError:
            self._forget(mutant.binary)  # what was begun would be taken for a part of the next one
            return None
        except (ConnectionError, EOFError):
            self._forget(mutant.binary)
            return "closed"

    async def _answer(self, reader: asyncio.StreamReader, binary: bool) -> str:
        while True:
            opcode, payload = await read_frame(reader)
            if opcode == 8:
                self._forget(binary)
                return f"close {int.from_bytes(payload[:2], 'big')} {payload[2:]!r}"
            if opcode in (9, 10):
                return f"opcode {opcode}"
            with contextlib.suppress(ValueError):
                head = msgpack.unpackb(payload) if binary else json.loads(payload)
                if isinstance(head, dict) and not str(head.get("type")).startswith("event."):
                    return in_words(head)

    async def _socket(self, binary: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if binary in self._open:
            return self._open[binary]
        reader, writer = await asyncio.open_connection(HOST, self._engine.http_port)
        key = base64.b64encode(os.urandom(16)).decode()
        protocol = "Sec-WebSocket-Protocol: stemscape.msgpack\r\n" if binary else ""
        writer.write(
            f"GET /events HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{protocol}"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        await read_frame(reader)  # the welcome
        quiet = {"subscribe": ["nothing"], "id": "q"}
        payload = msgpack.packb(quiet) if binary else json.dumps(quiet).encode()
        writer.write(text_frame(payload, 2 if binary else 1))
        await asyncio.wait_for(self._answer(reader, binary), 2.0)
        self._open[binary] = (reader, writer)
        return reader, writer

    def _forget(self, binary: bool) -> None:
        if binary in self._open:
            cut(self._open.pop(binary)[1])

    async def close(self) -> None:
        for binary in list(self._open):
            self._forget(binary)


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of the next frame of a server. Raises EOFError."""
    first, size = await reader.readexactly(2)
    if size == 126:
        (size,) = struct.unpack(">H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", await reader.readexactly(8))
    return first & 0x0F, await reader.readexactly(size)


# --- OSC --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OscSeed:
    """A packet; `stream` are the bytes on TCP where the framing itself is wrong."""

    packet: bytes
    parts: tuple[Any, ...] = field(default=())
    stream: bytes | None = None
    sizes: bool = False


_OSC: Final[list[tuple[Any, ...]]] = [
    ("/version",), ("/status",), ("/sync", 7), ("/notify", 0, "mutant"), ("/dumpOSC", 0), ("/token", "x"),
    ("/scene/list",), ("/scene/rain/get",), ("/scene/rain/title", "x"), ("/scene/rain/tempo", 96.0, 4, 0.0),
    ("/scene/rain/chords", "C", "F#m"), ("/scene/rain/duration", 0.3), ("/scene/rain/layer/list",),
    ("/scene/rain/layer/env/caption", "storm"), ("/scene/rain/layer/env/gain_db", -6.0),
    ("/scene/rain/layer/*/gain_db",), ("/scene/{rain,fog}/layer/[!a]*/mute", True),
    ("/scene/rain/layer/env/seed", 7), ("/scene/rain/layer/env/cues", 0.1, "now", 0.2),
    ("/scene/rain/layer/bell/add", "sfx", "bell"), ("/scene/rain/layer/bell/remove",),
    ("/scene/rain/layer/env/move", 1), ("/scene/rain/render", "env"),
    ("/scene/rain/layer/env/vary", 0.4), ("/scene/rain/layer/env/redo", 0.05, 0.15),
    ("/scene/rain/layer/env/loop", True), ("/scene/rain/extend", 0.6), ("/scene/rain/compose", 5),
    ("/scene/rain/undo",), ("/scene/rain/redo",), ("/scene/rain/export", "revisions", "all"),
    ("/scene/rain/deliver", "rate_hz", 48_000, "mix", 0), ("/job/cancel", "0123"), ("/transport/bpm", 120.0),
    ("/transport/play", 1), ("/scene/create", json.dumps(SCENE), True, False), ("/scene/load", "/tmp/x.yaml"),
    ("/done", "/x"), ("/reply/port", 0),
]  # fmt: skip
OSC_SEEDS: Final = [OscSeed(packed(*one), one, sizes=number % 2 == 0) for number, one in enumerate(_OSC)]


_WILD: Final = ("*", "[", "{", "?", "//", "}", "]", "[a-", "{,", "é", " ", "#", "*" * 200, "{a,b}" * 50)


def mutate_osc(seed: OscSeed, draw: random.Random) -> OscSeed:
    kind = draw.randrange(10)
    if seed.stream is not None:
        return replace(seed, stream=mutate_bytes(seed.stream, draw))
    if kind <= 3 and seed.parts:
        parts = _odd_parts(seed.parts, draw)
        return replace(seed, parts=parts, packet=_packed(parts, seed.packet))
    if kind <= 6:
        return replace(seed, parts=(), packet=mutate_bytes(seed.packet, draw))
    if kind == 7:
        return replace(seed, parts=(), packet=_bundle(seed.packet, draw))
    if kind == 8:  # as many arguments as tags, and more, and fewer
        tags = bytes(draw.choice(b"ifsbhtdTFNI[]rmcS\xff") for _ in range(draw.choice((1, 5, 1_200))))
        padded = b"," + tags + b"\0" * (4 - (len(tags) + 1) % 4)
        return replace(
            seed, parts=(), packet=seed.packet.split(b",")[0] + padded + os.urandom(draw.choice((0, 8, 400)))
        )
    return replace(seed, stream=mutate_bytes(_framed(seed), draw))


def _odd_parts(parts: tuple[Any, ...], draw: random.Random) -> tuple[Any, ...]:
    address, *arguments = parts
    kind = draw.randrange(5)
    if kind == 0:
        cut_at = draw.randrange(len(address) + 1)
        return (
            address[:cut_at]
            + draw.choice(("*", "[", "{", "?", "//", "}", "]", "[a-", "{,", "é", " ", "#", "*" * 200))
            + address[cut_at:],
            *arguments,
        )
    if kind == 1:
        return (
            address,
            *arguments,
            *arguments,
            *[odd_value(draw) for _ in range(draw.choice((1, 3, 1_100)))],
        )
    if kind == 2 or not arguments:
        return (address, odd_value(draw), *arguments)
    arguments[draw.randrange(len(arguments))] = odd_value(draw)
    return (address, *arguments)


def _packed(parts: tuple[Any, ...], otherwise: bytes) -> bytes:
    address, *arguments = parts
    plain = [one for one in arguments if isinstance(one, str | bytes | bool | float | int | None)]
    fits = [
        one for one in plain if isinstance(one, bool) or not isinstance(one, int) or -(2**63) <= one < 2**63
    ]
    texts = [one.encode("utf-8", "replace").decode() if isinstance(one, str) else one for one in fits]
    try:
        return packed(address or "/", *texts)[:60_000]
    except (ValueError, OverflowError, struct.error):
        return otherwise


def _bundle(packet: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.choice((1, 1, 2, 9, 400))):
        tag = draw.choice((b"\0" * 7 + b"\x01", b"\0" * 8, b"\xff" * 8, os.urandom(8)))
        size = draw.choice((len(packet), len(packet), len(packet) + 4, 0, 2**31, 2**32 - 1))
        packet = b"#bundle\0" + tag + (struct.pack(">I", size) + packet) * draw.choice((1, 1, 3))
        if len(packet) > 50_000:
            break
    return packet[:60_000]


def _framed(seed: OscSeed) -> bytes:
    return (
        struct.pack(">I", len(seed.packet)) + seed.packet if seed.sizes else bytes(slip.encode(seed.packet))
    )


def osc_in_words(packet: bytes) -> str:
    with contextlib.suppress(ParseError, IndexError):
        message = OscPacket(packet).messages[0].message
        return (
            f"{message.address} {message.params[2:3] if message.address == '/fail' else len(message.params)}"
        )
    return "unread"


class OscUdpTarget:
    """A connected UDP socket."""

    silence_s: Final = 0.15

    def __init__(self, engine: RunningEngine) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.connect((HOST, engine.osc_port))

    async def send(self, mutant: OscSeed) -> str | None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while self._socket.recv(65_536):  # what earlier ones are told of their renders
                pass
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._socket, (mutant.stream or mutant.packet)[:60_000])
            return osc_in_words(await asyncio.wait_for(loop.sock_recv(self._socket, 65_536), self.silence_s))
        except asyncio.TimeoutError:
            return None
        except ConnectionError:
            return "refused by the system"

    async def close(self) -> None:
        self._socket.close()


class OscTcpTarget:
    """A connection of each framing; made again whenever the engine closes it."""

    silence_s: Final = 0.15

    def __init__(self, engine: RunningEngine) -> None:
        self._engine = engine
        self._open: dict[bool, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def send(self, mutant: OscSeed) -> str | None:
        try:
            if mutant.sizes not in self._open:
                self._open[mutant.sizes] = await asyncio.open_connection(HOST, self._engine.osc_port)
            reader, writer = self._open[mutant.sizes]
            writer.write(_framed(mutant) if mutant.stream is None else mutant.stream)
            said = await asyncio.wait_for(reader.read(65_536), self.silence_s)
        except asyncio.TimeoutError:
            if mutant.stream is not None:
                self._forget(mutant.sizes)  # the next packet would be a part of this one
            return None
        except ConnectionError:
            self._forget(mutant.sizes)
            return "reset"
        if not said:
            self._forget(mutant.sizes)
            return "closed"
        if mutant.stream is not None:
            self._forget(mutant.sizes)
        if said[:1] == b"\0":
            return osc_in_words(said[4 : 4 + int.from_bytes(said[:4], "big")])
        return osc_in_words(slip.decode(said.lstrip(slip.END).split(slip.END)[0] + slip.END))

    def _forget(self, sizes: bool) -> None:
        if sizes in self._open:
            cut(self._open.pop(sizes)[1])

    async def close(self) -> None:
        for sizes in list(self._open):
            self._forget(sizes)
