"""The doctor finds what is broken, says one next step, and leaves what works alone. Real files and ports."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.checkpoint import SHIPPED
from plugin_bridge import doctor
from plugin_bridge.journal import Journal
from tests.plugin_bridge.engine_process import ROOT, EngineProcess, environment


def found(data_dir: Path, what: str, model: str = "fake", port: int = 47710) -> dict[str, Any]:
    """What a command says of one thing."""
    command = [sys.executable, "-m", "plugin_bridge.doctor", "--json", "--data-dir", str(data_dir)]
    ran = subprocess.run(
        [*command, "--model", model, "--port", str(port)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    said = json.loads(ran.stdout)
    faults = [one for one in said["found"] if one["grade"] == "fault"]
    assert ran.returncode == (doctor.FOUND_FAULTS if faults else 0) and said["healthy"] == (not faults)
    assert all(bool(one["next_step"]) == (one["grade"] != "good") for one in said["found"])
    (one,) = (one for one in said["found"] if one["what"].startswith(what))
    return dict(one)


def test_a_machine_that_works_is_left_as_it_was(tmp_path: Path) -> None:
    assert found(tmp_path / "none" / "yet", "torch")["grade"] == "good"
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert found(tmp_path, f"port {port}", port=port)["grade"] == "care"


def test_a_journal_is_whole_in_use_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    assert "whole" in doctor._journal(path).detail
    with EngineProcess(tmp_path):
        assert doctor._journal(path).detail.startswith("an engine has it open")
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    assert found(tmp_path, "journal")["grade"] == "fault"
    path.write_bytes(b"not a journal" * 100)
    assert doctor._journal(path).grade == "fault"


def test_weights_that_are_not_those_described(tmp_path: Path) -> None:
    copy = tmp_path / "compact"
    shutil.copytree(SHIPPED / "compact", copy)
    assert doctor._model(str(copy)).grade == "good"
    with (copy / "weights.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    assert doctor._model(str(copy)).grade == "fault"
    assert doctor._model(str(tmp_path / "no-such")).next_step.startswith("Shipped models")


def test_a_clock_of_long_ago_and_a_folder_that_is_a_file(tmp_path: Path) -> None:
    assert doctor._clock(lambda: 0.0).grade == "fault"
    (tmp_path / "file").write_text("")
    assert doctor._folder(tmp_path / "file").grade == "fault"


def test_who_has_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = doctor.owner(port)
        if Path("/proc/net/tcp").exists():
            assert said.split()[0] == str(os.getpid())
    assert doctor.owner(port) == ""


@pytest.mark.parametrize(
    ("used", "built_for", "driver", "grade", "words"),
    [
        (True, "12.4", "550.1, H100", "good", "driver 550.1"),
        (False, "", None, "good", "render on the CPU"),
        (False, "12.4", None, "good", "render on the CPU"),
        (False, "12.4", "no answer: mismatch", "care", "mismatch"),
        (False, "", "550.1, H100", "care", "built without CUDA"),
        (False, "13.0", "470.1, V100", "care", "built for CUDA 13.0"),
    ],
)
def test_a_gpu_that_is_there_and_not_used_is_named(
    used: bool, built_for: str, driver: str | None, grade: str, words: str
) -> None:
    said = doctor._gpu(used, built_for, driver)
    assert (said.grade, words in said.detail) == (grade, True)
    assert bool(said.next_step) == (grade != "good")


def test_libraries_and_memory_are_told(tmp_path: Path) -> None:
    assert doctor._sound().grade == "good"
    assert "libsndfile" in doctor._sound().detail
    assert doctor._sockets().detail.startswith("pyzmq ")
    assert "the weights take" in doctor._memory("compact").detail
    assert doctor._memory(str(tmp_path / "none")).grade == "care"


def test_weights_that_do_not_fit_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "available_bytes", lambda: 1000)
    assert doctor._memory("compact").grade == "fault"
    monkeypatch.setattr(doctor, "available_bytes", lambda: None)
    assert doctor._memory("compact").grade == "good"
