"""What is shown of a job, and that text from outside is never read as markup."""

from __future__ import annotations

import pytest
import typer

from clients.python.errors import EngineLost
from clients.python.screen import Screen, described
from scene_schema.errors import Refused
from scene_schema.messages import JobStatus


def job(**changes: object) -> JobStatus:
    fields: dict[str, object] = {"job": "j", "scene": "s", "layer": "rain", "revision": 1, "state": "queued"}
    return JobStatus.model_validate({**fields, **changes})


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (job(), "queued"),
        (job(position=2), "queued at 2"),
        (job(position=2, seconds_left=3.4), "queued at 2, about 3 s left"),
        (job(state="loading"), "loading the model"),
        (job(state="running", stage="sampling", step=3, steps=8), "sampling, step 3 of 8"),
        (job(state="done", reduced_to_steps=4), "done in 4 steps only: memory ran out"),
        (job(state="superseded"), "superseded"),
    ],
)
def test_a_job_in_words(status: JobStatus, words: str) -> None:
    assert described(status) == words


def test_bars_take_whatever_comes(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(as_json=False).progress() as show:
        for state, stage, step in [("queued", "", 0), ("running", "text", 1), ("running", "sampling", 4)]:
            show(job(layer="[red]", state=state, stage=stage, step=step, steps=8 if stage else 0))
        show(job(layer="[red]", state="done"))
    said = capsys.readouterr()
    assert said.out == ""
    assert "[red]" in said.err
    assert "done" in said.err


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refused("invalid", "no [bold]markup[/bold]"), 2, "invalid"),
        (EngineLost("gone"), 3, "engine_lost"),
        (PermissionError(13, "Permission denied", "a/b"), 2, "file"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_every_error_has_a_status_and_a_sentence(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, code: str
) -> None:
    for as_json in (False, True):
        with pytest.raises(typer.Exit) as raised, Screen(as_json).errors():
            raise error
        assert raised.value.exit_code == status
        said = capsys.readouterr()
        assert code in (said.out if as_json else said.err)
        assert "markup[/bold]" in said.out + said.err or code != "invalid"


def test_json_is_one_line_and_remarks_stay_away(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=True)
    screen.say("words")
    screen.next("a command")
    screen.remark("by the way")
    screen.table("t", ["a"], [["b"]])
    with screen.busy("busy"), screen.progress() as show:
        show(job())
    screen.result({"a": "é"})
    assert capsys.readouterr() == ('{"a": "é"}\n', "")
