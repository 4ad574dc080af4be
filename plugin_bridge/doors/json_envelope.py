"""Messages as JSON text and back, for HTTP and WebSocket. The same keys and checks as in `envelope`.

A JSON message may leave out `version` and `id`, so that one can be typed by hand. Knows no sockets.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgpack
from pydantic_core import from_json, to_json

from scene_schema.envelope import PROTOCOL_VERSION, Envelope, as_map, decode
from scene_schema.errors import Refused, shown


def parse(data: bytes | str) -> Any:
    """The value in a JSON text. Raises `Refused` (`malformed`): not JSON, not UTF-8, NaN, or too deep."""
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise Refused(
            "malformed", f"this is not JSON: {error}", remedy="Send one JSON object, as UTF-8."
        ) from error


def envelope_of(head: object) -> Envelope:
    """The message in a parsed JSON object, held against the same rules as a frame of ZeroMQ.

    Raises `Refused`: `malformed`, `too_large` or `version`.
    """
    if not isinstance(head, dict):
        raise Refused("malformed", f"a message is a JSON object, got {shown(head)}")
    head = {"version": PROTOCOL_VERSION, "id": uuid.uuid4().hex, **head}
    try:
        frame = msgpack.packb(head, use_bin_type=True)
    except (OverflowError, ValueError) as error:  # a number of more than 64 bits; nested too deep
        raise Refused("malformed", f"this message cannot be carried: {error}") from error
    return decode([frame])


def id_in(head: object) -> str:
    """The id of a message that is refused as a whole, as far as it can be read."""
    found = head.get("id") if isinstance(head, dict) else None
    return found[:256] if isinstance(found, str) else ""


def text_of(message: Envelope) -> bytes:
    """A message as JSON; the binary frames are left to the caller. Numbers that JSON lacks become null."""
    return json_of(as_map(message))


def json_of(value: object) -> bytes:
    """Any plain value as JSON; silence is -inf dBFS, which JSON has no number for: null."""
    return to_json(value, inf_nan_mode="null")
