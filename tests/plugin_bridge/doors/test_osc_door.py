"""The door with real sockets, a real engine process, and clients of others: python-osc's and liblo's."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg
from pythonosc.osc_tcp_server import MODE_1_0, MODE_1_1
from pythonosc.tcp_client import SimpleTCPClient
from pythonosc.udp_client import SimpleUDPClient

from plugin_bridge.access import Access
from plugin_bridge.config import BridgeConfig
from plugin_bridge.doors import osc_door
from plugin_bridge.doors.osc_door import OscDoor
from scene_schema.errors import Refused
from tests.plugin_bridge.engine_process import WAIT_S, EngineProcess, scene, wait_for
from tests.plugin_bridge.fakes import Room, in_room

CAPTION = "/scene/rain/layer/env/caption"
GAIN = "/scene/rain/layer/env/gain_db"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with EngineProcess(tmp_path_factory.mktemp("data")) as engine:
        created = engine.ask("scene.create", {"scene": scene(), "render": True})
        for job in created.content["jobs"]:
            engine.wait_job(job["job"], "done")
        yield engine


@pytest.fixture
def port(engine: EngineProcess) -> int:
    return int(engine.said["osc"].rsplit(":", 1)[1])


class Udp:
    """python-osc's client, one message at a time."""

    def __init__(self, port: int) -> None:
        self.client = SimpleUDPClient("127.0.0.1", port)

    def __enter__(self) -> Udp:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def ask(self, address: str, *arguments: Any) -> OscMessage:
        self.client.send_message(address, list(arguments))
        return self.next()

    def next(self) -> OscMessage:
        packet = self.client._sock
        packet.settimeout(WAIT_S)
        return OscMessage(packet.recv(65_536))

    def wait(self, address: str) -> list[Any]:
        while (message := self.next()).address != address:
            pass
        return message.params


class Tcp:
    """python-osc's TCP client; it may hand over several messages at a time, and half of one."""

    def __init__(self, port: int, mode: str = MODE_1_1) -> None:
        self.client = SimpleTCPClient("127.0.0.1", port, mode=mode, timeout=WAIT_S)
        self._came: list[OscMessage] = []

    def __enter__(self) -> Tcp:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def ask(self, address: str, *arguments: Any) -> OscMessage:
        self.client.send_message(address, list(arguments))
        return self.next()

    def next(self) -> OscMessage:
        while not self._came:
            packets = self.client.receive()
            assert packets, "the connection was closed, or nothing came"
            self._came += [OscMessage(one) for one in packets]
        return self._came.pop(0)

    def wait(self, address: str) -> list[Any]:
        while (message := self.next()).address != address:
            pass
        return message.params


def assert_audio(path: str) -> None:
    assert Path(path).is_absolute()
    info = soundfile.info(path)
    assert info.frames == 0.5 * info.samplerate


# --- python-osc -----------------------------------------------------------------------------------------


def test_a_scene_is_driven_over_udp(port: int) -> None:
    with Udp(port) as osc:
        version = osc.ask("/version")
        assert (version.address, version.params[1:3]) == ("/version.reply", [1, "stemscape"])
        document = "{id: street, duration_s: 0.5, layers: [{id: env, view: env, caption: traffic}]}"
        assert osc.ask("/scene/create", document, True, True).address == "/accepted"
        assert_audio(osc.wait("/done")[3])
        assert osc.ask("/scene/street/layer/horn/add", "sfx", "a horn").address == "/accepted"
        *where, path, job = osc.wait("/done")
        assert where == ["/scene/street/layer/horn/add", "street", "horn"] and job
        assert_audio(path)
        muted = [osc.ask("/scene/street/layer/*/mute", 1), osc.next()]
        assert [one.params[0] for one in muted] == [
            "/scene/street/layer/env/mute",
            "/scene/street/layer/horn/mute",
        ]
        osc.client.send_message("/scene/street/layer/env/seed", 5)
        osc.client.send_message("/sync", 99)
        assert osc.wait("/done")[2] == "env"
        assert osc.wait("/synced") == [99]
        assert osc.ask("/scene/street/layer/horn/remove").address == "/done"
        listed = osc.ask("/scene/list").params
        assert "street" in listed[::2]


@pytest.mark.parametrize("mode", [MODE_1_0, MODE_1_1])
def test_a_scene_is_driven_over_tcp_in_either_framing(port: int, mode: str) -> None:
    with Tcp(port, mode) as osc:
        assert osc.ask("/notify", 1, f"tcp {mode}").params[:3] == ["/notify", 1, f"tcp {mode}"]
        osc.ask(CAPTION, f"storm, mode {mode}")
        osc.wait("/accepted")
        took = osc.wait("/event/take")
        assert took[:2] == ["rain", "env"]
        assert_audio(took[3])
        osc.client.send_message(GAIN, -3.0)
        osc.wait("/event/scene")


def test_a_long_text_goes_over_tcp_and_is_refused_over_udp(engine: EngineProcess, port: int) -> None:
    layers = [{"id": f"l{n}", "view": "env", "caption": "rain " * 300} for n in range(20)]
    engine.ask("scene.create", {"scene": scene("long", *layers), "replace": True})
    with Udp(port) as udp, Tcp(port) as tcp:
        assert udp.ask("/scene/long/get").params[::2] == ["/scene/long/get", "too_large"]
        document = tcp.ask("/scene/long/get").params[0]
        assert len(document) > 20_000
        assert tcp.ask("/scene/create", document, 1, 0).params[:2] == ["/scene/create", "long"]


def test_a_time_tag_in_the_future_is_waited_for_and_holds_up_nobody(port: int) -> None:
    with Udp(port) as osc:
        builder = OscBundleBuilder(time.time() + 0.5)  # type: ignore[arg-type]
        builder.add_content(build_msg("/sync", 5))
        osc.client.send(builder.build())
        assert osc.ask("/sync", 6).params == [6]
        assert osc.next().params == [5]


def test_udp_followers_hear_of_edits_through_other_doors(engine: EngineProcess, port: int) -> None:
    with Udp(port) as osc:
        osc.ask("/notify", 1)
        engine.ask("layer.edit", {"scene": "rain", "layer": "music", "changes": {"caption": "a slow waltz"}})
        assert osc.wait("/event/scene")[::2] == ["rain", "music"]
        assert_audio(osc.wait("/event/take")[3])
        osc.client.send_message("/notify", 0)
        osc.wait("/done")


# --- liblo ----------------------------------------------------------------------------------------------


def liblo(tool: str) -> str:
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is not installed (apt-get install liblo-tools)")
    return found


def test_oscsend_and_oscdump_drive_a_scene(port: int, tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        listening = free.getsockname()[1]
    printed = tmp_path / "dump.txt"

    def send(*message: str) -> None:
        subprocess.run([liblo("oscsend"), "127.0.0.1", str(port), *message], check=True, timeout=WAIT_S)

    def line(*words: str) -> str:
        def there() -> str | None:
            return next(
                (one for one in printed.read_text().splitlines() if all(w in one for w in words)), None
            )

        found: str = wait_for(there)
        return found

    with printed.open("w") as file:
        dump = subprocess.Popen([liblo("oscdump"), "-L", str(listening)], stdout=file)
        try:
            # oscdump says nothing when it listens: repeat until the first answer is there
            wait_for(lambda: send("/reply/port", "is", str(listening), "host") or printed.read_text())
            send("/version")
            assert '"stemscape"' in line("/version.reply")
            send(CAPTION, "s", "heavy storm by oscsend")
            assert '"rain"' in line("/accepted", CAPTION)
            assert_audio(line("/done", CAPTION, '"env"').split('"')[7])
            send(GAIN, "f", "-6.1")
            line("/done", GAIN)
            send(GAIN)
            assert "-6.1" in line(f"{GAIN} ")
            send("/scene/{rain,none}/layer/[e-m]*/mute", "T")
            line("/done", "/scene/rain/layer/env/mute")
            line("/done", "/scene/rain/layer/music/mute")
            send("/scene/rain/layer/env/volume", "i", "3")
            line("/fail", "unknown_type")
        finally:
            send("/reply/port", "is", "0", "host")
            dump.kill()
            dump.wait()


def test_oscsend_over_tcp(engine: EngineProcess, port: int) -> None:
    url = f"osc.tcp://127.0.0.1:{port}/"
    caption = "drizzle by tcp"
    subprocess.run([liblo("oscsend"), url, CAPTION, "s", caption], check=True, timeout=WAIT_S)

    def there() -> bool:
        layers = engine.ask("scene.get", {"scene": "rain"}).content["scene"]["layers"]
        return bool(layers[0]["caption"] == caption)

    wait_for(there)


# --- what goes wrong ------------------------------------------------------------------------------------


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.integers(0, 60), st.integers(0, 255))
def test_no_datagram_stops_the_door(port: int, noise: bytes, place: int, byte: int) -> None:
    mutated = bytearray(build_msg(GAIN, [-6.0, "x"]).dgram)
    mutated[place % len(mutated)] = byte
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(noise, ("127.0.0.1", port))
        sender.sendto(bytes(mutated), ("127.0.0.1", port))
        sender.sendto(b"#bundle\0" + noise, ("127.0.0.1", port))
    with Udp(port) as osc:
        assert osc.ask("/sync", 1).params == [1]


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xc0garbage\xc0" * 10,
        b"\xc0\xdbx\xc0",
        b"\x7f\xff\xff\xff" * 100,
        b"\0\0\0\x08\0\0\0\0\0\0\0\0",
        b"\0\xff\xff\xff",
        b"x" * 2_000_000,
        b"",
    ],
    ids=lambda noise: repr(noise[:12]),
)
def test_no_stream_stops_the_door(port: int, noise: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as stream:
        try:
            stream.sendall(noise)
            stream.shutdown(socket.SHUT_WR)
        except OSError:  # the door may have had enough
            pass
        stream.settimeout(WAIT_S)
        try:
            while stream.recv(65_536):
                pass
        except ConnectionResetError:
            pass
    with Tcp(port) as osc:
        assert osc.ask("/sync", 1).params == [1]


def test_a_peer_that_does_not_read_is_dropped_and_costs_nobody(engine: EngineProcess, port: int) -> None:
    layers = [{"id": f"l{n}", "view": "env", "caption": "rain " * 380} for n in range(32)]
    engine.ask("scene.create", {"scene": scene("wide", *layers), "replace": True})
    message = build_msg("/scene/wide/get", []).dgram
    with socket.create_connection(("127.0.0.1", port)) as deaf, Tcp(port) as osc:
        deaf.settimeout(WAIT_S)

        def flooded() -> bool:
            try:
                for _ in range(50):
                    deaf.sendall(struct.pack(">I", len(message)) + message)
            except OSError:
                return True
            assert osc.ask("/sync", 1).params == [1]
            return False

        wait_for(flooded)
        assert osc.ask("/sync", 2).params == [2]


def test_an_edit_sent_just_before_hanging_up_is_carried_out(engine: EngineProcess, port: int) -> None:
    for turn in range(10):
        osc = Tcp(port)
        osc.client.send_message(GAIN, -float(turn))
        osc.client.close()
        with Udp(port) as udp:
            wait_for(lambda turn=turn, udp=udp: udp.ask(GAIN).params == [-float(turn)])


# --- opening and closing --------------------------------------------------------------------------------


def config(data_dir: Path, osc_port: int = 0, oscquery_port: int | None = None, **more: Any) -> BridgeConfig:
    return BridgeConfig(
        data_dir=data_dir, model="fake", osc_port=osc_port, oscquery_port=oscquery_port, **more
    )


def test_a_taken_port_is_refused_and_free_again_after_closing(tmp_path: Path) -> None:
    async def story() -> None:
        first = await OscDoor.open(config(tmp_path, oscquery_port=0))
        port = int(first.address.rsplit(":", 1)[1])
        with pytest.raises(Refused, match=str(port)) as refused:
            await OscDoor.open(config(tmp_path, port))
        assert refused.value.code == "conflict"
        assert first.query_url is not None
        query_port = int(first.query_url.rsplit(":", 1)[1])
        with pytest.raises(Refused, match=str(query_port)):
            await OscDoor.open(config(tmp_path, 0, query_port))
        await first.close()
        second = await OscDoor.open(config(tmp_path, port, query_port))
        await second.close()

    asyncio.run(story())


def test_udp_stays_on_loopback_unless_allowed_by_name(tmp_path: Path) -> None:
    keys, token = tmp_path / "keys", "a token of some length"
    keys.mkdir()

    async def story() -> None:
        for anywhere, host in ((False, "127.0.0.1"), (True, "0.0.0.0")):
            door = await OscDoor.open(
                config(tmp_path, 0, 0, host="0.0.0.0", keys=keys, token=token, udp_anywhere=anywhere)
            )
            assert door.address.startswith(f"osc.udp://{host}:")
            assert door.query_url is not None and door.query_url.startswith(f"http://{host}:")
            assert door._tcp.getsockname()[0] == "0.0.0.0"
            await door.close()

    asyncio.run(story())


def test_what_oscquery_says_of_osc_is_true(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        door = await OscDoor.open(config(tmp_path, oscquery_port=0))
        door.serve(room.bridge)
        async with httpx.AsyncClient() as client:
            info = (await client.get(f"{door.query_url}/?HOST_INFO")).json()
        assert door.address == f"osc.udp://{info['OSC_IP']}:{info['OSC_PORT']}"
        with Udp(info["OSC_PORT"]) as osc:
            assert (await asyncio.to_thread(osc.ask, "/version")).address == "/version.reply"
        await door.close()

    in_room(tmp_path, story)


def test_tcp_off_loopback_asks_for_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osc_door, "TOKEN_S", 0.5)
    keys, token = tmp_path / "keys", "a token of some length"
    keys.mkdir()

    async def story(room: Room) -> None:
        room.bridge.access = Access(operator_token="operator's", token=token)
        door = await OscDoor.open(config(tmp_path, host="0.0.0.0", keys=keys, token=token))
        door.serve(room.bridge)
        port = int(door.address.rsplit(":", 1)[1])

        def turned_away(*first: str) -> None:
            with Tcp(port) as osc:
                assert osc.ask(*first).params[::2] == [first[0], "denied"]
                assert osc.client.receive() == []  # closed

        def let_in(shown: str) -> None:
            with Tcp(port) as osc:
                assert osc.ask("/token", shown).params == ["/token", int(shown != token)]
                assert osc.ask("/status").address == "/status.reply"

        def silent() -> None:
            with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as stream:
                assert stream.recv(1) == b""

        await asyncio.to_thread(turned_away, "/status")
        await asyncio.to_thread(turned_away, "/token", "guessed")
        await asyncio.to_thread(let_in, token)
        await asyncio.to_thread(let_in, "operator's")
        await asyncio.to_thread(silent)
        with Udp(port) as osc:  # on loopback
            assert (await asyncio.to_thread(osc.ask, "/version")).address == "/version.reply"
        await door.close()

    in_room(tmp_path, story)


def test_connections_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osc_door, "CONNECTIONS", 2)

    async def story(room: Room) -> None:
        door = await OscDoor.open(config(tmp_path))
        door.serve(room.bridge)
        port = int(door.address.rsplit(":", 1)[1])

        def crowd() -> None:
            with Tcp(port) as first, Tcp(port) as second:
                assert [first.ask("/sync", 1).params, second.ask("/sync", 2).params] == [[1], [2]]
                third = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
                with third, contextlib.suppress(ConnectionResetError):
                    assert third.recv(1) == b""

            def again() -> bool:
                with contextlib.suppress(OSError, AssertionError), Tcp(port) as osc:
                    return osc.ask("/sync", 3).params == [3]
                return False

            wait_for(again)

        await asyncio.to_thread(crowd)
        await door.close()

    in_room(tmp_path, story)


def test_quit_ends_the_engine_and_is_answered(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine, Udp(int(engine.said["osc"].rsplit(":", 1)[1])) as osc:
        assert osc.ask("/quit").params == ["/quit"]
        assert engine.process.wait(WAIT_S) == 0
