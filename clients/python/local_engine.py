"""A private engine in a process of its own: started, waited for, and gone when it is no longer needed.

Knows the command and the one line that it prints; nothing of messages.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from clients.python.errors import EngineDidNotStart

LOG_LINES: Final = 12  # how much of the engine's log an error repeats
STOP_S: Final = 10.0  # what an orderly stop may take before the process is killed


class LocalEngine:
    """Starts `python -m plugin_bridge` on free ports, and ends it and its workers.

        with LocalEngine() as engine, Client(engine.address) as client: ...

    Without `data_dir` everything it keeps is in a temporary folder, removed at the end. Raises
    `EngineDidNotStart`, with the end of the engine's log, where it does not serve within `timeout_s`.
    """

    def __init__(
        self, model: str = "compact", data_dir: str | Path | None = None, *, timeout_s: float = 30.0
    ) -> None:
        self.address = ""
        self.pid = 0
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._failed: OSError | None = None
        # a thread, because Ctrl-C interrupts the main one anywhere: between a process and its name, too
        self._launching = threading.Thread(target=self._launch, args=(model, data_dir), daemon=True)
        self._launched = threading.Event()  # not join: an interrupted join may take the thread for ended
        atexit.register(self.stop)
        try:
            self._launching.start()
            self._launched.wait()
            self._wait_until_serving(timeout_s)
        except BaseException:
            self.stop()
            raise

    def log_tail(self) -> str:
        """The last lines that the engine wrote to its log."""
        if self._scratch is None:
            return ""
        with suppress(OSError):
            return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:])
        return ""

    def stop(self) -> None:
        """Asks the engine to end, waits, then kills what is left of it. Stopping twice is fine."""
        if self._launching.ident is not None:
            self._launched.wait()
        process = self._process
        if process is not None:
            try:
                if process.poll() is None:
                    _ask_to_end(process)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(STOP_S)
            finally:
                _kill_group(process)
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        pipe.close()
            self._process = None
        if self._scratch is not None:
            self._scratch.cleanup()
        atexit.unregister(self.stop)  # last: a stop that was interrupted is finished at exit

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _log(self) -> Path:
        assert self._scratch is not None
        return Path(self._scratch.name) / "engine.log"

    def _launch(self, model: str, data_dir: str | Path | None) -> None:
        own_group: dict[str, Any] = (
            {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            if sys.platform == "win32"
            else {"start_new_session": True}  # Ctrl-C reaches us alone, and we end it in order
        )
        try:
            self._scratch = tempfile.TemporaryDirectory(prefix="stems-", ignore_cleanup_errors=True)
            kept = Path(data_dir) if data_dir is not None else Path(self._scratch.name) / "data"
            command = [sys.executable, "-m", "plugin_bridge", "--model", model, "--data-dir", str(kept)]
            command += ["--port", "0", "--json", "--private"]
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,  # held open: however this process ends, the engine ends with it
                    stdout=subprocess.PIPE,
                    stderr=log,
                    # its temporary files go where ours go, even where it had to be killed
                    env={**os.environ, "TMPDIR": self._scratch.name},
                    **own_group,
                )
        except OSError as error:
            self._failed = error
        finally:
            self._launched.set()

    def _wait_until_serving(self, timeout_s: float) -> None:
        if self._failed is not None:
            raise self._not_started(str(self._failed)) from self._failed
        assert self._process is not None
        process = self._process
        lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_read_lines, args=(process, lines), daemon=True).start()
        try:
            line = lines.get(timeout=timeout_s)
        except queue.Empty:
            raise self._not_started(f"it said nothing within {timeout_s:g} s") from None
        try:
            said = json.loads(line)
            self.address = str(said["request"])
            self.pid = int(said["pid"])
        except (ValueError, KeyError, TypeError):
            with suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
            ended = process.poll()
            story = f"it ended with status {ended}" if ended is not None else f"it said {line.decode()!r}"
            raise self._not_started(story) from None

    def _not_started(self, story: str) -> EngineDidNotStart:
        tail = self.log_tail()
        log = f"\nThe end of its log:\n{tail}" if tail else ""
        return EngineDidNotStart(
            f"the private engine did not start: {story}{log}", "See it start by itself: stemscape serve"
        )


def _read_lines(process: subprocess.Popen[bytes], lines: queue.Queue[bytes]) -> None:
    # reads to the end, so that a talkative engine never blocks on a full pipe
    assert process.stdout is not None
    with suppress(ValueError):  # closed under us by stop()
        for line in process.stdout:
            lines.put(line)
    lines.put(b"")


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        with suppress(OSError):
            process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        process.terminate()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # the engine leads its own group; a worker that outlived it is still in there
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
