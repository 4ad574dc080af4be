"""A whole engine with several workers, one of which is killed, unloaded or never comes. Real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil

from tests.plugin_bridge.engine_process import EngineProcess, is_alive, scene, wait_for

SLOW = [{"id": name, "view": "env", "caption": f"slow {name}"} for name in ("rain", "wind")]


def workers(engine: EngineProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = engine.ask("status").content["workers"]
    return found


def wait_workers(engine: EngineProcess, *states: str) -> list[dict[str, Any]]:
    """All of them, once they are in these states."""

    def there() -> list[dict[str, Any]] | None:
        found = workers(engine)
        return found if [one["state"] for one in found] == list(states) else None

    found: list[dict[str, Any]] = wait_for(there)
    return found


def create(engine: EngineProcess, *layers: dict[str, Any]) -> list[str]:
    created = engine.ask("scene.create", {"scene": scene("rain", *layers), "render": True})
    return [job["job"] for job in created.content["jobs"]]


def wait_running(engine: EngineProcess, job: str) -> int:
    """The process that renders a job, once it does."""
    status = engine.wait_job(job, "running")
    (pid,) = [one["pid"] for one in workers(engine) if one["number"] == status["worker"]]
    return int(pid)


def test_one_of_two_workers_is_killed_and_the_other_goes_on(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, "--workers", "2", "--threads", "2") as engine:
        both = wait_workers(engine, "ready", "ready")
        commands = [psutil.Process(one["pid"]).cmdline() for one in both]
        assert [command[command.index("--threads") + 1] for command in commands] == ["1", "1"]
        first, second = create(engine, *SLOW)
        unlucky, lucky = wait_running(engine, first), wait_running(engine, second)
        assert unlucky != lucky
        os.kill(unlucky, signal.SIGKILL)
        lost = engine.wait_event("event.worker", state="lost").content
        assert lost["number"] == next(one["number"] for one in both if one["pid"] == unlucky)
        assert engine.wait_job(second, "done", "failed")["state"] == "done"
        assert engine.wait_job(first, "done", "failed")["state"] == "done"
        states = [
            one.content["state"]
            for one in engine.heard
            if one.type == "event.job" and one.content["job"] == second
        ]
        assert "queued" not in states[states.index("running") :], "the other's job was not begun anew"
        after = wait_workers(engine, "ready", "ready")
        assert lucky in [one["pid"] for one in after]
        assert sorted(one["restarts"] for one in after) == [0, 1]
    assert not any(is_alive(one["pid"]) for one in after)


def test_each_life_of_a_worker_has_a_socket_of_its_own(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        endpoints = []
        for _ in range(3):
            pid = engine.wait_ready()["pid"]
            command = psutil.Process(pid).cmdline()
            endpoints.append(command[command.index("--endpoint") + 1])
            os.kill(pid, signal.SIGKILL)
            engine.wait_event("event.worker", state="lost")
        assert len(set(endpoints)) == 3


def test_a_sound_that_killed_two_workers_kills_no_third(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        engine.wait_ready()
        (job,) = create(engine, SLOW[0])
        for _ in range(2):
            os.kill(wait_running(engine, job), signal.SIGKILL)
            engine.wait_job(job, "queued", "loading", "failed")
        failed = engine.wait_job(job, "failed")
        assert failed["error"]["code"] == "worker_lost"
        wait_workers(engine, "ready")
        (again,) = engine.ask("scene.render", {"scene": "rain"}).content["jobs"]
        assert (again["state"], again["error"]["code"]) == ("failed", "set_aside")
        changed = {"scene": "rain", "layer": "rain", "changes": {"seed": 1}}
        (other,) = engine.ask("layer.edit", changed).content["jobs"]
        assert engine.wait_job(other["job"], "done", "failed")["state"] == "done"
        (worker,) = workers(engine)
        assert worker["restarts"] == 2


def test_unloaded_to_free_its_memory_and_loaded_by_the_next_render(tmp_path: Path) -> None:
    with EngineProcess(tmp_path) as engine:
        pid = engine.wait_ready()["pid"]
        answer = engine.ask_control("engine.unload")
        assert answer.type == "engine.unload.reply"
        (worker,) = wait_workers(engine, "unloaded")
        wait_for(lambda: not is_alive(pid))
        assert worker["restarts"] == 0
        (job,) = create(engine, SLOW[0])
        engine.wait_event("event.job", job=job, state="loading")
        assert engine.wait_job(job, "done", "failed")["state"] == "done"
        engine.ask_control("engine.unload", {"worker": 0})
        wait_workers(engine, "unloaded")
        assert engine.ask_control("engine.load").type == "engine.load.reply"
        wait_workers(engine, "ready")
        assert engine.ask("engine.load", {"worker": 1}).content["code"] == "not_found"


def test_idle_workers_are_unloaded_in_time(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, "--idle-unload", "0.005") as engine:  # minutes
        engine.wait_event("event.worker", state="unloaded")
        (job,) = create(engine, SLOW[0])
        assert engine.wait_job(job, "done", "failed")["state"] == "done"
        engine.wait_event("event.worker", state="unloaded")


def test_a_device_that_is_not_there_leaves_the_work_to_the_other(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, "--device", "cuda:7,cpu") as engine:
        broken, whole = wait_workers(engine, "failed", "ready")
        assert "cuda" not in whole["detail"]
        assert broken["number"] == 0
        jobs = create(engine, *SLOW)
        assert [engine.wait_job(job, "done", "failed")["state"] for job in jobs] == ["done", "done"]
