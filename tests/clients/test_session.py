"""The session alone: frames in, values out; no socket, no clock."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clients.python.session import Session
from scene_schema import messages
from scene_schema.envelope import Envelope, encode
from scene_schema.errors import Finding, Refused
from scene_schema.messages import Failure


def reply_to(request: Envelope, **changes: object) -> list[bytes]:
    fields: dict[str, object] = {
        "type": f"{request.type}.reply",
        "content": {"scenes": {"a": 1}},
        "parent": request.id,
        "session": "one",
        **changes,
    }
    return encode(Envelope(**fields))  # type: ignore[arg-type]


def test_replies_are_paired_by_parent_not_by_order() -> None:
    session = Session()
    first, second = (session.request(messages.ListScenes()) for _ in range(2))
    answers = [session.reply(reply_to(second)), session.reply(reply_to(first))]
    assert [answer.request for answer in answers if answer] == [second.id, first.id]
    assert first.id != second.id
    assert first.client == session.client != ""


def test_a_second_answer_and_a_forgotten_request_are_dropped_and_counted() -> None:
    session = Session()
    request = session.request(messages.ListScenes())
    assert session.reply(reply_to(request)) is not None
    assert session.reply(reply_to(request)) is None
    late = session.request(messages.ListScenes())
    session.forget(late.id)
    assert session.reply(reply_to(late)) is None
    assert session.dropped == 2


def test_an_error_becomes_the_refusal_it_was() -> None:
    session = Session()
    refused = Refused(
        "invalid", "no", findings=[Finding(field="$.x", expected="1", got="2")], remedy="Mend it."
    )
    request = session.request(messages.ListScenes())
    answer = session.reply(
        reply_to(request, type="error", content=Failure.of(refused).model_dump(mode="json"))
    )
    assert answer is not None
    assert isinstance(answer.content, Refused)
    assert str(answer.content) == str(refused)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"type": "status.reply"}, "expected 'scene.list.reply'"),
        ({"content": {}}, "scenes"),
        ({"content": {"scenes": {"a": "many"}}}, "scenes.a"),
    ],
)
def test_an_answer_that_does_not_fit_says_what(changes: dict[str, object], named: str) -> None:
    session = Session()
    request = session.request(messages.ListScenes())
    answer = session.reply(reply_to(request, **changes))
    assert answer is not None
    assert isinstance(answer.content, Refused)
    assert named in answer.content.message


@pytest.mark.parametrize("frames", [[], [b"\xc1"], [b"\x80"]])
def test_frames_of_another_protocol_are_refused(frames: list[bytes]) -> None:
    with pytest.raises(Refused):
        Session().reply(frames)


def test_a_new_engine_session_is_noticed() -> None:
    session = Session()
    for engine in ("one", "one", "two"):
        session.reply(reply_to(session.request(messages.ListScenes()), session=engine))
    assert (session.engine, session.restarts) == ("two", 1)


def test_events_are_read_and_strange_ones_counted() -> None:
    session = Session()
    revised = messages.SceneRevised(scene="a", revision=2, stale=["rain"], caused_by="me")
    frames = encode(Envelope(type="event.scene", content=revised.model_dump(), parent="request"))
    event = session.event([b"scene.a", *frames])
    assert event is not None
    assert (event.kind, event.topic, event.content, event.cause) == (
        "event.scene",
        "scene.a",
        revised,
        "request",
    )
    assert session.event([b"welcome"]) is None
    assert session.dropped == 0
    assert session.event([b"scene.a", *encode(Envelope(type="event.of_tomorrow"))]) is None
    assert session.event([b"scene.a", *encode(Envelope(type="event.scene"))]) is None
    assert session.event([b"scene.a", b"\xc1"]) is None
    assert session.dropped == 3


def test_the_session_needs_no_sockets_and_the_sdk_no_engine() -> None:
    code = "import sys, {0}; print([name for name in {1} if name in sys.modules])"
    for module, absent in [
        ("clients.python", ["torch", "engine", "plugin_bridge", "matplotlib"]),
        ("clients.python.cli", ["torch", "engine", "plugin_bridge", "matplotlib"]),
    ]:
        done = subprocess.run(
            [sys.executable, "-c", code.format(module, absent)], capture_output=True, text=True, check=True
        )
        assert done.stdout == "[]\n"
