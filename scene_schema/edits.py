"""Edits: the small changes that make one revision of a scene into the next. Pure.

`apply(scene, edit)` returns the new scene or refuses; the old scene is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from scene_schema.errors import Finding, Refused, shown
from scene_schema.origin import Continuation, Mix, Part, take_of
from scene_schema.priority import MayRender
from scene_schema.scene import (
    KEEPING,
    MIXING,
    SOUNDING,
    SPOKEN,
    DurationS,
    Layer,
    Scene,
    Seed,
    Slug,
    check_scene,
)


class _Edit(MayRender):
    """What all edits share: the scene, the revision they start from (None: the newest), whether the
    stems that they make stale are rendered at once, and whether a draft is to come before (`DraftReady`)."""

    later = (*MayRender.later, "draft")

    scene: Slug
    base_revision: int | None = None
    render: bool = True
    draft: bool = False


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


class ExtendScene(_Edit):
    """A longer scene whose layers go on with what they play: each that has a stem and no lock gets the origin
    `continuation` with that."""

    type: Literal["scene.extend"] = "scene.extend"
    duration_s: DurationS


class ComposeScene(_Edit):
    """Makes one mix of all layers as they are now, and each one's stem a part of it: every layer without a
    lock gets the origin `mix`. A later edit of a layer takes that one out again, and no other."""

    type: Literal["scene.compose"] = "scene.compose"
    seed: Seed = 0


class FitScene(_Edit):
    """Gives the scene the length that the model itself would choose for its words, as `scene.edit` would. The
    engine asks the model, so this one is answered once the model is loaded."""

    type: Literal["scene.fit"] = "scene.fit"


Edit = Annotated[
    EditLayer | AddLayer | RemoveLayer | MoveLayer | EditScene | ExtendScene | ComposeScene,
    Field(discriminator="type"),
]
EDITS: Final = (EditLayer, AddLayer, RemoveLayer, MoveLayer, EditScene, ExtendScene, ComposeScene)

_LAYER_FIELDS = tuple(name for name in (*SOUNDING, *MIXING, *KEEPING) if name != "id")
_SCENE_FIELDS = ("title", "caption", "duration_s", "tempo", "chords")


def apply(scene: Scene, edit: Edit, playing: Mapping[str, str] | None = None) -> Scene:
    """The scene after one edit. Raises `Refused` that names the field; the scene given stays as it was.

    Args:
        playing: layer id → the take that plays for it. An origin that names no take starts from that.
    """
    playing = {} if playing is None else playing
    layers = list(scene.layers)
    if isinstance(edit, EditScene):
        _check_names(edit.changes, _SCENE_FIELDS)
        sent = {f"$.{name}": f"$.changes.{name}" for name in edit.changes}
        data = {**dict(scene), **edit.changes}
        if data["duration_s"] != scene.duration_s:  # an old take's moments are not the new clip's
            data["layers"] = [_without_take(layer) for layer in layers]
        return _checked(data, sent)
    if isinstance(edit, ExtendScene):
        return _extended(scene, edit, playing)
    if isinstance(edit, ComposeScene):
        return _composed(scene, edit)
    if isinstance(edit, AddLayer):
        place = len(layers) if edit.index is None else min(edit.index, len(layers))
        layers.insert(place, edit.layer)
        sent = {f"$.layers[{place}]": "$.layer"}
        return _checked({**dict(scene), "layers": layers}, sent)

    layer = scene.layer(edit.layer)
    place = layers.index(layer)
    if isinstance(edit, RemoveLayer):
        _refuse_locked(layer)
        del layers[place]
    elif isinstance(edit, MoveLayer):
        layers.insert(min(edit.index, len(layers)), layers.pop(place))
    else:
        _check_names(edit.changes, _LAYER_FIELDS)
        changed = {**dict(layer), **edit.changes}
        if "origin" in edit.changes:
            changed["origin"] = _with_take(edit.changes["origin"], playing.get(layer.id))
        # what is a value of ours already is not checked again: most edits change one field of one layer
        data = {**dict(scene), "layers": [*layers[:place], changed, *layers[place + 1 :]]}
        scene = _checked(data, {f"$.layers[{place}]": "$.changes"})
        layers[place] = _as_edited(layer, scene.layers[place], "origin" in edit.changes)
    return scene.model_copy(update={"layers": layers})


def _as_edited(before: Layer, after: Layer, with_origin: bool) -> Layer:
    """Other words are a plain render, unless the edit says otherwise; a lock keeps what is heard."""
    if not with_origin and _differ(before, after, SPOKEN):
        after = after.model_copy(update={"origin": None})
    if before.lock and _differ(before, after, SOUNDING):
        _refuse_locked(before)
    return after


def _differ(one: Layer, other: Layer, names: tuple[str, ...]) -> bool:
    return any(getattr(one, name) != getattr(other, name) for name in names)


def _extended(scene: Scene, edit: ExtendScene, playing: Mapping[str, str]) -> Scene:
    if edit.duration_s <= scene.duration_s:
        expected = f"more than the scene has, {scene.duration_s:g} s"
        finding = Finding(field="$.duration_s", expected=expected, got=shown(edit.duration_s))
        raise Refused(
            "invalid",
            "this does not make the scene longer",
            findings=[finding],
            remedy="To make it shorter, send scene.edit with duration_s.",
        )
    layers = []
    for layer in scene.layers:
        take = None if layer.lock else playing.get(layer.id)
        origin = _without_take(layer).origin if take is None else Continuation(kind="continuation", take=take)
        layers.append(layer.model_copy(update={"origin": origin}))
    return _checked({**dict(scene), "duration_s": edit.duration_s, "layers": layers}, {})


def _composed(scene: Scene, edit: ComposeScene) -> Scene:
    if not scene.layers:
        raise Refused("invalid", f"scene '{scene.id}' has no layers to make a mix of")
    parts = [
        Part(view=one.view, caption=one.caption, transcript=one.transcript, seed=one.seed)
        for one in scene.layers
    ]
    layers = [
        layer
        if layer.lock
        else layer.model_copy(
            update={
                "origin": Mix(
                    kind="mix", seed=edit.seed, scene_caption=scene.caption, parts=parts, place=place
                ),
            }
        )
        for place, layer in enumerate(scene.layers)
    ]
    return scene.model_copy(update={"layers": layers})


def _without_take(layer: Layer) -> Layer:
    return layer if take_of(layer.origin) is None else layer.model_copy(update={"origin": None})


def _with_take(origin: Any, playing: str | None) -> Any:
    """The origin as it was sent; one that leaves out its take starts from the take that plays."""
    if not isinstance(origin, dict) or origin.get("kind") == "mix" or origin.get("take") is not None:
        return origin
    if playing is None:
        expected = "a take to start from: this layer has no stem yet"
        raise Refused(
            "not_rendered",
            "there is nothing to start from",
            findings=[Finding(field="$.changes.origin.take", expected=expected, got="nothing")],
            remedy="Send scene.render, then this edit again; or name a take.",
        )
    return {**origin, "take": playing}


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
