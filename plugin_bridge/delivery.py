"""A scene's stems and mix as files for a host, from the takes that play now. Changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from engine import deliver as engine_deliver
from engine.deliver import Stem
from plugin_bridge.audio_store import AudioStore, DamagedAudio
from plugin_bridge.planner import Standing
from plugin_bridge.scene_store import Kept
from scene_schema.capabilities import Capabilities
from scene_schema.errors import Finding, Refused, shown
from scene_schema.limits import RATE_HZ
from scene_schema.messages import DeliveredFile, DeliverScene, Delivery
from scene_schema.rendering import Take


class DamagedTake(Exception):  # noqa: N818 - it names the thing found
    """A take whose audio is lost."""

    def __init__(self, layer: str, take: str) -> None:
        super().__init__(f"the audio of layer {layer}, take {take}, is lost")
        self.layer = layer
        self.take = take


@dataclass(frozen=True)
class Order:
    """All that a delivery depends on; made at once, so that edits meanwhile do not mix into it."""

    kept: Kept
    standings: Sequence[Standing]
    takes: dict[str, Take]  # layer id → take
    rate_hz: int
    channels: int
    bit_depth: int


@dataclass(frozen=True)
class Parcel:
    """What goes out: the reply and its binary frames."""

    delivery: Delivery
    frames: tuple[bytes, ...]


def check_order(
    request: DeliverScene, standings: Sequence[Standing], kept: Kept, model: Capabilities, limit_bytes: int
) -> tuple[int, int]:
    """Rate and channels of a delivery. Raises `Refused`: `invalid`, `not_rendered`, `too_large`."""
    rate_hz = model.rate_hz if request.rate_hz is None else request.rate_hz
    if rate_hz not in (*RATE_HZ, model.rate_hz):
        rates = sorted({*RATE_HZ, model.rate_hz})
        finding = Finding(
            field="$.rate_hz", expected=f"one of {', '.join(map(str, rates))}", got=shown(rate_hz)
        )
        raise Refused("invalid", "this rate cannot be delivered", findings=[finding])
    silent = [one.layer.id for one in standings if one.take is None]
    if silent or not standings:
        what = f"layers without a stem: {', '.join(silent)}" if silent else "this scene has no layers"
        raise Refused(
            "not_rendered",
            f"scene '{kept.scene.id}' cannot be delivered; {what}",
            remedy=f"Send scene.render for '{kept.scene.id}' first." if silent else "Add a layer first.",
        )
    channels = request.channels or (2 if any(one.layer.pan != 0.0 for one in standings) else 1)
    size_bytes = round(kept.scene.duration_s * rate_hz) * channels * request.bit_depth // 8
    size_bytes *= len(standings) + 1
    if size_bytes > limit_bytes:
        raise Refused(
            "too_large",
            f"this delivery would be {size_bytes // 2**20} MiB; at most {limit_bytes // 2**20} MiB",
            remedy="Ask for a lower rate, fewer bits or one channel.",
        )
    return rate_hz, channels


def pack(order: Order, audio: AudioStore, generated_by: str) -> Parcel:
    """Reads, resamples and packs. Seconds of work for long scenes: run it in a thread.

    Raises `DamagedTake`.
    """
    scene = order.kept.scene
    audible = {layer.id for layer in scene.audible()}
    stems = [_stem(one, order.takes[one.layer.id], audio, one.layer.id in audible) for one in order.standings]
    delivered = engine_deliver.deliver(
        stems,
        rate_hz=order.rate_hz,
        channels=order.channels,
        bit_depth=order.bit_depth,
        length_s=scene.duration_s,
    )
    by_layer = {one.layer.id: one for one in order.standings}
    files = []
    for frame, file in enumerate(delivered.files):
        head = DeliveredFile(
            name=file.name,
            frame=frame,
            peak_db=file.peak_db,
            sha256=hashlib.sha256(file.wav).hexdigest(),
        )
        if file.layer_id is not None:
            one = by_layer[file.layer_id]
            head = head.model_copy(
                update={
                    "layer": one.layer.id,
                    "take": one.take,
                    "stale": one.stem == "stale",
                    "gain_db": one.layer.gain_db,
                    "pan": one.layer.pan,
                    "audible": one.layer.id in audible,
                }
            )
        files.append(head)
    delivery = Delivery(
        scene=scene.id,
        revision=order.kept.revision,
        rate_hz=delivered.rate_hz,
        channels=delivered.channels,
        length_samples=delivered.length_samples,
        bit_depth=delivered.bit_depth,
        master_gain_db=delivered.master_gain_db,
        sum_error_db=delivered.sum_error_db,
        generated_by=generated_by,
        files=files,
    )
    return Parcel(delivery, tuple(file.wav for file in delivered.files))


def _stem(one: Standing, take: Take, audio: AudioStore, audible: bool) -> Stem:
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
    )
