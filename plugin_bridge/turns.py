"""Whose render is next: interactive before batch, clients in turn. Pure: no clock, no sockets, no scenes.

Clients of a class form a ring: whoever had a turn goes to its end, and so does who comes new. A client's own
jobs keep the order in which it asked. Batch never starves: after `interactive_run` interactive turns while
batch waited, the next turn is batch's. So every job has a longest way to its turn, in turns.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Final, NamedTuple

from scene_schema.priority import Priority

INTERACTIVE_RUN: Final = 8  # a scene's few layers go through together; batch still gets every ninth turn


class Place(NamedTuple):
    """Whose turn a job takes, and in which class."""

    client: str
    priority: Priority


class Turns:
    """The jobs that wait, by id. Each method takes ids that are (or, for `join`, are not) there."""

    def __init__(self, interactive_run: int = INTERACTIVE_RUN) -> None:
        self._interactive_run = interactive_run
        self._run = 0  # interactive turns one after another, since batch began to wait
        self._places: dict[str, Place] = {}
        self._rings: dict[Priority, dict[str, list[str]]] = {"interactive": {}, "batch": {}}
        self._first: list[str] = []  # had their turn already, and lost it through no fault of theirs
        self._order: list[str] | None = None

    def join(self, job: str, client: str, priority: Priority) -> None:
        """The client's newest job of this class."""
        self._order = None
        self._places[job] = Place(client, priority)
        self._rings[priority].setdefault(client, []).append(job)

    def replace(self, old: str, new: str, client: str, priority: Priority) -> None:
        """`new` is wanted instead of `old`, and takes its place if it is of the same client and class."""
        if self._places[old] != (client, priority) or old in self._first:
            self.leave(old)
            self.join(new, client, priority)
            return
        self._order = None
        line = self._rings[priority][client]
        line[line.index(old)] = new
        self._places[new] = self._places.pop(old)

    def move(self, job: str, client: str, priority: Priority) -> None:
        """It waits as this client's in this class from now on, behind the others there."""
        self.leave(job)
        self.join(job, client, priority)

    def put_back(self, job: str, place: Place) -> None:
        """A job whose turn came to nothing is before all others."""
        self._order = None
        self._places[job] = place
        self._first.insert(0, job)

    def leave(self, job: str) -> None:
        """The job waits no more, and had no turn."""
        self._order = None
        client, priority = self._places.pop(job)
        if job in self._first:
            self._first.remove(job)
            return
        ring = self._rings[priority]
        ring[client].remove(job)
        if not ring[client]:
            del ring[client]

    def take(self, job: str) -> Place:
        """The job has its turn; its client goes to the end of the ring."""
        again = job in self._first
        place = self._places[job]
        self.leave(job)
        if again:
            return place
        ring = self._rings[place.priority]
        if place.client in ring:
            ring[place.client] = ring.pop(place.client)
        counts = place.priority == "interactive" and self._rings["batch"]
        self._run = self._run + 1 if counts else 0
        return place

    def order(self) -> list[str]:
        """All jobs as they would have their turns if nothing else came."""
        if self._order is None:
            self._order = self._ordered()
        return self._order

    def place(self, job: str) -> Place:
        """Where a job that waits belongs."""
        return self._places[job]

    def count(self, *, client: str | None = None, priority: Priority | None = None) -> int:
        """How many wait: of one client, of one class, or all."""
        return sum(
            client in (None, place.client) and priority in (None, place.priority)
            for place in self._places.values()
        )

    def _ordered(self) -> list[str]:
        order, run = list(self._first), self._run
        interactive, batch = self._in_rounds("interactive"), self._in_rounds("batch")
        at, batch_at = 0, 0
        while at < len(interactive) or batch_at < len(batch):
            batch_waits = batch_at < len(batch)
            if batch_waits and (at == len(interactive) or run >= self._interactive_run):
                order.append(batch[batch_at])
                batch_at, run = batch_at + 1, 0
            else:
                order.append(interactive[at])
                at, run = at + 1, run + 1
        return order

    def _in_rounds(self, priority: Priority) -> list[str]:
        rounds = zip_longest(*self._rings[priority].values())
        return [job for one in rounds for job in one if job is not None]
