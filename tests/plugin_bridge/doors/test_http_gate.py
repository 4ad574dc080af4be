"""Who may come in by HTTP: names, pages, tokens, sizes. Real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from plugin_bridge.doors import http_gate
from scene_schema.limits import MESSAGE_BYTES
from tests.plugin_bridge.doors.http_room import HttpRoom
from tests.plugin_bridge.engine_process import WAIT_S, wait_for

PAGE = "http://studio.example:5173"
TOKEN = "a token that is long enough"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpRoom]:
    with HttpRoom(tmp_path_factory.mktemp("data"), origins=(PAGE,)) as room:
        yield room


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpRoom]:
    with HttpRoom(tmp_path_factory.mktemp("data"), token=TOKEN) as room:
        yield room


def turned_away(room: HttpRoom, why: str) -> float:
    return room.door.metrics.turned_away.value("http", why)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:47713", "127.0.0.1.evil.example", "", "[", "10.0.0.1"]
)
def test_a_name_that_is_not_this_machines_is_turned_away(room: HttpRoom, host: str) -> None:
    before = turned_away(room, "place")
    for path in ("/status", "/", "/health", "/nowhere"):
        answer = room.client.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (403, "denied")
    assert turned_away(room, "place") == before + 4


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1:47713", "127.9.9.9", "[::1]:80", "LOCALHOST"]
)
def test_names_of_this_machine(room: HttpRoom, host: str) -> None:
    assert room.client.get("/status", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://studio.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_pages_that_nobody_allowed(room: HttpRoom, headers: dict[str, str]) -> None:
    scene = {"duration_s": 1.0, "layers": []}
    answers = [
        room.client.get("/status", headers=headers),
        room.client.put("/scenes/evil", headers=headers, json=scene),
        room.client.post("/message", headers=headers, json={"type": "status"}),
        room.client.options("/scenes/evil", headers={**headers, "Access-Control-Request-Method": "PUT"}),
    ]
    for answer in answers:
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    assert "evil" not in room.client.get("/scenes").json()["scenes"]


def test_pages_that_are_allowed(room: HttpRoom) -> None:
    answer = room.client.get("/status", headers={"Origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "ETag" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"]
    own = room.client.get("/status", headers={"Origin": room.door.url})
    assert own.status_code == 200
    for mode in ({"Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Site": "same-origin"}):
        assert room.client.get("/", headers={"Sec-Fetch-Site": "cross-site", **mode}).status_code == 200


def test_errors_can_be_read_by_allowed_pages(room: HttpRoom) -> None:
    answer = room.client.get("/scenes/nowhere", headers={"Origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, PAGE)


def test_preflight(room: HttpRoom) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "PATCH"}
    asked["Access-Control-Request-Private-Network"] = "true"
    answer = room.client.options("/scenes/rain/layers/env", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "If-Match" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_a_websocket_passes_the_same_gate(room: HttpRoom, headers: dict[str, str]) -> None:
    if "Host" in headers:
        key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        key += f"Sec-WebSocket-Key: {'A' * 22}=="
        with room.socket() as socket:
            socket.sendall(f"GET /events HTTP/1.1\r\nHost: evil.example\r\n{key}\r\n\r\n".encode())
            assert socket.recv(100).startswith(b"HTTP/1.1 403 ")
        return
    with pytest.raises(InvalidStatus) as refused, room.events(additional_headers=headers):
        pass
    assert refused.value.response.status_code == 403


# --- tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}],
)
def test_without_the_token_nothing_is_told(guarded: HttpRoom, headers: dict[str, str]) -> None:
    before = turned_away(guarded, "token")
    paths = ["/status", "/scenes", "/scenes/rain/mix.wav", "/metrics", "/jobs/x", "/transport", "/hello"]
    for path in paths:
        answer = guarded.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "denied")
        assert answer.headers["www-authenticate"] == "Bearer"
    answer = guarded.client.post("/message", headers=headers, json={"type": "status", "id": "m"})
    assert (answer.status_code, answer.json()["parent"]) == (401, "m")
    assert turned_away(guarded, "token") == before + len(paths) + 1


def test_with_the_token(guarded: HttpRoom) -> None:
    bearer = {"Authorization": f"bearer {TOKEN}"}
    assert guarded.client.get("/status", headers=bearer).status_code == 200
    assert guarded.client.get("/metrics", headers=bearer).status_code == 200
    assert guarded.client.post("/message", json={"type": "status", "token": TOKEN}).status_code == 200
    assert guarded.client.get(f"/status?token={TOKEN}", headers=bearer).status_code == 422


def test_what_says_nothing_of_scenes_is_open(guarded: HttpRoom) -> None:
    for path in ("/", "/health", "/health/live", "/openapi.json", "/asyncapi.json", "/schema.json"):
        assert guarded.client.get(path).status_code == 200


def test_a_wrong_token_is_no_better_than_none_on_loopback(room: HttpRoom) -> None:
    assert room.client.get("/status", headers={"Authorization": "Bearer guess"}).status_code == 401


def test_a_websocket_needs_the_token_too(guarded: HttpRoom) -> None:
    for options in ({}, {"query": "?token=wrong"}):
        with pytest.raises(InvalidStatus) as refused, guarded.events(**options):
            pass
        assert refused.value.response.status_code == 401
    accepted: list[dict[str, Any]] = [
        {"query": f"?token={TOKEN.replace(' ', '%20')}"},
        {"additional_headers": {"Authorization": f"Bearer {TOKEN}"}},
    ]
    for options in accepted:
        with guarded.events(**options) as events:
            assert '"welcome"' in str(events.recv(WAIT_S))


def test_tokens_are_not_logged(guarded: HttpRoom, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        with guarded.events(query=f"?token={TOKEN.replace(' ', '%20')}") as events:
            events.recv(WAIT_S)
        guarded.client.get(f"/nowhere?token={TOKEN}")
        # An access is written down after its answer has gone out, in the server's thread.
        assert wait_for(lambda: any("/nowhere" in one for one in _ours(caplog)))
    assert not any("long" in one for one in _ours(caplog))


def _ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = list(caplog.records)
    return [one.getMessage() for one in records if one.name.startswith(("stemscape", "uvicorn"))]


def test_only_the_operator_stops_the_engine(room: HttpRoom) -> None:
    for answer in (room.client.post("/stop"), room.client.post("/message", json={"type": "engine.stop"})):
        assert answer.status_code == 403
    assert not room.room.bridge.stopping.is_set()


# --- sizes and patience -------------------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_large_is_not_read(room: HttpRoom) -> None:
    with room.socket() as socket:
        size = MESSAGE_BYTES + 1
        socket.sendall(
            f"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
        )
        assert socket.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_turns_out_too_large(room: HttpRoom) -> None:
    with room.socket() as socket:
        socket.sendall(b"POST /message HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (2**20, b" " * 2**20)
        for _ in range(5):  # never the last
            socket.sendall(chunk)
        assert socket.recv(100).startswith(b"HTTP/1.1 413 ")


def test_an_oversize_body_sent_whole_gets_its_answer(room: HttpRoom) -> None:
    answer = room.client.post("/message", content=b"x" * (3 * MESSAGE_BYTES))
    assert (answer.status_code, answer.json()["content"]["code"]) == (413, "too_large")
    assert room.client.get("/status").status_code == 200


def test_a_body_that_never_ends_does_not_hold_a_place(
    room: HttpRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_gate, "BODY_S", 0.2)
    with room.socket() as socket:
        socket.sendall(b"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
        assert socket.recv(100).startswith(b"HTTP/1.1 408 ")


def test_a_client_that_hangs_up_in_its_body(room: HttpRoom) -> None:
    with room.socket() as socket:
        socket.sendall(b"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
        time.sleep(0.05)
    assert room.client.get("/status").status_code == 200


def test_long_heads_are_refused(room: HttpRoom) -> None:
    with room.socket() as socket:
        socket.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000)
        assert b" 400 " in socket.recv(100)
    for name in ("Idempotency-Key", "X-Stemscape-Client"):
        assert room.client.get("/status", headers={name: "x" * 300}).status_code == 400


def test_garbage_is_survived(room: HttpRoom) -> None:
    for garbage in (b"\x00" * 100, b"GET\r\n\r\n", b"\x16\x03\x01" + b"x" * 50):
        with room.socket() as socket:
            socket.sendall(garbage)
            assert socket.recv(100).startswith(b"HTTP/1.1 400 ")
    assert room.client.get("/status").status_code == 200
