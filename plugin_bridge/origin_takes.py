"""The takes that layers start from: whether they are there and fit, and what the worker is given of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from plugin_bridge.audio_store import AudioStore, DamagedAudio
from plugin_bridge.planner import Standing
from scene_schema.capabilities import Capabilities
from scene_schema.errors import Code, Finding, Refused, shown
from scene_schema.origin import Continuation, take_of
from scene_schema.rendering import OldTake, RenderJob, Take
from scene_schema.scene import Scene


def check_origins(
    scene: Scene,
    wanted: Iterable[Standing],
    takes: Collection[str],
    read: Callable[[str], Take],
    model: Capabilities,
) -> None:
    """Raises `Refused` that names `$.layers[i].origin.take`, where one of the layers to render cannot start
    from the take that it names.

    Args:
        takes: ids of all takes there are.
        read: gives one of them.
    """
    for one in wanted:
        take_id = take_of(one.request.origin)
        if take_id is None:
            continue
        field = f"$.layers[{scene.layers.index(one.layer)}].origin.take"
        if take_id not in takes:
            raise _refused("not_found", field, "a take that is kept here", take_id)
        _check_fit(one, read(take_id), model, field)


def _check_fit(one: Standing, take: Take, model: Capabilities, field: str) -> None:
    if (take.rate_hz, take.channels) != (model.rate_hz, model.channels):
        expected = f"a take of {model.rate_hz} Hz in {model.channels} channels, as model '{model.name}' has"
        raise _refused("unsupported", field, expected, f"{take.rate_hz} Hz in {take.channels}")
    length = round(one.request.duration_s * model.rate_hz)
    if isinstance(one.request.origin, Continuation):
        if take.length_samples >= length:
            expected = f"a take that is shorter than the scene's {one.request.duration_s:g} s"
            raise _refused("invalid", field, expected, f"{take.request.duration_s:g} s")
    elif take.length_samples != length:
        expected = f"a take of the scene's length, {one.request.duration_s:g} s"
        raise _refused("invalid", field, expected, f"{take.request.duration_s:g} s")


def _refused(code: Code, field: str, expected: str, got: str) -> Refused:
    return Refused(
        code,
        "this layer cannot start from that take",
        findings=[Finding(field=field, expected=expected, got=shown(got))],
        remedy="Name another take, import the archive that has it, or send origin: null for a plain render.",
    )


def job_with_old(
    job: RenderJob, take: Take, audio: AudioStore, model: Capabilities
) -> tuple[RenderJob, tuple[bytes, ...]]:
    """The job as the worker gets it, with the frames of the take that it starts from. For a thread.

    The latent goes along where it was kept and is this model's. Raises `Refused` (`not_rendered`).
    """
    try:
        samples = audio.read(take.audio_sha256).samples
    except DamagedAudio as error:
        raise _refused("not_rendered", "$.origin.take", "a take whose audio is whole", take.id) from error
    latent = None
    if take.latent_sha256 is not None and take.request.weights_sha256 == model.weights_sha256:
        latent = audio.read_latent(take.audio_sha256, take.latent_sha256)
    frames = [samples.astype("<f4", copy=False).tobytes()]
    if latent is not None:
        frames.append(latent.astype("<f2", copy=False).tobytes())
    old = OldTake(
        channels=samples.shape[1],
        length_samples=samples.shape[0],
        latent_channels=None if latent is None else latent.shape[0],
    )
    return job.model_copy(update={"old": old}), tuple(frames)
