"""The life of a render job as one table. What is not in the table is a bug in the sender. Pure."""

from __future__ import annotations

from typing import Final, Literal

State = Literal["queued", "loading", "running", "delivering", "done", "failed", "cancelled", "superseded"]

NEXT: Final[dict[State, frozenset[State]]] = {
    "queued": frozenset({"loading", "running", "done", "failed", "cancelled", "superseded"}),
    # back to queued: the worker died under the job, and another one gets it
    "loading": frozenset({"running", "queued", "failed", "cancelled", "superseded"}),
    "running": frozenset({"running", "delivering", "queued", "failed", "cancelled", "superseded"}),
    "delivering": frozenset({"done", "failed"}),  # past the point of no return: the take is kept
    "done": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
    "superseded": frozenset(),
}

FINAL: Final = frozenset(state for state, following in NEXT.items() if not following)


def check_move(now: State, then: State) -> None:
    """Raises ValueError, naming both states, where the table has no such move."""
    if then not in NEXT[now]:
        raise ValueError(
            f"a job cannot go from {now} to {then}; from {now}: {sorted(NEXT[now]) or 'nowhere'}"
        )


def as_mermaid() -> str:
    """The table as a Mermaid state diagram, for the documents."""
    arrows = [f"    {now} --> {then}" for now, following in NEXT.items() for then in sorted(following)]
    return "\n".join(["stateDiagram-v2", "    [*] --> queued", *arrows])
