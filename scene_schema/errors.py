"""What a refusal says: a stable code, the field, what was expected, what came, what to do.

Knows pydantic's findings and nothing of sockets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from scene_schema.limits import SHOWN_CHARS

Code = Literal[
    "malformed",  # the bytes are not a message
    "too_large",  # a message over the size limit
    "version",  # a protocol version that is not spoken here
    "unknown_type",  # a message type that does not exist
    "invalid",  # a field is wrong: findings say which
    "not_found",  # no such scene, layer, take or job
    "exists",  # the id is taken
    "conflict",  # base_revision is not the newest: the newest comes with the error
    "locked",  # the layer is locked
    "unsupported",  # right in itself, but not for this model
    "not_rendered",  # there is no stem yet
    "too_many_jobs",  # of this client's wait already; nothing was queued
    "worker_lost",  # the engine worker died; the bridge starts another
    "model_failed",  # the model could not be loaded
    "out_of_memory",  # the device's memory does not hold this render, not even in pieces
    "set_aside",  # this very render killed its workers, and is not tried again in this session
    "denied",  # no key, a wrong token, another's job, a path outside the project folders
    "shutting_down",
    "internal",  # our fault; the log has the story
]


class Finding(BaseModel):
    """One wrong field: where (`$.layers[1].gain_db`), what was expected, what came."""

    model_config = ConfigDict(frozen=True)

    field: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.field}: {self.expected}, got {self.got}"


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault of ours
    """A request that cannot be carried out. Nothing has changed because of it.

    Attributes:
        code: stable, for programs.
        message: one sentence, for people.
        findings: the fields at fault, most useful first; may be empty.
        remedy: what to do next.
    """

    def __init__(
        self, code: Code, message: str, *, findings: Iterable[Finding] = (), remedy: str = ""
    ) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.findings = tuple(findings)
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.message, *(f"  {finding}" for finding in self.findings)]
        if self.remedy:
            lines.append(self.remedy)
        return "\n".join(lines)


def shown(value: object) -> str:
    """A value as an error repeats it: its repr, cut to `limits.SHOWN_CHARS`."""
    if isinstance(value, str | bytes) and len(value) > SHOWN_CHARS:
        unit = "characters" if isinstance(value, str) else "bytes"
        return f"{value[:SHOWN_CHARS]!r}… ({len(value)} {unit})"
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"


def path(location: Iterable[int | str]) -> str:
    """`("layers", 1, "gain_db")` → `$.layers[1].gain_db`."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def refused_by(error: ValidationError, what: str) -> Refused:
    """Turns pydantic's findings on `what` ("scene", "layer.edit") into a refusal with code `invalid`."""
    findings = [
        Finding(field=path(_without_tags(e["loc"])), expected=_sentence(e["msg"]), got=_got(e))
        for e in error.errors(include_url=False)
    ]
    return Refused("invalid", f"this {what} is not valid", findings=findings, remedy="Mend the fields named.")


_ORIGINS = ("variation", "region", "continuation", "mix")  # the kinds of `origin.Origin`


def _without_tags(location: tuple[int | str, ...]) -> list[int | str]:
    # pydantic puts the tag of a discriminated union into the path; the sender never wrote it there
    return [
        part
        for before, part in zip((None, *location), location, strict=False)
        if not (isinstance(part, str) and ("." in part or (before == "origin" and part in _ORIGINS)))
    ]


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "should be")


def _got(error: Any) -> str:
    return "nothing" if error["type"] == "missing" else shown(error["input"])
