"""Lines of the log: what happened, and which request, job, scene and worker it is about. Knows no files.

As text for people or as JSON for programs; each line names what it is about in the same words, so that one
search for an id finds its whole story, the worker's part of it included.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any, Final, Literal

Form = Literal["text", "json"]
FORMS: Final[tuple[Form, ...]] = ("text", "json")

ABOUT: Final = ("request", "job", "scene", "layer", "client", "worker_pid")
"""Names of what a line may be about, in the order in which they are written. `request` is the id of the
message that caused it."""

_PLAIN: Final = re.compile(r"[\w.:/+-]+")
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_about: ContextVar[Mapping[str, Any]] = ContextVar("stemscape_log_about", default=_NOTHING)


class about:  # noqa: N801 - read as a word: `with about(job=…):`
    """All lines written inside, by tasks begun inside too, are about this as well. None takes a name away."""

    def __init__(self, **what: Any) -> None:
        self._what = what

    def __enter__(self) -> None:
        self._token: Token[Mapping[str, Any]] = _about.set({**_about.get(), **self._what})

    def __exit__(self, *_: object) -> None:
        _about.reset(self._token)


def fields(**values: Any) -> dict[str, Any]:
    """For one line: `log.info("job done", extra=fields(job=…, seconds=…))`. Overrides what `about` says."""
    return {"fields": values}


def fixed(record: logging.LogRecord) -> logging.LogRecord:
    """The record with all that it needs from the place and time where it was made, itself changed: it may be
    written later, by another thread."""
    if getattr(record, "is_fixed", False):
        return record
    try:
        record.msg = record.getMessage()
    except (TypeError, ValueError) as error:  # the wrong number of values: no reason to lose the line
        record.msg = f"{record.msg} {record.args!r} ({error})"
    record.args = None
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    record.exc_info = None
    said = {**_about.get(), **getattr(record, "fields", _NOTHING)}
    order = {name: place for place, name in enumerate(ABOUT)}
    said = dict(sorted(said.items(), key=lambda one: order.get(one[0], len(order))))
    record.fields = {name: value for name, value in said.items() if value is not None and value != ""}
    record.is_fixed = True
    return record


class JsonLines(logging.Formatter):
    """One JSON object a line, in ASCII: `time` (UTC), `level`, `logger`, `message`, then what it is about by
    the names in `ABOUT` and whatever figures it has, then `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        fixed(record)
        data: dict[str, Any] = {
            "time": _time(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.msg,
            **record.fields,  # type: ignore[attr-defined]
        }
        if record.exc_text:
            data["traceback"] = record.exc_text
        if record.stack_info:
            data["stack"] = record.stack_info
        return json.dumps(data, default=str)


class TextLines(logging.Formatter):
    """For people: time, level, logger, message, and what it is about in brackets; tracebacks below."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        fixed(record)
        said = " ".join(f"{name}={_shown(value)}" for name, value in record.fields.items())  # type: ignore[attr-defined]
        record.message = str(record.msg)
        record.asctime = self.formatTime(record)
        line = self.formatMessage(record) + (f" [{said}]" if said else "")
        return "\n".join([line, *(one for one in (record.exc_text, record.stack_info) if one)])


_FORMATTERS: Final[Mapping[Form, Callable[[], logging.Formatter]]] = {"text": TextLines, "json": JsonLines}


def formatter(form: Form) -> logging.Formatter:
    """The lines of this form."""
    return _FORMATTERS[form]()


def record_in(line: str) -> logging.LogRecord | None:
    """The record that `JsonLines` wrote, for another process to write as its own; None for other text."""
    try:
        data = json.loads(line)
        created_s = datetime.fromisoformat(data.pop("time").replace("Z", "+00:00")).timestamp()
        level = logging.getLevelName(data.pop("level"))
        if not isinstance(level, int):
            return None
        record = logging.makeLogRecord(
            {
                "created": created_s,
                "msecs": 1000 * (created_s % 1),
                "levelno": level,
                "levelname": logging.getLevelName(level),
                "name": str(data.pop("logger")),
                "msg": str(data.pop("message")),
                "exc_text": data.pop("traceback", None),
                "stack_info": data.pop("stack", None),
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    record.fields = data
    return record


def _time(created_s: float) -> str:
    when = datetime.fromtimestamp(created_s, timezone.utc)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
