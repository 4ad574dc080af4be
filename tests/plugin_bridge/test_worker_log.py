"""What a worker wrote, through a real pipe, as lines of our own log."""

from __future__ import annotations

import logging
import os
from io import BytesIO
from typing import Any

import pytest

from engine.log_lines import JsonLines, fields
from plugin_bridge import worker_log
from plugin_bridge.worker_log import WorkerLog


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, dict[str, Any]]]:
    return [(one.name, one.getMessage(), one.fields) for one in caplog.records]  # type: ignore[attr-defined]


def read(written: bytes, about: dict[str, str] | None = None) -> None:
    ours, theirs = os.pipe()
    log = WorkerLog(os.fdopen(ours, "rb"), pid=7)
    log.about = about or {}
    with os.fdopen(theirs, "wb") as pipe:
        pipe.write(written)
    log.join()


def test_its_lines_keep_their_ids_and_time(caplog: pytest.LogCaptureFixture) -> None:
    record = logging.LogRecord("stemscape.x", logging.ERROR, "", 1, "failed", None, None)
    record.__dict__.update(fields(job="j1"), exc_text="Traceback …")
    read(JsonLines().format(record).encode() + b"\n", {"job": "another"})
    assert said(caplog) == [("stemscape.x", "failed", {"job": "j1", "worker_pid": 7})]
    (line,) = caplog.records
    assert abs(line.created - record.created) < 0.002
    assert (line.levelno, line.exc_text) == (logging.ERROR, "Traceback …")


def test_other_lines_are_about_the_job_it_was_at(caplog: pytest.LogCaptureFixture) -> None:
    read(b"CUDA error: \xff\n\n{not json\nno end", {"job": "j1", "request": "r1"})
    name, message, about = said(caplog)[0]
    assert (name, message) == ("stemscape.worker", "CUDA error: \ufffd")
    assert about == {"job": "j1", "request": "r1", "worker_pid": 7}
    assert [one[1] for one in said(caplog)[1:]] == ["{not json", "no end"]
    assert caplog.records[0].levelno == logging.WARNING


def test_a_line_without_end_is_cut(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_log, "LINE_BYTES", 4)
    WorkerLog(BytesIO(b"abcdefgh\n"), 7).join()
    assert [one[1] for one in said(caplog)] == ["abcd", "efgh"]
