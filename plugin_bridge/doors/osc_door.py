"""The OSC door: UDP and TCP on one port number. Moves packets; what they mean is the switchboard's.

The transports are asyncio's: python-osc's servers call their handlers one after another, sleep until a
bundle's time, drop what they cannot read without a word, and cannot answer later than at once.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from contextlib import suppress
from typing import Any, Final

from plugin_bridge.bridge import Bridge
from plugin_bridge.config import BridgeConfig
from plugin_bridge.doors.osc_packet import Framing
from plugin_bridge.doors.osc_peers import Address, Sender
from plugin_bridge.doors.osc_switchboard import Switchboard
from plugin_bridge.doors.oscquery import OscQuery
from plugin_bridge.metrics import Metrics
from scene_schema.envelope import Envelope
from scene_schema.errors import Refused

log = logging.getLogger("stemscape.osc")

CONNECTIONS: Final = 64
TOKEN_S: Final = 10.0  # how long a connection that must show a token may keep silent
UNREAD_BYTES: Final = 4 * 2**20  # answers waiting for a peer that does not read; then it is dropped
UNFINISHED: Final = 256  # commands of one connection; then its next ones wait in its socket
READ_BYTES: Final = 2**16
SILENCE_S: Final = 10  # after which the system asks whether a connection still stands, and how often
PAIRS_TRIED: Final = 20  # free TCP ports whose UDP twin is looked at


class OscDoor:
    """Bound when it is opened: `address` is real then.

    Attributes:
        address: `osc.udp://127.0.0.1:47714`; TCP has the same port.
        query_url: where OSCQuery answers, or None.
    """

    def __init__(
        self,
        config: BridgeConfig,
        udp: socket.socket,
        tcp: socket.socket,
        query: OscQuery | None,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics
        self._config = config
        self._udp = udp
        self._tcp = tcp
        self._query = query
        self._board: Switchboard | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._protocol: _Datagrams | None = None
        self._server: asyncio.Server | None = None
        self._starting: asyncio.Task[None] | None = None
        self._connected: set[asyncio.Task[Any]] = set()
        host, port = udp.getsockname()
        self.address = f"osc.udp://{host}:{port}"
        self.query_url = None if query is None else query.url

    @classmethod
    async def open(cls, config: BridgeConfig, metrics: Metrics | None = None) -> OscDoor:
        """Binds both ports, and OSCQuery's. Raises `Refused` (`conflict`) where one is taken.

        UDP and OSCQuery ask for no token, so they stay on loopback unless `udp_anywhere`.
        """
        assert config.osc_port is not None
        host = "127.0.0.1" if config.host == "localhost" else config.host
        open_host = host if config.is_loopback or config.udp_anywhere else "127.0.0.1"
        udp, tcp = _bind_pair(open_host, host, config.osc_port)
        try:
            query = None
            if config.oscquery_port is not None:
                query = OscQuery.open(open_host, config.oscquery_port, udp.getsockname())
        except BaseException:
            udp.close()
            tcp.close()
            raise
        return cls(config, udp, tcp, query, metrics)

    def serve(self, bridge: Bridge) -> None:
        """Takes packets from now on; those that came before wait in the sockets."""
        self._board = Switchboard(bridge, self._send_udp, self._metrics)
        self._starting = asyncio.get_running_loop().create_task(self._listen(self._board))
        if self._query is not None:
            self._query.serve(bridge)

    def publish(self, topic: str, event: Envelope) -> None:  # noqa: ARG002 - OSC followers hear all topics
        """Tells the followers; whoever is too slow misses it."""
        if self._board is not None:
            self._board.publish(event)

    async def close(self) -> None:
        """Lets answers that are nearly ready go out, then closes."""
        if self._query is not None:
            await self._query.close()
        if self._starting is not None:
            await self._starting
        if self._server is not None:
            self._server.close()
        if self._board is not None:
            await self._board.close(self._config.linger_s)
        if self._datagrams is not None:
            self._datagrams.close()
        if self._connected:
            for task in self._connected:
                task.cancel()
            await asyncio.wait(self._connected, timeout=self._config.linger_s)
        self._udp.close()
        self._tcp.close()

    async def _listen(self, board: Switchboard) -> None:
        loop = asyncio.get_running_loop()
        self._datagrams, self._protocol = await loop.create_datagram_endpoint(
            lambda: _Datagrams(board), sock=self._udp
        )
        self._server = await asyncio.start_server(self._converse, sock=self._tcp)

    def _send_udp(self, packet: bytes, to: Address) -> None:
        """A datagram too many for the system is dropped, as the network might have done."""
        if self._datagrams is not None and self._protocol is not None and not self._protocol.is_full:
            self._datagrams.sendto(packet, to)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP connection from its first byte to its last."""
        board = self._board
        task = asyncio.current_task()
        assert board is not None and task is not None
        if len(self._connected) >= CONNECTIONS:
            log.warning("more than %d OSC connections: one is turned away", CONNECTIONS)
            writer.transport.abort()
            return
        self._connected.add(task)
        framing = Framing()

        def write(packet: bytes) -> None:
            if writer.is_closing():
                return
            writer.write(framing.framed(packet))
            if writer.transport.get_write_buffer_size() > UNREAD_BYTES:
                log.warning("%s does not read its answers: dropped", sender.peer.label)
                writer.transport.abort()

        _watch_line(writer.get_extra_info("socket"))
        host, port = writer.get_extra_info("peername")[:2]
        admitted = self._config.is_loopback or not board.needs_token
        sender = board.peers.tcp_sender(host, port, write, writer.close, admitted)
        try:
            with suppress(OSError, TimeoutError, asyncio.TimeoutError, asyncio.CancelledError):
                await self._hear(reader, writer, framing, board, sender)
        finally:
            board.hung_up(sender)
            # a peer may close its side for writing and still read: whoever has answers coming gets them
            closed = asyncio.ensure_future(writer.wait_closed())
            with suppress(OSError, asyncio.CancelledError):
                while sender.peer.tasks and not closed.done():
                    await asyncio.wait({closed, *sender.peer.tasks}, return_when=asyncio.FIRST_COMPLETED)
            board.peers.leave(sender)
            board.hung_up(sender)  # again, for what was on its way
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await closed
            self._connected.discard(task)

    async def _hear(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        framing: Framing,
        board: Switchboard,
        sender: Sender,
    ) -> None:
        while not writer.is_closing():
            wait_s = None if sender.admitted else TOKEN_S
            received = await asyncio.wait_for(reader.read(READ_BYTES), wait_s)
            if not received:
                return
            try:
                for packet in framing.packets(received):
                    board.receive(sender, packet)
                    while len(sender.peer.tasks) >= UNFINISHED:
                        await asyncio.wait(sender.peer.tasks, return_when=asyncio.FIRST_COMPLETED)
            except Refused as refused:  # where the next packet begins is not known any more
                board.refuse(sender, refused)
                return


def _watch_line(connection: socket.socket) -> None:
    """Lets the system find out that the other end is gone without a word, as a machine without power is."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", SILENCE_S), ("TCP_KEEPINTVL", SILENCE_S), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self.is_full = False

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if addr[1]:  # from port 0 nobody can be answered
            self._board.receive(self._board.peers.udp_sender(str(addr[0]), addr[1]), data)

    def error_received(self, exc: Exception) -> None:
        log.debug("a datagram found nobody: %s", exc)


def _bind_pair(udp_host: str, tcp_host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a listening TCP socket with one port number. Raises `Refused` (`conflict`)."""
    for attempt in range(PAIRS_TRIED):
        udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        try:
            if sys.platform == "win32":
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a stop, at once again
            tcp.bind((tcp_host, port))
            udp.bind((udp_host, tcp.getsockname()[1]))
            tcp.listen()
        except OSError as error:
            udp.close()
            tcp.close()
            if port == 0 and attempt < PAIRS_TRIED - 1:
                continue
            raise Refused(
                "conflict",
                f"the OSC port {port} on {tcp_host} cannot be used for UDP and TCP: {error.strerror}",
                remedy="Stop what is using it, take another with --osc-port, or any free ones with --port 0.",
            ) from error
        for one in (udp, tcp):
            one.setblocking(False)
        return udp, tcp
    raise AssertionError("the last attempt returns or raises")
