"""What a worker writes, line by line into our own log: never two processes in one line.

Its log comes as JSON and keeps its time and ids. Anything else (a library's note, the last words of a crash)
becomes a line about the worker, and about the job that it was at.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import IO, Any, Final

from engine.log_lines import fields, record_in

log = logging.getLogger("stemscape.worker")

LINE_BYTES: Final = 2**20  # longer ones are cut
LAST_S: Final = 0.5  # for what was written just before the end; a child of its own might hold the pipe open


class WorkerLog:
    """Reads one worker's output in a thread until it ends.

    Attributes:
        about: what the worker is at, by the names in `engine.log_lines.ABOUT`; set by whoever knows.
    """

    def __init__(self, output: IO[bytes], pid: int) -> None:
        self.about: Mapping[str, Any] = {}
        self._output = output
        self._pid = pid
        self._thread = threading.Thread(target=self._read, name=f"log of worker {pid}", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits, for a moment at most, until what the worker wrote is in the log."""
        self._thread.join(LAST_S)

    def _read(self) -> None:
        with self._output:
            while line := self._output.readline(LINE_BYTES):
                self._write(line.decode("utf-8", "replace").rstrip())

    def _write(self, line: str) -> None:
        record = record_in(line) if line.startswith("{") else None
        if record is not None:
            record.fields = {**record.fields, "worker_pid": self._pid}  # type: ignore[attr-defined]
            logging.getLogger(record.name).handle(record)
        elif line:
            log.warning("%s", line, extra=fields(**self.about, worker_pid=self._pid))
