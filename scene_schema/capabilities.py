"""What a model can do, as data that every client can read. A checkpoint declares it."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from scene_schema.errors import Finding, Refused, shown
from scene_schema.scene import MUSICAL, Layer, Scene, View

LOOP_SLACK_SAMPLES: Final = 24
"""A millisecond at 24 kHz: what bars that people write with three decimals may be off."""


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
    variation: bool = Field(default=False, description="starts part-way from a stem")
    loop: bool = Field(default=False, description="renders stems whose end runs into their beginning")
    stems: list[Literal["independent", "coherent"]] = Field(
        default=["independent"],
        description="independent: each by itself; coherent: taken out of one mix of all layers",
    )
    length: bool = Field(default=False, description="says itself how long a clip of some words should be")
    negative: bool = Field(default=False, description="is told what the scene's other layers say")
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
    findings += _origin_findings(layer, model, f"$.layers[{place}]")
    if layer.loop and layer.view in MUSICAL and scene.tempo is not None:
        findings += _bars_findings(scene, f"$.layers[{place}].loop", model)
    if findings:
        raise Refused(
            "unsupported", f"model '{model.name}' cannot render layer '{layer.id}'", findings=findings
        )


def _origin_findings(layer: Layer, model: Capabilities, place: str) -> list[Finding]:
    """What of a layer's origin and loop this model does not do."""
    findings = []
    can = {"variation": model.variation, "region": model.region, "continuation": model.continuation}
    can["mix"] = "coherent" in model.stems
    if layer.origin is not None and not can[layer.origin.kind]:
        kinds = ", ".join(kind for kind, able in can.items() if able) or "none"
        expected = f"an origin that model '{model.name}' starts from ({kinds}), or null"
        findings.append(
            Finding(field=f"{place}.origin.kind", expected=expected, got=shown(layer.origin.kind))
        )
    if layer.loop and not model.loop:
        expected = f"false, because model '{model.name}' renders no loops"
        findings.append(Finding(field=f"{place}.loop", expected=expected, got="True"))
    return findings


def _bars_findings(scene: Scene, field: str, model: Capabilities) -> list[Finding]:
    """Music loops in whole bars: half a bar at the end would be heard at every turn."""
    assert scene.tempo is not None
    bar_s = scene.tempo.beats_per_bar * 60.0 / scene.tempo.bpm
    bars = max(1, round(scene.duration_s / bar_s))
    if abs(bars * bar_s - scene.duration_s) * model.rate_hz <= LOOP_SLACK_SAMPLES:
        return []
    expected = f"whole bars for a loop, such as duration_s = {bars * bar_s!r} ({bars} of {bar_s:g} s)"
    return [Finding(field=field, expected=expected, got=f"duration_s = {scene.duration_s:g}")]
