"""Where the engine's log goes: standard error, and a file that never grows beyond its bounds.

Both are written by threads of their own, so that a terminal that stands still or a slow disk holds up no
message. A line waits there for milliseconds: those are lost where the process is killed.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Final

from engine.log_lines import Form, fixed, formatter
from scene_schema.errors import Refused

FILE_BYTES: Final = 8 * 2**20
OLDER_FILES: Final = 4  # engine.log.1 … .4: with the newest 40 MiB at most
WAITING_LINES: Final = 10_000  # for a reader that stands still; further ones are lost, and counted
CLOSING_S: Final = 1.0

log = logging.getLogger("stemscape.log")


class Aside(logging.Handler):
    """Passes records on to another handler in a thread of its own. Never waits."""

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler
        self._waiting: queue.SimpleQueue[logging.LogRecord | None] = queue.SimpleQueue()
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        fixed(record)
        if self._waiting.qsize() >= WAITING_LINES:
            self._lost += 1
        else:
            self._waiting.put(record)

    def close(self) -> None:
        """Waits a moment for what is on its way; whoever does not read it by then has lost it."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(CLOSING_S)
        super().close()

    def _write(self) -> None:
        while (record := self._waiting.get()) is not None:
            self._handler.handle(record)
            if self._waiting.empty():
                self._tell_lost()
        self._tell_lost()
        self._handler.close()

    def _tell_lost(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            words = f"{lost} lines of the log were lost here: they were not read in time"
            told = {"name": log.name, "levelno": logging.WARNING, "levelname": "WARNING", "msg": words}
            self._handler.handle(logging.makeLogRecord(told))


def keep_on_stderr(form: Form, debug: bool = False) -> None:
    """The log on standard error, from now on; what Python itself would write there is in it too.

    With `debug` our own lines for each request and client as well; other packages stay as they are.
    """
    logging.raiseExceptions = False  # a disk that is full is no reason to write tracebacks between the lines
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    logging.getLogger("stemscape").setLevel(logging.DEBUG if debug else logging.INFO)
    _add(logging.StreamHandler(), form)
    logging.captureWarnings(True)
    sys.excepthook = _told
    threading.excepthook = _told_of_thread


def keep_in_file(path: Path, form: Form) -> None:
    """The log in a file too, and in older ones beside it. Raises `Refused` where that cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=OLDER_FILES, encoding="utf-8")
    except OSError as error:
        raise Refused(
            "internal",
            f"the log cannot be written into {path}: {error.strerror}",
            remedy="Choose another data folder with --data-dir, or another file with --log-file.",
        ) from error
    _add(handler, form)


def _add(handler: logging.Handler, form: Form) -> None:
    handler.setFormatter(formatter(form))
    logging.getLogger().addHandler(Aside(handler))


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("the engine ends by a fault of ours", exc_info=(kind, error, trace))


def _told_of_thread(told: threading.ExceptHookArgs) -> None:
    name = "" if told.thread is None else told.thread.name
    error = told.exc_value or told.exc_type()
    log.error("thread %s ended by a fault", name, exc_info=(told.exc_type, error, told.exc_traceback))
