"""The supervisor with real child processes: small ones that behave badly, and the fake model's worker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from plugin_bridge.config import BridgeConfig, Seat
from plugin_bridge.worker_process import WorkerProcess, clear_leftovers
from scene_schema.envelope import Envelope, envelope_for
from scene_schema.messages import WorkerStatus
from scene_schema.rendering import RenderJob
from tests.plugin_bridge.engine_process import WAIT_S, is_alive
from tests.plugin_bridge.fakes import FAKE, request

CONFIG = BridgeConfig(model="fake", worker_threads=1, backoff_first_s=0.05, backoff_longest_s=0.2)


class Watched:
    """A worker process with everything that it was heard to say."""

    def __init__(self, config: BridgeConfig = CONFIG) -> None:
        self.worker = WorkerProcess(config, FAKE)
        self.heard: list[Envelope] = []
        self.states: list[WorkerStatus] = []

    async def hear(self, message: Envelope) -> None:
        self.heard.append(message)

    async def see(self, status: WorkerStatus) -> None:
        self.states.append(status)

    async def until(self, what: Callable[[], bool]) -> None:
        async def there() -> None:
            while not what():
                await asyncio.sleep(0.01)

        await asyncio.wait_for(there(), WAIT_S)

    def names(self) -> list[str]:
        return [status.state for status in self.states]


def play(story: Callable[[Watched], Awaitable[None]], config: BridgeConfig = CONFIG) -> Watched:
    async def run() -> Watched:
        watched = Watched(config)
        watched.worker.start(watched.hear, watched.see)
        try:
            await story(watched)
        finally:
            await watched.worker.stop()
        return watched

    return asyncio.run(run())


def job(caption: str = "rain") -> RenderJob:
    return RenderJob(id="j1", scene="rain", layer="env", revision=1, request=request(caption))


def run_instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Another program in the worker's place; `endpoint` is where it should connect."""
    real = subprocess.Popen

    def popen(command: list[str], **options: object) -> object:
        begin = f"endpoint = {command[command.index('--endpoint') + 1]!r}\n"
        return real([sys.executable, "-c", begin + code], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", popen)


def test_starts_renders_and_stops() -> None:
    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.worker.status.state == "ready")
        watched.worker.send(envelope_for("render", job()))
        assert watched.worker.status.state == "rendering"
        await watched.until(lambda: watched.names()[-2:] == ["ready", "ready"])

    watched = play(story)
    assert watched.names() == ["starting", "loading", "ready", "ready", "stopped"]
    assert watched.heard[-1].type == "render.done"
    pids = {status.pid for status in watched.states if status.pid}
    assert not any(is_alive(pid) for pid in pids)


def test_a_worker_that_dies_is_replaced() -> None:
    async def story(watched: Watched) -> None:
        for lives in range(2):
            await watched.until(lambda: watched.worker.status.state == "ready")
            watched.worker.kill()
            await watched.until(lambda: watched.names().count("lost") == lives + 1)  # noqa: B023
        await watched.until(lambda: watched.worker.status.state == "ready")

    watched = play(story)
    assert watched.states[-2].restarts == 2
    assert len({status.pid for status in watched.states if status.state == "ready"}) == 3


def test_one_that_cannot_start_is_tried_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "raise SystemExit(7)")

    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.names().count("lost") == 4)
        assert watched.worker._backoff_s == CONFIG.backoff_longest_s

    watched = play(story)
    assert {status.detail for status in watched.states if status.state == "lost"} == {"ended with status 7"}


def test_a_broken_model_is_not_tried_again(tmp_path: Path) -> None:
    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.worker.status.state == "failed")
        await asyncio.sleep(0.2)

    watched = play(story, replace(CONFIG, model=str(tmp_path / "nothing")))
    assert watched.names() == ["starting", "loading", "failed"]
    assert [message.type for message in watched.heard] == ["worker.broken"]
    assert "nothing" in watched.states[-1].detail


def test_other_weights_than_described_are_not_used() -> None:
    async def run() -> Watched:
        watched = Watched()
        watched.worker = WorkerProcess(CONFIG, FAKE.model_copy(update={"weights_sha256": "0" * 64}))
        watched.worker.start(watched.hear, watched.see)
        await watched.until(lambda: watched.worker.status.state == "failed")
        await watched.worker.stop()
        return watched

    watched = asyncio.run(run())
    assert watched.heard[0].content["failure"]["code"] == "model_failed"


def test_one_that_talks_nonsense_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(
        monkeypatch,
        "import zmq, time; s = zmq.Context().socket(zmq.DEALER)\n"
        "s.connect(endpoint); s.send(b'?'); time.sleep(60)",
    )

    async def story(watched: Watched) -> None:
        await watched.until(lambda: "lost" in watched.names())

    assert "SIGKILL" in play(story).states[2].detail


def test_one_that_does_not_listen_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "import time; time.sleep(60)")

    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.worker.status.state == "loading")

    watched = play(story, replace(CONFIG, worker_exit_s=0.2))
    assert watched.names() == ["starting", "loading", "stopped"]
    assert watched.states[1].pid is not None
    assert not is_alive(watched.states[1].pid)


def test_unloaded_and_loaded_again() -> None:
    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.worker.status.state == "ready")
        pid = watched.worker.status.pid
        assert pid is not None
        watched.worker.unload()
        assert watched.worker.status.state == "unloaded", "nothing is sent from here on"
        await watched.until(lambda: watched.names()[-1] == "unloaded")
        assert not is_alive(pid)
        assert watched.worker.status.pid is None
        watched.worker.unload()
        watched.worker.load()
        await watched.until(lambda: watched.worker.status.state == "ready")
        watched.worker.send(envelope_for("render", job()))
        watched.worker.unload()
        assert watched.worker.status.state == "rendering", "one that has a job is left alone"
        await watched.until(lambda: watched.heard[-1:] != [] and watched.heard[-1].type == "render.done")

    watched = play(story)
    assert "lost" not in watched.names()
    assert watched.worker.status.restarts == 0


def test_loaded_again_before_it_has_ended() -> None:
    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.worker.status.state == "ready")
        watched.worker.unload()
        watched.worker.load()
        await watched.until(lambda: watched.names().count("ready") == 2)

    watched = play(story)
    assert "lost" not in watched.names()
    assert len({status.pid for status in watched.states if status.state == "ready"}) == 2


def test_one_that_loads_or_waits_to_start_again_can_be_unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def loading(watched: Watched) -> None:
        await watched.until(lambda: watched.worker.status.state == "loading")
        watched.worker.unload()
        await watched.until(lambda: watched.names()[-1] == "unloaded")

    assert play(loading).names() == ["starting", "loading", "unloaded", "stopped"]
    run_instead(monkeypatch, "raise SystemExit(1)")

    async def lost(watched: Watched) -> None:
        await watched.until(lambda: watched.worker.status.state == "lost")
        watched.worker.unload()
        await watched.until(lambda: watched.names()[-1] == "unloaded")

    assert play(lost, replace(CONFIG, backoff_first_s=30.0)).names()[-2:] == ["unloaded", "stopped"]


def test_one_that_goes_on_is_unloaded_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "import time; time.sleep(60)")

    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.worker.status.state == "loading")
        watched.worker.unload()
        await watched.until(lambda: watched.names()[-1] == "unloaded")

    assert "lost" not in play(story, replace(CONFIG, worker_exit_s=0.2)).names()


def test_one_that_is_idle_for_long_is_unloaded() -> None:
    async def story(watched: Watched) -> None:
        await watched.until(lambda: watched.worker.status.state == "ready")
        watched.worker.send(envelope_for("render", job("slow rain")))  # longer than it may be idle
        await watched.until(lambda: watched.names()[-1] == "unloaded")
        assert watched.heard[-1].type == "render.done"

    names = play(story, replace(CONFIG, idle_unload_s=0.5)).names()
    assert names == ["starting", "loading", "ready", "ready", "unloaded", "stopped"]


def test_a_device_that_is_not_there_is_not_tried_again() -> None:
    async def run() -> Watched:
        watched = Watched()
        watched.worker = WorkerProcess(CONFIG, FAKE, Seat(number=3, device="cuda:1", threads=1))
        watched.worker.start(watched.hear, watched.see)
        await watched.until(lambda: watched.worker.status.state == "failed")
        await watched.worker.stop()
        return watched

    watched = asyncio.run(run())
    assert watched.worker.status.number == 3
    assert watched.heard[0].content["failure"]["findings"][0]["got"] == "cuda:1"


def test_stopping_while_it_waits_to_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "raise SystemExit(1)")

    async def story(watched: Watched) -> None:
        await watched.until(lambda: "lost" in watched.names())

    assert play(story, replace(CONFIG, backoff_first_s=30.0)).names()[-1] == "stopped"


def test_what_a_killed_bridge_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {
        f"stemscape-{ended.pid}-abc": False,
        f"stemscape-{os.getpid()}-abc": True,
        "stemscape-mine-abc": True,
        f"other-{ended.pid}-abc": True,
        f"stemscape-{10**30}-abc": True,
    }
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "1").write_text("")
    clear_leftovers(tmp_path)
    assert {name: (tmp_path / name).exists() for name in names} == names
