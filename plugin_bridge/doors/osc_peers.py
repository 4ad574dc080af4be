"""Who speaks OSC with the engine: where answers go, who follows, who is forgotten. No sockets, no messages.

UDP has no connections, so a UDP peer that is silent for long is forgotten, and what can be kept is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from plugin_bridge.config import is_loopback
from scene_schema.errors import Refused

log = logging.getLogger("stemscape.osc")

UDP_REPLY_BYTES: Final = 8192  # past this, datagrams are lost on some systems without a word
SILENT_S: Final = 600.0  # a UDP peer not heard of for so long is forgotten
FOLLOWERS: Final = 64
PEERS: Final = 256  # UDP peers known at a time, beside those that follow or have commands on their way
REMEMBERED: Final = 64  # UDP senders with a reply port or the operator's rights

Address: TypeAlias = tuple[str, int]


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(eq=False)
class Peer:
    """Where answers go: a host and port over UDP, or a TCP connection.

    Attributes:
        name: whose jobs its jobs are.
        limit_bytes: the longest packet that reaches it for certain; None: any.
        heard_s: when it last sent anything.
        drafts: its edits and renders ask for drafts.
        batch: they may take their time.
        leases: names that are not gone while this connection is open.
        tasks: its commands on their way.
        turn: set when the requests of its newest command have reached the bridge.
    """

    label: str
    write: Callable[[bytes], None]
    name: str
    limit_bytes: int | None = None
    heard_s: float = 0.0
    follows: bool = False
    drafts: bool = False
    batch: bool = False
    leases: set[str] = field(default_factory=set)
    gone: bool = False
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    turn: asyncio.Event = field(default_factory=_set)


@dataclass(eq=False)
class Sender:
    """Where messages come from. `admitted`: it has shown a token, or needs none. `udp`: its address there."""

    peer: Peer
    admitted: bool = True
    operator: bool = False
    udp: Address | None = None
    hang_up: Callable[[], None] = lambda: None


@dataclass
class _Remembered:
    """What one UDP sender, or all on a host (port 0), asked to be kept."""

    heard_s: float
    reply_port: int = 0
    operator: bool = False


class Peers:
    """All peers of one engine."""

    def __init__(self, send_udp: Callable[[bytes, Address], None], clock: Callable[[], float]) -> None:
        self._send_udp = send_udp
        self._clock = clock
        self._udp: dict[Address, Peer] = {}  # the longest silent first
        self._remembered: dict[Address, _Remembered] = {}
        self._followers: list[Peer] = []

    def __len__(self) -> int:
        """How many UDP peers are known."""
        return len(self._udp)

    def udp_sender(self, host: str, port: int) -> Sender:
        """The sender of a datagram, with the peer that its answers go to."""
        self._forget_silent()
        own = self._remembered.get((host, port))
        there = own if own is not None and own.reply_port else self._remembered.get((host, 0))
        for known in (own, there):
            if known is not None:
                known.heard_s = self._clock()
        reply_port = there.reply_port if there is not None and there.reply_port else port
        return Sender(self._peer(host, reply_port), True, own is not None and own.operator, (host, port))

    def tcp_sender(
        self,
        host: str,
        port: int,
        write: Callable[[bytes], None],
        hang_up: Callable[[], None],
        admitted: bool,
    ) -> Sender:
        """A connection that was just made."""
        peer = Peer(f"tcp {host}:{port}", write, f"osc-{host}:{port}", heard_s=self._clock())
        return Sender(peer, admitted, hang_up=hang_up)

    def leave(self, sender: Sender) -> None:
        """A connection is closed: nobody is told of what it asked for."""
        sender.peer.gone = True
        self.unfollow(sender.peer)

    def followers(self) -> tuple[Peer, ...]:
        """Those who hear events, without the ones that have been silent for too long."""
        self._forget_silent()
        return tuple(self._followers)

    def follow(self, peer: Peer) -> None:
        """Raises `Refused` (`too_large`) where there are too many."""
        self._forget_silent()
        if not peer.follows:
            if len(self._followers) >= FOLLOWERS:
                raise _too_many(f"{FOLLOWERS} peers follow this engine already")
            log.debug("%s follows events", peer.label)
            peer.follows = True
            self._followers.append(peer)

    def unfollow(self, peer: Peer) -> None:
        if peer.follows:
            log.debug("%s follows events no more", peer.label)
            peer.follows = False
            self._followers.remove(peer)

    def set_reply_port(self, sender: Sender, port: int, scope: str) -> Peer:
        """Returns the peer that answers go to from now on. Raises `Refused`.

        Only the port can be another: answers never go to a host that did not ask.
        """
        if sender.udp is None:
            raise Refused("invalid", "over TCP answers come on the connection itself")
        host, own_port = sender.udp
        if not 0 <= port <= 65_535 or scope not in ("sender", "host"):
            raise Refused("invalid", 'a port from 0 to 65535, then "sender" or "host" or nothing')
        self._remember((host, own_port if scope == "sender" else 0)).reply_port = port
        return self._peer(host, port or own_port)

    def make_operator(self, sender: Sender) -> None:
        """Raises `Refused` (`denied`) for datagrams from afar: anyone may write another's address on one."""
        if sender.udp is not None:
            if not is_loopback(sender.udp[0]):
                raise Refused("denied", "operators come over TCP, or UDP from this machine")
            self._remember(sender.udp).operator = True
        sender.operator = True

    def _peer(self, host: str, port: int) -> Peer:
        peer = self._udp.pop((host, port), None)
        if peer is None:
            for address, old in list(self._udp.items()):
                if len(self._udp) < PEERS:
                    break
                if not old.follows and not old.tasks:
                    del self._udp[address]
            peer = Peer(
                f"udp {host}:{port}",
                lambda packet: self._send_udp(packet, (host, port)),
                f"osc-{host}:{port}",
                UDP_REPLY_BYTES,
            )
        peer.heard_s = self._clock()
        self._udp[(host, port)] = peer
        return peer

    def _forget_silent(self) -> None:
        now_s = self._clock()
        for address, peer in list(self._udp.items()):
            if now_s - peer.heard_s <= SILENT_S:
                break
            if peer.follows:
                log.info("%s was silent for %g s and hears no more events", peer.label, SILENT_S)
            self.unfollow(peer)
            del self._udp[address]
        for address, known in list(self._remembered.items()):
            if now_s - known.heard_s > SILENT_S:
                del self._remembered[address]

    def _remember(self, address: Address) -> _Remembered:
        known = self._remembered.get(address)
        if known is None:
            if len(self._remembered) >= REMEMBERED:
                raise _too_many(f"{REMEMBERED} senders have a reply port or the operator's rights already")
            known = self._remembered[address] = _Remembered(self._clock())
        return known


def _too_many(what: str) -> Refused:
    return Refused("too_large", what, remedy="Send it again a little later.")
