"""What a model can do, as data that every client can read. A checkpoint declares it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from scene_schema.errors import Finding, Refused, shown
from scene_schema.scene import MUSICAL, Layer, Scene, View


class Capabilities(BaseModel):
    """Declared by a checkpoint's `model.json`.

    Unknown keys are ignored and later ones have a default: newer and older models stay readable.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    title: str
    weights_sha256: str
    rate_hz: int
    channels: int
    latent_rate_hz: float
    shortest_s: float
    longest_s: float
    views: list[View]
    transcript: bool = Field(description="says the words of a speech layer")
    cues: bool = Field(description="places onsets at the cues of an sfx layer")
    tempo: bool = Field(description="keeps the scene's tempo grid in music layers")
    chords: bool = Field(default=False, description="follows the scene's chords in music layers")
    region: bool = Field(default=False, description="redoes a part of a stem and keeps the rest")
    continuation: bool = Field(default=False, description="goes on where a stem ends")
    context: bool = Field(default=False, description="fits a stem to the scene's other stems")
    steps: int = Field(description="sampling steps that a render takes")
    draft_steps: int | None = Field(default=None, description="steps of its quickest usable draft")
    guidance: float = Field(description="classifier-free guidance scale that a render uses")


def check_supported(scene: Scene, layer: Layer, model: Capabilities) -> None:
    """Raises `Refused` (`unsupported`), naming the field, where the model cannot render this layer."""
    place = scene.layers.index(layer)
    findings = []
    if layer.view not in model.views:
        expected = f"a view that model '{model.name}' renders: {', '.join(model.views)}"
        findings.append(Finding(field=f"$.layers[{place}].view", expected=expected, got=shown(layer.view)))
    if not model.shortest_s <= scene.duration_s <= model.longest_s:
        expected = f"{model.shortest_s:g} to {model.longest_s:g} s, what model '{model.name}' renders"
        findings.append(Finding(field="$.duration_s", expected=expected, got=shown(scene.duration_s)))
    if scene.chords and layer.view in MUSICAL and not model.chords:
        expected = f"no chords, because model '{model.name}' does not follow them"
        findings.append(Finding(field="$.chords", expected=expected, got=shown(scene.chords)))
    if findings:
        raise Refused(
            "unsupported", f"model '{model.name}' cannot render layer '{layer.id}'", findings=findings
        )
