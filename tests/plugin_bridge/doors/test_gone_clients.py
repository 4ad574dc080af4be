"""Clients that vanish, stay or come back, at the doors of a real engine: what becomes of their jobs.

And typing, whose renders a real worker never begins.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from pythonosc.tcp_client import SimpleTCPClient
from pythonosc.udp_client import SimpleUDPClient
from websockets.sync.client import ClientConnection, connect

from clients.python import Client
from clients.python.credentials import Credentials
from scene_schema.envelope import Envelope
from scene_schema.job_states import FINAL
from tests.plugin_bridge.doors.http_room import HttpRoom
from tests.plugin_bridge.engine_process import WAIT_S, EngineProcess, scene, wait_for

LEASE_S = 1.5  # a test machine may be busy; two of the slow renders take longer
_numbers = itertools.count()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    options = ("--lease-s", f"{LEASE_S:g}", "--quiet-s", "1", "--quiet-from-s", "0.4")
    with EngineProcess(tmp_path_factory.mktemp("data"), *options) as engine:
        engine.wait_ready()
        yield engine


@pytest.fixture
def slow(engine: EngineProcess) -> str:
    """A scene of four layers; each takes a second to render."""
    name = f"slow{next(_numbers)}"
    layers = [{"id": f"l{at}", "view": "sfx", "caption": f"slow {name} {at}"} for at in range(4)]
    assert engine.ask("scene.create", {"scene": scene(name, *layers)}).type == "scene.create.reply"
    return name


def jobs_in(engine: EngineProcess, name: str) -> list[str]:
    jobs = engine.ask("status").content["jobs"]
    return [job["job"] for job in jobs if job["scene"] == name]


def ends(engine: EngineProcess, jobs: list[str]) -> list[str]:
    return [engine.wait_job(job, *FINAL)["state"] for job in jobs]


def test_a_zeromq_client_that_vanishes_takes_its_jobs_along(engine: EngineProcess, slow: str) -> None:
    socket = engine.socket(zmq.DEALER, "request")
    hello = engine.exchange(socket, Envelope("hello", {"cancel_on_disconnect": True}, client="zmq"))
    assert hello.content["lease_s"] == LEASE_S
    accepted = engine.exchange(socket, Envelope("scene.render", {"scene": slow}, client="zmq"))
    jobs = [job["job"] for job in accepted.content["jobs"]]
    socket.close(linger=0)
    assert ends(engine, jobs)[-1] == "cancelled"
    assert jobs_in(engine, slow) == []


def test_one_that_says_anything_at_all_keeps_them(engine: EngineProcess, slow: str) -> None:
    engine.ask("hello", {"cancel_on_disconnect": True}, client="chatty")
    accepted = engine.ask("scene.render", {"scene": slow}, client="chatty")
    jobs = [job["job"] for job in accepted.content["jobs"]]

    def done() -> bool:
        return bool(engine.ask("job.get", {"job": jobs[1]}, client="chatty").content["state"] == "done")

    began_s = time.monotonic()
    wait_for(done)
    assert time.monotonic() - began_s > LEASE_S, "or this shows nothing"
    assert engine.ask("jobs.cancel", client="chatty").type == "jobs.cancel.reply"
    assert set(ends(engine, jobs)) == {"done", "cancelled"}


# --- WebSocket ------------------------------------------------------------------------------------------


def listen(engine: EngineProcess, name: str) -> ClientConnection:
    url = f"{engine.said['http'].replace('http', 'ws', 1)}/events?client={name}"
    return connect(url, proxy=None, max_queue=None)  # it closes in order only when all events are read


def say(events: ClientConnection, kind: str, **content: Any) -> dict[str, Any]:
    message = Envelope(kind, content)
    events.send(json.dumps({"id": message.id, "type": kind, "content": content}))
    while (answer := json.loads(events.recv(WAIT_S)))["type"] != f"{kind}.reply":
        pass
    assert answer["parent"] == message.id
    found: dict[str, Any] = answer["content"]
    return found


def test_an_open_websocket_keeps_its_jobs_and_a_closed_one_does_not(engine: EngineProcess, slow: str) -> None:
    with listen(engine, "ws") as events:
        assert say(events, "hello", cancel_on_disconnect=True)["lease_s"] == LEASE_S
        jobs = [job["job"] for job in say(events, "scene.render", scene=slow)["jobs"]]
        began_s = time.monotonic()
        assert engine.wait_job(jobs[1], *FINAL)["state"] == "done"
        assert time.monotonic() - began_s > LEASE_S, "or this shows nothing"
    assert ends(engine, jobs)[-1] == "cancelled"


def test_who_comes_back_in_time_keeps_its_jobs(engine: EngineProcess, slow: str) -> None:
    with listen(engine, "back") as events:
        say(events, "hello", cancel_on_disconnect=True)
        jobs = [job["job"] for job in say(events, "scene.render", scene=slow)["jobs"]]
    with listen(engine, "back") as events:
        say(events, "hello", cancel_on_disconnect=True)
        assert ends(engine, jobs) == ["done"] * 4


# --- OSC ------------------------------------------------------------------------------------------------


def osc_port(engine: EngineProcess) -> int:
    return int(engine.said["osc"].rsplit(":", 1)[1])


def take_lease_and_render(send: Callable[[str, list[Any]], None], name: str, slow: str) -> None:
    send("/notify", [0, name])
    send("/lease", [1])
    send(f"/scene/{slow}/render", [])


def jobs_of_render(engine: EngineProcess, slow: str) -> list[str]:
    jobs: list[str] = wait_for(lambda: len(found := jobs_in(engine, slow)) == 4 and found)
    return jobs


def test_an_osc_connection_that_closes_takes_its_jobs_along(engine: EngineProcess, slow: str) -> None:
    osc = SimpleTCPClient("127.0.0.1", osc_port(engine), timeout=WAIT_S)
    take_lease_and_render(osc.send_message, "osc-tcp", slow)
    jobs = jobs_of_render(engine, slow)
    assert engine.wait_job(jobs[1], *FINAL)["state"] == "done", "it stands, and that is enough"
    osc.close()
    assert ends(engine, jobs)[-1] == "cancelled"


def test_an_osc_peer_that_falls_silent_takes_its_jobs_along(engine: EngineProcess, slow: str) -> None:
    with SimpleUDPClient("127.0.0.1", osc_port(engine)) as osc:
        take_lease_and_render(osc.send_message, "osc-udp", slow)
        jobs = jobs_of_render(engine, slow)

        def done() -> bool:
            osc.send_message("/notify", [0])  # the door's own affair, and a sign of life all the same
            return bool(engine.ask("job.get", {"job": jobs[1]}).content["state"] == "done")

        wait_for(done)
    assert ends(engine, jobs)[-1] == "cancelled"


def test_osc_renders_in_batch_and_ends_what_is_its_own(engine: EngineProcess, slow: str) -> None:
    with SimpleUDPClient("127.0.0.1", osc_port(engine)) as osc:
        for address, arguments in (("/notify", [0, "osc-batch"]), ("/batch", [1])):
            osc.send_message(address, arguments)
        osc.send_message(f"/scene/{slow}/render", [])
        jobs = jobs_of_render(engine, slow)
        assert {engine.ask("job.get", {"job": job}).content["priority"] for job in jobs} == {"batch"}
        osc.send_message("/cancel/mine", [slow])
        assert set(ends(engine, jobs)) == {"cancelled"}


# --- SDK ------------------------------------------------------------------------------------------------


def test_the_sdk_stays_as_long_as_it_is_open(engine: EngineProcess, slow: str) -> None:
    address = engine.said["request"]
    with Client(address, credentials=Credentials(name="sdk"), cancel_on_disconnect=True) as client:
        assert client.welcome.lease_s == LEASE_S
        accepted = client.start_render(slow, priority="batch")
        jobs = [job.job for job in accepted.jobs]
        assert engine.wait_job(jobs[1], *FINAL)["state"] == "done"
    assert ends(engine, jobs)[-1] == "cancelled"


def test_the_sdk_ends_all_its_jobs(engine: EngineProcess, slow: str) -> None:
    with Client(engine.said["request"], credentials=Credentials(name="sdk")) as client:
        jobs = [job.job for job in client.start_render(slow).jobs]
        assert client.cancel_all("another-scene") == []
        assert [job.job for job in client.cancel_all()] == jobs
        assert set(ends(engine, jobs)) == {"cancelled"}


# --- typing ---------------------------------------------------------------------------------------------


def test_what_is_typed_over_never_begins_to_render(engine: EngineProcess, slow: str) -> None:
    first = engine.ask("scene.render", {"scene": slow, "layers": ["l0"]}, client="typist")
    engine.wait_job(first.content["jobs"][0]["job"], "done")  # so that it is known to be slow
    words = "slow rain on a roof"
    jobs = []
    for length in range(5, len(words) + 1):
        changes = {"caption": words[:length]}
        edit = engine.ask("layer.edit", {"scene": slow, "layer": "l0", "changes": changes}, client="typist")
        jobs += [job["job"] for job in edit.content["jobs"]]
    assert engine.wait_job(jobs[-1], *FINAL)["state"] == "done"
    heard: dict[str, list[str]] = {job: [] for job in jobs}
    engine.wait_event("event.job", job=jobs[-1], state="done")
    for event in engine.heard:
        if event.type == "event.job" and event.content["job"] in heard:
            heard[event.content["job"]].append(event.content["state"])
    assert all("running" not in heard[job] for job in jobs[:-1])
    assert all(heard[job][-1] == "superseded" for job in jobs[:-1])
    assert "running" in heard[jobs[-1]]


# --- HTTP -----------------------------------------------------------------------------------------------


def test_too_many_over_http_and_then_none(tmp_path: Path) -> None:
    layers = [{"id": f"l{at}", "view": "sfx", "caption": f"sound {at}"} for at in range(32)]
    with HttpRoom(tmp_path, waiting_jobs=32) as room:
        me = {"X-Stemscape-Client": "me"}
        for name in ("one", "two"):
            made = [{**layer, "caption": f"{name} {layer['id']}"} for layer in layers]
            document = {"duration_s": 0.5, "layers": made}
            assert room.client.put(f"/scenes/{name}", json=document, headers=me).status_code == 201
        accepted = room.client.post("/scenes/one/render", json={"priority": "batch"}, headers=me)
        assert len(accepted.json()["jobs"]) == 32
        refused = room.client.post("/scenes/two/render", headers=me)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_jobs")
        kept = room.client.patch("/scenes/two?priority=batch", json={"duration_s": 0.75}, headers=me)
        assert (kept.status_code, kept.json()["unqueued"]["code"]) == (200, "too_many_jobs")
        page = room.client.get("/metrics").text
        assert 'stemscape_renders_refused_total{type="scene.render"} 1' in page
        assert 'stemscape_renders_refused_total{type="scene.edit"} 1' in page
        assert 'stemscape_jobs_waiting{priority="batch"} 31' in page
        ended = room.client.delete("/jobs?scene=one", headers=me)
        assert len(ended.json()["jobs"]) == 32
        assert len(room.client.post("/scenes/two/render", headers=me).json()["jobs"]) == 32
