"""A training stage that survives being stopped: state on disk, progress on the terminal, a log of losses."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch

SAVE_EVERY_S: Final = 60.0
PRINT_EVERY_S: Final = 10.0


class Stage:
    """Counts the steps of one stage and keeps its state.

    `parts` are objects with `state_dict` and `load_state_dict`; they are restored when the stage begins
    again, and the random state with them, so that a stopped run goes on where it was.
    """

    def __init__(self, folder: Path, name: str, steps: int, parts: dict[str, Any]) -> None:
        self.name, self.steps, self.parts = name, steps, parts
        self.step = 0
        self._state = folder / f"{name}.state.pt"
        self._log = folder / f"{name}.losses.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        if self._state.exists():
            self._restore()

    @property
    def finished(self) -> bool:
        return self.step >= self.steps

    def __iter__(self) -> Iterator[int]:
        """The steps that are left. Saves now and then, and at the end."""
        saved_s = printed_s = start_s = time.monotonic()
        first = self.step
        while not self.finished:
            yield self.step
            self.step += 1
            now_s = time.monotonic()
            if now_s - printed_s > PRINT_EVERY_S or self.finished:
                printed_s = now_s
                left_s = (now_s - start_s) / (self.step - first) * (self.steps - self.step)
                print(f"\r{self.name} {self.step}/{self.steps}, {left_s:.0f} s left", end="", file=sys.stderr)
            if now_s - saved_s > SAVE_EVERY_S or self.finished:
                saved_s = now_s
                self.save()
        print(file=sys.stderr)

    def log(self, **numbers: float) -> None:
        """Adds one line to the stage's log of losses."""
        line = json.dumps({"step": self.step, **{key: round(value, 5) for key, value in numbers.items()}})
        with self._log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def save(self) -> None:
        """Writes the state under a temporary name, then renames it."""
        state = {name: part.state_dict() for name, part in self.parts.items()}
        temporary = self._state.with_suffix(".tmp")
        torch.save({"step": self.step, "random": torch.get_rng_state(), "parts": state}, temporary)
        temporary.rename(self._state)

    def _restore(self) -> None:
        state = torch.load(self._state, weights_only=True)
        self.step = state["step"]
        torch.set_rng_state(state["random"])
        for name, part in self.parts.items():
            # A first state has the weights that a run begins with, and nothing else.
            if self.step or name in state["parts"]:
                part.load_state_dict(state["parts"][name])


def write_first_state(run: Path, stage: str, parts: dict[str, Any]) -> None:
    """Weights that a stage begins with, instead of drawing them."""
    state = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"step": 0, "random": torch.get_rng_state(), "parts": state}, run / f"{stage}.state.pt")


def has_state(run: Path, stage: str) -> bool:
    """Whether a stage of this run has begun."""
    return (run / f"{stage}.state.pt").exists()


def part_of_run(run: Path, stage: str, part: str) -> dict[str, Any]:
    """The saved state of one part of an earlier stage.

    Raises FileNotFoundError, naming the stage to run, where it is not there.
    """
    path = run / f"{stage}.state.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: run the stage '{stage}' first")
    state: dict[str, Any] = torch.load(path, weights_only=True)["parts"][part]
    return state
