"""What a person, or with `--json` a program, sees of a command: results, errors, progress.

Results go to stdout; progress and remarks to stderr, so that a pipe carries results alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from clients.python.client import OnProgress
from clients.python.errors import EngineLost
from scene_schema.errors import Refused
from scene_schema.job_states import FINAL
from scene_schema.messages import JobStatus

BROKEN_PROMISE: Final = 1
REFUSED: Final = 2
ENGINE_LOST: Final = 3
INTERRUPTED: Final = 130

_STATE: Final = {"loading": "loading the model", "delivering": "keeping the take"}


class Screen:
    """One command's output, for people or as JSON."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._out = Console(soft_wrap=True, highlight=False)
        self._err = Console(stderr=True, soft_wrap=True, highlight=False)

    def result(self, data: dict[str, Any]) -> None:
        """The machine's answer; nothing where a person reads."""
        if self.as_json:
            typer.echo(json.dumps(data, ensure_ascii=False))

    def say(self, *lines: str) -> None:
        """Lines of the person's answer."""
        if not self.as_json:
            for line in lines:
                self._out.print(Text(line))

    def next(self, command: str) -> None:
        """The one obvious next command."""
        if not self.as_json:
            self._out.print(Text.assemble(("next: ", "dim"), (command, "bold cyan")))

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """A small table; the word `kept` or `broken` in it is coloured."""
        if self.as_json:
            return
        table = Table(title=title or None, title_justify="left")
        for column in columns:
            table.add_column(column, overflow="fold")
        colour = {"kept": "green", "broken": "bold red"}
        for row in rows:
            table.add_row(*(Text(cell, style=colour.get(cell, "")) for cell in row))
        self._out.print(table)

    def remark(self, line: str) -> None:
        """Something by the way, on stderr."""
        if not self.as_json:
            self._err.print(Text(line, style="dim"))

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """A spinner while something takes long."""
        if self.as_json:
            yield
            return
        with self._err.status(Text(what)):
            yield

    @contextmanager
    def progress(self) -> Iterator[OnProgress]:
        """A bar for each layer that renders: its stage and step of steps."""
        if self.as_json:
            yield lambda _status: None
            return
        bars = Progress(
            TextColumn("{task.fields[layer]}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self._err,
        )
        with bars:
            yield _layer_bars(bars)

    @contextmanager
    def transfer(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        """A bar over all files of a pull, with its speed and the time that is left."""
        if self.as_json:
            yield lambda _progress: None
            return
        bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._err,
        )
        with bars:
            yield _transfer_bar(bars)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns what may go wrong into a clear message and an exit status; never a traceback."""
        try:
            yield
        except Refused as refused:
            findings = [finding.model_dump() for finding in refused.findings]
            self._failed(refused.code, refused.message, refused.remedy, findings)
            raise typer.Exit(REFUSED) from refused
        except EngineLost as lost:
            self._failed(lost.code, lost.message, lost.remedy)
            raise typer.Exit(ENGINE_LOST) from lost
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            self._failed("file", f"{where}{error.strerror or error}", "Check the path, and try again.")
            raise typer.Exit(REFUSED) from error
        except KeyboardInterrupt:
            self._failed("interrupted", "stopped before the end", "Run the command again.")
            raise typer.Exit(INTERRUPTED) from None

    def usage(self, message: str) -> None:
        """A command line that cannot be read, for programs; people get typer's own."""
        self._failed("usage", message, "See what is possible: stemscape --help")

    def _failed(
        self, code: str, message: str, remedy: str, findings: list[dict[str, str]] | None = None
    ) -> None:
        if self.as_json:
            self.result(
                {"error": {"code": code, "message": message, "findings": findings or [], "remedy": remedy}}
            )
            return
        self._err.print(Text.assemble((f"{code}: ", "bold red"), message))
        for finding in findings or []:
            self._err.print(Text(f"  {finding['field']}", style="bold"))
            self._err.print(Text(f"    expected  {finding['expected']}"))
            self._err.print(Text(f"    got       {finding['got']}"))
        if remedy:
            self._err.print(Text(remedy, style="cyan"))


def described(job: JobStatus) -> str:
    """A job's state in a few words: `sampling, step 3 of 8`."""
    if job.state == "running":
        return f"{job.stage or 'running'}, step {job.step} of {job.steps}"
    if job.state == "queued" and job.position is not None:
        left = f", about {job.seconds_left:.0f} s left" if job.seconds_left is not None else ""
        return f"queued at {job.position}{left}"
    if job.state == "done" and job.reduced_to_steps is not None:
        return f"done in {job.reduced_to_steps} steps only: memory ran out"
    return _STATE.get(job.state, job.state)


def _layer_bars(bars: Progress) -> Callable[[JobStatus], None]:
    tasks: dict[str, TaskID] = {}

    def show(job: JobStatus) -> None:
        if job.job not in tasks:
            tasks[job.job] = bars.add_task("", total=1.0, layer=job.layer)
        done = 1.0 if job.state == "done" else job.step / job.steps if job.steps else 0.0
        # short stages (text, decoding) count their own steps: only sampling moves the bar
        moving = job.state == "done" or job.stage == "sampling"
        bars.update(tasks[job.job], description=described(job), completed=done if moving else None)
        if job.state in FINAL:
            bars.stop_task(tasks[job.job])

    return show


def _transfer_bar(bars: Progress) -> Callable[[dict[str, Any]], None]:
    tasks: list[TaskID] = []

    def show(progress: dict[str, Any]) -> None:
        if not tasks:  # what an earlier attempt had fetched is no part of this one's speed
            tasks.append(bars.add_task("", total=progress["size_bytes"], completed=progress["done_bytes"]))
        words = f"{progress['stage']} {progress['repository']} {progress['file']}"
        bars.update(tasks[0], description=words, completed=progress["done_bytes"])

    return show
