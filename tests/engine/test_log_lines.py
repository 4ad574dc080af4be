"""What a line of the log says, and that it says the same after it went through another process."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.log_lines import JsonLines, TextLines, about, fields, fixed, record_in

_TEXT = st.text(max_size=60)


def record(message: str = "said", *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("stemscape.test", logging.INFO, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def as_data(one: logging.LogRecord) -> dict[str, object]:
    line = JsonLines().format(one)
    assert "\n" not in line and line.isascii()
    data: dict[str, object] = json.loads(line)
    return data


def test_a_line_says_what_it_is_about() -> None:
    with about(request="r1", client="daw"):
        with about(job="j1", client=None):
            inside = as_data(record("took %g s", 1.5, **fields(seconds=1.5, job="j2")))
        outside = as_data(record())
    assert list(inside) == ["time", "level", "logger", "message", "request", "job", "seconds"]
    assert (inside["message"], inside["job"], inside["request"]) == ("took 1.5 s", "j2", "r1")
    assert (outside["request"], outside["client"], "job" in outside) == ("r1", "daw", False)
    assert list(as_data(record())) == ["time", "level", "logger", "message"]


def test_work_that_was_begun_inside_stays_about_it() -> None:
    async def later() -> dict[str, object]:
        await asyncio.sleep(0)
        return await asyncio.to_thread(lambda: as_data(record()))

    async def story() -> dict[str, object]:
        with about(job="j1"):
            task = asyncio.ensure_future(later())
        return await task

    assert asyncio.run(story())["job"] == "j1"


def test_what_it_is_about_is_taken_where_it_was_said() -> None:
    one = record("%s", "early")
    with about(job="j1"):
        fixed(one)
    with about(job="j2"):
        assert (as_data(one)["job"], as_data(one)["message"]) == ("j1", "early")


def test_a_traceback_is_a_field_of_one_line_and_lines_of_text() -> None:
    def failed() -> logging.LogRecord:
        try:
            raise RuntimeError("a fault\nof two lines")
        except RuntimeError:
            return record(exc_info=sys.exc_info())

    trace = as_data(failed())["traceback"]
    assert isinstance(trace, str)
    assert trace.startswith("Traceback") and trace.endswith("of two lines")
    first, *below = TextLines().format(failed()).split("\n")
    assert first.endswith("stemscape.test: said") and below[0].startswith("Traceback")


def test_text_names_ids_as_json_does() -> None:
    line = TextLines().format(record(**fields(request="a-b", client="my\ndaw", seconds=0.25)))
    assert line.endswith(r'INFO stemscape.test: said [request=a-b client="my\ndaw" seconds=0.25]')


@pytest.mark.parametrize("args", [(), (1, 2), ("x",)])
def test_the_wrong_number_of_values_costs_no_line(args: tuple[object, ...]) -> None:
    said = as_data(record("%d of it", *args))["message"]
    assert str(said).startswith("%d of it")


@given(_TEXT, st.dictionaries(st.sampled_from(["job", "request", "seconds"]), _TEXT | st.integers()))
def test_another_process_writes_the_same_line(message: str, said: dict[str, object]) -> None:
    line = JsonLines().format(record(message.replace("%", "%%"), **fields(**said), exc_text="Traceback"))
    again = record_in(line)
    assert again is not None and JsonLines().format(again) == line


@given(_TEXT | st.sampled_from(["{}", "[]", "null", '{"time": 1}', "[" * 9999]))
def test_other_text_is_no_record(line: str) -> None:
    assert record_in(line) is None


@pytest.mark.parametrize(("name", "value"), [("level", "info"), ("level", 3), ("time", "now"), ("time", 5)])
def test_nor_is_json_that_is_not_ours(name: str, value: object) -> None:
    assert record_in(json.dumps({**as_data(record()), name: value})) is None
