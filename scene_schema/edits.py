"""Edits: the small changes that make one revision of a scene into the next. Pure.

`apply(scene, edit)` returns the new scene or refuses; the old scene is never touched.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from scene_schema.errors import Finding, Refused, shown
from scene_schema.scene import KEEPING, MIXING, SOUNDING, Layer, Scene, Slug, Strict, check_scene


class _Edit(Strict):
    """What all edits share: the scene, the revision they start from (None: the newest), whether the
    stems that they make stale are rendered at once, and whether a draft is to come before (`DraftReady`)."""

    scene: Slug
    base_revision: int | None = None
    render: bool = True
    draft: bool = False

    @model_serializer(mode="wrap")
    def _without_draft(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # An edit in the journal from before there were drafts is the same edit when it is sent again.
        data: dict[str, Any] = write(self)
        return {name: value for name, value in data.items() if name != "draft" or value}


class EditLayer(_Edit):
    """Changes some fields of one layer; the fields that are not named stay. `id` cannot change."""

    type: Literal["layer.edit"] = "layer.edit"
    layer: Slug
    changes: Annotated[dict[str, Any], Field(min_length=1)]


class AddLayer(_Edit):
    """Puts a new layer at `index` (at the end where it is None)."""

    type: Literal["layer.add"] = "layer.add"
    layer: Layer
    index: Annotated[int, Field(ge=0)] | None = None


class RemoveLayer(_Edit):
    """Takes a layer out of the scene. Its takes stay in the store."""

    type: Literal["layer.remove"] = "layer.remove"
    layer: Slug


class MoveLayer(_Edit):
    """Puts a layer at another place in the order. Nothing sounds different."""

    type: Literal["layer.move"] = "layer.move"
    layer: Slug
    index: Annotated[int, Field(ge=0)]


class EditScene(_Edit):
    """Changes fields of the scene itself: `title`, `caption`, `duration_s`, `tempo`, `chords`."""

    type: Literal["scene.edit"] = "scene.edit"
    changes: Annotated[dict[str, Any], Field(min_length=1)]


Edit = Annotated[EditLayer | AddLayer | RemoveLayer | MoveLayer | EditScene, Field(discriminator="type")]

_LAYER_FIELDS = tuple(name for name in (*SOUNDING, *MIXING, *KEEPING) if name != "id")
_SCENE_FIELDS = ("title", "caption", "duration_s", "tempo", "chords")


def apply(scene: Scene, edit: Edit) -> Scene:
    """The scene after one edit. Raises `Refused` that names the field; the scene given stays as it was."""
    layers = list(scene.layers)
    if isinstance(edit, EditScene):
        _check_names(edit.changes, _SCENE_FIELDS)
        sent = {f"$.{name}": f"$.changes.{name}" for name in edit.changes}
        return _checked({**scene.model_dump(), **edit.changes}, sent)
    if isinstance(edit, AddLayer):
        place = len(layers) if edit.index is None else min(edit.index, len(layers))
        layers.insert(place, edit.layer)
        sent = {f"$.layers[{place}]": "$.layer"}
        return _checked({**scene.model_dump(), "layers": [one.model_dump() for one in layers]}, sent)

    layer = scene.layer(edit.layer)
    place = layers.index(layer)
    if isinstance(edit, RemoveLayer):
        _refuse_locked(layer)
        del layers[place]
    elif isinstance(edit, MoveLayer):
        layers.insert(min(edit.index, len(layers)), layers.pop(place))
    else:
        _check_names(edit.changes, _LAYER_FIELDS)
        changed = {**layer.model_dump(), **edit.changes}
        if layer.lock and any(changed[name] != layer.model_dump()[name] for name in SOUNDING):
            _refuse_locked(layer)
        data = scene.model_dump()
        data["layers"][place] = changed
        return _checked(data, {f"$.layers[{place}]": "$.changes"})
    return scene.model_copy(update={"layers": layers})


def _checked(data: dict[str, Any], sent: dict[str, str]) -> Scene:
    """Checks the whole scene again, and names the fields as the sender wrote them (`$.changes.gain_db`).

    Args:
        sent: where a field is in the scene → where it was in the message.
    """
    try:
        return check_scene(data)
    except Refused as refused:
        findings = [one.model_copy(update={"field": _as_sent(one.field, sent)}) for one in refused.findings]
        raise Refused(
            "invalid", "this edit does not fit the scene", findings=findings, remedy=refused.remedy
        ) from refused


def _as_sent(field: str, sent: dict[str, str]) -> str:
    for there, here in sent.items():
        if field == there or field.startswith((f"{there}.", f"{there}[")):
            return here + field.removeprefix(there)
    return field


def _check_names(changes: dict[str, Any], known: tuple[str, ...]) -> None:
    findings = [
        Finding(
            field=f"$.changes.{shown(name).strip(chr(39))}",
            expected=f"one of {', '.join(known)}",
            got=shown(name),
        )
        for name in changes
        if name not in known
    ]
    if findings:
        raise Refused("invalid", "this edit names a field that cannot be edited", findings=findings)


def _refuse_locked(layer: Layer) -> None:
    if layer.lock:
        raise Refused(
            "locked",
            f"layer '{layer.id}' is locked: its sound may not change",
            remedy="Send the change lock: false first.",
        )
