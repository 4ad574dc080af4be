"""CURVE keys: who has none, or a strange one, is not heard; whoever was let in is answered."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
import zmq
import zmq.asyncio
import zmq.auth

from clients.python import AsyncClient, Credentials
from clients.python.errors import EngineLost
from plugin_bridge import curve_keys
from plugin_bridge.config import BridgeConfig
from plugin_bridge.doors.zmq_door import ZmqDoor
from scene_schema.envelope import encode, envelope_for
from scene_schema.errors import Refused
from scene_schema.messages import Hello
from tests.plugin_bridge.engine_process import WAIT_S
from tests.plugin_bridge.fakes import Room


def test_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    secret = curve_keys.make_keys(tmp_path, "daw")
    assert secret.stat().st_mode & 0o077 == 0
    engine = curve_keys.server_keys(tmp_path)
    assert curve_keys.load_pair(secret) != engine
    curve_keys.make_keys(tmp_path, "desk")
    assert curve_keys.server_keys(tmp_path) == engine
    with pytest.raises(Refused, match="has keys"):
        curve_keys.make_keys(tmp_path, "daw")
    with pytest.raises(Refused, match="name"):
        curve_keys.make_keys(tmp_path, "../daw")


def test_without_keys_the_engine_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"stemscape keys"):
        ZmqDoor(BridgeConfig(request_port=0, control_port=0, event_port=0, keys=tmp_path))


def test_only_known_keys_are_answered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = tmp_path / "keys"
    mine = curve_keys.make_keys(keys, "daw")
    public, stranger = zmq.auth.create_certificates(tmp_path, "stranger")
    engine_key = keys / "engine.key"

    async def story() -> None:
        room = Room(tmp_path / "data")
        door = ZmqDoor(BridgeConfig(request_port=0, control_port=0, event_port=0, keys=keys))
        try:
            door.serve(room.bridge)
            known = Credentials(keys=mine, engine_key=engine_key)
            assert await is_answered(door.addresses.request, known, WAIT_S)
            strange = Credentials(keys=Path(stranger), engine_key=engine_key)
            assert not await is_answered(door.addresses.request, strange, 1.0)
            assert not await is_answered(door.addresses.request, Credentials(), 1.0)
            for unknown in (strange, Credentials()):
                with pytest.raises(Refused, match="does not know its keys") as refused:
                    await AsyncClient.connect(
                        door.addresses.request, connect_timeout_s=WAIT_S, credentials=unknown
                    )
                assert refused.value.code == "denied"
            # a client whose key comes later needs no restart of the engine
            Path(public).rename(keys / "clients" / "stranger.key")
            assert await is_answered(door.addresses.request, strange, WAIT_S)
        finally:
            await door.close()
            await room.close()

    with caplog.at_level(logging.WARNING, "stemscape.access"):
        asyncio.run(story())
    assert "unknown key" in caplog.text


def test_a_client_whose_key_is_taken_away_is_told_in_time(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    mine = curve_keys.make_keys(keys, "daw")
    curve_keys.make_keys(keys, "desk")

    async def story() -> None:
        room = Room(tmp_path / "data")
        door = ZmqDoor(BridgeConfig(request_port=0, control_port=0, event_port=0, keys=keys))
        room.bridge._addresses = door.addresses  # a room has none of its own
        door.serve(room.bridge)
        credentials = Credentials(keys=mine, engine_key=keys / "engine.key")
        address = door.addresses.request
        client = await AsyncClient.connect(
            address, timeout_s=1.0, connect_timeout_s=WAIT_S, credentials=credentials
        )
        try:
            (keys / "clients" / "daw.key").unlink()
            await door.close()
            port = int(address.rpartition(":")[2])
            door = ZmqDoor(BridgeConfig(request_port=port, control_port=0, event_port=0, keys=keys))
            door.serve(room.bridge)
            for _ in range(
                3
            ):  # at first what is sent waits for a connection; once turned away, nothing is sent
                with pytest.raises(EngineLost):
                    await asyncio.wait_for(client.status(), WAIT_S)
        finally:
            await client.close()
            await door.close()
            await room.close()

    asyncio.run(story())


async def is_answered(address: str, credentials: Credentials, within_s: float) -> bool:
    """Whether an answer to hello comes in time."""
    context = zmq.asyncio.Context()
    try:
        socket = context.socket(zmq.DEALER)
        credentials.lock(socket)
        socket.connect(address)
        await socket.send_multipart(encode(envelope_for("hello", Hello())))
        return bool(await socket.poll(1000 * within_s))
    finally:
        context.destroy(linger=0)


def test_credentials_say_which_key_is_missing(tmp_path: Path) -> None:
    context = zmq.asyncio.Context()
    try:
        socket = context.socket(zmq.DEALER)
        with pytest.raises(Refused, match="keys"):
            Credentials(engine_key=tmp_path / "engine.key").lock(socket)
        with pytest.raises(Refused, match="cannot be used"):
            Credentials(keys=tmp_path / "none.key_secret", engine_key=tmp_path / "engine.key").lock(socket)
    finally:
        context.destroy(linger=0)
