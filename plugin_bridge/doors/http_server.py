"""uvicorn inside the engine's own event loop: no signal handlers, no log of its own, no patience with idlers.

Knows an ASGI application and a socket, and nothing of scenes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import sys
from collections.abc import Iterator
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from engine.log_lines import fields
from scene_schema.errors import Refused
from scene_schema.limits import MESSAGE_BYTES

log = logging.getLogger("stemscape.http")

BACKLOG: Final = 128
CONNECTIONS: Final = 500  # half of the files that a process may usually have open
HEAD_S: Final = 10.0  # for a request's line and headers; uvicorn itself would wait for ever
PING_S: Final = 20.0  # a WebSocket that is gone is noticed within this and the next
PONG_S: Final = 60.0  # a ping stands behind the delivery that is being sent
CANCEL_S: Final = 1.0
NOT_UTF8: Final = 1007  # RFC 6455: data that is not what its type says

ANSWERED_BYTES: Final = (
    4 * MESSAGE_BYTES
)  # a message too long by less gets an answer; by more, a closed socket


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; a port of 0 is any free one. Raises `Refused` (`conflict`) where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it an answer takes 44 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would let a second engine take the port as well
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)  # now, or two engines that start at once both believe they have it
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise Refused(
            "conflict",
            f"the HTTP port {port} on {host} cannot be used: {error.strerror}",
            remedy="Stop what is using it, or take another with --http-port.",
        ) from error
    return listener


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class HttpServer:
    """One uvicorn as a task."""

    def __init__(self, app: ASGIApp, listener: socket.socket, linger_s: float) -> None:
        self._linger_s = linger_s
        self._listener = listener
        config = uvicorn.Config(
            app,
            http=_Http,
            ws=_WebSocket,
            ws_max_size=ANSWERED_BYTES,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PONG_S,
            ws_per_message_deflate=False,  # loopback: it costs more than it saves
            lifespan="off",
            log_config=None,
            log_level="warning",  # its notes on WebSockets would hold the tokens in their addresses
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            backlog=BACKLOG,
            timeout_graceful_shutdown=max(1, math.ceil(linger_s)),
        )
        self._server = _Server(config)
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[listener]))

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._server.server_state.connections)

    async def close(self) -> None:
        """Lets answers on their way go out for `linger_s`, then cuts what is still open."""
        self._server.should_exit = True
        await asyncio.wait({self._task}, timeout=self._linger_s)
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        await asyncio.wait({self._task}, timeout=CANCEL_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._listener.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the engine's


class _Http(H11Protocol):
    """Closes a connection whose next request does not come in time, and answers what is not HTTP once."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_watching()

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None:
            self.cycle.disconnected = True  # or its answer would come after this one, which h11 calls a fault
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:  # half an answer is out
            self.transport.close()

    def _watch(self) -> None:
        upgraded = self.transport.get_protocol() is not self
        answering = self.cycle is not None and not self.cycle.response_complete
        if upgraded or answering or self.transport.is_closing():
            self._stop_watching()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _WebSocket(WebSocketsSansIOProtocol):
    """Lets the application cut a connection that takes nothing any more: `scope["state"]["transport"]`."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}

    def send_receive_event_to_app(self) -> None:
        # uvicorn itself would log a traceback, which is an engine's fault to whoever reads it
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            log.info("a WebSocket sent text that is not UTF-8, and was closed", extra=fields(code=NOT_UTF8))
            self.frames = []
            if not self.close_sent:
                self.conn.send_close(NOT_UTF8, "text frames are UTF-8")
                self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # or uvicorn calls a refusal an error, in its log

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # to close it would wait for what nobody reads
