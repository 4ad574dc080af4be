"""Stems of the measured model: a layer, alone or among others in a scene, through the same door as ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.conditions import LENGTH_S, HeldOut, Row
from engine.compact_renderer import CompactRenderer
from engine.evaluation.phonemes import TimedSymbol
from engine.renderer import Sound
from engine.speech_plan import plan_speech
from scene_schema.rendering import RenderRequest, request_for
from scene_schema.scene import Scene, check_scene

ALONE: Final = "layer"

Wave = NDArray[np.float32]


@dataclass(frozen=True)
class Bench:
    """What measurements share: the model, the corpus's own clips, and how much to measure."""

    model: str
    renderer: CompactRenderer
    phonemes: list[str]  # the model's, from number 1 on
    held_out: HeldOut
    judges: Path
    prompts: Path
    run: Path | None
    count: int | None
    tell: Callable[[str], None]

    @property
    def rate_hz(self) -> int:
        return self.renderer.capabilities.rate_hz


def scene_of(row: Row, seed: int) -> Scene:
    """A scene of one layer with the caption and conditions of a row."""
    layer: dict[str, Any] = {"id": ALONE, "view": row["view"], "caption": row["caption"], "seed": seed}
    if row["view"] == "sfx":
        layer["cues"] = [{"at_s": cue_s} for cue_s in row.get("cues_s", [])]
    if row["view"] == "speech":
        layer["transcript"] = row.get("transcript")
    return check_scene(
        {
            "id": f"measured-{seed}",  # so that music is not always in one key
            "duration_s": row.get("length_s", LENGTH_S.get(row["view"], 5.0)),
            "tempo": tempo_of(row),
            "layers": [layer],
        }
    )


def tempo_of(row: Row) -> dict[str, Any] | None:
    """The tempo grid of a row, as a scene has it."""
    if not row.get("bpm"):
        return None
    return {
        "bpm": row["bpm"],
        "beats_per_bar": row.get("beats_per_bar", 4),
        "bar_offset_s": max(0.0, row.get("beat_offset_s", 0.0)),
    }


def stem(bench: Bench, row: Row, seed: int) -> Wave:
    """The model's sound (S,) for a row."""
    return rendered(bench.renderer, request_of(bench, scene_of(row, seed), ALONE))


def stems(bench: Bench, scene: Scene) -> dict[str, Wave]:
    """Every stem of a scene (S,), by the layer's id."""
    return {layer.id: rendered(bench.renderer, request_of(bench, scene, layer.id)) for layer in scene.layers}


def request_of(bench: Bench, scene: Scene, layer_id: str) -> RenderRequest:
    """The request that renders one layer of a scene, at the model's own settings."""
    return request_for(scene, scene.layer(layer_id), bench.renderer.capabilities)


def rendered(renderer: CompactRenderer, request: RenderRequest) -> Wave:
    """The sound of a request (S,), channels averaged."""
    *_, sound = renderer.render(request)
    assert isinstance(sound, Sound)
    mono: Wave = sound.samples.mean(axis=1)
    return mono


def planned(bench: Bench, row: Row) -> list[TimedSymbol]:
    """The phonemes that the model was asked for by a row's transcript, with their times in seconds."""
    symbols = dict(enumerate(bench.phonemes, start=1))
    timed = plan_speech(
        row["transcript"], row["caption"], bench.renderer, start_s=None, clip_s=LENGTH_S["speech"]
    )
    return [(symbols[one.number], one.start_s, one.end_s) for one in timed if one.number in symbols]
