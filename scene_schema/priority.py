"""How urgent a render is, and the field that says so in every request that may start one. Values only."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from scene_schema.scene import Strict

Priority = Literal["interactive", "batch"]
"""`interactive`: somebody waits for it. `batch`: it may take its time, as what renders overnight."""


class MayRender(Strict):
    """What requests that may start renders share: how urgent those are."""

    USUAL: ClassVar[dict[str, Any]] = {"priority": "interactive"}
    """Fields that came later, and are written only where they say something else than this."""

    priority: Priority = Field(
        default="interactive", description="`batch`: after what somebody waits for, but never left out"
    )

    @model_serializer(mode="wrap")
    def _without_usual(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # An edit in the journal from before there was such a field is the same edit when it is sent again.
        data: dict[str, Any] = write(self)
        return {name: value for name, value in data.items() if value != self.USUAL.get(name, ...)}
