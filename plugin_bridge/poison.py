"""The sounds that killed their workers: set aside until the engine starts anew. Pure, and of bounded size."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from scene_schema.messages import Failure

KEPT: Final = 256  # each has cost two workers, so that many in one session are a fault of the model


class Poison:
    """Takes, by id, whose making ended two workers. The oldest are forgotten first."""

    def __init__(self) -> None:
        self._endings: OrderedDict[str, str] = OrderedDict()

    def add(self, take: str, how: str) -> None:
        """Sets a take aside; `how` says how its second worker ended."""
        self._endings[take] = how
        while len(self._endings) > KEPT:
            self._endings.popitem(last=False)

    def failure(self, take: str) -> Failure | None:
        """Why a take is not tried again; None where it may be."""
        if take not in self._endings:
            return None
        return Failure(
            code="set_aside",
            message=f"this very sound killed two workers (the last {self._endings[take]}), and is set aside",
            remedy="Ask for another one: change the layer's seed, its caption or the scene's length. To try "
            "this one again, start the engine anew.",
        )
