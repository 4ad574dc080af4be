"""The log's threads and files: nothing waits for them, and they do not grow."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from engine.log_lines import about, formatter
from plugin_bridge import log_keeping
from plugin_bridge.log_keeping import Aside, keep_in_file
from scene_schema.errors import Refused
from tests.plugin_bridge.engine_process import WAIT_S


class Stalled(logging.Handler):
    """Stands still, as a terminal that is paused, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.go = threading.Event(), threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.entered.set()
        assert self.go.wait(WAIT_S)
        self.lines.append(formatter("text").format(record).partition(": ")[2])


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("stemscape.test", logging.INFO, __file__, 1, message, None, None)


def test_who_stands_still_holds_up_nobody_and_is_told_what_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_keeping, "WAITING_LINES", 3)
    slow = Stalled()
    aside = Aside(slow)
    with about(job="j1"):
        aside.handle(record("first"))
    assert slow.entered.wait(WAIT_S)
    for number in range(10):
        aside.handle(record(f"line {number}"))
    assert slow.lines == []
    slow.go.set()
    aside.close()
    assert slow.lines[:4] == ["first [job=j1]", "line 0", "line 1", "line 2"]
    assert slow.lines[4].startswith("7 lines of the log were lost here")


def test_closing_does_not_wait_for_who_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_keeping, "CLOSING_S", 0.05)
    slow = Stalled()
    aside = Aside(slow)
    aside.handle(record("first"))
    aside.close()
    assert slow.lines == []
    slow.go.set()


def test_files_stay_within_their_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_keeping, "FILE_BYTES", 2000)
    monkeypatch.setattr(log_keeping, "OLDER_FILES", 2)
    path = tmp_path / "logs" / "engine.log"
    root = logging.getLogger()
    before = list(root.handlers)
    keep_in_file(path, "json")
    (added,) = (one for one in root.handlers if one not in before)
    try:
        for number in range(200):
            added.handle(record(f"line {number}"))
    finally:
        root.removeHandler(added)
        added.close()
    files = sorted(path.parent.iterdir())
    assert [one.name for one in files] == ["engine.log", "engine.log.1", "engine.log.2"]
    assert all(0 < one.stat().st_size <= 2000 for one in files)
    assert "line 199" in path.read_text()


def test_a_file_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Refused, match="the log cannot be written into") as caught:
        keep_in_file(tmp_path / "file" / "engine.log", "text")
    assert "--log-file" in caught.value.remedy
