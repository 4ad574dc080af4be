"""How urgent a render is, and the field that says so in every request that may start one. Values only."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from scene_schema.strict import Grown

Priority = Literal["interactive", "batch"]
"""`interactive`: somebody waits for it. `batch`: it may take its time, as what renders overnight."""


class MayRender(Grown):
    """What requests that may start renders share: how urgent those are."""

    later: ClassVar[tuple[str, ...]] = ("priority",)

    priority: Priority = Field(
        default="interactive", description="`batch`: after what somebody waits for, but never left out"
    )
