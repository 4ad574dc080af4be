"""The door with real sockets and a real engine process; what is said through it is tested in test_bridge."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
import zmq

from scene_schema.envelope import Envelope, decode, encode
from tests.plugin_bridge.engine_process import EngineProcess, scene


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with EngineProcess(tmp_path_factory.mktemp("data")) as engine:
        created = engine.ask("scene.create", {"scene": scene(), "render": True})
        for job in created.content["jobs"]:
            engine.wait_job(job["job"], "done")
        yield engine


HEAD = {"version": 1, "id": "m1", "type": "status", "content": {}}


@pytest.mark.parametrize(
    "frames, code, parent",
    [
        ([b""], "malformed", ""),
        ([b"", b"", b""], "malformed", ""),
        ([b"\xc1"], "malformed", ""),
        ([b"GET / HTTP/1.1\r\n\r\n"], "malformed", ""),
        ([b"\xff" + os.urandom(1000)], "malformed", ""),
        ([msgpack.packb([1, 2])], "malformed", ""),
        ([b"\x91" * 100_000], "malformed", ""),
        ([msgpack.packb({**HEAD, "version": 2})], "version", "m1"),
        ([msgpack.packb({**HEAD, "id": ""})], "malformed", ""),
        ([msgpack.packb({**HEAD, "content": [1]})], "malformed", "m1"),
        ([msgpack.packb({**HEAD, "type": "scene.paint"})], "unknown_type", "m1"),
        ([msgpack.packb(HEAD)] * 100, "too_large", "m1"),
        ([b"x" * (5 * 2**20)], "too_large", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_garbage_is_answered_and_survived(
    engine: EngineProcess, frames: list[bytes], code: str, parent: str
) -> None:
    answer = engine.ask_frames(frames)
    assert (answer.type, answer.parent) == ("error", parent), answer.content
    assert answer.content["code"] == code
    assert answer.session == engine.said["session"]
    assert engine.ask("hello").type == "hello.reply"


def test_a_caption_of_2_mb_gets_a_field_error(engine: EngineProcess) -> None:
    content = {"scene": "rain", "layer": "env", "changes": {"caption": "x" * 2_000_000}}
    answer = engine.ask("layer.edit", content)
    assert answer.content["findings"][0]["field"] == "$.changes.caption"


def test_a_gain_of_nan_over_the_wire(engine: EngineProcess) -> None:
    content = {"scene": "rain", "layer": "env", "changes": {"gain_db": float("nan")}}
    finding = engine.ask("layer.edit", content).content["findings"][0]
    assert (finding["field"], finding["got"]) == ("$.changes.gain_db", "nan")


def test_headers_not_known_here_are_ignored(engine: EngineProcess) -> None:
    answer = engine.ask_frames([msgpack.packb({**HEAD, "colour": "blue"})])
    assert answer.type == "status.reply"


def test_a_req_socket_is_a_client_too(engine: EngineProcess) -> None:
    socket = engine.socket(zmq.REQ, "request")
    assert engine.exchange(socket, Envelope("hello")).type == "hello.reply"
    assert engine.exchange(socket, Envelope("nonsense")).content["code"] == "unknown_type"
    socket.close()


def test_control_answers_control_and_refuses_work(engine: EngineProcess) -> None:
    assert engine.ask_control("hello").content["control"] == engine.said["control"]
    assert engine.ask_control("status").content["scenes"] == 1
    answer = engine.ask_control("scene.render", {"scene": "rain"})
    assert answer.content["code"] == "unknown_type"
    assert engine.said["request"] in answer.content["remedy"]


def test_control_does_not_wait_behind_a_flood(engine: EngineProcess) -> None:
    """Answered while requests are still waiting: the flood's last answer comes after it."""
    flood = engine.socket(zmq.DEALER, "request")
    control = engine.socket(zmq.DEALER, "control")
    engine.exchange(control, Envelope("hello"))
    for _ in range(900):
        flood.send_multipart(encode(Envelope("scene.get", {"scene": "rain"})))
    engine.exchange(control, Envelope("status"))
    at_control_s = time.monotonic()
    for _ in range(900):
        assert flood.poll(20_000)
        flood.recv_multipart()
    assert time.monotonic() > at_control_s
    flood.close()
    control.close()


def test_many_clients_at_once_get_their_own_answers(engine: EngineProcess) -> None:
    wrong: list[Any] = []

    def talk(number: int) -> None:
        socket = engine.socket(zmq.DEALER, "request")
        for turn in range(20):
            asked = Envelope("scene.get", {"scene": f"s{number}-{turn}"})
            socket.send_multipart(encode(asked))
            answer = decode(socket.recv_multipart()) if socket.poll(20_000) else None
            if (
                answer is None
                or answer.parent != asked.id
                or f"s{number}-{turn}" not in answer.content["message"]
            ):
                wrong.append(answer)
        socket.close()

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_client_that_vanishes_or_never_reads_harms_nobody(engine: EngineProcess) -> None:
    for _ in range(20):
        socket = engine.socket(zmq.DEALER, "request")
        socket.send_multipart(encode(Envelope("scene.deliver", {"scene": "rain"})))
        socket.close(linger=100)
    deaf = engine.socket(zmq.DEALER, "request")
    deaf.setsockopt(zmq.RCVHWM, 1)
    for _ in range(3000):
        deaf.send_multipart(encode(Envelope("scene.get", {"scene": "rain"})))
    assert engine.ask("status").type == "status.reply"
    deaf.close(linger=0)
    assert engine.ask("status").type == "status.reply"


def test_a_slow_delivery_holds_up_nobody(engine: EngineProcess) -> None:
    """The short question is answered first, though it was asked last, on the same socket."""
    socket = engine.socket(zmq.DEALER, "request")
    layers = [{"id": f"l{n}", "view": "env", "caption": "light rain"} for n in range(16)]
    long = scene("long", *layers, duration_s=10.0)
    created = engine.ask("scene.create", {"scene": long, "render": True})
    for job in created.content["jobs"]:
        engine.wait_job(job["job"], "done")
    delivery = Envelope("scene.deliver", {"scene": "long", "rate_hz": 96_000, "bit_depth": 16})
    question = Envelope("status")
    socket.send_multipart(encode(delivery))
    socket.send_multipart(encode(question))
    answers = [decode(socket.recv_multipart()) for _ in range(2) if socket.poll(60_000)]
    assert [answer.parent for answer in answers] == [question.id, delivery.id]
    assert len(answers[1].binary) == 17
    socket.close()


def test_every_subscriber_is_welcomed_and_then_hears_everything(engine: EngineProcess) -> None:
    for number in range(3):
        events = engine.socket(zmq.SUB, "events")
        for topic in (b"scene.rain", b"welcome"):
            events.subscribe(topic)
        assert events.poll(20_000)
        assert events.recv_multipart() == [b"welcome"]
        edited = engine.ask("scene.edit", {"scene": "rain", "changes": {"title": f"Rain {number}"}})
        assert events.poll(20_000)
        topic, *frames = events.recv_multipart()
        event = decode(frames)
        assert (topic, event.type, event.parent) == (b"scene.rain", "event.scene", edited.parent)
        assert event.content["revision"] == edited.content["revision"]
        events.close()


def test_what_subscribers_send_is_not_obeyed(engine: EngineProcess) -> None:
    events = engine.socket(zmq.XSUB, "events")
    for frame in (b"", b"\x01", b"\x00", b"\x01" + b"x" * 10_000, b"\x02", os.urandom(64)):
        events.send(frame)
    assert engine.ask("status").type == "status.reply"
    events.close()
