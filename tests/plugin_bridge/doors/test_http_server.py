"""uvicorn as we run it: sockets, patience, an orderly end."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from pathlib import Path

import pytest

from plugin_bridge.doors import http_server
from plugin_bridge.doors.http_server import HttpServer, bind
from scene_schema.errors import Refused
from tests.plugin_bridge.doors.http_room import HttpRoom
from tests.plugin_bridge.engine_process import WAIT_S


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY on nothing else


def test_a_taken_port_is_a_conflict() -> None:
    first = bind("127.0.0.1", 0)
    with first, pytest.raises(Refused) as refused:
        bind("127.0.0.1", first.getsockname()[1])
    assert refused.value.code == "conflict"


def test_a_port_is_free_again_after_a_close(tmp_path: Path) -> None:
    with HttpRoom(tmp_path / "a") as room:
        port = int(room.door.url.rpartition(":")[2])
        assert room.client.get("/health/live").status_code == 200
    bind("127.0.0.1", port).close()


def test_idlers_are_shown_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "HEAD_S", 0.2)
    with HttpRoom(tmp_path) as room:
        for begun in (b"", b"GET /status HTTP/1.1\r\nHost: "):
            with room.socket() as idler:
                idler.sendall(begun)
                assert idler.recv(100) == b""
        with room.socket() as second:  # it is no better when a first request was in time
            second.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert second.recv(1000).startswith(b"HTTP/1.1 200 ")
            second.sendall(b"GET /hea")
            while second.recv(1000):
                pass
        with room.events() as events:  # a WebSocket may be silent
            time.sleep(0.4)
            assert "welcome" in str(events.recv(WAIT_S))


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n",
        b"no request\r\n\r\n",
    ],
    ids=["in the body", "in the body of a right one", "at the start"],
)
def test_what_is_not_http_is_refused_once_and_without_a_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, nonsense: bytes
) -> None:
    with HttpRoom(tmp_path) as room:
        with room.socket() as stranger:
            stranger.sendall(nonsense)
            answer = b"".join(iter(lambda: stranger.recv(1000), b""))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert room.client.get("/health/live").status_code == 200
    assert not [one for one in caplog.records if one.exc_info], caplog.text


def test_signal_handlers_are_left_alone(tmp_path: Path) -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError

    async def story() -> None:
        before = signal.getsignal(signal.SIGTERM)
        server = HttpServer(app, bind("127.0.0.1", 0), 0.1)
        await asyncio.sleep(0.05)
        assert signal.getsignal(signal.SIGTERM) is before
        await server.close()

    asyncio.run(story())


def test_closing_does_not_wait_for_who_does_not_read(tmp_path: Path) -> None:
    room = HttpRoom(tmp_path, linger_s=0.1)
    with room:
        room.render("long", {"id": "env", "view": "env", "caption": "rain"}, duration_s=60.0)
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, port = room.door.url.removeprefix("http://").split(":")
        reader.connect((host, int(port)))
        reader.sendall(
            b"GET /scenes/long/mix.wav?rate_hz=96000&bit_depth=32 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        reader.settimeout(WAIT_S)
        assert reader.recv(10)
    reader.close()  # the room has closed: `with` would have waited for ever
