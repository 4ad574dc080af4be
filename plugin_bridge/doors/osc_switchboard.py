"""What the engine and its OSC peers say to each other: commands, answers, followers, time tags. No sockets.

A command is a task of its own from its arrival to its last answer, renders included; those of one peer reach
the bridge in the order of arrival. Everything that a peer can pile up is bounded.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from plugin_bridge.access import Caller
from plugin_bridge.bridge import Bridge
from plugin_bridge.doors import osc_answers as answers
from plugin_bridge.doors.osc_packet import PACKET_BYTES, Message, UnreadMessage, decode, encode
from plugin_bridge.doors.osc_pattern import is_pattern
from plugin_bridge.doors.osc_peers import Address, Peer, Peers, Sender
from plugin_bridge.doors.osc_row import Call, Content, Match, call, expand
from plugin_bridge.doors.osc_table import ROWS, create_content
from plugin_bridge.guard import guarded
from plugin_bridge.metrics import Metrics
from scene_schema.envelope import Envelope
from scene_schema.errors import Refused, shown
from scene_schema.job_states import FINAL
from scene_schema.messages import ERROR, REQUESTS, Failure

log = logging.getLogger("stemscape.osc")

COMMANDS: Final = 1000  # on their way at a time, those that wait for their renders included
SCHEDULED: Final = 1000  # messages that wait for their time tag
HORIZON_S: Final = 3600.0  # how far ahead a time tag may be
LATE_S: Final = 0.05  # a time tag that is over by more than this is worth a line in the log
NAME_CHARS: Final = 256  # as in envelopes
LOG_INTERVAL_S: Final = 10.0  # between two lines about what was dropped


@dataclass(frozen=True)
class _Stem:
    """A stem that a command's sender is told of: when its job ends, or, without a job, at once."""

    command: str
    scene: str
    layer: str
    take: str = ""
    job: str = ""


class Switchboard:
    """To be used from the event loop's thread only.

    Attributes:
        peers: who there is; a door asks it for the sender of what it received.
        dropped: packets and messages that were not carried out because they could not be read, came from
            an engine, or were too many.
    """

    def __init__(
        self,
        bridge: Bridge,
        send_udp: Callable[[bytes, Address], None],
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.peers = Peers(send_udp, clock)
        self._bridge = bridge
        self._metrics = metrics or Metrics()
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._scheduled = 0
        self._ends: dict[str, asyncio.Future[Content]] = {}  # job → its last status
        self._stems: dict[tuple[str, str, str], asyncio.Task[str | Failure]] = {}
        self._dump = False
        self._noted_s = -LOG_INTERVAL_S
        self.dropped = 0

    @property
    def needs_token(self) -> bool:
        """Whether this engine was started with a token."""
        return self._bridge.access.needs_token

    # --- in ---------------------------------------------------------------------------------------------

    def receive(self, sender: Sender, packet: bytes) -> None:
        """Carries out a packet's messages, or keeps them until their time. Never raises, never waits."""
        sender.peer.heard_s = self._clock()
        if sender.admitted:
            self._bridge.heard_of(sender.peer.name)
        try:
            found = decode(packet)
        except UnreadMessage as refused:
            self._drop("%s sent what cannot be read: %s", sender.peer.label, refused.message)
            if not answers.is_ours(refused.address):
                self.refuse(sender, refused, refused.address)
            return
        now_s = time.time()  # time tags are of the calendar
        later: dict[float, list[Message]] = {}
        for one in found:
            if one.at_s is not None and one.at_s > now_s:
                later.setdefault(one.at_s, []).append(one.message)
                continue
            if one.at_s is not None and now_s - one.at_s > LATE_S:
                self._note(
                    "%s is late by %.3f s: %s", sender.peer.label, now_s - one.at_s, one.message.address
                )
            self._begin(sender, one.message)
        for at_s, messages in later.items():
            self._schedule(sender, at_s - now_s, messages)

    def refuse(self, sender: Sender, refused: Refused, command: str = "") -> None:
        """Answers what could not even be read."""
        self._say(sender.peer, answers.failed(command, Failure.of(refused)))

    def _schedule(self, sender: Sender, delay_s: float, messages: Sequence[Message]) -> None:
        if not sender.admitted:
            self._turn_away(sender, messages[0].address)
            return
        if delay_s > HORIZON_S or self._scheduled + len(messages) > SCHEDULED:
            refused = _too_many(
                f"a time tag may be {HORIZON_S:g} s ahead at most, and {SCHEDULED} messages may wait; "
                f"this one is {delay_s:.3g} s ahead and {self._scheduled} wait"
            )
            for message in messages:
                self._drop("%s: %s", sender.peer.label, refused.message)
                self.refuse(sender, refused, message.address)
            return

        def due() -> None:
            self._timers.discard(timer)
            self._scheduled -= len(messages)
            for message in messages:
                self._begin(sender, message)

        self._scheduled += len(messages)
        timer = asyncio.get_running_loop().call_later(delay_s, due)
        self._timers.add(timer)

    def _begin(self, sender: Sender, message: Message) -> None:
        peer = sender.peer
        if self._dump:
            log.info("OSC from %s: %s", peer.label, _without_token(message))
        if answers.is_ours(message.address):
            self._drop("%s sent %s, which only engines send", peer.label, message.address)
            return
        if len(self._tasks) >= COMMANDS:
            self._drop("%s: more than %d commands at once", peer.label, COMMANDS)
            self.refuse(sender, _too_many(f"{COMMANDS} commands are on their way"), message.address)
            return
        earlier = tuple(peer.tasks)
        before, peer.turn = peer.turn, asyncio.Event()
        task = self._spawn(self._carry_out(sender, message, earlier, before, peer.turn))
        peer.tasks.add(task)
        task.add_done_callback(peer.tasks.discard)

    async def _carry_out(
        self,
        sender: Sender,
        message: Message,
        earlier: Sequence[asyncio.Task[None]],
        before: asyncio.Event,
        turn: asyncio.Event,
    ) -> None:
        """One command, from pattern to last answer.

        Its requests reach the bridge when those of the peer's command before have; it does not wait for
        their answers, which come when they are on disk.
        """
        try:
            await before.wait()
            if not sender.admitted and message.address != "/token":
                self._turn_away(sender, message.address)
                return
            matches = await guarded(message.address, self._meant(message.address))
            if isinstance(matches, Failure):
                self._say(sender.peer, answers.failed(message.address, matches))
                return
            loop = asyncio.get_running_loop()
            parts = [
                loop.create_task(self._part(sender, match, message, earlier), name=f"osc {match.address}")
                for match in matches
            ]
            await asyncio.sleep(0)  # each has begun, in this order: the bridge has its request
        finally:
            turn.set()
        stems = [stem for found in await asyncio.gather(*parts) for stem in found]
        await asyncio.gather(*(self._see_through(sender.peer, one) for one in stems))

    async def _part(
        self, sender: Sender, match: Match, message: Message, earlier: Sequence[asyncio.Task[None]]
    ) -> list[_Stem]:
        """One of the addresses that a command means, to its first answer; returns the stems to tell of."""
        stems = await guarded(match.address, self._obey(sender, match, message, earlier))
        if isinstance(stems, Failure):
            self._say(sender.peer, answers.failed(match.address, stems))
            if not sender.admitted:
                sender.hang_up()
            return []
        return stems

    async def _meant(self, address: str) -> list[Match]:
        return expand(ROWS, address, await self._tree() if is_pattern(address) else {})

    async def _obey(
        self, sender: Sender, match: Match, message: Message, earlier: Sequence[asyncio.Task[None]]
    ) -> list[_Stem]:
        """Answers one address; returns the stems to tell of later. Raises `Refused`."""
        wanted = call(match, message.arguments)
        if match.address == "/scene/load":
            document = await asyncio.to_thread(self._read, wanted.given["path"])
            content = create_content({**wanted.given, "document": document})
            wanted = replace(wanted, kind="scene.create", content=content)
        if not wanted.kind:
            await self._own(sender, wanted, earlier)
            return []
        content = wanted.content
        if sender.peer.drafts and "draft" in REQUESTS[wanted.kind].model_fields and not wanted.asks:
            content = {**content, "draft": True}
        if sender.peer.batch and "priority" in REQUESTS[wanted.kind].model_fields and not wanted.asks:
            content = {**content, "priority": "batch"}
        request = Envelope(wanted.kind, content)
        handled = self._bridge.handle(request, Caller(sender.peer.name, sender.operator))
        (reply,) = await self._metrics.timed("osc", request, handled)
        self._keep_lease(sender, reply)
        self._say(sender.peer, answers.answer(wanted, reply), match.address)
        if unqueued := reply.content.get("unqueued"):  # the edit is kept, and nothing renders it
            self._say(sender.peer, answers.failed(match.address, Failure.model_validate(unqueued)))
        if reply.type == ERROR or wanted.asks or not match.row.sounds:
            return []
        rendered = [
            _Stem(match.address, job["scene"], job["layer"], job=job["job"]) for job in reply.content["jobs"]
        ]
        return [
            *rendered,
            *await self._there(wanted, reply.content["scene"], {one.layer for one in rendered}),
        ]

    def _keep_lease(self, sender: Sender, reply: Envelope) -> None:
        """A client whose connection stands is not gone. Over UDP there is none: what it sends counts."""
        peer = sender.peer
        stands = sender.udp is None and not peer.gone
        if stands and reply.content.get("lease_s") is not None and peer.name not in peer.leases:
            peer.leases.add(peer.name)
            self._bridge.connected(peer.name)

    def hung_up(self, sender: Sender) -> None:
        """A connection brings no more commands: its client, if it has a lease, has to come back for it."""
        for client in sender.peer.leases:
            self._bridge.disconnected(client)
        sender.peer.leases.clear()

    async def _there(self, wanted: Call, scene: str, rendered: set[str]) -> list[_Stem]:
        """Stems that a command is about and that need no job: an undo's, say."""
        names, given = wanted.match.names, wanted.given
        if not wanted.content.get("render", True):
            return []
        chosen = {names.get("layer") or names.get("new")} if len(names) > 1 else set(given.get("layer", ()))
        (found,) = await self._bridge.handle(Envelope("scene.get", {"scene": scene}))
        return [
            _Stem(wanted.match.address, scene, one["layer"], take=one["take"])
            for one in found.content.get("layers", ())
            if one["stem"] == "fresh"
            and one["layer"] not in rendered
            and (not chosen or one["layer"] in chosen)
        ]

    async def _tree(self) -> Mapping[str, Sequence[str]]:
        (listed,) = await self._bridge.handle(Envelope("scene.list"))
        tree: dict[str, list[str]] = {}
        for scene in listed.content.get("scenes", ()):
            (found,) = await self._bridge.handle(Envelope("scene.get", {"scene": scene}))
            if found.type != ERROR:
                tree[scene] = [layer["id"] for layer in found.content["scene"]["layers"]]
        return tree

    def _read(self, wanted: str) -> str:
        """A document in a project folder, links followed. Runs in a thread. Raises `Refused`."""
        folder = self._bridge.access.folder(str(Path(wanted).parent))
        path = (folder / Path(wanted).name).resolve()
        self._bridge.access.folder(str(path.parent))
        if not path.is_file():
            raise Refused("not_found", f"there is no file {shown(wanted)}")
        if path.stat().st_size > PACKET_BYTES:
            raise Refused("too_large", f"{shown(wanted)} is larger than a scene can be")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise Refused("malformed", f"{shown(wanted)} is not a text in UTF-8") from error

    # --- what concerns the door alone -------------------------------------------------------------------

    async def _own(self, sender: Sender, wanted: Call, earlier: Sequence[asyncio.Task[None]]) -> None:
        peer, given, address = sender.peer, wanted.given, wanted.match.address
        if address == "/sync":
            if earlier:
                await asyncio.wait(earlier)
            self._say(peer, Message("/synced", (given["id"],)))
            return
        if address == "/notify":
            self._notify(peer, given["follow"], given.get("name"))
            told: tuple[int | str, ...] = (int(given["follow"]), peer.name, self._bridge.session)
        elif address == "/reply/port":
            peer = self.peers.set_reply_port(sender, given["port"], given.get("scope", "sender"))
            told = (given["port"],)
        elif address == "/drafts":
            peer.drafts = given["on"]
            told = (int(peer.drafts),)
        elif address == "/batch":
            peer.batch = given["on"]
            told = (int(peer.batch),)
        elif address == "/token":
            told = (int(self._show_token(sender, given["token"])),)
        else:
            self._dump = given["on"]
            told = (int(self._dump),)
        self._say(peer, answers.done(address, *told))

    def _notify(self, peer: Peer, follow: bool, name: str | None) -> None:
        if name is not None and not 0 < len(name) <= NAME_CHARS:
            raise Refused("invalid", f"a name has 1 to {NAME_CHARS} characters")
        if follow:
            self.peers.follow(peer)
        else:
            self.peers.unfollow(peer)
        peer.name = peer.name if name is None else name

    def _show_token(self, sender: Sender, token: str) -> bool:
        peer = sender.peer
        caller = self._bridge.access.caller(peer.name, token, admitted=sender.admitted, where=peer.label)
        if caller.operator:
            self.peers.make_operator(sender)
        sender.admitted = True
        return caller.operator

    def _turn_away(self, sender: Sender, command: str) -> None:
        try:
            self._bridge.access.caller(sender.peer.name, "", admitted=False, where=sender.peer.label)
        except Refused as refused:
            self.refuse(sender, refused, command)
        sender.hang_up()

    # --- renders and events -----------------------------------------------------------------------------

    async def _see_through(self, peer: Peer, wanted: _Stem) -> None:
        """Tells how a job ended, with the path of its stem."""
        command, take = wanted.command, wanted.take
        if wanted.job:
            end = self._ends.setdefault(wanted.job, asyncio.get_running_loop().create_future())
            (known,) = await self._bridge.handle(Envelope("job.get", {"job": wanted.job}))
            self._note_end(known.content)  # it may have ended before anybody waited for it
            status = await asyncio.shield(end)
            if status["state"] != "done":
                self._say(peer, answers.ended(command, status), command)
                return
            take = status["take"]
        if peer.gone:
            return
        stem = await self._stem(wanted.scene, wanted.layer, take)
        if isinstance(stem, Failure):
            self._say(peer, answers.failed(command, stem, wanted.job), command)
        else:
            self._say(
                peer, answers.stem_there(command, wanted.scene, wanted.layer, stem, wanted.job), command
            )

    def publish(self, event: Envelope) -> None:
        """An event of the bridge's: ends what waits for it, and tells the followers. Never waits."""
        if event.type == "event.job":
            self._note_end(event.content)
        if not self.peers.followers():
            return
        if event.type in ("event.take", "event.draft"):
            self._spawn(self._tell_stem(event))
        else:
            self._tell(answers.event(event))

    def _note_end(self, job: Content) -> None:
        if job.get("state") in FINAL:
            end = self._ends.pop(job["job"], None)
            if end is not None and not end.done():
                end.set_result(job)

    async def _tell_stem(self, event: Envelope) -> None:
        content = event.content
        take = content["draft" if event.type == "event.draft" else "take"]["id"]
        drafts = event.type == "event.draft"
        stem = await self._stem(content["scene"], content["layer"], take, drafts=drafts)
        if isinstance(stem, Failure):
            log.warning("the file of take %s could not be made: %s", take, stem.message)
        self._tell(answers.event(event, None if isinstance(stem, Failure) else stem))

    def _tell(self, message: Message | None) -> None:
        if message is not None:
            packet = encode(message)  # once for all
            for peer in self.peers.followers():
                self._say(peer, message, packet=packet)

    async def _stem(self, scene: str, layer: str, take: str, *, drafts: bool = False) -> str | Failure:
        """The path of a stem's file; asked for by several at once, it is made once."""
        key = (scene, layer, take)
        making = self._stems.get(key)
        if making is None:
            work = guarded(f"the stem of {scene}/{layer}", self._make_stem(scene, layer, drafts))
            making = self._stems[key] = asyncio.get_running_loop().create_task(work)
            making.add_done_callback(lambda _: self._stems.pop(key, None))
        return await asyncio.shield(making)

    async def _make_stem(self, scene: str, layer: str, drafts: bool) -> str:
        content: dict[str, Any] = {
            "scene": scene,
            "layers": [layer],
            "mix": False,
            "hand_off": "path",
            "drafts": drafts,
        }
        (reply,) = await self._bridge.handle(Envelope("scene.deliver", content))
        if reply.type == ERROR:
            raise Failure.model_validate(reply.content).refusal()
        for file in reply.content["files"]:
            if file["layer"] == layer and file["path"] and file["draft"] == drafts:
                return str(file["path"])
        if drafts:
            raise Refused("not_found", f"the draft of layer '{layer}' is over")
        raise Refused("internal", f"no file was written for layer '{layer}'")

    # --- out --------------------------------------------------------------------------------------------

    def _say(self, peer: Peer, message: Message, command: str = "", packet: bytes | None = None) -> None:
        if peer.gone:
            return
        packet = encode(message) if packet is None else packet
        if peer.limit_bytes is not None and len(packet) > peer.limit_bytes:
            refused = Refused(
                "too_large",
                f"the answer {message.address} has {len(packet)} bytes, more than a datagram is safe with",
                remedy="Ask over TCP, at the same port.",
            )
            message = answers.failed(command or message.address, Failure.of(refused))
            packet = encode(message)
        if self._dump:
            log.info("OSC to %s: %s", peer.label, message)
        peer.write(packet)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _drop(self, what: str, *values: object) -> None:
        self.dropped += 1
        self._note(f"{what} (%d dropped so far)", *values, self.dropped)

    def _note(self, what: str, *values: object) -> None:
        """A line in the log, unless there was one a moment ago: a flood must not fill the disk."""
        now_s = self._clock()
        if now_s - self._noted_s >= LOG_INTERVAL_S:
            self._noted_s = now_s
            log.warning(what, *values)

    async def close(self, linger_s: float) -> None:
        """Lets answers that are nearly ready go out, then ends all tasks."""
        for timer in self._timers:
            timer.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=linger_s)
        tasks = [*self._tasks, *self._stems.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _without_token(message: Message) -> Message:
    return Message("/token", ("•",)) if message.address == "/token" else message


def _too_many(what: str) -> Refused:
    return Refused("too_large", what, remedy="Send it again a little later.")
