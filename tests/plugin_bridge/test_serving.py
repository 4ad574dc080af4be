"""A whole engine, from start to stop and through every kind of death. Real processes, the fake model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq

from tests.plugin_bridge.engine_process import (
    ROOT,
    WAIT_S,
    EngineProcess,
    command,
    environment,
    is_alive,
    scene,
    wait_for,
)

SLOW = {"id": "slow", "view": "env", "caption": "slow rain"}  # a second of steps in the fake model


READY = ("session", "request", "control", "events", "http", "osc", "oscquery", "pid", "model")


def create(engine: EngineProcess, *layers: dict[str, Any], render: bool = True) -> list[str]:
    created = engine.ask("scene.create", {"scene": scene("rain", *layers), "render": render})
    return [job["job"] for job in created.content["jobs"]]


def edit(engine: EngineProcess, layer: str, **changes: Any) -> dict[str, Any]:
    return engine.ask("layer.edit", {"scene": "rain", "layer": layer, "changes": changes}).content


def test_an_edit_from_door_to_door(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        assert set(engine.said) == set(READY)
        jobs = create(engine)
        for job in jobs:
            engine.wait_event("event.job", job=job, state="done")
        (changed,) = edit(engine, "env", caption="storm")["jobs"]
        take = engine.wait_event("event.take", layer="env").content["take"]
        assert take["length_samples"] == 12_000
        done = engine.wait_event("event.job", job=changed["job"], state="done")
        assert done.content["take"] == take["id"]
        delivery = engine.ask("scene.deliver", {"scene": "rain", "rate_hz": 44_100})
        assert delivery.content["length_samples"] == 22_050
        assert len(delivery.binary) == 3


def test_it_serves_before_the_worker_is_ready(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        worker = engine.ask("status").content["worker"]
        assert worker["state"] in ("starting", "loading", "ready")
        (job, _) = create(engine)
        assert engine.wait_job(job, "done")["take"]


def test_a_killed_worker_is_told_replaced_and_its_job_done(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        engine.wait_ready()
        (job,) = create(engine, SLOW)
        engine.wait_event("event.job", job=job, state="running", step=2)
        pid = engine.ask("status").content["worker"]["pid"]
        os.kill(pid, signal.SIGKILL)
        lost = engine.wait_event("event.worker", within_s=2.0, state="lost")
        assert (lost.content["restarts"], lost.content["detail"]) == (1, "was ended by SIGKILL")
        ready = engine.wait_event("event.worker", state="ready")
        assert ready.content["pid"] != pid
        engine.wait_event("event.job", job=job, state="done")
        states = [e.content["state"] for e in engine.heard if e.content.get("job") == job]
        assert [state for place, state in enumerate(states) if states[place - 1 : place] != [state]] == [
            "queued",
            "running",
            "queued",
            "loading",
            "running",
            "delivering",
            "done",
        ]
        (again,) = edit(engine, "slow", caption="rain")["jobs"]
        assert engine.wait_job(again["job"], "done")


def test_a_job_that_two_workers_died_under_is_given_up_and_the_next_runs(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        (job,) = create(engine, SLOW)
        for _ in range(2):
            engine.wait_event("event.job", job=job, state="running", step=2)
            os.kill(engine.ask("status").content["worker"]["pid"], signal.SIGKILL)
        assert engine.wait_job(job, "failed")["error"]["code"] == "worker_lost"
        (again,) = edit(engine, "slow", caption="rain")["jobs"]
        assert engine.wait_job(again["job"], "done")


def test_a_killed_engine_takes_its_worker_along_and_forgets_nothing(tmp_path: Path) -> None:
    last_edit = {"scene": "rain", "layer": "env", "base_revision": 21, "changes": {"caption": "slow storm"}}
    with EngineProcess(tmp_path) as engine:
        for job in create(engine):
            engine.wait_job(job, "done")
        worker = engine.wait_ready()["pid"]
        delivered = engine.ask("scene.deliver", {"scene": "rain"})
        for number in range(20):
            assert edit(engine, "env", gain_db=-number / 2)["revision"] == number + 2
        acknowledged = engine.ask("layer.edit", last_edit, id="e1")
        session = engine.said["session"]
        engine.kill()
        wait_for(lambda: not is_alive(worker))
    with EngineProcess(tmp_path) as engine:
        assert engine.said["session"] != session
        again = engine.ask("layer.edit", last_edit, id="e1")
        assert again.content == {**acknowledged.content, "jobs": []}
        got = engine.ask("scene.get", {"scene": "rain"}).content
        assert got["revision"] == 22
        assert [one["stem"] for one in got["layers"]] == ["stale", "fresh"]
        assert (got["scene"]["layers"][0]["gain_db"], got["scene"]["layers"][0]["caption"]) == (
            -9.5,
            "slow storm",
        )
        after = engine.ask("scene.deliver", {"scene": "rain"})
        assert after.content["files"][0]["stale"]
        assert after.binary[:2] == delivered.binary[:2], "stems are bit for bit what they were"
        (job,) = engine.ask("scene.render", {"scene": "rain"}).content["jobs"]
        assert engine.wait_job(job["job"], "done")


def test_cancel_a_waiting_and_a_running_job_then_render(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        running, waiting = create(engine, SLOW, {"id": "env", "view": "env", "caption": "slow wind"})
        engine.wait_event("event.job", job=running, state="running", step=2)
        for job in (waiting, running):
            assert engine.ask_control("job.cancel", {"job": job}).type == "job.cancel.reply"
            engine.wait_event("event.job", job=job, state="cancelled")
        (job,) = edit(engine, "env", caption="wind")["jobs"]
        assert engine.wait_job(job["job"], "done")


def test_typing_fast_renders_the_last_word(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        (first,) = create(engine, SLOW)
        engine.wait_event("event.job", job=first, state="running", step=2)
        jobs = [edit(engine, "slow", caption="storm"[: n + 1])["jobs"][0]["job"] for n in range(5)]
        assert engine.wait_job(jobs[-1], "done")
        assert {engine.wait_job(job, "superseded")["state"] for job in [first, *jobs[:-1]]} == {"superseded"}
        assert engine.ask("scene.get", {"scene": "rain"}).content["layers"][0]["stem"] == "fresh"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with EngineProcess(tmp_path) as engine:
        worker = engine.wait_ready()["pid"]
        (job,) = create(engine, SLOW)
        engine.wait_event("event.job", job=job, state="running", step=2)
        engine.process.send_signal(number)
        failed = engine.wait_event("event.job", job=job, state="failed")
        assert failed.content["error"]["code"] == "shutting_down"
        engine.wait_event("event.worker", state="stopped")
        assert engine.process.wait(WAIT_S) == 0
        assert not is_alive(worker)


def test_a_client_may_stop_the_engine(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        worker = engine.wait_ready()["pid"]
        assert engine.ask_control("engine.stop").type == "engine.stop.reply"
        assert engine.process.wait(WAIT_S) == 0
        assert not is_alive(worker)


def refused(tmp_path: Path, *options: str) -> str:
    ended = subprocess.run(
        command(tmp_path, *options),
        capture_output=True,
        text=True,
        env=environment(),
        cwd=ROOT,
        timeout=WAIT_S,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_second_engine_on_one_folder_is_refused(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        said = refused(tmp_path, "--port", "0")
        assert "another engine is using" in said
        assert "--data-dir" in said
        assert engine.ask("status").type == "status.reply"


def test_a_port_that_is_taken_is_named_with_the_remedy(tmp_path: Path) -> None:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as other:
        port = other.bind_to_random_port("tcp://127.0.0.1")
        said = refused(tmp_path, "--port", str(port))
        assert f"request port {port}" in said
        assert "--port 0" in said


def test_what_cannot_start_says_why(tmp_path: Path) -> None:
    assert "loopback" in refused(tmp_path, "--host", "0.0.0.0")
    assert "Shipped models:" in refused(tmp_path, "--model", "nightingale")
    file = tmp_path / "file"
    file.touch()
    assert "--data-dir" in refused(file, "--port", "0")


def test_the_line_for_people(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(tmp_path, "--port", "0"), stdout=subprocess.PIPE, env=environment(), cwd=ROOT, text=True
    )
    assert process.stdout is not None
    assert "listening at tcp://127.0.0.1:" in process.stdout.readline()
    process.terminate()
    assert process.communicate()[0] == "", "one line and no more"


@pytest.mark.parametrize("module", ["plugin_bridge", "plugin_bridge.__main__"])
def test_importing_does_nothing_and_imports_no_torch(module: str, tmp_path: Path) -> None:
    code = f"import {module}, sys, threading; print('torch' in sys.modules, threading.active_count())"
    home = {**environment(), "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=home, cwd=ROOT, check=True
    )
    assert done.stdout == "False 1\n"
    assert list(tmp_path.iterdir()) == []


def test_a_running_engine_has_no_torch(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        engine.wait_ready()
        mapped = {Path(one.path).name for one in psutil.Process(engine.said["pid"]).memory_maps()}
        assert any("zmq" in name for name in mapped)
        assert not any("torch" in name for name in mapped)


def test_an_idle_engine_is_idle(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        engine.wait_ready()
        process = psutil.Process(engine.said["pid"])
        before = sum(process.cpu_times()[:2])
        time.sleep(1.0)
        assert sum(process.cpu_times()[:2]) - before < 0.5, "it does not spin"
