"""Envelopes as JSON: held against the rules of the frames, whatever comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.doors.json_envelope import envelope_of, id_in, parse, text_of
from scene_schema.envelope import Envelope
from scene_schema.errors import Refused

HEAD: dict[str, Any] = {"id": "m1", "type": "status", "content": {}}


def test_there_and_back() -> None:
    message = Envelope("layer.edit", {"scene": "rain", "gain": -6.5, "text": "Regen ☂"}, id="a", client="c")
    assert envelope_of(parse(text_of(message))) == message


def test_version_and_id_may_be_left_out() -> None:
    message = envelope_of({"type": "hello"})
    assert (message.version, message.content) == (1, {})
    assert message.id != envelope_of({"type": "hello"}).id


def test_silence_is_null() -> None:
    assert json.loads(text_of(Envelope("x", {"peak_db": float("-inf")})))["content"] == {"peak_db": None}


@pytest.mark.parametrize(
    "text, code",
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b'{"type": NaN}', "malformed"),
        (b'{"type": "\\ud800"}', "malformed"),
        (b"[" * 100_000, "malformed"),
        (b"[]", "malformed"),
        (b"null", "malformed"),
        (b'"hello"', "malformed"),
        (b"{}", "malformed"),
        (json.dumps({**HEAD, "id": ""}).encode(), "malformed"),
        (json.dumps({**HEAD, "id": 7}).encode(), "malformed"),
        (json.dumps({**HEAD, "content": []}).encode(), "malformed"),
        (json.dumps({**HEAD, "content": {"a": 2**70}}).encode(), "malformed"),
        (json.dumps({**HEAD, "version": 2}).encode(), "version"),
        (json.dumps({**HEAD, "content": {"a": "x" * 5_000_000}}).encode(), "too_large"),
    ],
    ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else value,
)
def test_refusals(text: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        envelope_of(parse(text))
    assert refused.value.code == code


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    try:
        envelope_of(parse(data))
    except Refused as refused:
        assert refused.code in ("malformed", "version")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


@given(st.dictionaries(st.sampled_from([*HEAD, "version", "client", "token", "x"]), _VALUES))
def test_any_object(head: dict[str, Any]) -> None:
    assert isinstance(id_in(head), str)
    try:
        envelope_of(head)
    except Refused as refused:
        assert refused.code in ("malformed", "version")
