"""Bytes to messages and back, against python-osc's builders; and bytes that are nothing of the kind."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc import slip
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder, build_msg

from plugin_bridge.doors.osc_packet import Framing, Message, Timed, UnreadMessage, decode, encode
from scene_schema.errors import Refused

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
VALUES = st.one_of(
    TEXTS, st.integers(-(2**63), 2**63 - 1), st.floats(width=32, allow_nan=False), st.booleans(), st.none()
)
MESSAGES = st.builds(Message, TEXTS.map(lambda text: "/" + text), st.lists(VALUES, max_size=8).map(tuple))


@given(MESSAGES)
def test_both_ways(message: Message) -> None:
    assert decode(encode(message)) == [Timed(message)]


def test_the_bytes() -> None:
    packet = encode(Message("/sync", (7, "é", -6.5, True)))
    assert packet == b"/sync\0\0\0,isfT\0\0\0\0\0\0\7\xc3\xa9\0\0\xc0\xd0\0\0"


def test_a_text_with_a_nul_or_half_a_character_is_still_sent() -> None:
    assert decode(encode(Message("/a", ("x\0y", "\ud800"))))[0].message.arguments == ("xy", "?")


def test_doubles_and_long_integers_are_read() -> None:
    builder = OscMessageBuilder("/a")
    builder.add_arg(0.1, "d")
    builder.add_arg(2**40, "h")
    assert decode(builder.build().dgram)[0].message.arguments == (0.1, 2**40)


def bundle(at_s: float, *contents: str | OscBundle) -> OscBundle:
    builder = OscBundleBuilder(at_s)  # type: ignore[arg-type]
    for one in contents:
        builder.add_content(build_msg(one) if isinstance(one, str) else one)
    return builder.build()


def test_bundles_in_bundles_keep_order_and_times() -> None:
    inner = bundle(2000.5, "/c", bundle(IMMEDIATELY, "/d"))
    found = decode(bundle(1000.0, "/a", inner, "/b").dgram)
    assert [(one.message.address, one.at_s) for one in found] == [
        ("/a", 1000.0),
        ("/c", 2000.5),
        ("/d", 2000.5),  # never before the bundle around it
        ("/b", 1000.0),
    ]
    assert decode(bundle(IMMEDIATELY, "/a").dgram)[0].at_s is None


DEEP = b"#bundle\0" + b"\0" * 7 + b"\1"
for _ in range(20):
    DEEP = b"#bundle\0" + b"\0" * 7 + b"\1" + struct.pack(">i", len(DEEP)) + DEEP


@pytest.mark.parametrize(
    "packet, what, address",
    [
        (b"", "neither", ""),
        (b"GET / HTTP/1.1\r\n\r\n", "neither", ""),
        (b"/a", "neither", ""),
        (b"/a\0\0if\0\0", "comma", "/a"),
        (b"/a\0\0,b\0\0\0\0\0\1x\0\0\0", "'b'", "/a"),
        (b"/a\0\0,i\0\0\0\0", "cannot be read", "/a"),
        (b"/a\0\0,s\0\0abcd", "cannot be read", "/a"),
        (b"/a\0\0,s\0\0\xff\xfe\0\0", "cannot be read", "/a"),
        (b"/a\0\0," + b"i" * 2000 + b"\0" * 8003, "more than 1024", "/a"),
        (b"#bundle\0", "time tag", ""),
        # python-osc would read this one for ever: an element of minus four bytes
        (b"#bundle\0" + b"\0" * 7 + b"\1" + b"\xff\xff\xff\xfc", "longer than itself", ""),
        (b"#bundle\0" + b"\0" * 7 + b"\1" + b"\0\0\0\0" * 2, "or empty", ""),
        (b"#bundle\0" + b"\0" * 7 + b"\1" + b"\0\0\0\x10/a\0\0", "longer than itself", ""),
        (DEEP, "in one another", ""),
        (b"#bundle\0" + b"\0" * 7 + b"\1" + b"\0\0\0\4/a\0\0" * 1001, "1000 messages", ""),
    ],
)
def test_what_cannot_be_read_is_refused_as_a_whole(packet: bytes, what: str, address: str) -> None:
    with pytest.raises(UnreadMessage, match=what) as caught:
        decode(packet)
    assert (caught.value.code, caught.value.address) == ("malformed", address)


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(packet: bytes) -> None:
    for begun in (b"", b"/a\0\0,", b"#bundle\0" + b"\0" * 8):
        with suppress(UnreadMessage):
            decode(begun + packet)


@given(MESSAGES, st.data())
def test_no_damage_does_harm(message: Message, data: st.DataObject) -> None:
    packet = bytearray(bundle(1000.0).dgram + struct.pack(">i", len(encode(message))) + encode(message))
    place = data.draw(st.integers(0, len(packet) - 1))
    packet[place] = data.draw(st.integers(0, 255))
    with suppress(UnreadMessage):
        decode(bytes(packet[: data.draw(st.integers(0, len(packet)))]))


PACKETS = st.lists(
    st.one_of(st.binary(min_size=1, max_size=30), MESSAGES.map(encode)), min_size=1, max_size=5
)


@given(PACKETS, st.booleans(), st.data())
def test_packets_come_whole_out_of_any_pieces(packets: list[bytes], sizes: bool, data: st.DataObject) -> None:
    stream = b"".join(struct.pack(">I", len(one)) + one if sizes else slip.encode(one) for one in packets)
    framing = Framing()
    came = []
    while stream:
        piece = data.draw(st.integers(1, len(stream)))
        came += framing.packets(stream[:piece])
        stream = stream[piece:]
    assert came == packets
    assert framing.framed(b"/a\0\0") == (b"\0\0\0\4/a\0\0" if sizes else b"\xc0/a\0\0\xc0")


def test_slip_without_a_leading_end() -> None:
    assert list(Framing().packets(b"/a\0\0\xc0")) == [b"/a\0\0"]


@pytest.mark.parametrize("stream", [b"\0\x20\0\0", b"\xc0" + b"x" * (2**20 + 8), b"x" * (2**20 + 8)])
def test_a_packet_without_end_is_given_up(stream: bytes) -> None:
    with pytest.raises(Refused) as caught:
        list(Framing().packets(stream))
    assert caught.value.code == "too_large"


def test_what_is_not_slip_is_refused() -> None:
    with pytest.raises(Refused, match="not SLIP"):
        list(Framing().packets(b"\xc0/a\xdbx\xc0"))
