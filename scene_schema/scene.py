"""The scene: a titled set of caption layers over one duration. Start reading here.

Values only: frozen, checked when made, equal when their fields are equal. Nothing here knows how a
scene is stored, sent or rendered.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from scene_schema import limits
from scene_schema.errors import Refused, refused_by
from scene_schema.origin import Origin, Region
from scene_schema.strict import Grown, Strict, field_error
from scene_schema.view import VIEWS as VIEWS
from scene_schema.view import View as View

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""An id of a scene or layer; it names files, so it is lower case with digits, `-` and `_`, at most 64."""

RESERVED: Final = "mix"
"""The one id that a layer may not have: stems and mix stand side by side as `<id>.wav` and `mix.wav`."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=limits.CAPTION_CHARS)]
Seed = Annotated[int, Field(ge=limits.SEED.low, le=limits.SEED.high)]
DurationS = Annotated[float, Field(ge=limits.DURATION_S.low, le=limits.DURATION_S.high, allow_inf_nan=False)]


_TRIAD: Final = r"^[A-G](#|b)?m?$"


def _names_a_triad(value: Any) -> Any:
    # Says "Am7" in a musician's words what is wrong with it; the pattern is for the JSON Schema.
    if isinstance(value, str) and not re.fullmatch(_TRIAD.strip("^$"), value):
        raise PydanticCustomError("chord", "a major or minor triad, such as C, Bb or F#m")
    return value


ChordName = Annotated[str, StringConstraints(pattern=_TRIAD), BeforeValidator(_names_a_triad)]
"""A major or minor triad by its usual name: "C", "F#m", "Bb"."""


class Cue(Strict):
    """A moment in a layer: "door slam at 2.5 s". `at_s` is the onset in seconds from the clip's start."""

    at_s: Annotated[float, Field(ge=0.0)]
    text: Annotated[str, StringConstraints(strip_whitespace=True, max_length=limits.CUE_TEXT_CHARS)] = ""


class TempoGrid(Strict):
    """Beats for music to keep: tempo, metre, and the time of the first downbeat in seconds."""

    bpm: Annotated[float, Field(ge=limits.BPM.low, le=limits.BPM.high)]
    beats_per_bar: Annotated[int, Field(ge=limits.BEATS_PER_BAR.low, le=limits.BEATS_PER_BAR.high)] = 4
    bar_offset_s: Annotated[float, Field(ge=0.0)] = 0.0


class Layer(Grown):
    """One caption with its view, seed, place in the mix and cues. Its rendered audio is its stem."""

    later = ("origin", "loop", "apart_from")

    id: Slug
    view: View
    caption: Line = ""
    transcript: (
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=limits.TRANSCRIPT_CHARS)] | None
    ) = None
    seed: Seed = 0
    gain_db: Annotated[float, Field(ge=limits.GAIN_DB.low, le=limits.GAIN_DB.high)] = 0.0
    pan: Annotated[float, Field(ge=limits.PAN.low, le=limits.PAN.high)] = 0.0
    mute: bool = False
    solo: bool = False
    lock: bool = False
    cues: Annotated[list[Cue], Field(max_length=limits.CUES)] = Field(default=[])
    origin: Origin | None = None
    """What its stem starts from; None: from nothing but these words."""
    loop: bool = False
    """The stem's end runs into its beginning."""
    apart_from: Annotated[list[Line], Field(max_length=limits.LAYERS)] = Field(default=[])
    """What the scene's other layers say, for a model that is told what not to render (`negative`)."""

    @model_validator(mode="after")
    def _says_something(self) -> Layer:
        if not self.caption and not (self.view == "speech" and self.transcript):
            wanted = "a caption or a transcript" if self.view == "speech" else "a caption that is not empty"
            raise field_error(f"{wanted}, for a layer of view '{self.view}'", ("caption",), self.caption)
        if self.id == RESERVED:
            raise field_error(f"an id other than '{RESERVED}', which names the mix", ("id",), self.id)
        if self.transcript is not None and self.view != "speech":
            expected = f"a transcript belongs to a speech layer, this one has view '{self.view}'"
            raise field_error(expected, ("transcript",), self.transcript)
        return self


SPOKEN: Final = ("view", "caption", "transcript", "seed", "cues")
"""Layer fields that say what is heard: an edit of one, without a word on its origin, is a plain render."""

SOUNDING: Final = (*SPOKEN, "origin", "loop", "apart_from")
"""Layer fields that make its sound: change one and its stem is stale."""

MIXING: Final = ("gain_db", "pan", "mute", "solo")
"""Layer fields that place it in the mix: change one and only the mix is made again."""

KEEPING: Final = ("id", "lock")
"""Layer fields that change nothing that is heard."""

MUSICAL: Final[tuple[View, ...]] = ("caption", "music")
"""The views that hear the scene's tempo grid and chords."""


class Scene(Strict):
    """A titled set of layers over one duration in seconds.

    `caption` describes the whole scene in a sentence (the published model's first view). `chords` are one
    a bar of the tempo grid, repeated to the clip's end; empty, the music layers share chords that
    `harmony.house_chords` picks. Raises a validation error that names the field for: two layers with one
    id, a cue or a first bar at or after the clip's end, chords without a tempo grid.
    """

    id: Slug
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=limits.TITLE_CHARS)] = ""
    caption: Line = ""
    duration_s: DurationS = 10.0
    tempo: TempoGrid | None = None
    chords: Annotated[list[ChordName], Field(max_length=limits.CHORDS)] = Field(default=[])
    layers: Annotated[list[Layer], Field(max_length=limits.LAYERS)] = Field(default=[])

    @model_validator(mode="after")
    def _fits_together(self) -> Scene:
        seen: set[str] = set()
        for index, layer in enumerate(self.layers):
            if layer.id in seen:
                raise field_error("an id that no other layer has", ("layers", index, "id"), layer.id)
            seen.add(layer.id)
            for which, cue in enumerate(layer.cues):
                if cue.at_s >= self.duration_s:
                    expected = f"a cue inside the clip, before duration_s = {self.duration_s:g}"
                    raise field_error(expected, ("layers", index, "cues", which, "at_s"), cue.at_s)
            if isinstance(layer.origin, Region) and layer.origin.to_s > self.duration_s:
                expected = f"a time inside the clip, up to duration_s = {self.duration_s:g}"
                raise field_error(expected, ("layers", index, "origin", "to_s"), layer.origin.to_s)
        if self.tempo is not None and self.tempo.bar_offset_s >= self.duration_s:
            expected = f"a first bar inside the clip, before duration_s = {self.duration_s:g}"
            raise field_error(expected, ("tempo", "bar_offset_s"), self.tempo.bar_offset_s)
        if self.chords and self.tempo is None:
            expected = "a tempo grid for chords to change on: give tempo as well, or leave chords empty"
            raise field_error(expected, ("chords",), self.chords)
        return self

    def layer(self, layer_id: str) -> Layer:
        """The layer with this id. Raises `Refused` (`not_found`) with the ids that exist."""
        for layer in self.layers:
            if layer.id == layer_id:
                return layer
        known = ", ".join(layer.id for layer in self.layers) or "none"
        raise Refused(
            "not_found", f"scene '{self.id}' has no layer '{layer_id}'", remedy=f"Its layers: {known}."
        )

    def audible(self) -> list[Layer]:
        """The layers that the mix is made of, in order: not muted, and soloed where any is soloed."""
        soloed = any(layer.solo for layer in self.layers)
        return [layer for layer in self.layers if not layer.mute and (layer.solo or not soloed)]


def check_scene(value: Any) -> Scene:
    """A scene from plain data (parsed YAML, JSON, msgpack). Raises `Refused` that names every wrong field."""
    try:
        return Scene.model_validate(value)
    except ValidationError as error:
        raise refused_by(error, "scene") from error
