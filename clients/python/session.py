"""One client's talk with an engine: pairs replies with requests, reads events. Pure.

Knows no sockets, no clock and no tasks: frames go in, values come out. What it drops, it counts.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from scene_schema.envelope import Envelope, decode, envelope_for
from scene_schema.errors import Refused
from scene_schema.messages import ERROR, EVENTS, REPLIES, REQUESTS, Failure, Open
from scene_schema.strict import Strict

KIND_OF: Final[dict[type[Strict], str]] = {model: kind for kind, model in REQUESTS.items()}


@dataclass(frozen=True)
class Reply:
    """What answered one request: the content of its class, or the refusal, and the frames behind it."""

    request: str
    content: Open | Refused
    binary: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Event:
    """One thing that happened. `cause` is the id of the request behind it, empty where there is none."""

    kind: str
    topic: str
    content: Open
    cause: str = ""


class Session:
    """The requests that wait for an answer.

    Attributes:
        client: the name that every message of this client carries.
        engine: the engine's session id, from its newest message; it changes when the engine restarts.
        restarts: how often it changed.
        dropped: messages that nobody waited for, or of a kind this version does not know.
    """

    def __init__(self, client: str = "", token: str = "") -> None:
        self.client = client or f"python-{uuid.uuid4().hex[:12]}"
        self._token = token
        self.engine = ""
        self.restarts = 0
        self.dropped = 0
        self._waiting: dict[str, str] = {}

    def request(self, content: Strict) -> Envelope:
        """The message for a request; its id is made here, so that sending it twice is safe."""
        message = envelope_for(KIND_OF[type(content)], content, client=self.client, token=self._token)
        self._waiting[message.id] = message.type
        return message

    def forget(self, request: str) -> None:
        """Nobody waits for this answer any more; should it still come, it is dropped and counted."""
        self._waiting.pop(request, None)

    def reply(self, frames: Sequence[bytes]) -> Reply | None:
        """The answer in these frames, or None where nobody waits for it.

        Raises `Refused` where the frames are no message of our protocol version.
        """
        message = decode(frames)
        self._note_engine(message)
        kind = self._waiting.pop(message.parent, None)
        if kind is None:
            self.dropped += 1
            return None
        return Reply(message.parent, _content(kind, message), message.binary)

    def event(self, frames: Sequence[bytes]) -> Event | None:
        """The event in `[topic, *message]`, or None for the welcome message and for kinds not known here."""
        if len(frames) < 2:
            return None  # the event socket's welcome: a topic alone
        try:
            message = decode(frames[1:])
            content = EVENTS[message.type].model_validate(message.content)
        except (Refused, KeyError, ValidationError):
            self.dropped += 1
            return None
        self._note_engine(message)
        return Event(message.type, frames[0].decode("utf-8", "replace"), content, message.parent)

    def _note_engine(self, message: Envelope) -> None:
        if self.engine and message.session and message.session != self.engine:
            self.restarts += 1
        self.engine = message.session or self.engine


def _content(kind: str, message: Envelope) -> Open | Refused:
    expected = f"{kind}.reply"
    try:
        if message.type == ERROR:
            return Failure.model_validate(message.content).refusal()
        if message.type == expected:
            return REPLIES[kind].model_validate(message.content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return Refused(
            "malformed",
            f"the engine's '{message.type}' cannot be read here: {place}: {first['msg']}",
            remedy="Update the older side.",
        )
    return Refused(
        "malformed",
        f"the engine answered '{kind}' with '{message.type}', expected '{expected}'",
        remedy="Update the older side.",
    )
