"""The log of a whole engine: one search for an id finds a render's story in both of its processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.plugin_bridge.engine_process import (
    ROOT,
    WAIT_S,
    EngineProcess,
    command,
    environment,
    scene,
    wait_for,
)

Line = dict[str, Any]


def lines_of(path: Path) -> list[Line]:
    """Every line, each of which must be an object with what all have."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for line in lines:
        assert list(line)[:4] == ["time", "level", "logger", "message"]
    return lines


def about(lines: list[Line], found: str) -> list[Line]:
    """As `grep` would find them."""
    return [line for line in lines if found in json.dumps(line)]


def create(engine: EngineProcess, message_id: str, caption: str) -> str:
    layer = {"id": "env", "view": "env", "caption": caption}
    content = {"scene": scene("rain", layer), "render": True, "replace": True}
    job: str = engine.ask("scene.create", content, id=message_id, client="daw").content["jobs"][0]["job"]
    return job


def test_one_search_finds_a_render_in_both_processes(tmp_path: Path) -> None:
    stderr = tmp_path / "stderr"
    with stderr.open("wb") as file, EngineProcess(tmp_path, "--log", "json", stderr=file) as engine:
        worker = engine.wait_ready()["pid"]
        job = create(engine, "message-1", "rain")
        engine.wait_job(job, "done")
    lines = lines_of(stderr)
    story = about(lines, "message-1")
    # what the two processes say meets in the order of its coming; each tells its own in order
    assert [(one["logger"], one["message"]) for one in story if one["logger"] != "stemscape.worker"] == [
        ("stemscape.job", "job queued"),
        ("stemscape.job", "job started"),
        ("stemscape.bridge", "scene.create accepted"),
        ("stemscape.job", "job done"),
    ]
    (rendered,) = (one for one in story if one["logger"] == "stemscape.worker")
    assert rendered["message"].startswith("rendered 0.5 s in ")
    assert rendered["worker_pid"] == worker
    for one in story:
        assert one["request"] == "message-1"
        assert one.get("job", job) == job
    assert any(one["message"].startswith("worker 0 is ready") for one in lines)
    assert lines_of(tmp_path / "engine.log") == lines


def test_a_fault_of_the_worker_is_told_with_its_traceback_under_the_request(tmp_path: Path) -> None:
    log = tmp_path / "elsewhere" / "log"
    options = ("--log", "json", "--log-file", str(log))
    with (tmp_path / "stderr").open("wb") as file, EngineProcess(tmp_path, *options, stderr=file) as engine:
        engine.wait_ready()
        job = create(engine, "message-2", "broken")
        assert engine.wait_job(job, "failed")["error"]["code"] == "internal"
    story = about(lines_of(log), "message-2")
    (fault,) = (one for one in story if "traceback" in one)
    assert "RuntimeError: this caption was asked to fail" in fault["traceback"]
    assert (fault["logger"], fault["level"], fault["job"]) == ("stemscape.worker", "ERROR", job)
    assert [one["code"] for one in story if one["message"].startswith("job failed")] == ["internal"]
    assert not (tmp_path / "engine.log").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_worker_that_crashes_is_part_of_the_story(tmp_path: Path) -> None:
    stderr = tmp_path / "stderr"
    with stderr.open("wb") as file, EngineProcess(tmp_path, "--log", "json", stderr=file) as engine:
        worker = engine.wait_ready()["pid"]
        job = create(engine, "message-3", "slow rain")
        engine.wait_job(job, "running")
        os.kill(worker, signal.SIGSEGV)  # Python's own words for it are no JSON
        engine.wait_job(job, "done")
    story = about(lines_of(stderr), "message-3")
    words = [one["message"] for one in story]
    assert "Fatal Python error: Segmentation fault" in words
    lost = next(one for one in story if one["message"].startswith("worker 0 was ended by SIGSEGV"))
    assert (lost["worker_pid"], lost["job"]) == (worker, job)
    assert words.index("Fatal Python error: Segmentation fault") < words.index(lost["message"])
    assert words.count("job started") == 2
    assert words[-1] == "job done"


def test_requests_and_clients_are_told_where_that_is_wanted(tmp_path: Path) -> None:
    options = ("--log", "json", "--log-level", "debug")
    with (tmp_path / "stderr").open("wb") as file, EngineProcess(tmp_path, *options, stderr=file) as engine:
        engine.ask("status", id="message-4", client="daw")
        with connect(f"{engine.said['http'].replace('http', 'ws')}/events?client=screen") as socket:
            assert "welcome" in str(socket.recv(WAIT_S))
        wait_for(lambda: "is closed" in (tmp_path / "engine.log").read_text("utf-8"))
    lines = lines_of(tmp_path / "engine.log")
    (status,) = about(lines, "message-4")
    assert (status["level"], status["message"], status["client"]) == ("DEBUG", "status accepted", "daw")
    assert [one["client"] for one in lines if one["message"].startswith("a WebSocket")] == ["screen"] * 2


def test_text_that_is_not_utf_8_closes_its_socket_and_is_no_fault(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("wb") as file, EngineProcess(tmp_path, stderr=file) as engine:
        with connect(f"{engine.said['http'].replace('http', 'ws')}/events") as socket:
            assert "welcome" in str(socket.recv(WAIT_S))
            socket.send(b"\xff\xfe", text=True)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    socket.recv(WAIT_S)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1007
        assert engine.ask("status").type == "status.reply"
    said = (tmp_path / "stderr").read_text("utf-8")
    assert "is not UTF-8" in said
    assert "Traceback" not in said


def test_why_it_cannot_start_is_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    for options in (("--log", "json"), ("--log", "json", "--log-file", str(tmp_path / "log"))):
        ran = subprocess.run(
            command(tmp_path / "data", "--port", "0", *options),
            capture_output=True, text=True, timeout=WAIT_S, env=environment(), cwd=ROOT,
        )  # fmt: skip
        assert ran.returncode == 2
        (line,) = ran.stderr.splitlines()
        assert json.loads(line)["level"] == "CRITICAL"
        assert "--data-dir" in json.loads(line)["message"]
