"""What can go wrong between a client and its engine, besides a refusal.

Refused              (scene_schema) the engine answered no; nothing changed
EngineLost           no answer came
  EngineDidNotStart  a private engine ended, or said nothing, before it served
  StillRendering     the engine answers, but a job did not end in the time allowed
"""

from __future__ import annotations


class EngineLost(Exception):  # noqa: N818 - named after what happened
    """No engine answered in time.

    Attributes:
        code: stable, for programs; stands where a refusal has its own.
        message: one sentence, for people.
        remedy: what to do next, as a command where there is one.
    """

    code = "engine_lost"

    def __init__(self, message: str, remedy: str = "Start an engine: stemscape serve") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class EngineDidNotStart(EngineLost):
    """A private engine ended, or said nothing, before it served. The message has the end of its log."""

    code = "engine_did_not_start"


class StillRendering(EngineLost):
    """A job did not end in the time allowed. The engine goes on with it."""

    code = "still_rendering"
