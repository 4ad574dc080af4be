import asyncio
import logging
import sqlite3

import pytest

from plugin_bridge.guard import guarded
from scene_schema.errors import Refused
from scene_schema.messages import Failure


async def work(error: BaseException | None = None) -> str:
    if error is not None:
        raise error
    return "done"


def test_a_result_passes_through() -> None:
    assert asyncio.run(guarded("id1", work())) == "done"


def test_a_refusal_is_told_as_it_is() -> None:
    refused = Refused("locked", "it is locked", remedy="Unlock it.")
    assert asyncio.run(guarded("id1", work(refused))) == Failure.of(refused)


@pytest.mark.parametrize("error", [OSError("no space left"), sqlite3.OperationalError("database is full")])
def test_a_disk_that_refuses_is_named(error: Exception) -> None:
    failure = asyncio.run(guarded("id1", work(error)))
    assert isinstance(failure, Failure)
    assert (failure.code, str(error) in failure.message) == ("internal", True)
    assert "space" in failure.remedy


def test_a_fault_of_ours_is_logged_whole_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        failure = asyncio.run(guarded("id1", work(ZeroDivisionError("secret"))))
    assert isinstance(failure, Failure)
    assert failure.code == "internal"
    assert "secret" not in failure.message
    assert "id1" in failure.remedy
    assert "id1" in caplog.text
    assert "ZeroDivisionError: secret" in caplog.text


def test_the_end_of_the_process_is_not_held_up() -> None:
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(guarded("id1", work(KeyboardInterrupt())))
