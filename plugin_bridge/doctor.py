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

import zmq

from engine import checkpoint
from engine.published import open_published
from engine.published_memory import BFLOAT16_BYTES, available_bytes, memory_need
from plugin_bridge.config import REQUEST_PORT, default_data_dir
from scene_schema.errors import Refused

FOUND_FAULTS: Final = 2
OLDEST_PYTHON: Final = (3, 10)
PORTS: Final = ("requests", "control", "events", "HTTP", "OSC", "OSCQuery")
LEAST_FREE_BYTES: Final = 2**30
RELEASED_S: Final = 1_735_689_600.0  # the start of 2025: a clock before it is wrong
PATIENCE_S: Final = 120.0
COMMAND_CHARS: Final = 120
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
    yield from _torch()
    yield _sound()
    yield _sockets()
    yield _clock()
    yield from _ports(port)
    yield _folder(data_dir)
    yield _journal(data_dir / "journal.sqlite")
    yield _model(model)
    yield _memory(model)


def _python() -> Found:
    there = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return Found("Python", "fault", f"{there} is too old", f"Install Python {oldest} or newer.")
    return Found("Python", "good", there)


def _torch() -> Iterator[Found]:
    command = [sys.executable, "-m", "engine.device_report"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        said: dict[str, str] = json.loads(ran.stdout)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield Found("torch", "fault", last, "Install the package again: pip install --force-reinstall torch")
        return
    except (subprocess.TimeoutExpired, ValueError) as error:
        yield Found("torch", "fault", f"it does not start: {error}", "Run python -m engine.device_report.")
        return
    yield Found("torch", "good", f"{said['torch']}, {said['device']}, {said['cpu_precision']} on the CPU")
    yield _gpu(said["device"].startswith("cuda"), said["cuda"], _driver())


def _driver() -> str | None:
    """What NVIDIA's driver says: its version, the GPU, memory in all and free; None where there is none."""
    asked = "driver_version,name,memory.total,memory.free"
    command = ["nvidia-smi", f"--query-gpu={asked}", "--format=csv,noheader"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = (ran.stdout or ran.stderr).strip().splitlines() or ["it says nothing"]
    return "; ".join(said) if ran.returncode == 0 else f"no answer: {said[0]}"


def _gpu(used: bool, built_for: str, driver: str | None) -> Found:
    """Whether torch uses the GPU that the machine has. The CPU is no fault: every model renders on it."""
    if used:
        return Found("GPU", "good", f"driver {driver}" if driver else "in use")
    if driver is None:
        return Found("GPU", "good", "no NVIDIA driver: models render on the CPU")
    if driver.startswith("no answer"):
        step = "Restart the machine, or install the driver again, then run nvidia-smi."
        return Found("GPU", "care", f"the driver gives {driver}", step)
    if not built_for:
        step = "Install a torch that has CUDA: https://pytorch.org/get-started/locally"
        return Found("GPU", "care", f"torch was built without CUDA; driver {driver}", step)
    step = f"Install a driver that knows CUDA {built_for}, or a torch for an older one."
    return Found("GPU", "care", f"torch cannot use it, built for CUDA {built_for}; driver {driver}", step)


def _sound() -> Found:
    """In a process of its own: a library that is not there must not end the doctor."""
    code = (
        "import soundfile as s, soxr; s.check_format('FLAC') or exit('libsndfile has no FLAC');"
        "print(f'soundfile {s.__version__}, libsndfile {s.__libsndfile_version__}, soxr {soxr.__version__}')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        step = "Install them again: pip install --force-reinstall soundfile soxr"
        return Found("sound files", "fault", last, step)
    return Found("sound files", "good", ran.stdout.strip())


def _sockets() -> Found:
    detail = f"pyzmq {zmq.pyzmq_version()}, libzmq {zmq.zmq_version()}"
    if not zmq.has("curve"):
        step = "Keys do not work with it: pip install --force-reinstall --only-binary :all: pyzmq"
        return Found("ZeroMQ", "care", f"{detail}, without CURVE", step)
    return Found("ZeroMQ", "good", detail)


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
            who = owner(number)
            detail = (error.strerror or str(error)) + (f": {who}" if who else "")
            yield Found(f"port {number} ({name})", "care", detail, step)
        else:
            yield Found(f"port {number} ({name})", "good", "free")


def owner(port: int) -> str:
    """The process that listens at a port of this machine, as `PID COMMAND`; empty where the system does not
    say, or says it to others only."""
    inodes = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        try:
            lines = Path("/proc/net", table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for place, peer, state, inode in ((one[1], one[2], one[3], one[9]) for one in map(str.split, lines)):
            listens = state == "0A" if table.startswith("tcp") else peer.endswith(":0000")
            if listens and int(place.rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{inode}]")
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        process = link.parents[1]
        try:
            if str(link.readlink()) in inodes:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                return f"{process.name} {command.strip()[:COMMAND_CHARS]}"
        except OSError:  # it ended, or is somebody else's
            continue
    return ""


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


def _memory(model: str) -> Found:
    """Whether the weights fit into what is free; what sampling takes beside them depends on the scene."""
    try:
        found = checkpoint.find(model)
        if found.architecture == checkpoint.PUBLISHED:
            width = 1 if found.variant == "int8" else BFLOAT16_BYTES
            needed = memory_need(open_published(found.folder), generator_weight_bytes=width).total_bytes
        else:
            needed = found.weights.stat().st_size if found.weights.exists() else 0
    except (Refused, OSError, ValueError) as error:
        return Found("memory", "care", f"what the model takes is not known: {error}", "See the model above.")
    free = available_bytes()
    if free is None:
        return Found(
            "memory", "good", f"the weights take {needed / 1e9:.2f} GB; what is free is not known here"
        )
    detail = f"{free / 1e9:.1f} GB free, the weights take {needed / 1e9:.2f} GB"
    if needed > free:
        step = "End other programs, or choose a smaller model: --model compact, or +int8 behind its name."
        # a published model may have a GPU to itself, and only its text encoder is here then
        return Found(
            "memory", "care" if found.architecture == checkpoint.PUBLISHED else "fault", detail, step
        )
    return Found("memory", "good", detail)


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
