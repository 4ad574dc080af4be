"""A scene's stems and mix as files for a host, from the takes that play now. Changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import BaseModel

from engine import deliver as engine_deliver
from engine.cut import Cut, bar_s, cut_of, place_in
from engine.deliver import MIX, Delivered, File, Form, Stem
from engine.file_tags import FileTags, Marker
from engine.loudness import Loudness
from plugin_bridge.audio_store import Audio, DamagedAudio
from plugin_bridge.delivery_files import DeliveryFiles, Receipt
from plugin_bridge.planner import Standing
from plugin_bridge.scene_store import Kept
from scene_schema.capabilities import Capabilities
from scene_schema.errors import Finding, Refused, shown
from scene_schema.limits import RATE_HZ
from scene_schema.manifest import as_text, manifest_of
from scene_schema.messages import DeliveredFile, DeliverScene, Delivery, LoopPoints
from scene_schema.rendering import Take
from scene_schema.scene import Cue

NAMED_CHARS: Final = 8  # of a take's id or a file's key, in a file's name


class DamagedTake(Exception):  # noqa: N818 - it names the thing found
    """A take whose audio is lost."""

    def __init__(self, layer: str, take: str) -> None:
        super().__init__(f"the audio of layer {layer}, take {take}, is lost")
        self.layer = layer
        self.take = take


class Sounds(Protocol):
    """Audio by its hash: see `AudioStore`."""

    def read(self, sha256: str) -> Audio: ...


@dataclass(frozen=True)
class Order:
    """All that a delivery depends on; made at once, so that edits meanwhile do not mix into it."""

    request: DeliverScene
    kept: Kept
    standings: Sequence[Standing]  # of the layers to deliver, in the scene's order
    takes: dict[str, Take]  # layer id → take
    form: Form
    cut: Cut
    model: Capabilities
    software: str
    drafts: Collection[str] = ()  # ids of those of the takes that are none

    @property
    def generated_by(self) -> str:
        return f"{self.software}, model {self.model.name}; made by a machine"


@dataclass(frozen=True)
class Parcel:
    """What goes out: the reply and its binary frames."""

    delivery: Delivery
    frames: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class _Item:
    """One file of an order, before it is made. `key` stands for everything that its bytes depend on."""

    layer: str | None
    tags: FileTags
    key: str


def order_for(
    request: DeliverScene,
    kept: Kept,
    standings: Sequence[Standing],
    take: Callable[[str], Take],
    model: Capabilities,
    *,
    software: str,
    limit_bytes: int,
    drafts: Collection[str] = (),
) -> Order:
    """What a request asks for.

    Raises `Refused`: `invalid` that names the field, `not_found` for a layer, `not_rendered`, `too_large`.
    """
    form = _form(request, standings, model)
    cut = cut_of(
        kept.scene,
        form.rate_hz,
        length_bars=request.length_bars,
        loop=request.loop,
        loop_crossfade_s=request.loop_crossfade_s,
    )
    if request.layers is not None:
        chosen = {kept.scene.layer(layer).id for layer in request.layers}
        standings = [one for one in standings if one.layer.id in chosen]
    silent = [one.layer.id for one in standings if one.take is None]
    if silent or not standings:
        what = f"layers without a stem: {', '.join(silent)}" if silent else "this scene has no layers"
        raise Refused(
            "not_rendered",
            f"scene '{kept.scene.id}' cannot be delivered; {what}",
            remedy=f"Send scene.render for '{kept.scene.id}' first." if silent else "Add a layer first.",
        )
    size_bytes = cut.length_samples * form.channels * form.bit_depth // 8 * (len(standings) + request.mix)
    if size_bytes > limit_bytes:
        raise Refused(
            "too_large",
            f"this delivery would be {size_bytes // 2**20} MiB; at most {limit_bytes // 2**20} MiB",
            remedy="Ask for a lower rate, fewer bits, one channel, or a few layers at a time.",
        )
    takes = {one.layer.id: take(one.take) for one in standings if one.take is not None}
    return Order(request, kept, standings, takes, form, cut, model, software, drafts)


def pack(order: Order, audio: Sounds) -> Parcel:
    """Files as binary frames. Seconds of work for long scenes: run it in a thread. Raises `DamagedTake`."""
    items = _items(order)
    delivered = _made(order, items, audio)
    frames = tuple(file.data for file in delivered.files)
    heads = []
    receipts = [_receipt(file, delivered) for file in delivered.files]
    for number, (item, file) in enumerate(zip(items, delivered.files, strict=True)):
        head = _head(order, item, receipts[number])
        heads.append(head.model_copy(update={"name": file.name, "frame": number}))
    return Parcel(_delivery(order, heads, receipts), frames)


def write(order: Order, audio: Sounds, files: DeliveryFiles, folder: Path | None) -> Parcel:
    """Files on disk with their sidecar, in the engine's own folder where none is given. Run it in a thread.

    What is there already from before is not made again. Raises `DamagedTake`, `OSError`.
    """
    scene = order.kept.scene.id
    place = files.own(scene) if folder is None else folder
    items = _items(order)
    found = {item.key: files.find(place, item.key) for item in items}
    missing = [item for item in items if found[item.key] is None]
    made: dict[str | None, File] = {}
    delivered = None
    if missing:
        delivered = _made(order, missing, audio)
        made = {file.layer_id: file for file in delivered.files}
    heads, receipts = [], []
    for item in items:
        there = found[item.key]
        if there is None:
            assert delivered is not None
            file = made[item.layer]
            receipt = _receipt(file, delivered)
            path = files.put(place, _name(order, item, own=folder is None), item.key, file.parts, receipt)
        else:
            path, receipt = there.path, there.receipt
        head = _head(order, item, receipt)
        heads.append(head.model_copy(update={"name": path.name, "path": str(path)}))
        receipts.append(receipt)
    delivery = _delivery(order, heads, receipts)
    names = [head.name for head in heads]
    text = as_text(manifest_of(delivery, names, order.kept.scene, order.model))
    name = f"{scene}-r{order.kept.revision}-{hashlib.sha256(text).hexdigest()[:NAMED_CHARS]}.json"
    manifest = files.place(place, name, [text])
    return Parcel(delivery.model_copy(update={"manifest": str(manifest)}))


# --- what is asked for --------------------------------------------------------------------------------------


def _form(request: DeliverScene, standings: Sequence[Standing], model: Capabilities) -> Form:
    findings = []
    rate_hz = model.rate_hz if request.rate_hz is None else request.rate_hz
    if rate_hz not in (*RATE_HZ, model.rate_hz):
        rates = ", ".join(map(str, sorted({*RATE_HZ, model.rate_hz})))
        findings.append(Finding(field="$.rate_hz", expected=f"one of {rates}", got=shown(rate_hz)))
    if request.format == "flac" and request.bit_depth == 32:
        expected = "16 or 24 for FLAC, which has no floats"
        findings.append(Finding(field="$.bit_depth", expected=expected, got="32"))
    if request.folder is not None and request.hand_off != "path":
        expected = 'no folder, or hand_off "path": frames are not written anywhere'
        findings.append(Finding(field="$.folder", expected=expected, got=shown(request.folder)))
    if request.target_lufs is not None and not request.mix:
        expected = "mix true: only the mix is brought to a loudness"
        findings.append(Finding(field="$.target_lufs", expected=expected, got=shown(request.target_lufs)))
    if findings:
        raise Refused(
            "invalid", "this cannot be delivered", findings=findings, remedy="Mend the fields named."
        )
    # of all layers, also where few are delivered: the others may follow, and are to fit
    channels = request.channels or (2 if any(one.layer.pan != 0.0 for one in standings) else 1)
    return Form(rate_hz, channels, request.bit_depth, request.format)


def _items(order: Order) -> list[_Item]:
    items = [_stem_item(order, one) for one in order.standings]
    return [*items, _mix_item(order)] if order.request.mix else items


def _stem_item(order: Order, one: Standing) -> _Item:
    take = order.takes[one.layer.id]
    request = take.request
    tags = replace(
        _scene_tags(order, one.layer.id),
        description=request.caption or request.transcript or "",
        reference=take.id[:32],
        markers=_markers(order, request.cues),
    )
    return _Item(one.layer.id, tags, _key(order, tags, audio=take.audio_sha256))


def _mix_item(order: Order) -> _Item:
    audible = {layer.id for layer in order.kept.scene.audible()}
    heard = [one for one in order.standings if one.layer.id in audible]
    markers: list[Marker] = []
    for one in heard:
        cues = order.takes[one.layer.id].request.cues
        named = [Cue(at_s=cue.at_s, text=cue.text or one.layer.id) for cue in cues]
        markers += _markers(order, named)
    scene = order.kept.scene
    tags = replace(
        _scene_tags(order, MIX),
        description=scene.caption or scene.title,
        markers=tuple(sorted(markers, key=lambda marker: marker.at_samples)),
    )
    parts = [
        [order.takes[one.layer.id].audio_sha256, one.layer.gain_db, one.layer.pan, one.layer.id]
        for one in heard
    ]
    key = _key(order, tags, parts=parts, target_lufs=order.request.target_lufs)
    return _Item(None, replace(tags, reference=key[:32]), key)


def _scene_tags(order: Order, name: str) -> FileTags:
    scene = order.kept.scene
    return FileTags(
        title=f"{scene.title or scene.id} - {name}",
        software=order.software,
        comment=f"Generated by AI: {order.generated_by}",
        time_samples=_position_samples(order),
        loops=order.request.loop,
        bars=order.request.length_bars,
        tempo=scene.tempo,
    )


def _markers(order: Order, cues: Sequence[Cue]) -> tuple[Marker, ...]:
    places = [(place_in(order.cut, cue.at_s, order.form.rate_hz), cue.text or "cue") for cue in cues]
    return tuple(Marker(place, text) for place, text in places if place is not None)


def _position_samples(order: Order) -> int:
    return round(order.request.position_s * order.form.rate_hz) + order.cut.start_samples


def _key(order: Order, tags: FileTags, **more: Any) -> str:
    depends = {"form": asdict(order.form), "cut": asdict(order.cut), "tags": asdict(tags), **more}
    text = json.dumps(depends, sort_keys=True, default=_as_data)
    return hashlib.sha256(text.encode()).hexdigest()


def _as_data(value: object) -> Any:
    assert isinstance(value, BaseModel)
    return value.model_dump(mode="json")


def _name(order: Order, item: _Item, *, own: bool) -> str:
    """`<scene>-<layer>-<take>.wav`; in the engine's own folder, which may hold many forms, with its key."""
    words = [order.kept.scene.id, item.layer or MIX]
    if item.layer is not None:
        words.append(order.takes[item.layer].id[:NAMED_CHARS])
    if own or item.layer is None:
        words.append(item.key[:NAMED_CHARS])
    return f"{'-'.join(words)}.{order.form.container}"


# --- what comes out -----------------------------------------------------------------------------------------


def _made(order: Order, items: Sequence[_Item], audio: Sounds) -> Delivered:
    """The files of these items, in their order. Reads no more audio than they need."""
    tags = {item.layer: item.tags for item in items}
    audible = {layer.id for layer in order.kept.scene.audible()}
    stems = [
        _stem(one, order.takes[one.layer.id], audio, one.layer.id in audible, tags.get(one.layer.id))
        for one in order.standings
        if one.layer.id in tags or (None in tags and one.layer.id in audible)
    ]
    return engine_deliver.deliver(
        stems,
        order.form,
        order.cut,
        mix=tags.get(None),
        target_lufs=order.request.target_lufs,
        wanted={layer for layer in tags if layer is not None},
    )


def _stem(one: Standing, take: Take, audio: Sounds, audible: bool, tags: FileTags | None) -> Stem:
    try:
        sound = audio.read(take.audio_sha256)
    except DamagedAudio as error:
        raise DamagedTake(one.layer.id, take.id) from error
    return Stem(
        layer_id=one.layer.id,
        samples=sound.samples,
        rate_hz=sound.rate_hz,
        gain_db=one.layer.gain_db,
        pan=one.layer.pan,
        audible=audible,
        tags=tags or FileTags(),
        loudness=None if take.true_peak_db is None else Loudness(take.loudness_lufs, take.true_peak_db),
    )


def _receipt(file: File, delivered: Delivered) -> Receipt:
    digest = hashlib.sha256()
    for part in file.parts:
        digest.update(part)
    mixed = {}
    if file.layer_id is None:
        mixed = {"master_gain_db": delivered.master_gain_db, "sum_error_db": delivered.sum_error_db}
    return Receipt(
        sha256=digest.hexdigest(),
        peak_db=file.peak_db,
        loudness_lufs=file.loudness.integrated_lufs,
        true_peak_db=file.loudness.true_peak_db,
        **mixed,
    )


def _head(order: Order, item: _Item, receipt: Receipt) -> DeliveredFile:
    """All about a file but where it is."""
    length = order.cut.length_samples
    tempo = order.kept.scene.tempo
    in_bars = None if tempo is None else bar_s(tempo) * order.form.rate_hz
    head = DeliveredFile(
        name="",
        track=item.tags.title,
        position_samples=item.tags.time_samples,
        position_bars=None if in_bars is None else round(item.tags.time_samples / in_bars, 6),
        length_samples=length,
        length_bars=None
        if in_bars is None
        else float(order.request.length_bars or round(length / in_bars, 6)),
        loop=LoopPoints(start_samples=0, end_samples=length - 1) if order.request.loop else None,
        loudness_lufs=receipt.loudness_lufs,
        true_peak_db=receipt.true_peak_db,
        peak_db=receipt.peak_db,
        sha256=receipt.sha256,
    )
    audible = {layer.id for layer in order.kept.scene.audible()}
    if item.layer is None:
        heard = [one.take for one in order.standings if one.layer.id in audible]
        return head.model_copy(update={"draft": any(take in order.drafts for take in heard)})
    (one,) = (one for one in order.standings if one.layer.id == item.layer)
    request = order.takes[item.layer].request
    draft = one.take in order.drafts
    return head.model_copy(
        update={
            "layer": item.layer,
            "take": one.take,
            "stale": one.stem == "stale" and not draft,
            "draft": draft,
            "view": request.view,
            "caption": request.caption,
            "transcript": request.transcript,
            "seed": request.seed,
            "model": request.model,
            "weights_sha256": request.weights_sha256,
            "gain_db": one.layer.gain_db,
            "pan": one.layer.pan,
            "audible": item.layer in audible,
        }
    )


def _delivery(order: Order, heads: list[DeliveredFile], receipts: Sequence[Receipt]) -> Delivery:
    last = receipts[-1]  # the mix's, or one that says that there is none
    return Delivery(
        scene=order.kept.scene.id,
        revision=order.kept.revision,
        rate_hz=order.form.rate_hz,
        channels=order.form.channels,
        length_samples=order.cut.length_samples,
        bit_depth=order.form.bit_depth,
        master_gain_db=last.master_gain_db,
        sum_error_db=last.sum_error_db,
        generated_by=order.generated_by,
        files=heads,
    )
