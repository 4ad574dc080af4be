"""What is rendered and what came out: the complete request, its job, the take. Values only."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from scene_schema.capabilities import Capabilities
from scene_schema.harmony import house_chords
from scene_schema.identity import identity
from scene_schema.origin import Mix, Origin
from scene_schema.scene import (
    MUSICAL,
    ChordName,
    Cue,
    DurationS,
    Layer,
    Scene,
    Seed,
    Slug,
    TempoGrid,
    View,
)
from scene_schema.strict import Grown, Strict


class RenderRequest(Grown):
    """Everything that makes a stem's sound, and nothing else. Its identity names the take.

    Same request, same device kind → same samples. Nothing arrives later by setter, global or environment.
    """

    later = ("chords", "origin", "loop", "apart_from")

    model: str
    weights_sha256: str
    view: View
    caption: str
    transcript: str | None
    cues: list[Cue]
    tempo: TempoGrid | None
    chords: list[ChordName] = Field(default=[])
    """One a bar of the tempo grid, repeated; empty: whatever the model plays."""
    seed: Seed
    duration_s: DurationS
    steps: int
    guidance: float
    origin: Origin | None = None
    """What the sound starts from; its take, if it names one, comes with the job."""
    loop: bool = False
    apart_from: list[str] = Field(default=[])
    """What it must not sound like."""


def request_for(scene: Scene, layer: Layer, model: Capabilities) -> RenderRequest:
    """The request that renders this layer as the scene stands now. Pure.

    Only music hears the tempo grid and the chords, so new ones leave the other stems fresh. On a tempo
    grid all music has chords, the scene's or the house's: one layer regenerated stays in the others' key.
    """
    tempo = scene.tempo if layer.view in MUSICAL else None
    chords: list[str] = []
    if tempo is not None and model.chords:
        chords = scene.chords or house_chords(scene.id, layer.caption)
    return RenderRequest(
        model=model.name,
        weights_sha256=model.weights_sha256,
        view=layer.view,
        caption=layer.caption,
        transcript=layer.transcript,
        cues=layer.cues,
        tempo=tempo,
        chords=chords,
        seed=layer.seed,
        duration_s=scene.duration_s,
        steps=model.steps,
        guidance=model.guidance,
        origin=layer.origin,
        loop=layer.loop,
        apart_from=layer.apart_from if model.negative and not isinstance(layer.origin, Mix) else [],
    )


class OldTake(Strict):
    """A take in binary frames: float32 little-endian samples (length_samples, channels), row by row, and
    with `latent_channels` its latent, float16 little-endian (latent_channels, frames)."""

    channels: int
    length_samples: int
    latent_channels: int | None = None


class RenderJob(Strict):
    """One request on its way through the queue and a worker."""

    id: str
    scene: Slug
    layer: Slug
    revision: int
    request: RenderRequest
    cause: str = ""
    """Id of the message that asked for it: for the log, no part of what the sound is."""
    draft_steps: int | None = None
    """Sampling steps of a draft that is to come first; None: no draft."""
    together: int = 1
    """The jobs of its batch, which come one after another."""

    @property
    def draft_request(self) -> RenderRequest:
        """What makes the draft: the same, in fewer steps."""
        return self.request.model_copy(update={"steps": self.draft_steps or self.request.steps})

    old: OldTake | None = None
    """The take that `request.origin` names, as it comes behind the job."""

    @property
    def take(self) -> str:
        """The id of the take that this job makes."""
        return identity(self.request)


class StemReport(BaseModel):
    """How a stem was made, and how well it stands apart from the others."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    route: Literal["independent", "coherent"]
    """Rendered by itself, or taken out of one mix of all layers."""
    sum_error: float | None = None
    """Coherent: the largest difference between the stems' sum and their mix, of full scale."""
    leakage: float | None = None
    """Coherent: the share of the stem's power where another layer's own render is the loudest."""


class Take(BaseModel):
    """One rendering of a layer, kept for ever: its audio is a file named by the audio's own hash."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    request: RenderRequest
    audio_sha256: str
    rate_hz: int
    channels: int
    length_samples: int
    peak_db: float
    rms_db: float
    rendered_s: float
    """Seconds that the worker took."""
    loudness_lufs: float | None = None
    """Integrated, at the take's own rate and channels; None: too short, silent, or never measured."""
    true_peak_db: float | None = None
    """None in takes from before this was measured."""
    report: StemReport | None = None
    """None where the model does not say."""
    latent_sha256: str | None = None
    """Of the latent that lies beside the audio; None: none was kept."""
