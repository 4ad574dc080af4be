"""`python -m plugin_bridge.doctor`: what would keep an engine from running here, each with one next step.

Looks and changes nothing, but for a file that it writes into the data folder and removes. A port or a journal
that an engine of ours uses is no fault.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from engine import checkpoint
from plugin_bridge.config import REQUEST_PORT, default_data_dir
from scene_schema.errors import Refused

FOUND_FAULTS: Final = 2
OLDEST_PYTHON: Final = (3, 10)
PORTS: Final = ("requests", "control", "events", "HTTP", "OSC", "OSCQuery")
LEAST_FREE_BYTES: Final = 2**30
RELEASED_S: Final = 1_735_689_600.0  # the start of 2025: a clock before it is wrong
PATIENCE_S: Final = 120.0
WEIGHTLESS: Final = "fake"

Grade = Literal["good", "care", "fault"]


@dataclass(frozen=True)
class Found:
    """One thing looked at. `next_step` is empty where all is well."""

    what: str
    grade: Grade
    detail: str
    next_step: str = ""


def look(data_dir: Path, model: str, port: int) -> Iterator[Found]:
    """Everything, in the order in which an engine would meet it."""
    yield _python()
    yield _torch()
    yield _clock()
    yield from _ports(port)
    yield _folder(data_dir)
    yield _journal(data_dir / "journal.sqlite")
    yield _model(model)


def _python() -> Found:
    there = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return Found("Python", "fault", f"{there} is too old", f"Install Python {oldest} or newer.")
    return Found("Python", "good", there)


def _torch() -> Found:
    command = [sys.executable, "-m", "engine.device_report"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        said: dict[str, str] = json.loads(ran.stdout)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Found("torch", "fault", last, "Install the package again: pip install --force-reinstall torch")
    except (subprocess.TimeoutExpired, ValueError) as error:
        return Found("torch", "fault", f"it does not start: {error}", "Run python -m engine.device_report.")
    return Found("torch", "good", f"{said['torch']}, {said['device']}, {said['cpu_precision']} on the CPU")


def _clock(now: Callable[[], float] = time.time) -> Found:
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(now()))
    if now() < RELEASED_S:
        return Found("clock", "fault", f"it says {day}", "Set the clock: what was used last is kept by it.")
    return Found("clock", "good", day)


def _ports(first: int) -> Iterator[Found]:
    for place, name in enumerate(PORTS):
        number = first + place
        kinds = [socket.SOCK_STREAM, *([socket.SOCK_DGRAM] if name == "OSC" else [])]
        try:
            for kind in kinds:
                with closing(socket.socket(socket.AF_INET, kind)) as one:
                    if sys.platform != "win32" and kind == socket.SOCK_STREAM:
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    one.bind(("127.0.0.1", number))
        except OSError as error:
            step = "If that is no engine of yours (stemscape status), choose others: --port 0."
            yield Found(f"port {number} ({name})", "care", error.strerror or str(error), step)
        else:
            yield Found(f"port {number} ({name})", "good", "free")


def _folder(data_dir: Path) -> Found:
    there = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".doctor-") as file:
            file.write(b"written")
        free = shutil.disk_usage(there).free
    except OSError as error:
        step = "Choose a folder that you may write into with --data-dir."
        return Found("data folder", "fault", f"{data_dir}: {error.strerror}", step)
    detail = f"{data_dir}, {free / 2**30:.1f} GiB free"
    if free < LEAST_FREE_BYTES:
        return Found("data folder", "care", detail, "Make room, or choose another disk with --data-dir.")
    return Found("data folder", "good", detail)


def _journal(path: Path) -> Found:
    if not path.exists():
        return Found("journal", "good", "none yet")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)) as db:
            (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
            (scenes,) = db.execute("SELECT count(DISTINCT scene) FROM revisions").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return Found("journal", "good", "an engine has it open; it is looked at when that is stopped")
        return _damaged(path, str(error))
    except sqlite3.Error as error:
        return _damaged(path, str(error))
    return Found("journal", "good", f"whole, {scenes} scenes") if said == "ok" else _damaged(path, said)


def _damaged(path: Path, why: str) -> Found:
    step = f"Copy {path.parent} elsewhere, then bring its journal back from a backup or move it away."
    return Found("journal", "fault", f"{path}: {why}", step)


def _model(model: str) -> Found:
    try:
        found = checkpoint.find(model)
        if found.architecture != WEIGHTLESS:
            checkpoint.verify(found)
    except Refused as refused:
        return Found(f"model {model}", "fault", refused.message, refused.remedy or "Choose another: --model.")
    return Found(f"model {model}", "good", "its files are the ones described")


def main() -> None:
    """Exit status: 0 where an engine would run, 2 where something is at fault."""
    parser = argparse.ArgumentParser(prog="stemscape doctor", description=__doc__)
    usual = os.environ.get("STEMSCAPE_DATA_DIR", "") or default_data_dir()
    parser.add_argument("--data-dir", type=Path, default=Path(usual))
    parser.add_argument("--model", default="compact")
    parser.add_argument("--port", type=int, default=REQUEST_PORT, help="first of six")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    found = list(look(options.data_dir, options.model, options.port))
    faults = any(one.grade == "fault" for one in found)
    if options.json:
        print(json.dumps({"healthy": not faults, "found": [asdict(one) for one in found]}))  # noqa: T201
    else:
        for one in found:
            print(f"{one.grade:<5}  {one.what}: {one.detail}")  # noqa: T201
            if one.next_step:
                print(f"       next: {one.next_step}")  # noqa: T201
    sys.exit(FOUND_FAULTS if faults else 0)


if __name__ == "__main__":
    main()
