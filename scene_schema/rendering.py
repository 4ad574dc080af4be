"""What is rendered and what came out: the complete request, its job, the take. Values only."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from scene_schema.capabilities import Capabilities
from scene_schema.identity import identity
from scene_schema.scene import Cue, DurationS, Layer, Scene, Seed, Slug, Strict, TempoGrid, View


class RenderRequest(Strict):
    """Everything that makes a stem's sound, and nothing else. Its identity names the take.

    Same request, same device kind → same samples. Nothing arrives later by setter, global or environment.
    """

    model: str
    weights_sha256: str
    view: View
    caption: str
    transcript: str | None
    cues: list[Cue]
    tempo: TempoGrid | None
    seed: Seed
    duration_s: DurationS
    steps: int
    guidance: float


def request_for(scene: Scene, layer: Layer, model: Capabilities) -> RenderRequest:
    """The request that renders this layer as the scene stands now. Pure.

    Only music hears the tempo grid, so a new tempo leaves the other stems fresh.
    """
    return RenderRequest(
        model=model.name,
        weights_sha256=model.weights_sha256,
        view=layer.view,
        caption=layer.caption,
        transcript=layer.transcript,
        cues=layer.cues,
        tempo=scene.tempo if layer.view in ("music", "caption") else None,
        seed=layer.seed,
        duration_s=scene.duration_s,
        steps=model.steps,
        guidance=model.guidance,
    )


class RenderJob(Strict):
    """One request on its way through the queue and a worker."""

    id: str
    scene: Slug
    layer: Slug
    revision: int
    request: RenderRequest

    @property
    def take(self) -> str:
        """The id of the take that this job makes."""
        return identity(self.request)


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
