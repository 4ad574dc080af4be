"""Messages to frames and back, and every way in which frames are not a message."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene_schema.envelope import Envelope, decode, encode
from scene_schema.errors import Refused
from scene_schema.limits import FRAMES, MESSAGE_BYTES

MESSAGE = Envelope(type="hello", id="1", client="me", parent="0", session="s", binary=(b"\0\1", b""))


def packed(**header: object) -> bytes:
    data = {"version": 1, "id": "1", "type": "hello", **header}
    return msgpack.packb({key: value for key, value in data.items() if value is not None})


def test_both_ways() -> None:
    assert decode(encode(MESSAGE)) == MESSAGE


def test_the_exact_bytes() -> None:
    assert encode(Envelope(type="hello", id="1"))[0].hex() == (
        "87a776657273696f6e01a26964a131a474797065a568656c6c6fa6706172656e74a0"
        "a773657373696f6ea0a6636c69656e74a0a7636f6e74656e7480"
    )


def test_unknown_header_fields_are_ignored() -> None:
    assert decode([packed(mood="good")]) == Envelope(type="hello", id="1")


@pytest.mark.parametrize(
    "frames, code, says",
    [
        ([], "malformed", "at least one frame"),
        ([b""], "malformed", "not msgpack"),
        ([b"\xc1"], "malformed", "not msgpack"),
        ([b"\x80\x80"], "malformed", "not msgpack"),
        ([b"\xff" * 9], "malformed", "not msgpack"),
        ([b"\x91" * 100_000], "malformed", "not msgpack"),
        ([msgpack.packb([1])], "malformed", "must be a map"),
        ([packed(version=2)], "version", "version 1"),
        ([packed(version=None)], "version", "got None"),
        ([packed(id=7)], "malformed", r"\$.id"),
        ([packed(id="")], "malformed", r"\$.id"),
        ([packed(type=None)], "malformed", "must not be empty"),
        ([packed(client="x" * 300)], "malformed", r"\$.client"),
        ([packed(content=[])], "malformed", r"\$.content"),
        ([b"x" * (MESSAGE_BYTES + 1)], "too_large", "at most"),
        ([packed()] * (FRAMES + 1), "too_large", "frames"),
    ],
)
def test_refused(frames: list[bytes], code: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as caught:
        decode(frames)
    assert caught.value.code == code


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_any_frames_are_a_message_or_refused(frames: list[bytes]) -> None:
    try:
        decode(frames)
    except Refused as refused:
        assert refused.code in ("malformed", "version", "too_large")


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()))
def test_any_content_comes_back(content: dict[str, object]) -> None:
    message = Envelope(type="x", content=content)
    assert decode(encode(message)) == message
