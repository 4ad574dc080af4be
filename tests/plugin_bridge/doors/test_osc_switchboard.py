"""What is said over OSC, with a real bridge and a worker that the test plays by hand, but no sockets."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import build_msg

from plugin_bridge.access import Access
from plugin_bridge.doors import osc_peers, osc_switchboard
from plugin_bridge.doors.osc_packet import Message, Value, decode, encode
from plugin_bridge.doors.osc_peers import FOLLOWERS, PEERS, SILENT_S, Address, Sender
from plugin_bridge.doors.osc_switchboard import Switchboard
from scene_schema.envelope import Envelope
from scene_schema.messages import Failure, RenderDraft
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import FAKE, Room

HERE = ("127.0.0.1", 9000)


class _Events(list[tuple[str, Envelope]]):
    """The room's events, handed to the switchboard as `serving` hands them to a door."""

    def __init__(self, board: Switchboard) -> None:
        super().__init__()
        self._board = board

    def append(self, event: tuple[str, Envelope]) -> None:
        super().append(event)
        self._board.publish(event[1])


class Desk:
    """A switchboard around a room's bridge, and what it sent to whom."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.sent: list[tuple[Address, Message]] = []
        self.board = Switchboard(
            room.bridge,
            lambda packet, to: self.sent.append((to, decode(packet)[0].message)),
            clock=lambda: room.now_s,
        )
        room.events = _Events(self.board)

    def send(self, address: str, *arguments: Value, source: Address = HERE) -> None:
        self.give(encode(Message(address, arguments)), source)

    def give(self, packet: bytes, source: Address = HERE) -> None:
        self.board.receive(self.board.peers.udp_sender(*source), packet)

    async def ask(self, address: str, *arguments: Value, source: Address = HERE) -> list[tuple[Any, ...]]:
        """All that came back for a message, events included, as `(address, *arguments)`."""
        before = len(self.sent)
        self.send(address, *arguments, source=source)
        await self.settle()
        return [(one.address, *one.arguments) for to, one in self.sent[before:] if to == source]

    async def settle(self) -> None:
        """Waits for all first answers but `/synced`."""
        idle = 0
        while idle < 3:
            await asyncio.sleep(0.001)
            names = [task.get_name() for task in asyncio.all_tasks()]
            answering = [name for name in names if name.startswith("osc ") and name != "osc /sync"]
            begun = all(peer.turn.is_set() for peer in self.board.peers._udp.values())
            idle = idle + 1 if begun and not answering else 0

    async def hears(self, address: str, to: Address = HERE) -> tuple[Any, ...]:
        """The arguments of the newest message to this address, waited for."""
        for _ in range(2000):
            for receiver, one in reversed(self.sent):
                if (receiver, one.address) == (to, address):
                    return one.arguments
            await asyncio.sleep(0.001)
        raise AssertionError(f"no {address} for {to}; sent: {self.sent}")

    def heard(self, address: str, to: Address = HERE) -> list[tuple[Any, ...]]:
        return [one.arguments for receiver, one in self.sent if (receiver, one.address) == (to, address)]


def at_desk(data_dir: Path, story: Callable[[Desk], Awaitable[None]], **config: Any) -> None:
    """Plays a story with a scene of two layers, `env` and `music`, nothing rendered."""

    async def play() -> None:
        room = Room(data_dir, **config)
        desk = Desk(room)
        try:
            await room.ask("scene.create", {"scene": scene()})
            await story(desk)
        finally:
            await room.close()
            await desk.board.close(0.0)

    asyncio.run(play())


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, logger="stemscape"):
        yield


CAPTION = "/scene/rain/layer/env/caption"
GAIN = "/scene/rain/layer/env/gain_db"


def test_an_edit_is_accepted_then_done_with_the_path_of_its_stem(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        ((kind, command, *accepted),) = await desk.ask(CAPTION, "storm")
        assert (kind, command, accepted[:2]) == ("/accepted", CAPTION, ["rain", 2])
        await desk.room.render()
        command, scene_id, layer, path, job = await desk.hears("/done")
        assert (command, scene_id, layer, job) == (CAPTION, "rain", "env", accepted[2])
        assert soundfile.info(path).frames == 0.5 * soundfile.info(path).samplerate
        assert len(desk.heard("/done")) == 1

    at_desk(tmp_path, story)


def test_an_edit_that_renders_nothing_is_done_at_once(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        assert await desk.ask(GAIN, -6) == [("/done", GAIN, "rain", 2)]
        assert await desk.ask(GAIN) == [(GAIN, -6.0)]
        ((kind, command, text, code),) = await desk.ask(GAIN, 60)
        assert (kind, command, code) == ("/fail", GAIN, "invalid")
        assert "gain_db" in text and "12" in text and "60" in text
        assert await desk.ask("/scene/rain/layer/sea/pan") == [
            (
                "/fail",
                "/scene/rain/layer/sea/pan",
                "scene 'rain' has no layer 'sea'. Its layers: env, music.",
                "not_found",
            )
        ]

    at_desk(tmp_path, story)


def test_a_stem_that_is_there_already_is_named_without_a_job(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        await desk.ask("/scene/rain/render", "env")
        await desk.room.render()
        *_, path, job = await desk.hears("/done")
        assert job
        for command, layer, *arguments in [
            ("/scene/rain/layer/env2/add", "env2", "env", "light rain"),  # the same sound in another layer
            (CAPTION, "env", "light rain"),
            ("/scene/rain/render", "env", "env"),
        ]:
            desk.sent.clear()
            ((kind, *told), *_) = await desk.ask(command, *arguments)
            assert (kind, told[:2], len(told)) == ("/done", [command, "rain"], 3)
            while len(desk.heard("/done")) < 2:
                await asyncio.sleep(0.001)
            assert desk.heard("/done")[1][:3] == (command, "rain", layer)
            assert desk.heard("/done")[1][4] == ""
            assert Path(desk.heard("/done")[1][3]).is_file()
        assert desk.heard("/done")[1][3] == path
        # nothing is told of stems that the command was not about, or that are not there
        assert len(desk.heard("/done")) == 2

    at_desk(tmp_path, story)


def test_superseded_cancelled_and_failed_are_three_things(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        ((*_, first),) = await desk.ask(CAPTION, "storm")
        ((*_, second),) = await desk.ask(CAPTION, "drizzle")
        await desk.room.stopped(first)
        assert await desk.hears("/superseded") == (CAPTION, "rain", "env", first)

        assert await desk.ask("/cancel", second) == [("/done", "/cancel", second, "running")]
        await desk.room.stopped(second)
        assert await desk.hears("/cancelled") == (CAPTION, "rain", "env", second)

        ((*_, third),) = await desk.ask(CAPTION, "hail")
        await desk.room.failed(third, Failure(code="internal", message="no luck", remedy="Try again."))
        assert await desk.hears("/fail") == (CAPTION, "no luck. Try again.", "internal", third)
        assert desk.heard("/done") == [("/cancel", second, "running")]
        ((kind, *told),) = await desk.ask("/job", third)
        assert (kind, told[:4]) == ("/job.reply", [third, "rain", "env", "failed"])

    at_desk(tmp_path, story)


def test_a_pattern_changes_and_answers_every_match(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        await desk.room.ask("scene.create", {"scene": scene("street")})
        muted = await desk.ask("/scene/*/layer/*/mute", True)
        addresses = [
            f"/scene/{one}/layer/{layer}/mute" for one in ("rain", "street") for layer in ("env", "music")
        ]
        assert [(one[0], one[1]) for one in muted] == [("/done", address) for address in addresses]
        assert await desk.ask("/scene/*/layer/*/mute") == [(address, 1) for address in addresses]
        # one match that cannot be changed takes nothing from the others
        await desk.ask("/scene/rain/layer/env/lock", 1)
        seeds = await desk.ask("/scene/rain/layer/*/seed", 5)
        assert [one[:2] for one in seeds] == [
            ("/fail", "/scene/rain/layer/env/seed"),
            ("/accepted", "/scene/rain/layer/music/seed"),
        ]
        assert seeds[0][-1] == "locked"

    at_desk(tmp_path, story)


def test_messages_take_effect_in_their_order_patterns_too(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        builder = OscBundleBuilder(0)
        for address, value in [
            ("/scene/*/layer/*/gain_db", -1.0),
            (GAIN, -2.0),
            ("/scene/rain/layer/*/gain_db", -3.0),
            (GAIN, -4.0),
        ]:
            builder.add_content(build_msg(address, value))
        desk.give(builder.build().dgram)
        await desk.settle()
        assert [one[0] for one in desk.heard("/done")].count(GAIN) == 4
        assert await desk.ask("/scene/rain/layer/*/gain_db") == [
            (GAIN, -4.0),
            ("/scene/rain/layer/music/gain_db", -3.0),
        ]

    at_desk(tmp_path, story)


def test_sync_waits_for_the_renders_before_it_and_only_for_the_senders(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        other = ("127.0.0.1", 9001)
        await desk.ask(CAPTION, "storm")
        assert await desk.ask("/sync", 7) == []
        assert await desk.ask("/sync", 8, source=other) == [("/synced", 8)]
        await desk.room.render()
        assert await desk.hears("/synced") == (7,)
        sent = [one.address for to, one in desk.sent if to == HERE]
        assert sent == ["/accepted", "/done", "/synced"]

    at_desk(tmp_path, story)


def test_followers_hear_events_with_paths_until_they_have_enough(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        session = desk.room.bridge.session
        assert await desk.ask("/notify", 1, "lights") == [("/done", "/notify", 1, "lights", session)]
        await desk.ask(CAPTION, "storm", source=("127.0.0.1", 9001))
        assert await desk.hears("/event/scene") == ("rain", 2, "env")
        await desk.room.render()
        scene_id, layer, revision, path, _ = await desk.hears("/event/take")
        assert (scene_id, layer, revision) == ("rain", "env", 2)
        assert soundfile.info(path).frames > 0
        states = [event[3] for event in desk.heard("/event/job")]
        assert list(dict.fromkeys(states)) == ["queued", "running", "delivering", "done"]
        await desk.ask("/transport/bpm", 90, source=("127.0.0.1", 9001))
        assert await desk.hears("/event/transport") == (0, 90.0, 4, 0.0, "osc-127.0.0.1:9001")
        await desk.room.bridge.beat()
        assert (await desk.hears("/event/heartbeat"))[0] == session
        await desk.room.become("lost", detail="killed")
        assert (await desk.hears("/event/worker"))[0] == "lost"

        await desk.ask("/notify", 0)
        before = len(desk.sent)
        await desk.ask(GAIN, -6, source=("127.0.0.1", 9001))
        assert [to for to, _ in desk.sent[before:]] == [("127.0.0.1", 9001)]

    at_desk(tmp_path, story)


def test_a_draft_is_asked_for_once_and_told_with_its_path(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        assert await desk.ask("/drafts", 1) == [("/done", "/drafts", 1)]
        await desk.ask("/notify", 1)
        await desk.ask(CAPTION, "storm")
        await desk.settle()
        job = desk.room.worker.renders()[-1]
        assert job.draft_steps == FAKE.draft_steps
        length = round(job.request.duration_s * FAKE.rate_hz)
        said = {"rate_hz": FAKE.rate_hz, "channels": 1, "length_samples": length, "rendered_s": 0.1}
        half = np.full(length, 0.5, "<f4").tobytes()
        await desk.room.tell("render.draft", RenderDraft(job=job.id, **said), half)
        *where, path, named = await desk.hears("/event/draft")
        assert (where, named) == (["rain", "env", 2], job.id)
        assert soundfile.read(path)[0].max() == pytest.approx(0.5, abs=1e-6)
        await desk.room.render()
        await desk.ask("/drafts", 0)
        await desk.ask(CAPTION, "hail")
        await desk.settle()
        assert desk.room.worker.renders()[-1].draft_steps is None

    at_desk(tmp_path, story)


def test_a_silent_follower_is_forgotten_and_one_that_speaks_is_not(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        other = ("127.0.0.1", 9001)
        await desk.ask("/notify", 1)
        await desk.ask("/notify", 1, source=other)
        desk.room.now_s += SILENT_S - 1
        await desk.ask("/status", source=other)
        desk.room.now_s += 2
        before = len(desk.sent)
        await desk.room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": {"pan": 0.5}})
        assert {to for to, _ in desk.sent[before:]} == {other}

    at_desk(tmp_path, story)


def test_followers_and_peers_are_bounded(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        for port in range(FOLLOWERS):
            await desk.ask("/notify", 1, source=("127.0.0.1", 10_000 + port))
        ((kind, _, text, code),) = await desk.ask("/notify", 1)
        assert (kind, code) == ("/fail", "too_large") and str(FOLLOWERS) in text
        for port in range(2 * PEERS):
            await desk.ask("/transport/get", source=("127.0.0.1", 20_000 + port))
        assert len(desk.board.peers) == PEERS
        await desk.room.bridge.beat()
        assert len([one for _, one in desk.sent if one.address == "/event/heartbeat"]) == FOLLOWERS
        ports = [await desk.ask("/reply/port", 9, source=("127.0.0.1", 30_000 + port)) for port in range(100)]
        assert len([one for one in ports if one and one[0][0] == "/fail"]) == 100 - osc_peers.REMEMBERED

    at_desk(tmp_path, story)


def test_answers_go_to_the_port_that_was_named(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        named = ("127.0.0.1", 9999)
        assert await desk.ask("/reply/port", 9999) == []
        assert await desk.hears("/done", to=named) == ("/reply/port", 9999)
        await desk.ask("/version")
        assert (await desk.hears("/version.reply", to=named))[2] == "stemscape"
        await desk.ask("/reply/port", 0)
        assert (await desk.ask("/version"))[0][0] == "/version.reply"
        # for tools that send each message from another port
        await desk.ask("/reply/port", 9999, "host", source=("127.0.0.1", 9001))
        await desk.ask(CAPTION, "storm", source=("127.0.0.1", 9002))
        *_, job = await desk.hears("/accepted", to=named)
        await desk.ask("/cancel", job, source=("127.0.0.1", 9003))  # they are one client
        assert (await desk.hears("/done", to=named))[0] == "/cancel"
        for wrong in ((70_000,), (9999, "everywhere")):
            await desk.ask("/reply/port", *wrong, source=("127.0.0.1", 9004))
            assert (await desk.hears("/fail", to=named))[-1] == "invalid"

    at_desk(tmp_path, story)


def test_only_owners_and_operators_cancel(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(desk: Desk) -> None:
        other = ("127.0.0.1", 9001)
        ((*_, job),) = await desk.ask(CAPTION, "storm")
        ((kind, _, text, code),) = await desk.ask("/cancel", job, source=other)
        assert (kind, code) == ("/fail", "denied") and "osc-127.0.0.1:9000" in text
        assert (await desk.ask("/token", "guessed", source=other))[0][-1] == "denied"
        await desk.ask("/dumpOSC", 1)
        assert await desk.ask("/token", "operator's", source=other) == [("/done", "/token", 1)]
        assert (await desk.ask("/cancel", job, source=other))[0][:2] == ("/done", "/cancel")
        assert "operator's" not in caplog.text

        far = ("10.0.0.9", 9001)  # whoever writes another's address on a datagram would be an operator
        assert (await desk.ask("/token", "operator's", source=far))[0][-1] == "denied"

    at_desk(tmp_path, story)


def test_a_connection_that_must_show_a_token_does_so_first(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        desk.room.bridge.access = Access(operator_token="operator's", token="a token for all")
        said: list[Message] = []
        hung_up: list[bool] = []

        def connect(admitted: bool) -> Sender:
            return desk.board.peers.tcp_sender(
                "10.0.0.9",
                1234,
                lambda packet: said.append(decode(packet)[0].message),
                lambda: hung_up.append(True),
                admitted,
            )

        for first in (Message(GAIN, (-6.0,)), Message("/token", ("guessed",))):
            desk.board.receive(connect(False), encode(first))
            await desk.settle()
            assert (said[-1].arguments[0], said[-1].arguments[2]) == (first.address, "denied")
        assert len(hung_up) == 2
        sender = connect(False)
        desk.board.receive(sender, encode(Message("/token", ("a token for all",))))
        desk.board.receive(sender, encode(Message(GAIN, (-6.0,))))
        await desk.settle()
        assert [one.arguments[0] for one in said[-2:]] == ["/token", GAIN]
        assert (await desk.room.ask("scene.get", {"scene": "rain"})).content["revision"] == 2

        later = OscBundleBuilder(time.time() + 60)  # type: ignore[arg-type]
        later.add_content(build_msg(GAIN, -7.0))
        desk.board.receive(connect(False), later.build().dgram)
        assert (said[-1].arguments[2], len(hung_up)) == ("denied", 3)

    at_desk(tmp_path, story)


def test_time_tags_wait_without_holding_up_anything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(desk: Desk) -> None:
        def bundle(in_s: float, *values: float) -> bytes:
            builder = OscBundleBuilder(time.time() + in_s)  # type: ignore[arg-type]
            for value in values:
                builder.add_content(build_msg(GAIN, value))
            return builder.build().dgram

        desk.give(bundle(0.3, -1.0, -2.0, -3.0))
        assert await desk.ask(GAIN) == [(GAIN, 0.0)]
        for _ in range(5000):
            if len(desk.heard("/done")) == 3:
                break
            await asyncio.sleep(0.001)
        assert await desk.ask(GAIN) == [(GAIN, -3.0)]

        desk.give(bundle(-2.0, -4.0))
        await desk.settle()
        assert await desk.ask(GAIN) == [(GAIN, -4.0)]
        assert "late by 2.0" in caplog.text

        desk.give(bundle(7200.0, -5.0))
        command, text, code = await desk.hears("/fail")
        assert (command, code) == (GAIN, "too_large") and "3600" in text
        for _ in range(11):
            desk.give(bundle(600.0, *[-6.0] * 100))
        assert len(desk.heard("/fail")) == 1 + 100
        assert await desk.ask(GAIN) == [(GAIN, -4.0)]

    at_desk(tmp_path, story)


def test_what_cannot_be_read_is_answered_counted_and_logged_seldom(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(desk: Desk) -> None:
        for _ in range(50):
            desk.give(b"not OSC at all")
        assert len(desk.heard("/fail")) == 50
        assert desk.heard("/fail")[0][0] == "" and desk.heard("/fail")[0][2] == "malformed"
        assert desk.board.dropped == 50
        assert caplog.text.count("cannot be read") == 1
        desk.room.now_s += 11
        desk.give(b"/a\0\0,b\0\0")
        assert "51 dropped" in caplog.text
        assert desk.heard("/fail")[-1][0] == "/a"

    at_desk(tmp_path, story)


def test_what_engines_say_is_never_answered(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        for address in ("/fail", "/done", "/event/scene", "/version.reply"):
            assert await desk.ask(address, "x", "y", "z") == []
        desk.give(b"/fail\0\0\0,b\0\0")
        assert desk.sent == []
        assert desk.board.dropped == 5

    at_desk(tmp_path, story)


def test_an_answer_too_long_for_a_datagram_says_so(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        layers = [{"id": f"l{n}", "view": "env", "caption": "rain " * 300} for n in range(10)]
        await desk.room.ask("scene.create", {"scene": scene("long", *layers)})
        ((kind, command, text, code),) = await desk.ask("/scene/long/get")
        assert (kind, command, code) == ("/fail", "/scene/long/get", "too_large")
        assert "TCP" in text
        said: list[Message] = []
        sender = desk.board.peers.tcp_sender(
            *HERE, lambda packet: said.append(decode(packet)[0].message), lambda: None, True
        )
        desk.board.receive(sender, encode(Message("/scene/long/get")))
        await desk.settle()
        assert len(str(said[0].arguments[0])) > 10_000

    at_desk(tmp_path, story)


def test_a_peer_that_is_gone_is_not_written_to_and_its_edit_stands(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        said: list[bytes] = []
        sender = desk.board.peers.tcp_sender(*HERE, said.append, lambda: None, True)
        desk.board.receive(sender, encode(Message("/notify", (1,))))
        desk.board.receive(sender, encode(Message(CAPTION, ("storm",))))
        desk.board.peers.leave(sender)
        await desk.settle()
        await desk.room.render()
        assert said == []
        assert await desk.ask(CAPTION) == [(CAPTION, "storm")]

    at_desk(tmp_path, story)


def test_scenes_are_loaded_from_project_folders_and_nowhere_else(tmp_path: Path) -> None:
    project, secret = tmp_path / "project", tmp_path / "secret.yaml"
    project.mkdir()
    document = "{id: street, layers: [{id: env, view: env, caption: traffic}]}"
    (project / "street.yaml").write_text(document)
    (project / "broken.yaml").write_text("id: [")
    (project / "bytes.yaml").write_bytes(b"\xff\xfe")
    (project / "large.yaml").write_text("#" * (2**20 + 1))
    secret.write_text(document)
    (project / "link.yaml").symlink_to(secret)

    async def story(desk: Desk) -> None:
        desk.send("/scene/load", str(project / "street.yaml"), False, True)
        assert (await desk.hears("/accepted"))[:3] == ("/scene/load", "street", 1)
        for path, code in [
            (secret, "denied"),
            (project / "link.yaml", "denied"),
            (project / ".." / "secret.yaml", "denied"),
            (Path("street.yaml"), "denied"),
            (project / "none.yaml", "not_found"),
            (project / "broken.yaml", "malformed"),
            (project / "bytes.yaml", "malformed"),
            (project / "large.yaml", "too_large"),
            (project / "street.yaml", "exists"),
        ]:
            desk.sent.clear()
            desk.send("/scene/load", str(path))
            assert (await desk.hears("/fail"))[2] == code, path

    at_desk(tmp_path, story, projects=(project,))


def test_dump_mode_shows_both_directions(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(desk: Desk) -> None:
        await desk.ask("/dumpOSC", 1)
        await desk.ask(GAIN, -6.0)
        assert f"OSC from udp 127.0.0.1:9000: {GAIN} -6.0" in caplog.text
        assert f'OSC to udp 127.0.0.1:9000: /done "{GAIN}" "rain" 2' in caplog.text
        await desk.ask("/dumpOSC", 0)
        caplog.clear()
        await desk.ask(GAIN, -5.0)
        assert caplog.text == ""

    at_desk(tmp_path, story)


def test_too_many_commands_are_refused_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osc_switchboard, "COMMANDS", 3)

    async def story(desk: Desk) -> None:
        for _ in range(5):
            desk.send(GAIN, -6.0)
        await desk.settle()
        assert (len(desk.heard("/done")), len(desk.heard("/fail"))) == (3, 2)
        assert await desk.ask(GAIN) == [(GAIN, -6.0)]

    at_desk(tmp_path, story)


def test_a_delivery_names_every_file(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        assert (await desk.ask("/scene/rain/deliver"))[0][-1] == "not_rendered"
        await desk.ask("/scene/rain/render")
        for _ in range(2):
            await desk.room.render()
        await desk.ask("/sync", 1)
        await desk.hears("/synced")
        desk.sent.clear()
        desk.send("/scene/rain/deliver", "rate_hz", 48_000, "bit_depth", 16)
        command, scene_id, revision, *files = await desk.hears("/done")
        assert (command, scene_id, revision, files[::2]) == (
            "/scene/rain/deliver",
            "rain",
            1,
            ["env", "music", "mix"],
        )
        assert {soundfile.info(path).samplerate for path in files[1::2]} == {48_000}

    at_desk(tmp_path, story)


def test_a_number_that_no_answer_can_carry_is_refused(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        for number in (1e38, float("inf"), -(2.0**63)):
            ((kind, command, _, code),) = await desk.ask("/sync", number)
            assert (kind, command, code) == ("/fail", "/sync", "invalid"), number
        assert await desk.ask("/sync", 2**40) == [("/synced", 2**40)]

    at_desk(tmp_path, story)
