"""A private engine: served in time or a clear error, and nothing left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from clients.python import Client, EngineDidNotStart, LocalEngine


def test_it_serves_and_leaves_no_process_and_no_folder() -> None:
    with LocalEngine("fake") as engine, Client(engine.address) as client:
        worker = client.wait_ready().worker.pid
        pids = {engine.pid, worker}
        assert all(pid is not None and psutil.pid_exists(pid) for pid in pids)
        scratch = engine._log.parent
        assert scratch.exists()
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)
    assert not scratch.exists()
    engine.stop()


def test_two_engines_do_not_meet() -> None:
    with (
        LocalEngine("fake") as one,
        LocalEngine("fake") as two,
        Client(one.address) as first,
        Client(two.address) as second,
    ):
        assert first.welcome.session != second.welcome.session


def test_a_data_dir_is_kept(tmp_path: Path) -> None:
    with LocalEngine("fake", tmp_path / "kept"):
        pass
    assert (tmp_path / "kept" / "journal.sqlite").is_file()


def test_an_engine_that_cannot_start_says_why() -> None:
    with pytest.raises(EngineDidNotStart, match="no-such-model") as raised:
        LocalEngine("no-such-model")
    assert "stemscape serve" in raised.value.remedy


def test_an_engine_that_says_nothing_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    note = f"open({str(tmp_path / 'pid')!r}, 'w')"
    silent.write_text(
        f"#!{sys.executable}\nimport os, time\nwith {note} as f: f.write(str(os.getpid()))\ntime.sleep(60)\n"
    )
    silent.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(silent))
    with pytest.raises(EngineDidNotStart, match=r"said nothing within 1\.5 s"):
        LocalEngine("fake", timeout_s=1.5)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_frozen_engine_is_killed_with_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.python.local_engine.STOP_S", 0.3)
    with LocalEngine("fake") as engine:
        with Client(engine.address) as client:
            worker = client.wait_ready().worker.pid
        assert worker is not None
        os.kill(engine.pid, signal.SIGSTOP)
    assert not psutil.pid_exists(engine.pid)
    gone, _ = psutil.wait_procs([p for p in [_process(worker)] if p], timeout=5)
    assert not psutil.pid_exists(worker) or gone


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_engine_ends_with_a_client_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import time\nfrom clients.python import Client, LocalEngine\n"
        "with LocalEngine('fake') as engine, Client(engine.address) as client:\n"
        "    print(engine.pid, client.wait_ready().worker.pid, flush=True)\n    time.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    left = [process for pid in pids if (process := _process(pid)) is not None]
    assert len(left) == 2
    owner.kill()
    owner.wait()
    owner.stdout.close()
    _, alive = psutil.wait_procs(left, timeout=10)
    assert not alive


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
