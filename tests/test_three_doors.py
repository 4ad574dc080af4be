"""The same script of edits through each door: the same revisions, the same bytes. One engine a door."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.cases import ended, ok
from tests.conformance.osc_talk import OscTalk
from tests.conformance.talk import HttpTalk, ZmqTalk
from tests.plugin_bridge.engine_process import EngineProcess

SCENE: dict[str, Any] = {
    "id": "station",
    "duration_s": 2.0,
    "tempo": {"bpm": 97.0},
    "layers": [
        {"id": "rain", "view": "env", "caption": "light rain", "seed": 3},
        {"id": "bell", "view": "sfx", "caption": "a bell", "cues": [{"at_s": 0.5}, {"at_s": 1.25}]},
        {"id": "piano", "view": "music", "caption": "slow piano", "gain_db": -6.0},
    ],
}

Script = Callable[[EngineProcess], tuple[list[int], dict[str, bytes]]]


def over_messages(talk: ZmqTalk | HttpTalk) -> tuple[list[int], dict[str, bytes]]:
    """The script as messages."""
    revisions = []

    def ask(kind: str, **content: Any) -> None:
        reply = ok(talk.ask(kind, content)).content
        revisions.append(reply["revision"])
        for job in reply["jobs"]:
            ended(talk, job["job"], "done")

    station = {"scene": "station"}
    ask("scene.create", scene=SCENE, render=True)
    ask("layer.edit", **station, layer="rain", changes={"caption": "storm"})
    ask("layer.edit", **station, layer="piano", changes={"gain_db": -9.0})
    ask("layer.edit", **station, layer="piano", changes={"pan": 0.25})
    ask("layer.edit", **station, layer="bell", changes={"cues": [{"at_s": 1.0}]})
    layer = {"id": "sea", "view": "env", "caption": "sea"}
    ask("layer.add", **station, layer=layer)
    ask("layer.move", **station, layer="sea", index=0)
    ask("scene.edit", **station, changes={"title": "Night"})
    ask("layer.remove", **station, layer="piano")
    order = {"rate_hz": 44_100, "bit_depth": 16, "hand_off": "path"}
    files = ok(talk.ask("scene.deliver", {**station, **order})).content["files"]
    return revisions, {one["layer"] or "mix": Path(one["path"]).read_bytes() for one in files}


def over_zmq(engine: EngineProcess) -> tuple[list[int], dict[str, bytes]]:
    talk = ZmqTalk(engine.said["request"])
    try:
        return over_messages(talk)
    finally:
        talk.close()


def over_http(engine: EngineProcess) -> tuple[list[int], dict[str, bytes]]:
    talk = HttpTalk(engine.said["http"])
    try:
        return over_messages(talk)
    finally:
        talk.close()


def over_rest(engine: EngineProcess) -> tuple[list[int], dict[str, bytes]]:
    """The script as paths of HTTP, and the audio by GET."""
    talk = HttpTalk(engine.said["http"])
    revisions = []
    url = "/scenes/station"

    def ask(method: str, path: str, body: Any = None) -> None:
        reply = talk.http.request(method, path, json=body)
        assert reply.is_success, reply.text
        revisions.append(reply.json()["revision"])
        for job in reply.json()["jobs"]:
            ended(talk, job["job"], "done")

    try:
        ask("PUT", f"{url}?render=true", SCENE)
        ask("PATCH", f"{url}/layers/rain", {"caption": "storm"})
        ask("PATCH", f"{url}/layers/piano", {"gain_db": -9.0})
        ask("PATCH", f"{url}/layers/piano", {"pan": 0.25})
        ask("PATCH", f"{url}/layers/bell", {"cues": [{"at_s": 1.0}]})
        ask("POST", f"{url}/layers", {"id": "sea", "view": "env", "caption": "sea"})
        ask("POST", f"{url}/layers/sea/move", {"index": 0})
        ask("PATCH", url, {"title": "Night"})
        ask("DELETE", f"{url}/layers/piano")
        query = "?rate_hz=44100&bit_depth=16"
        sounds = {name: f"{url}/stems/{name}.wav{query}" for name in ("sea", "rain", "bell")}
        sounds["mix"] = f"{url}/mix.wav{query}"
        return revisions, {name: talk.http.get(path).content for name, path in sounds.items()}
    finally:
        talk.close()


def over_osc(engine: EngineProcess, *, tcp: bool) -> tuple[list[int], dict[str, bytes]]:
    """The script as OSC addresses."""
    talk = OscTalk(engine.said["osc"].split("://")[1], tcp=tcp)
    revisions = []

    def ask(address: str, *arguments: Any) -> None:
        talk.send(address, *arguments)
        talk.send("/sync", len(revisions))
        talk.wait("/synced", len(revisions))
        said = talk.wait("/event/scene", "station")
        revisions.append(said.arguments[1])

    place = "/scene/station"
    try:
        ask("/scene/create", json.dumps(SCENE), False, True)
        ask(f"{place}/layer/rain/caption", "storm")
        ask(f"{place}/layer/piano/gain_db", -9.0)
        ask(f"{place}/layer/piano/pan", 0.25)
        ask(f"{place}/layer/bell/cues", 1.0)
        ask(f"{place}/layer/sea/add", "env", "sea")
        ask(f"{place}/layer/sea/move", 0)
        ask(f"{place}/title", "Night")
        ask(f"{place}/layer/piano/remove")
        talk.send(f"{place}/deliver", "rate_hz", 44_100, "bit_depth", 16)
        said = talk.wait("/done", f"{place}/deliver").arguments
        return revisions, {
            layer: Path(path).read_bytes() for layer, path in zip(said[3::2], said[4::2], strict=True)
        }
    finally:
        talk.close()


@pytest.mark.timeout(240)
def test_the_same_script_through_each_door(tmp_path: Path) -> None:
    scripts: dict[str, Script] = {
        "zmq": over_zmq,
        "http": over_http,
        "rest": over_rest,
        "osc over udp": lambda engine: over_osc(engine, tcp=False),
        "osc over tcp": lambda engine: over_osc(engine, tcp=True),
    }
    found = {}
    for number, (name, script) in enumerate(scripts.items()):
        with EngineProcess(tmp_path / str(number)) as engine:
            found[name] = script(engine)
            kept = engine.ask("scene.get", {"scene": "station"}).content["scene"]
            assert [one["id"] for one in kept["layers"]] == ["sea", "rain", "bell"], name
    revisions, files = found["zmq"]
    assert revisions == list(range(1, 10)) and set(files) == {"sea", "rain", "bell", "mix"}
    for name, (theirs, sounds) in found.items():
        assert sounds == files, f"{name} delivers other bytes"
        assert theirs == revisions, name
