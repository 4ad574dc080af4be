"""Messages to frames and back: one msgpack map, then binary frames. Shared by doors, workers and clients.

After Jupyter's messaging: every message has an id, the id of the message that caused it, the sender's
session, and a version. Unknown header keys are ignored. Knows nothing of sockets.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack
from pydantic import BaseModel

from scene_schema.errors import Refused, shown
from scene_schema.limits import FRAMES, MESSAGE_BYTES

PROTOCOL_VERSION: Final = 1

_HEADER_TEXT: Final = ("id", "type", "parent", "session", "client", "token")


@dataclass(frozen=True)
class Envelope:
    """One message. `parent` is the id of the message that caused this one, empty for a request.

    `binary` are frames behind the message (audio), never base64 inside it.
    """

    type: str
    content: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    parent: str = ""
    session: str = ""
    client: str = ""
    token: str = ""  # the operator's, in requests that need it; left out of the frames where it is empty
    version: int = PROTOCOL_VERSION
    binary: tuple[bytes, ...] = ()


def envelope_for(kind: str, content: BaseModel, **header: Any) -> Envelope:
    """An envelope around one of the classes in `messages`."""
    return Envelope(type=kind, content=content.model_dump(mode="json"), **header)


def as_map(message: Envelope) -> dict[str, Any]:
    """A message without its binary frames, as it travels: the keys of docs/protocol.md."""
    head = {
        "version": message.version,
        "id": message.id,
        "type": message.type,
        "parent": message.parent,
        "session": message.session,
        "client": message.client,
        "content": message.content,
    }
    return {**head, "token": message.token} if message.token else head


def encode(message: Envelope) -> list[bytes]:
    """The frames of a message: `[msgpack map, *binary]`."""
    return [msgpack.packb(as_map(message), use_bin_type=True), *message.binary]


def decode(frames: Sequence[bytes]) -> Envelope:
    """The message in these frames.

    Raises `Refused`: `malformed` (no frames, not msgpack, a header field of another kind), `too_large`,
    or `version`.
    """
    if not frames:
        raise Refused("malformed", "a message has at least one frame, this one has none")
    if len(frames) > FRAMES:
        raise Refused("too_large", f"a message of {len(frames)} frames; at most {FRAMES}")
    if len(frames[0]) > MESSAGE_BYTES:
        raise Refused("too_large", f"a message of {len(frames[0])} bytes; at most {MESSAGE_BYTES}")
    try:
        head = msgpack.unpackb(frames[0], raw=False, strict_map_key=True)
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise Refused(
            "malformed",
            f"the first frame is not msgpack ({type(error).__name__})",
            remedy="See docs/protocol.md.",
        ) from error
    if not isinstance(head, dict):
        raise Refused("malformed", f"the first frame must be a map, got {shown(head)}")
    version = head.get("version")
    if version != PROTOCOL_VERSION:
        raise Refused(
            "version",
            f"this engine speaks protocol version {PROTOCOL_VERSION}, got {shown(version)}",
            remedy="Update the older side.",
        )
    texts = {name: head.get(name, "") for name in _HEADER_TEXT}
    for name, value in texts.items():
        if not isinstance(value, str) or len(value) > 256:
            raise Refused(
                "malformed", f"$.{name} must be a text of at most 256 characters, got {shown(value)}"
            )
    if not texts["id"] or not texts["type"]:
        raise Refused("malformed", "$.id and $.type must not be empty")
    content = head.get("content", {})
    if not isinstance(content, dict):
        raise Refused("malformed", f"$.content must be a map, got {shown(content)}")
    return Envelope(**texts, content=content, version=version, binary=tuple(frames[1:]))
