"""OSCQuery over plain HTTP, around a real bridge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from plugin_bridge.doors.osc_table import ROWS
from plugin_bridge.doors.oscquery import ATTRIBUTES, OscQuery
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room

OSC = ("127.0.0.1", 47714)
ENV = "/scene/rain/layer/env"

Get = Callable[..., Awaitable[httpx.Response]]


def queried(data_dir: Path, story: Callable[[Room, Get], Awaitable[None]]) -> None:
    """Plays a story with a scene and a client of its OSCQuery server."""

    async def play(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        server = OscQuery.open("127.0.0.1", 0, OSC)
        server.serve(room.bridge)
        try:
            async with httpx.AsyncClient(base_url=server.url) as client:
                await story(room, client.get)
        finally:
            await server.close()

    in_room(data_dir, play)


def nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(one for inside in node.get("CONTENTS", {}).values() for one in nodes(inside))]


def test_host_info(tmp_path: Path) -> None:
    async def story(_: Room, get: Get) -> None:
        for path in ("/?HOST_INFO", "/?HOST_INFO=1", "/scene?HOST_INFO"):
            info = (await get(path)).json()
            assert (info["NAME"], info["OSC_IP"], info["OSC_PORT"], info["OSC_TRANSPORT"]) == (
                "Stemscape",
                *OSC,
                "UDP",
            )
            assert info["EXTENSIONS"]["VALUE"] is True
            assert info["EXTENSIONS"]["LISTEN"] is False

    queried(tmp_path, story)


def test_the_tree_holds_every_address_of_the_table_and_of_the_scenes(tmp_path: Path) -> None:
    async def story(_: Room, get: Get) -> None:
        answer = await get("/")
        assert answer.headers["content-type"] == "application/json"
        found = {node["FULL_PATH"]: node for node in nodes(answer.json())}
        for row in ROWS:
            for layer in ("env", "music"):
                address = row.address.replace("<scene>", "rain").replace("<layer>", layer)
                assert found[address]["DESCRIPTION"] == row.what
                assert found[address]["ACCESS"] == (3 if row.value is not None else 2)
        for path, node in found.items():
            assert set(node) <= set(ATTRIBUTES)
            assert node["ACCESS"] in range(4)
            if "VALUE" in node:
                assert node["ACCESS"] == 3
                assert len(node["VALUE"]) <= len(node["TYPE"]), path
            else:
                assert node["ACCESS"] in (0, 2)

    queried(tmp_path, story)


def test_values_are_those_of_now(tmp_path: Path) -> None:
    async def story(room: Room, get: Get) -> None:
        gain = (await get(f"{ENV}/gain_db")).json()
        assert {name: gain[name] for name in ("FULL_PATH", "TYPE", "ACCESS", "VALUE", "RANGE")} == {
            "FULL_PATH": f"{ENV}/gain_db",
            "TYPE": "f",
            "ACCESS": 3,
            "VALUE": [0.0],
            "RANGE": [{"MIN": -60.0, "MAX": 12.0}],
        }
        changes = {"gain_db": -6.5, "mute": True, "cues": [{"at_s": 0.1, "text": "drip"}]}
        await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": changes})
        assert (await get(f"{ENV}/gain_db?VALUE")).json() == {"VALUE": [-6.5]}
        assert (await get(f"{ENV}/mute")).json()["VALUE"] == [True]
        assert (await get(f"{ENV}/mute?TYPE")).json() == {"TYPE": "T"}
        assert (await get(f"{ENV}/cues")).json()["TYPE"] == "fs"
        assert (await get(f"{ENV}/view?RANGE")).json()["RANGE"][0]["VALS"][0] == "caption"
        await room.ask("transport.set", {"bpm": 93.5})
        assert (await get("/transport/bpm?VALUE")).json() == {"VALUE": [93.5]}
        grid = {"tempo": {"bpm": 90}, "chords": ["C", "F"]}
        await room.ask("scene.edit", {"scene": "rain", "changes": grid, "render": False})
        assert (await get("/scene/rain/tempo")).json()["VALUE"] == [90.0, 4, 0.0]
        assert (await get("/scene/rain/chords")).json()["TYPE"] == "ss"

    queried(tmp_path, story)


def test_scenes_and_layers_come_and_go(tmp_path: Path) -> None:
    async def story(room: Room, get: Get) -> None:
        assert (await get("/scene/street")).status_code == 404
        await room.ask("scene.create", {"scene": scene("street")})
        assert (await get("/scene/street/layer/env")).status_code == 200
        await room.ask("layer.remove", {"scene": "street", "layer": "env"})
        assert (await get("/scene/street/layer/env")).status_code == 404
        contents = (await get("/scene?CONTENTS")).json()["CONTENTS"]
        assert set(contents) == {"list", "create", "load", "import", "rain", "street"}

    queried(tmp_path, story)


def test_a_scene_named_as_a_command_is_both(tmp_path: Path) -> None:
    async def story(room: Room, get: Get) -> None:
        await room.ask("scene.create", {"scene": scene("list")})
        node = (await get("/scene/list")).json()
        assert node["DESCRIPTION"].startswith("All scenes")
        assert "layer" in node["CONTENTS"]

    queried(tmp_path, story)


def test_what_is_not_there_is_said_by_its_status(tmp_path: Path) -> None:
    async def story(_: Room, get: Get) -> None:
        for path, status in [
            ("/nowhere", 404),
            ("/scene/rain/layer/sea", 404),
            ("/scene/rain/layer/env/caption/deeper", 404),
            ("/../../etc/passwd", 404),
            (f"{ENV}/caption?RANGE", 204),
            ("/status?VALUE", 204),
            (f"{ENV}/caption?COLOUR", 400),
        ]:
            assert (await get(path)).status_code == status, path

    queried(tmp_path, story)


def test_no_web_page_of_elsewhere_reads_it(tmp_path: Path) -> None:
    async def story(_: Room, get: Get) -> None:
        assert (await get("/", headers={"host": "evil.example"})).status_code == 400
        answer = await get("/", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers
        assert (await get("/", headers={"host": "localhost:1"})).status_code == 200

    queried(tmp_path, story)


def test_closing_is_quick_even_with_an_open_connection(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        server = OscQuery.open("127.0.0.1", 0, OSC)
        server.serve(room.bridge)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readline()).endswith(b"200 OK\r\n")
        await asyncio.wait_for(server.close(), 20)
        writer.close()

    in_room(tmp_path, story)
