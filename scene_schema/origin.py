"""What a stem starts from, if not from nothing: an older take, or one mix of all layers. Values only.

`take` is the id of a take, as `event.take` and `scene.get` tell it. `kind` has no default, so that documents
that leave defaults out still say it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from scene_schema import limits
from scene_schema.strict import Strict, field_error
from scene_schema.view import View

TakeId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""The hash that names a take."""

_SecondS = Annotated[float, Field(ge=0.0, le=limits.DURATION_S.high)]


class Variation(Strict):
    """The take once more, a little or much different: strength 0 leaves it, 1 keeps nothing of it."""

    kind: Literal["variation"]
    take: TakeId
    strength: Annotated[float, Field(ge=0.0, le=1.0)]


class Region(Strict):
    """The take with seconds `from_s`…`to_s` made anew. Further than 0.2 s from them it stays, bit for bit."""

    kind: Literal["region"]
    take: TakeId
    from_s: _SecondS
    to_s: _SecondS

    @model_validator(mode="after")
    def _has_a_length(self) -> Region:
        if self.to_s <= self.from_s:
            raise field_error("a time after from_s", ("to_s",), self.to_s)
        return self


class Continuation(Strict):
    """The take, and behind its end what it goes on with until the scene's end."""

    kind: Literal["continuation"]
    take: TakeId


class Part(Strict):
    """One layer's words in a mix."""

    view: View
    caption: str
    transcript: str | None = None
    seed: Annotated[int, Field(ge=limits.SEED.low, le=limits.SEED.high)] = 0


class Mix(Strict):
    """One of the stems that one mix of all `parts` is taken apart into: that of the part at `place`."""

    kind: Literal["mix"]
    seed: Annotated[int, Field(ge=limits.SEED.low, le=limits.SEED.high)] = 0
    scene_caption: str = ""
    parts: Annotated[list[Part], Field(min_length=1, max_length=limits.LAYERS)]
    place: Annotated[int, Field(ge=0, lt=limits.LAYERS)]

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Mix:
        if self.place >= len(self.parts):
            raise field_error(f"a place in parts, below {len(self.parts)}", ("place",), self.place)
        return self


Origin = Annotated[Variation | Region | Continuation | Mix, Field(discriminator="kind")]


def take_of(origin: Variation | Region | Continuation | Mix | None) -> str | None:
    """The id of the take that a stem starts from, if it starts from one."""
    return None if origin is None or isinstance(origin, Mix) else origin.take
