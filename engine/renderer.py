"""What the worker asks of a model: a generator of progress that ends in a sound. To cancel, stop reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from engine.audio import Samples
from scene_schema.capabilities import Capabilities
from scene_schema.rendering import RenderRequest


@dataclass(frozen=True)
class Progress:
    """One step done. `step` counts from 1 to `steps` inside its stage."""

    stage: Literal["text", "sampling", "decoding"]
    step: int
    steps: int


@dataclass(frozen=True)
class Sound:
    """The stem: float32 (round(duration_s · rate_hz), channels), peak at most −3 dBFS."""

    samples: Samples
    rate_hz: int


class Renderer(Protocol):
    """A loaded model."""

    capabilities: Capabilities
    device: str

    def render(self, request: RenderRequest) -> Iterator[Progress | Sound]:
        """Yields `Progress` after every step and one `Sound` at the end."""
        ...
