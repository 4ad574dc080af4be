"""Events and requests on one WebSocket; slow readers; real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.typing import Subprotocol

from plugin_bridge.doors import websocket as websocket_module
from plugin_bridge.doors.http_server import ANSWERED_BYTES
from plugin_bridge.doors.websocket import MSGPACK, REQUESTS_OPEN, TOO_SLOW, TOPICS
from scene_schema.envelope import Envelope, decode, encode
from scene_schema.limits import MESSAGE_BYTES
from tests.plugin_bridge.doors.http_room import HttpRoom
from tests.plugin_bridge.engine_process import WAIT_S, wait_for


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpRoom]:
    with HttpRoom(tmp_path_factory.mktemp("data")) as room:
        room.render()
        yield room


def read(events: ClientConnection) -> dict[str, Any]:
    said = events.recv(WAIT_S)
    assert isinstance(said, str)
    message: dict[str, Any] = json.loads(said)
    return message


def ask(events: ClientConnection, kind: str, **content: Any) -> dict[str, Any]:
    """The answer; events before it are left out."""
    events.send(json.dumps({"id": f"ask {kind}", "type": kind, "content": content}))
    while (answer := read(events))["parent"] != f"ask {kind}" or answer["type"].startswith("event."):
        pass
    return answer


def subscribe(events: ClientConnection, *topics: str) -> dict[str, Any]:
    events.send(json.dumps({"subscribe": topics, "id": "s"}))
    while (answer := read(events))["parent"] != "s":
        pass
    return answer


def event(scene: str = "rain", **content: Any) -> Envelope:
    return Envelope("event.scene", {"scene": scene, **content})


def big(number: int) -> Envelope:
    return event(number=number, text="x" * 20_000)


def followers(room: HttpRoom) -> int:
    return room.door.metrics.followers["websocket"]()


def test_a_welcome_then_everything(room: HttpRoom) -> None:
    with room.events() as events:
        welcome = read(events)
        assert (welcome["type"], welcome["session"]) == ("welcome", room.room.bridge.session)
        assert welcome["content"]["engine"] == "stemscape"
        room.publish("scene.rain", event(revision=1))
        room.publish("engine", Envelope("event.worker", {"state": "lost"}))
        assert [read(events)["type"] for _ in "ab"] == ["event.scene", "event.worker"]


@pytest.mark.parametrize(
    "topics, heard",
    [
        (["scene.rain"], ["scene.rain"]),  # and not scene.rain2
        (["scene."], ["scene.rain", "scene.rain2"]),
        (["engine", "scene.rain2"], ["scene.rain2", "engine"]),
        ([""], ["scene.rain", "scene.rain2", "engine"]),
        ([], []),
        (["scene"], []),
    ],
)
def test_topics(room: HttpRoom, topics: list[str], heard: list[str]) -> None:
    with room.events() as events:
        assert read(events)["type"] == "welcome"
        assert subscribe(events, *topics)["type"] == "welcome"
        for topic in ("scene.rain", "scene.rain2", "engine"):
            room.publish(topic, Envelope("event.x", {"topic": topic}))
        events.send('{"type": "hello"}')
        came = [read(events)]
        while came[-1]["type"] != "hello.reply":
            came.append(read(events))
        assert [one["content"]["topic"] for one in came[:-1]] == heard


def test_requests_and_events_on_one_socket(room: HttpRoom) -> None:
    with room.events(query="?client=page") as events:
        read(events)
        content = {"scene": "rain", "layer": "env", "changes": {"gain_db": -6.0}}
        events.send(json.dumps({"id": "e", "type": "layer.edit", "content": content}))
        came = {one["type"]: one for one in (read(events), read(events))}
        assert set(came) == {"layer.edit.reply", "event.scene"}
        assert {one["parent"] for one in came.values()} == {"e"}
        assert ask(events, "transport.set", playing=True)["content"]["set_by"] == "page"


def test_edits_take_effect_in_the_order_they_were_sent(room: HttpRoom) -> None:
    with room.events() as events:
        read(events)
        subscribe(events)
        first = ask(events, "scene.get", scene="rain")["content"]["revision"]
        for number in range(100):
            content = {"scene": "rain", "changes": {"title": str(number)}}
            events.send(json.dumps({"id": str(number), "type": "scene.edit", "content": content}))
        answers = [read(events) for _ in range(100)]
        revisions = {one["parent"]: one["content"]["revision"] for one in answers}
        assert revisions == {str(number): first + 1 + number for number in range(100)}


def test_a_delivery_is_followed_by_its_files(room: HttpRoom) -> None:
    with room.events(max_size=None) as events:
        read(events)
        delivery = ask(events, "scene.deliver", scene="rain", hand_off="frames")["content"]
        files = [events.recv(WAIT_S) for one in delivery["files"] if one["frame"] is not None]
        assert len(files) == 3
        assert all(isinstance(one, bytes) and one[:4] == b"RIFF" for one in files)
        assert ask(events, "hello")["type"] == "hello.reply"


def test_msgpack_frames_are_those_of_zeromq(room: HttpRoom) -> None:
    with room.events(subprotocols=[Subprotocol(MSGPACK)], max_size=None) as events:
        assert events.subprotocol == MSGPACK
        welcome = events.recv(WAIT_S)
        assert isinstance(welcome, bytes)
        assert decode([welcome]).type == "welcome"
        told = event(revision=9)
        room.publish("scene.rain", told)
        assert events.recv(WAIT_S) == encode(told)[0]
        events.send(msgpack.packb({"subscribe": ["none"], "id": "s"}))
        assert decode([events.recv(WAIT_S)]).parent == "s"  # type: ignore[list-item]
        message = Envelope("scene.deliver", {"scene": "rain", "layers": ["env"], "mix": False})
        events.send(encode(message)[0])
        reply = decode([events.recv(WAIT_S)])  # type: ignore[list-item]
        assert (reply.type, reply.parent) == ("scene.deliver.reply", message.id)
        wav = events.recv(WAIT_S)
        assert isinstance(wav, bytes) and wav[:4] == b"RIFF"
        events.send("{}")
        assert decode([events.recv(WAIT_S)]).content["code"] == "malformed"  # type: ignore[list-item]


@pytest.mark.parametrize(
    "sent, code, parent",
    [
        ("", "malformed", ""),
        ("[]", "malformed", ""),
        ("{", "malformed", ""),
        (b"\x80", "malformed", ""),
        ('{"id": "m"}', "malformed", "m"),
        ('{"id": "m", "type": "paint"}', "unknown_type", "m"),
        ('{"id": "m", "type": "engine.stop"}', "denied", "m"),
        ('{"id": "m", "type": "hello", "token": "guess"}', "denied", "m"),
        ('{"id": "m", "subscribe": "scene.rain"}', "invalid", "m"),
        ('{"id": "m", "subscribe": [1]}', "invalid", "m"),
        (json.dumps({"id": "m", "subscribe": ["x"] * (TOPICS + 1)}), "invalid", "m"),
        (json.dumps({"id": "m", "subscribe": ["x" * 300]}), "invalid", "m"),
    ],
)
def test_what_is_wrong_is_answered(room: HttpRoom, sent: str | bytes, code: str, parent: str) -> None:
    with room.events() as events:
        read(events)
        events.send(sent)
        answer = read(events)
        assert (answer["type"], answer["parent"], answer["content"]["code"]) == ("error", parent, code)
        assert ask(events, "hello")["type"] == "hello.reply"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(st.text(max_size=30) | st.binary(max_size=30), min_size=1, max_size=40))
def test_whatever_is_sent_is_answered(room: HttpRoom, sent: list[str | bytes]) -> None:
    with room.events() as events:
        read(events)
        subscribe(events)
        for one in sent:
            events.send(one)
        assert [read(events)["type"] for _ in sent] == ["error"] * len(sent)


def test_a_message_that_is_too_large(room: HttpRoom) -> None:
    with room.events() as events:
        read(events)
        events.send("x" * (MESSAGE_BYTES + 1))
        assert read(events)["content"]["code"] == "too_large"
        assert ask(events, "hello")["type"] == "hello.reply"
        with pytest.raises(ConnectionClosed):
            events.send("x" * (ANSWERED_BYTES + 1))
            events.recv(WAIT_S)
    with room.events() as events:
        read(events)


def test_the_operators_token_in_a_message(room: HttpRoom) -> None:
    with room.events() as events:
        read(events)
        events.send(json.dumps({"id": "m", "type": "status", "token": "operator's"}))
        assert read(events)["type"] == "status.reply"


# --- slow ones ----------------------------------------------------------------------------------------------


def idle_reader(room: HttpRoom) -> socket.socket:
    """A WebSocket that shook hands and then never reads."""
    idle = socket.socket()
    idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, port = room.door.url.removeprefix("http://").split(":")
    idle.connect((host, int(port)))
    idle.sendall(
        b"GET /events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert idle.recv(12) == b"HTTP/1.1 101"
    return idle


def test_who_never_reads_is_let_go_and_costs_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_module, "CLOSING_S", 0.2)
    with HttpRoom(tmp_path) as room, idle_reader(room) as idle, room.events() as other:
        assert read(other)["type"] == "welcome"
        wait_for(lambda: followers(room) == 2)
        for number in range(0, 3000, 100):
            room.publish("scene.rain", *(big(one) for one in range(number, number + 100)))
            assert [read(other)["content"]["number"] for _ in range(100)] == [*range(number, number + 100)]
        wait_for(lambda: followers(room) == 1)
        assert room.door.metrics.followers_lost.value("websocket") == 1
        # cut, not closed: a close would wait for what is never read
        wait_for(lambda: room.door.metrics.connections["http"]() == 1)
        idle.settimeout(WAIT_S)
        with contextlib.suppress(ConnectionResetError):
            while idle.recv(2**20):  # what was on its way, and then the end
                pass
        assert ask(other, "status")["type"] == "status.reply"
        assert room.client.get("/status").status_code == 200


def test_who_reads_too_late_is_told_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_module, "CLOSING_S", WAIT_S)
    monkeypatch.setattr(websocket_module, "WAITING_EVENTS", 5)
    with HttpRoom(tmp_path) as room, room.events(max_queue=1, max_size=None) as late:
        read(late)
        room.publish("scene.rain", *(event(text="x" * 2**20) for _ in range(40)))
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                late.recv(WAIT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == TOO_SLOW


def test_a_slow_reader_gets_the_newest_progress(tmp_path: Path) -> None:
    with HttpRoom(tmp_path) as room, room.events() as events:
        read(events)
        steps = [
            Envelope("event.job", {"job": "a", "state": "running", "step": step, "pad": "x" * 1000})
            for step in range(20_000)
        ]
        done = Envelope("event.job", {"job": "a", "state": "done", "step": 20_000})
        room.publish("scene.rain", *steps, done)
        heard = [read(events)["content"]]
        while heard[-1]["state"] != "done":
            heard.append(read(events)["content"])
        order = [one["step"] for one in heard]
        assert order == sorted(order)
        assert order[-2] == 19_999
        dropped = room.door.metrics.events_dropped.value("websocket")
        assert dropped == 20_001 - len(heard) > 0
        assert followers(room) == 1


def test_answers_that_nobody_reads_do_not_pile_up(tmp_path: Path) -> None:
    layers = [{"id": f"l{n}", "view": "env", "caption": "x" * 2000} for n in range(16)]
    requests = 2000
    with HttpRoom(tmp_path) as room:
        room.client.put("/scenes/long", json={"duration_s": 1.0, "layers": layers})
        with room.events(max_queue=1) as rude, ThreadPoolExecutor(1) as pool:
            read(rude)

            def send() -> None:
                for _ in range(requests):
                    rude.send('{"type": "scene.get", "content": {"scene": "long"}}')

            sending = pool.submit(send)
            (follower,) = room.door._followers._open  # type: ignore[union-attr]
            wait_for(lambda: len(follower._outbox) == REQUESTS_OPEN - 1)  # and one is being sent
            time.sleep(0.2)
            assert len(follower._outbox) < REQUESTS_OPEN
            assert [read(rude)["type"] for _ in range(requests)] == ["scene.get.reply"] * requests
            sending.result(WAIT_S)


def test_who_hangs_up_is_forgotten(room: HttpRoom) -> None:
    before = followers(room)
    idle = idle_reader(room)
    wait_for(lambda: followers(room) == before + 1)
    idle.close()
    with room.events() as events:
        read(events)
    wait_for(lambda: followers(room) == before)


def test_32_followers(room: HttpRoom) -> None:
    def follow(number: int) -> list[int]:
        with room.events() as events:
            read(events)
            subscribe(events, "scene.crowd")
            ready.append(number)
            return [read(events)["content"]["number"] for _ in range(200)]

    ready: list[int] = []
    with ThreadPoolExecutor(32) as pool:
        heard = [pool.submit(follow, number) for number in range(32)]
        wait_for(lambda: len(ready) == 32)
        room.publish("scene.crowd", *(event("crowd", number=number) for number in range(200)))
        for one in heard:
            assert one.result(WAIT_S) == list(range(200))


def test_goodbye(tmp_path: Path) -> None:
    with HttpRoom(tmp_path) as room, room.events() as events:
        read(events)
        room.run(room.door.close)
        with pytest.raises(ConnectionClosed) as closed:
            events.recv(WAIT_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
