"""Clients that want their jobs ended when they are gone, and when they count as gone. Pure: told times.

A lease is renewed by every message in its client's name, through any door. While a connection of the client
is open it does not run at all. It is the one sign of life that all doors have: a ROUTER socket does
not say which of its peers died, and datagrams have no connection to lose.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from scene_schema.errors import Refused

LEASES: Final = 1000  # names that are kept at a time


class Leases:
    """By client name. Times are of one clock, in seconds."""

    def __init__(self, lease_s: float) -> None:
        self.lease_s: Final = lease_s
        self._heard_s: dict[str, float] = {}
        self._connections: Counter[str] = Counter()

    def grant(self, client: str, now_s: float) -> None:
        """From now on the client counts as gone when it is silent for `lease_s`. Raises `Refused`."""
        if client not in self._heard_s and len(self._heard_s) >= LEASES:
            raise Refused(
                "too_large", f"{LEASES} clients have a lease", remedy="Send it again a little later."
            )
        self._heard_s[client] = now_s

    def end(self, client: str) -> None:
        """The client does not want that any more."""
        self._heard_s.pop(client, None)

    def heard(self, client: str, now_s: float) -> None:
        """The client sent something."""
        if client in self._heard_s:
            self._heard_s[client] = now_s

    def connected(self, client: str) -> None:
        """A connection of the client's stands."""
        self._connections[client] += 1

    def disconnected(self, client: str, now_s: float) -> None:
        """That connection is closed: from here the lease runs, if it was the last."""
        self._connections[client] -= 1
        self._connections += Counter()  # drops those with none
        self.heard(client, now_s)

    def gone(self, now_s: float) -> list[str]:
        """Whose leases have run out; they have none any more."""
        gone = [one for one in self._running() if now_s - self._heard_s[one] >= self.lease_s]
        for client in gone:
            del self._heard_s[client]
        return gone

    def next_s(self) -> float | None:
        """When the next lease runs out if nobody says anything; None: none runs."""
        heard_s = min((self._heard_s[one] for one in self._running()), default=None)
        return None if heard_s is None else heard_s + self.lease_s

    def _running(self) -> list[str]:
        return [client for client in self._heard_s if not self._connections[client]]
