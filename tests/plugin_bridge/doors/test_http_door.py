"""REST and envelopes over real sockets; a real engine process where its whole way matters."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect

from plugin_bridge.doors.http_routes import STATUS
from scene_schema.envelope import Envelope
from scene_schema.messages import REQUESTS
from tests.plugin_bridge.doors.http_room import HttpRoom
from tests.plugin_bridge.engine_process import ROOT, WAIT_S, EngineProcess, scene


@pytest.fixture
def room(tmp_path: Path) -> Iterator[HttpRoom]:
    with HttpRoom(tmp_path) as room:
        room.render()
        yield room


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpRoom]:
    """For tests that change nothing."""
    with HttpRoom(tmp_path_factory.mktemp("data")) as room:
        room.render()
        yield room


# --- the life of a scene ------------------------------------------------------------------------------------


def test_a_scene_by_rest(room: HttpRoom) -> None:
    client = room.client
    made = client.put("/scenes/storm", json={"duration_s": 0.5, "layers": []})
    assert (made.status_code, made.headers["etag"], made.headers["location"]) == (201, '"1"', "/scenes/storm")
    layer = {"id": "env", "view": "env", "caption": "thunder"}
    added = client.post("/scenes/storm/layers?render=false", json=layer, headers={"If-Match": '"1"'})
    assert (added.status_code, added.json()["stale"], added.headers["etag"]) == (200, ["env"], '"2"')
    client.post("/scenes/storm/layers?index=0&render=false", json={**layer, "id": "rain"})
    client.patch("/scenes/storm/layers/env", json={"gain_db": -6.0})
    client.post("/scenes/storm/layers/rain/move", json={"index": 1})
    client.patch("/scenes/storm", json={"title": "A storm"})
    found = client.get("/scenes/storm")
    assert found.headers["etag"] == '"6"'
    scene_now = found.json()["scene"]
    assert [one["id"] for one in scene_now["layers"]] == ["env", "rain"]
    assert (scene_now["layers"][0]["gain_db"], scene_now["title"]) == (-6.0, "A storm")
    assert client.get("/scenes/storm?revision=3").json()["scene"]["layers"][0]["id"] == "rain"
    assert client.delete("/scenes/storm/layers/rain").json()["revision"] == 7
    assert client.get("/scenes").json()["scenes"] == {"rain": 1, "storm": 7}


def test_jobs_by_rest(room: HttpRoom) -> None:
    headers = {"X-Stemscape-Client": "game"}
    edit = room.client.patch("/scenes/rain/layers/env", json={"caption": "hail"}, headers=headers)
    (job,) = edit.json()["jobs"]
    assert job["owners"] == ["game"]
    assert room.client.get(f"/jobs/{job['job']}").json()["state"] == "running"
    denied = room.client.delete(f"/jobs/{job['job']}", headers={"X-Stemscape-Client": "other"})
    assert (denied.status_code, denied.json()["code"]) == (403, "denied")
    assert room.client.delete(f"/jobs/{job['job']}", headers=headers).status_code == 200
    room.run(room.room.stopped, job["job"])
    assert room.client.get(f"/jobs/{job['job']}").json()["state"] == "cancelled"
    again = room.client.post("/scenes/rain/render", json={"layers": ["env"]}).json()["jobs"]
    assert [one["layer"] for one in again] == ["env"]
    assert room.client.get("/jobs/none").status_code == 404


def test_transport_by_rest(room: HttpRoom) -> None:
    headers = {"X-Stemscape-Client": "daw"}
    room.client.patch("/transport", json={"playing": True, "bpm": 120.0}, headers=headers)
    said = room.client.get("/transport").json()
    assert (said["playing"], said["bpm"], said["set_by"]) == (True, 120.0, "daw")


def test_the_same_key_twice_is_one_edit(room: HttpRoom) -> None:
    headers = {"Idempotency-Key": "edit-1"}
    first, second = (
        room.client.patch("/scenes/rain/layers/env", json={"gain_db": -3.0}, headers=headers) for _ in "ab"
    )
    assert first.json() == second.json()
    assert first.headers["x-stemscape-id"] == "edit-1"
    assert room.client.get("/scenes/rain").json()["revision"] == 2
    other = room.client.patch("/scenes/rain/layers/env", json={"gain_db": -4.0}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "exists")


def test_an_older_revision_is_a_conflict_that_brings_the_newest(room: HttpRoom) -> None:
    room.client.patch("/scenes/rain", json={"title": "b"})
    late = room.client.patch("/scenes/rain", json={"title": "c"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert late.json()["newest"]["revision"] == 2


def test_put_keeps_what_is_there_where_asked(room: HttpRoom) -> None:
    answer = room.client.put("/scenes/rain?replace=false", json=scene())
    assert (answer.status_code, answer.json()["code"]) == (409, "exists")
    assert room.client.put("/scenes/rain", json=scene()).status_code == 200


def test_locked(room: HttpRoom) -> None:
    room.client.patch("/scenes/rain/layers/env", json={"lock": True})
    answer = room.client.patch("/scenes/rain/layers/env", json={"caption": "snow"})
    assert (answer.status_code, answer.json()["code"]) == (423, "locked")


def test_deliver_names_paths(room: HttpRoom) -> None:
    delivery = room.client.post("/scenes/rain/deliver", json={"layers": ["env"], "format": "flac"}).json()
    assert [Path(one["path"]).is_file() for one in delivery["files"]] == [True, True]
    frames = room.client.post("/scenes/rain/deliver", json={"hand_off": "frames"})
    assert (frames.status_code, frames.json()["code"]) == (422, "unsupported")


def test_stop_with_the_operators_token(room: HttpRoom) -> None:
    answer = room.client.post("/stop", headers={"Authorization": "Bearer operator's"})
    assert answer.status_code == 200
    assert room.room.bridge.stopping.is_set()
    refused = room.client.get("/status")
    assert (refused.status_code, refused.json()["code"]) == (503, "shutting_down")
    assert room.client.get("/health").status_code == 503
    assert room.client.get("/health/live").status_code == 200


# --- envelopes ----------------------------------------------------------------------------------------------


def test_any_message_as_json(room: HttpRoom) -> None:
    content = {"scene": "rain", "layer": "env", "changes": {"gain_db": -6.0}}
    sent = {"id": "0a1b", "type": "layer.edit", "content": content, "client": "demo"}
    answer = room.client.post("/message", json=sent).json()
    assert answer.pop("id")
    assert answer == {
        "version": 1,
        "type": "layer.edit.reply",
        "parent": "0a1b",
        "session": room.room.bridge.session,
        "client": "",
        "content": {"scene": "rain", "revision": 2, "stale": [], "jobs": []},
    }


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_refused_message_has_the_status_of_its_code(shared: HttpRoom, kind: str) -> None:
    answer = shared.client.post("/message", json={"id": "m", "type": kind, "content": {"nonsense": 1}})
    said = answer.json()
    assert (said["type"], said["parent"]) == ("error", "m")
    assert answer.status_code == STATUS[said["content"]["code"]]


@pytest.mark.parametrize(
    "body, status, code, parent",
    [
        (b"", 400, "malformed", ""),
        (b"{", 400, "malformed", ""),
        (b"[]", 400, "malformed", ""),
        (b'{"id": "m"}', 400, "malformed", "m"),
        (b'{"id": "m", "type": "scene.paint"}', 400, "unknown_type", "m"),
        (b'{"id": "m", "type": "hello", "version": 2}', 400, "version", "m"),
        (b'{"id": "m", "type": "scene.deliver", "content": {"scene": "rain"}}', 422, "unsupported", "m"),
        (b"\xff", 400, "malformed", ""),
    ],
)
def test_bodies_that_are_no_message(
    shared: HttpRoom, body: bytes, status: int, code: str, parent: str
) -> None:
    answer = shared.client.post("/message", content=body)
    assert (answer.status_code, answer.json()["parent"]) == (status, parent)
    assert answer.json()["content"]["code"] == code


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(["scene", "layer", "changes", "id", "duration_s", "layers", "caption", "job", "x"])
_QUIET = [HealthCheck.function_scoped_fixture]


@settings(max_examples=80, deadline=None, suppress_health_check=_QUIET)
@given(
    kind=st.sampled_from([one for one in REQUESTS if one != "engine.stop"]),
    content=st.dictionaries(_FIELDS, _ANY, max_size=4),
)
def test_any_content_gets_an_answer_and_no_fault(shared: HttpRoom, kind: str, content: Any) -> None:
    answer = shared.client.post("/message", json={"id": "m", "type": kind, "content": content})
    assert answer.status_code < 500, answer.text


@settings(max_examples=80, deadline=None, suppress_health_check=_QUIET)
@given(body=st.binary(max_size=40) | _ANY.map(lambda value: json.dumps(value).encode()))
def test_any_body_gets_an_answer_and_no_fault(shared: HttpRoom, body: bytes) -> None:
    for method, path in (("PUT", "/scenes/x"), ("PATCH", "/scenes/rain/layers/env"), ("POST", "/message")):
        answer = shared.client.request(method, path, content=body)
        assert answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == "application/json"


# --- the rest of the house ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, path, status",
    [("GET", "/nowhere", 404), ("DELETE", "/scenes/rain", 405), ("POST", "/status", 405), ("PUT", "/", 405)],
)
def test_paths_that_are_not_there(shared: HttpRoom, method: str, path: str, status: int) -> None:
    answer = shared.client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, "not_found")
    if status == 405:
        assert answer.headers["allow"]


def test_documents_and_the_page(shared: HttpRoom) -> None:
    assert shared.client.get("/openapi.json").json()["openapi"].startswith("3.1")
    assert shared.client.get("/asyncapi.json").json()["asyncapi"].startswith("3.")
    schema = (ROOT / "docs" / "schema.json").read_text("utf-8")
    assert shared.client.get("/schema.json").text == schema
    page = shared.client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for link in [part.split('"')[0] for part in page.text.split('href="')[1:]]:
        assert shared.client.get(f"/{link}").status_code == 200


def test_health_follows_the_worker(room: HttpRoom) -> None:
    assert room.client.get("/health").json()["state"] == "ready"
    room.run(room.room.become, "lost")
    answer = room.client.get("/health")
    assert (answer.status_code, answer.json()["state"]) == (503, "lost")
    assert room.client.get("/health/live").status_code == 200


def test_metrics_count_what_happened(room: HttpRoom) -> None:
    room.client.get("/scenes/nowhere")
    room.client.get("/scenes/rain/mix.wav")
    room.client.post("/message", json={"type": "a-label-of-my-own"})
    page = room.client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'stemscape_requests_total{door="http",type="scene.get",code="not_found"} 1',
        'stemscape_requests_total{door="http",type="unknown",code="unknown_type"} 1',
        'stemscape_deliveries_total{door="http"} 1',
        'stemscape_jobs_ended_total{state="done"} 2',
        'stemscape_followers{door="websocket"} 0',
    ):
        assert line in page.text.splitlines()
    assert "a-label-of-my-own" not in page.text


def test_32_clients_at_once(room: HttpRoom) -> None:
    def edit(number: int) -> list[int]:
        with httpx.Client(base_url=room.door.url, timeout=WAIT_S, trust_env=False) as client:
            answers = []
            for step in range(5):
                key = {"Idempotency-Key": f"{number}-{step}", "X-Stemscape-Client": f"client-{number}"}
                changed = {"gain_db": -float(number)}
                answers.append(client.patch("/scenes/rain/layers/env", json=changed, headers=key))
            assert client.get("/scenes/rain/stems/env.wav").status_code == 200
            assert all(one.status_code == 200 for one in answers)
            return [one.json()["revision"] for one in answers]

    with ThreadPoolExecutor(32) as pool:
        revisions = [one for made in pool.map(edit, range(32)) for one in made]
    assert sorted(revisions) == list(range(2, 2 + 32 * 5))


def test_importing_the_door_loads_no_torch() -> None:
    code = "import plugin_bridge.doors.http_door, sys; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert ran.stdout == "False\n"


# --- a whole engine -----------------------------------------------------------------------------------------


def test_an_edit_from_door_to_door(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        url = engine.said["http"]
        with (
            httpx.Client(base_url=url, timeout=WAIT_S, trust_env=False) as client,
            connect(f"{url.replace('http', 'ws', 1)}/events", proxy=None) as events,
        ):
            welcome = json.loads(events.recv(WAIT_S))
            assert (welcome["type"], welcome["session"]) == ("welcome", engine.said["session"])
            assert welcome["content"]["http"] == url
            made = client.put("/scenes/rain?render=true", json=scene())
            waiting = {job["job"] for job in made.json()["jobs"]}
            while waiting:
                event = json.loads(events.recv(WAIT_S))
                if event["type"] == "event.job" and event["content"]["state"] == "done":
                    assert event["parent"] == made.headers["x-stemscape-id"]
                    waiting.discard(event["content"]["job"])
            stem = client.get("/scenes/rain/stems/env.wav?rate_hz=48000")
            assert stem.content[:4] == b"RIFF"
            # the two doors speak of the same scene
            engine.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": {"gain_db": -3.0}})
            assert client.get("/scenes/rain").headers["etag"] == '"2"'
            token = (tmp_path / "operator.token").read_text("ascii").strip()
            assert client.post("/stop", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert engine.process.wait(WAIT_S) == 0


def test_a_request_over_zeromq_is_told_over_websocket(room: HttpRoom) -> None:
    with room.events() as events:
        events.recv(WAIT_S)
        room.run(room.room.ask, "scene.edit", {"scene": "rain", "changes": {"title": "x"}})
        assert json.loads(events.recv(WAIT_S))["type"] == "event.scene"
        assert isinstance(room.room.events[-1][1], Envelope)
