"""OSC bytes to messages and back: bundles, time tags, and both ways to frame packets on TCP. No sockets.

Messages are python-osc's work. Bundles are walked here: python-osc 1.10 loops for ever on an element of
negative size, and forgets which messages of a bundle it left out.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from pythonosc import osc_message, slip
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.parsing import ntp

from scene_schema.errors import Refused, shown

Value: TypeAlias = str | int | float | bool | None

TYPES: Final = frozenset(b"ifhdsTFN")  # what some address takes; no address takes a blob
ARGUMENTS: Final = 1024  # far more than a scene has layers or cues
MESSAGES: Final = 1000  # in one packet
NESTED: Final = 8  # bundles in bundles
PACKET_BYTES: Final = 2**20  # over TCP; a full scene is less

_BUNDLE: Final = b"#bundle\0"
_AT_ONCE: Final = 1  # the time tag that means "immediately"


@dataclass(frozen=True)
class Message:
    """An address, or a pattern of addresses, with its arguments."""

    address: str
    arguments: tuple[Value, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.address, *(json.dumps(one, ensure_ascii=False) for one in self.arguments)])


@dataclass(frozen=True)
class Timed:
    """A message and when it is meant, in seconds since 1970; None: at once."""

    message: Message
    at_s: float | None = None


class UnreadMessage(Refused):
    """Bytes that are no packet. `address` as far as it could be read."""

    def __init__(self, what: str, address: str = "") -> None:
        super().__init__("malformed", what, remedy="See docs/osc.md for the addresses and their types.")
        self.address = address


def decode(packet: bytes) -> list[Timed]:
    """All messages of a packet, in their order. Raises `UnreadMessage` for the whole of it."""
    found: list[Timed] = []
    for message in _walk(packet, None, 0):
        if len(found) == MESSAGES:
            raise UnreadMessage(f"a packet of more than {MESSAGES} messages")
        found.append(message)
    return found


def encode(message: Message) -> bytes:
    """The bytes of a message. NUL would end a string of OSC's, so it is left out."""
    builder = OscMessageBuilder(message.address)
    for one in message.arguments:
        if isinstance(one, str):
            one = one.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
        builder.add_arg(one)
    return bytes(builder.build().dgram)


class Framing:
    """Packets on a TCP stream: SLIP (OSC 1.1) or a size before each (OSC 1.0), as the first byte tells.

    liblo's tools and SuperCollider send sizes, python-osc and OSC 1.1 programs SLIP.
    """

    def __init__(self) -> None:
        self._sizes: bool | None = None  # not known before the first byte
        self._waiting = bytearray()
        self._looked = 0  # how much of it is known to hold no end of a packet

    def packets(self, received: bytes) -> Iterator[bytes]:
        """Packets that are complete now. Raises `Refused` (`too_large`, `malformed`): the stream is lost."""
        self._waiting += received
        if self._sizes is None and self._waiting:
            self._sizes = (
                self._waiting[0] == 0
            )  # no SLIP packet begins so, and no size of ours is over 16 MiB
        yield from self._by_size() if self._sizes else self._by_slip()
        if len(self._waiting) > PACKET_BYTES + 4:
            raise _too_large()

    def framed(self, packet: bytes) -> bytes:
        """A packet as the peer frames its own."""
        return struct.pack(">I", len(packet)) + packet if self._sizes else slip.encode(packet)

    def _by_size(self) -> Iterator[bytes]:
        while len(self._waiting) >= 4:
            (size,) = struct.unpack_from(">I", self._waiting)
            if size > PACKET_BYTES:
                raise _too_large()
            if len(self._waiting) < 4 + size:
                return
            packet = bytes(self._waiting[4 : 4 + size])
            del self._waiting[: 4 + size]
            yield packet

    def _by_slip(self) -> Iterator[bytes]:
        while (end := self._waiting.find(slip.END, self._looked)) >= 0:
            frame = bytes(self._waiting[:end])
            del self._waiting[: end + 1]
            self._looked = 0
            if frame:  # two packets may have two ends between them
                try:
                    packet = slip.decode(frame)
                except slip.ProtocolError as error:
                    raise Refused("malformed", "these bytes are not SLIP") from error
                yield packet
        self._looked = len(self._waiting)


def _walk(packet: bytes, at_s: float | None, depth: int) -> Iterator[Timed]:
    if not packet.startswith(_BUNDLE):
        yield Timed(_message(packet), at_s)
        return
    if depth == NESTED:
        raise UnreadMessage(f"more than {NESTED} bundles in one another")
    if len(packet) < 16:
        raise UnreadMessage("a bundle without a time tag")
    at_s = _later(at_s, packet[8:16])
    place = 16
    while place < len(packet):
        size = int.from_bytes(packet[place : place + 4], "big")
        place += 4
        if not 0 < size <= len(packet) - place:
            raise UnreadMessage("a bundle with an element that is longer than itself, or empty")
        yield from _walk(packet[place : place + size], at_s, depth + 1)
        place += size


def _later(at_s: float | None, tag: bytes) -> float | None:
    """An inner bundle is never before the one around it."""
    if int.from_bytes(tag, "big") <= _AT_ONCE:
        return at_s
    own_s = ntp.ntp_to_system_time(tag)
    return own_s if at_s is None else max(at_s, own_s)


def _message(packet: bytes) -> Message:
    end = packet.find(b"\0")
    address = packet[: max(end, 0)].decode("utf-8", "replace")
    if not address.startswith("/"):
        raise UnreadMessage(f"neither a message nor a bundle: {shown(packet)}")
    tags = packet[(end // 4 + 1) * 4 :].split(b"\0", 1)[0]
    if tags and not tags.startswith(b","):
        raise UnreadMessage(f"the types of {shown(address)} do not begin with a comma", address)
    if len(tags) > 1 + ARGUMENTS:
        raise UnreadMessage(f"{shown(address)} has more than {ARGUMENTS} arguments", address)
    if unknown := set(tags[1:]) - TYPES:
        kinds = ", ".join(sorted(map(repr, map(chr, unknown))))
        raise UnreadMessage(f"no address takes the type {kinds}, as {shown(address)} came with", address)
    try:
        arguments = osc_message.OscMessage(packet).params
    except (osc_message.ParseError, ValueError, struct.error) as error:  # ValueError: not UTF-8
        raise UnreadMessage(f"the arguments of {shown(address)} cannot be read", address) from error
    return Message(address, tuple(arguments))


def _too_large() -> Refused:
    return Refused(
        "too_large",
        f"a packet of more than {PACKET_BYTES} bytes, or not OSC at all",
        remedy="Frame packets with SLIP (OSC 1.1) or with their size (OSC 1.0).",
    )
