"""What all values of ours have in common: frozen, checked when made, and strict about their keys."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer
from pydantic_core import InitErrorDetails, PydanticCustomError


class Strict(BaseModel):
    """Frozen, and refuses keys that it does not know: a misspelt field never passes in silence.

    A NaN that a client was given reaches the engine as a NaN, so that the refusal names what was sent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, ser_json_inf_nan="constants")


class Grown(Strict):
    """Has got fields since it was first written down. Those that came `later` are written only where they say
    something (are neither empty nor the default), so that a value without them is what it was before there
    were any: its identity stays, and so does what a journal knows of it."""

    later: ClassVar[tuple[str, ...]] = ()

    @model_serializer(mode="wrap")
    def _without_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = write(self)
        for name in self.later:
            value = data.get(name)  # whoever writes may have left it out
            if not value or value == type(self).model_fields[name].default:
                data.pop(name, None)
        return data


def field_error(expected: str, location: tuple[int | str, ...], got: object) -> ValidationError:
    """For validators of a whole value: a ValueError would name the value, this names the field in it."""
    detail = InitErrorDetails(
        type=PydanticCustomError("field", "{expected}", {"expected": expected}), loc=location, input=got
    )
    return ValidationError.from_exception_data("value", [detail])
