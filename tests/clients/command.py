"""Runs `stemscape` as a person does, in a process and a folder of its own, and finds what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
MARK = "STEMSCAPE_TEST"
COMMAND = [sys.executable, "-m", "clients.python.cli"]


def environment(scratch: Path) -> dict[str, str]:
    """Ours, with a mark that every process started below inherits: by it they are found."""
    return {
        **os.environ,
        MARK: str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "120",
    }


def run(scratch: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end in `scratch`."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        cwd=scratch,
        env=environment(scratch),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def left_behind(scratch: Path) -> list[list[str]]:
    """Command lines of processes started below `scratch` that still run, a moment after the command's end."""
    for _ in range(40):
        left = _started_below(scratch)
        if not left:
            return []
        time.sleep(0.05)
    return left


def _started_below(scratch: Path) -> list[list[str]]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(scratch) and process.status() != "zombie":
                found.append(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
