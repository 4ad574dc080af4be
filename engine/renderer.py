"""What the worker asks of a model: a generator of progress that ends in a sound. To cancel, stop reading."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.audio import Samples
from scene_schema.capabilities import Capabilities
from scene_schema.rendering import RenderRequest, StemReport


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
    latent: NDArray[np.float16] | None = None
    """What it was decoded from, (C, T), for later renders to start from."""
    report: StemReport | None = None


@dataclass(frozen=True)
class Old:
    """The take that a request's origin names: samples (L, channels) at the model's rate, and its latent
    (C, T), where it was kept and is this model's."""

    samples: Samples
    latent: NDArray[np.float16] | None = None


def latent_frames(request: RenderRequest, latent_rate_hz: float) -> int:
    """The latent frames that a clip takes, its last one perhaps in part."""
    return math.ceil(request.duration_s * latent_rate_hz - 1e-6)


class Renderer(Protocol):
    """A loaded model."""

    capabilities: Capabilities
    device: str

    def render(self, request: RenderRequest, old: Old | None = None) -> Iterator[Progress | Sound]:
        """Yields `Progress` after every step and one `Sound` at the end. `old` comes where `request.origin`
        names a take."""
        ...


@runtime_checkable
class RendersTogether(Protocol):
    """A model that can render several requests as one batch."""

    usual_together: int
    """How many of 10 s it renders at once where nobody says otherwise: 1 where a batch takes as long as its
    requests one by one."""

    def render_together(self, requests: Sequence[RenderRequest]) -> Iterator[Progress | list[Sound]]:
        """Yields `Progress` after every step and the sounds at the end. The requests must be `alike`."""
        ...


def alike(one: RenderRequest, other: RenderRequest) -> bool:
    """Whether the two can be one batch: from nothing but words, for as long and in the same way."""
    return _way(one) == _way(other) and one.origin is other.origin is None


def _way(request: RenderRequest) -> tuple[object, ...]:
    return request.duration_s, request.steps, request.guidance, request.loop, bool(request.apart_from)


@runtime_checkable
class SaysLength(Protocol):
    """A model whose capabilities say `length`."""

    def expected_s(self, prompt: str) -> float:
        """How long it would itself make a clip of this tagged prompt, in seconds."""
        ...
