"""A client of each door on asyncio, as small as they can be, so that many fit beside the engine.

They use none of the project's code: what they take for granted is what docs/protocol.md, http.md and osc.md
say.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack
import zmq
import zmq.asyncio
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket, ParseError

PATIENCE_S: Final = 20.0


@dataclass(frozen=True)
class Reply:
    """An answer: its type, content, and how many binary bytes came with it."""

    type: str
    content: dict[str, Any] = field(default_factory=dict)
    binary_bytes: int = 0

    @property
    def code(self) -> str:
        """The error's code; "ok" where there is none."""
        return str(self.content.get("code", "")) if self.type == "error" else "ok"


class ZmqClient:
    """A DEALER for requests and one for control."""

    door = "zmq"

    def __init__(self, host: str, port: int, name: str) -> None:
        self.name = name
        self._context = zmq.asyncio.Context()
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._sockets = [self._dealer(f"tcp://{host}:{port + place}") for place in (0, 1)]
        self._readers = [asyncio.ensure_future(self._read(one)) for one in self._sockets]

    def _dealer(self, address: str) -> zmq.asyncio.Socket:
        socket = self._context.socket(zmq.DEALER)
        socket.linger = 0
        socket.connect(address)
        return socket

    async def ask(
        self,
        kind: str,
        content: dict[str, Any] | None = None,
        *,
        message_id: str = "",
        control: bool = False,
        within_s: float = PATIENCE_S,
    ) -> Reply:
        """Raises TimeoutError."""
        message_id = message_id or uuid.uuid4().hex
        head = {
            "version": 1,
            "id": message_id,
            "type": kind,
            "client": self.name,
            "content": content or {},
        }
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = answer
        try:
            await self._sockets[control].send(msgpack.packb(head))
            return await asyncio.wait_for(answer, within_s)
        except asyncio.TimeoutError as late:
            raise TimeoutError(f"{kind} was not answered within {within_s:g} s") from late
        finally:
            self._waiting.pop(message_id, None)

    async def _read(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            first, *binary = await socket.recv_multipart()
            head = msgpack.unpackb(first)
            answer = self._waiting.get(head["parent"])
            if answer is not None and not answer.done():
                answer.set_result(Reply(head["type"], head["content"], sum(map(len, binary))))

    async def close(self) -> None:
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        self._context.destroy(linger=0)


@dataclass(frozen=True)
class HttpAnswer:
    """A response: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class HttpClient:
    """One connection that is kept, one request at a time."""

    door = "http"

    def __init__(self, host: str, port: int, name: str) -> None:
        self.name = name
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self,
        kind: str,
        content: dict[str, Any] | None = None,
        *,
        message_id: str = "",
        within_s: float = PATIENCE_S,
    ) -> Reply:
        """By `POST /message`. Raises TimeoutError, ConnectionError."""
        head = {
            "id": message_id or uuid.uuid4().hex,
            "type": kind,
            "client": self.name,
            "content": content or {},
        }
        answer = await self.call("POST", "/message", head, within_s=within_s)
        read = json.loads(answer.body)
        return Reply(read["type"], read["content"])

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        within_s: float = PATIENCE_S,
    ) -> HttpAnswer:
        """Any request. Raises TimeoutError, ConnectionError."""
        try:
            return await asyncio.wait_for(self._call(method, path, body, headers or {}), within_s)
        except asyncio.TimeoutError as late:
            self._drop()
            raise TimeoutError(f"{method} {path} was not answered within {within_s:g} s") from late
        except (OSError, EOFError) as gone:
            self._drop()
            raise ConnectionError(f"{method} {path}: {gone!r}") from gone

    async def _call(self, method: str, path: str, body: object, headers: dict[str, str]) -> HttpAnswer:
        if self._streams is None or self._streams[0].at_eof() or self._streams[1].is_closing():
            self._drop()
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        data = b"" if body is None else json.dumps(body).encode()
        given = {
            "Host": self._host,
            "X-Stemscape-Client": self.name,
            "Content-Length": str(len(data)),
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)
        await writer.drain()
        return await read_response(reader, has_body=method != "HEAD")

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def close(self) -> None:
        self._drop()


async def read_response(reader: asyncio.StreamReader, *, has_body: bool = True) -> HttpAnswer:
    """The next response. Raises EOFError (`asyncio.IncompleteReadError`)."""
    line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(line.split(" ")[1])
    headers = {}
    for one in fields:
        name, _, value = one.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    body = await reader.readexactly(length) if has_body and status not in (204, 304) else b""
    return HttpAnswer(status, headers, body)


class OscClient:
    """UDP, or TCP with sizes before packets. One question at a time; whatever else comes is counted."""

    def __init__(self, host: str, port: int, name: str, *, tcp: bool = False) -> None:
        self.door = "osc_tcp" if tcp else "osc"
        self.name = name
        self._place = (host, port)
        self._tcp = tcp
        self._transport: Any = None  # a stream's or datagrams', as `tcp` says
        self._wanted = ""
        self._answer: asyncio.Future[Reply] | None = None
        self.jobs: list[str] = []
        self.others = 0

    async def ask(self, address: str, *arguments: Any, within_s: float = PATIENCE_S) -> Reply:
        """The first answer to an address. Raises TimeoutError, ConnectionError."""
        await self._connect()
        self._wanted = address
        self._answer = asyncio.get_running_loop().create_future()
        self._send(packed(address, *arguments))
        try:
            return await asyncio.wait_for(self._answer, within_s)
        except asyncio.TimeoutError as late:
            raise TimeoutError(f"{address} was not answered within {within_s:g} s") from late
        finally:
            self._wanted, self._answer = "", None

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        if self._transport is not None and not self._transport.is_closing():
            return
        if self._tcp:
            self._transport, _ = await loop.create_connection(lambda: _OscStream(self), *self._place)
        else:
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _OscDatagrams(self), remote_addr=self._place
            )

    def _send(self, packet: bytes) -> None:
        if self._tcp:
            self._transport.write(struct.pack(">I", len(packet)) + packet)
        else:
            self._transport.sendto(packet)

    def heard(self, packet: bytes) -> None:
        """A packet that came."""
        with contextlib.suppress(ParseError):
            for timed in OscPacket(packet).messages:
                self._take(timed.message.address, list(timed.message.params))

    def _take(self, address: str, arguments: list[Any]) -> None:
        if address == "/accepted":
            self.jobs += arguments[3:]
        about = arguments[0] if address in ("/done", "/fail", "/accepted") and arguments else address
        of_job = (address, len(arguments)) in (("/done", 5), ("/fail", 4))  # how an earlier render ended
        is_other = of_job or about.removesuffix(".reply") != self._wanted
        if self._answer is None or self._answer.done() or is_other:
            self.others += 1
            return
        if address == "/fail":
            code, message = (*arguments[2:3], "")[0], (*arguments[1:2], "")[0]
            self._answer.set_result(Reply("error", {"code": code, "message": message}))
        else:
            self._answer.set_result(Reply(address, {"arguments": arguments}))

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class _OscDatagrams(asyncio.DatagramProtocol):
    def __init__(self, client: OscClient) -> None:
        self._client = client

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._client.heard(data)


class _OscStream(asyncio.Protocol):
    def __init__(self, client: OscClient) -> None:
        self._client = client
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while len(self._rest) >= 4:
            size = int.from_bytes(self._rest[:4], "big")
            if len(self._rest) < 4 + size:
                return
            packet, self._rest = self._rest[4 : 4 + size], self._rest[4 + size :]
            self._client.heard(packet)


def packed(address: str, *arguments: Any) -> bytes:
    """One OSC message as bytes."""
    builder = OscMessageBuilder(address)
    for one in arguments:
        builder.add_arg(one)
    return bytes(builder.build().dgram)
