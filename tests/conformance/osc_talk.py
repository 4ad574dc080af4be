"""A plain OSC client for the conformance suite: python-osc makes and reads packets, sockets carry them."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from pythonosc import slip
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

WAIT_S: Final = 30.0


@dataclass(frozen=True)
class Said:
    """One message that came."""

    address: str
    arguments: list[Any]


class OscTalk:
    """UDP, or TCP with SLIP framing. Gets answers and, after /notify, events."""

    door = "osc"

    def __init__(self, place: str, *, tcp: bool = False, token: str = "") -> None:
        host, _, port = place.rpartition(":")
        self.tcp = tcp
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        self._socket.connect((host, int(port)))
        self._socket.settimeout(0.1)
        self._coming: queue.Queue[Said] = queue.Queue()
        self._kept: list[Said] = []
        self._stop = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        if token:
            self.send("/token", token)
        self.send("/notify", 1, "conformance")
        self.wait("/done", "/notify")

    def send(self, address: str, *arguments: Any) -> None:
        self.send_packet(packed(address, *arguments))

    def send_bundle(self, when: float | int, *messages: tuple[Any, ...]) -> None:
        """Messages as (address, *arguments) in one bundle, its time in seconds since 1970, or IMMEDIATELY."""
        builder = OscBundleBuilder(when)  # type: ignore[arg-type]
        for address, *arguments in messages:
            builder.add_content(_message(address, *arguments))
        self.send_packet(builder.build().dgram)

    def send_packet(self, packet: bytes) -> None:
        self._socket.sendall(slip.encode(packet) if self.tcp else packet)

    def wait(self, address: str, *begins: Any, within_s: float = WAIT_S) -> Said:
        """The first message at this address whose arguments begin like this and that nobody was given yet."""
        deadline_s = time.monotonic() + within_s
        while True:
            for said in self._kept:
                if said.address == address and said.arguments[: len(begins)] == list(begins):
                    self._kept.remove(said)
                    return said
            try:
                self._kept.append(self._coming.get(timeout=max(0.0, deadline_s - time.monotonic())))
            except queue.Empty:
                last = [(one.address, one.arguments) for one in self._kept[-4:]]
                raise AssertionError(
                    f"no {address} {begins} within {within_s:g} s; last heard {last}"
                ) from None

    def is_silent(self, address: str, *begins: Any, for_s: float) -> bool:
        """Whether no such message comes for a while."""
        try:
            self.wait(address, *begins, within_s=for_s)
        except AssertionError:
            return True
        return False

    def close(self) -> None:
        self._stop.set()
        self._listener.join(2.0)
        self._socket.close()

    def _listen(self) -> None:
        rest = b""
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError, ConnectionError):
                data = self._socket.recv(65_536)
                if not self.tcp:
                    self._take(data)
                    continue
                *packets, rest = (rest + data).split(slip.END)
                for packet in packets:
                    if packet:
                        self._take(slip.decode(slip.END + packet + slip.END))

    def _take(self, packet: bytes) -> None:
        for timed in OscPacket(packet).messages:
            self._coming.put(Said(timed.message.address, list(timed.message.params)))


def packed(address: str, *arguments: Any) -> bytes:
    """One message as bytes."""
    return bytes(_message(address, *arguments).dgram)


def _message(address: str, *arguments: Any) -> Any:
    builder = OscMessageBuilder(address)
    for one in arguments:
        builder.add_arg(one)
    return builder.build()
