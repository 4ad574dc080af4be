"""A fake model: recognisable test tones in milliseconds, for people who write clients, and for tests.

Each caption has its own pitch; each cue a click at its exact sample. A render in fewer steps than the model's
is fainter, so that a draft can be told from its stem. No torch, no weights.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from engine.audio import Samples
from engine.renderer import Old, Progress, Sound
from engine.splice import spliced
from scene_schema.capabilities import Capabilities
from scene_schema.origin import Region, Variation, take_of
from scene_schema.rendering import RenderRequest

STEP_S: Final = 0.005  # long enough that a cancel finds it running
LEVEL: Final = 0.1


class FakeRenderer:
    """Tones where a model would be. `device` says so too."""

    device = "fake"
    usual_together = 1

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities

    def expected_s(self, prompt: str) -> float:
        """A quarter of a second for each word."""
        return len(prompt.split()) / 4

    def render(self, request: RenderRequest, old: Old | None = None) -> Iterator[Progress | Sound]:
        """`request.steps` steps of 5 ms; a caption that begins with "slow" takes ten times as long. One that
        begins with "broken" fails, as a fault of the engine does."""
        yield from self._steps([request])
        yield self._tone(request, old)

    def render_together(self, requests: Sequence[RenderRequest]) -> Iterator[Progress | list[Sound]]:
        """As long as its slowest request takes alone."""
        yield from self._steps(requests)
        yield [self._tone(request) for request in requests]

    def _steps(self, requests: Sequence[RenderRequest]) -> Iterator[Progress]:
        slow = any(request.caption.startswith("slow") for request in requests)
        yield Progress("text", 1, 1)
        for step in range(requests[0].steps):
            time.sleep(STEP_S * (10 if slow else 1))
            yield Progress("sampling", step + 1, requests[0].steps)
        if any(request.caption.startswith("broken") for request in requests):
            raise RuntimeError("this caption was asked to fail")

    def _tone(self, request: RenderRequest, old: Old | None = None) -> Sound:
        rate_hz = self.capabilities.rate_hz
        length = round(request.duration_s * rate_hz)
        turns = pitch_hz(request) * np.arange(length) / rate_hz
        if request.loop:  # whole turns
            turns *= max(1, round(turns[-1])) / (turns[-1] + turns[1])
        wave = LEVEL * request.steps / self.capabilities.steps * np.sin(2.0 * np.pi * turns)
        for cue in request.cues:
            wave[min(round(cue.at_s * rate_hz), length - 1)] = 0.5
        tone: Samples = wave.astype(np.float32)[:, None]
        pitches = np.full((1, math.ceil(request.duration_s * self.capabilities.latent_rate_hz)), turns[1])
        samples = tone if old is None else _from(old, tone, request, rate_hz)
        return Sound(samples, rate_hz, pitches.astype("<f2"))


def _from(old: Old, tone: Samples, request: RenderRequest, rate_hz: int) -> Samples:
    """Another tone where the request's origin wants one."""
    origin = request.origin
    if isinstance(origin, Variation):
        strength = np.float32(origin.strength)
        mixed: Samples = (np.float32(1.0) - strength) * old.samples + strength * tone
        return mixed
    first, after = len(old.samples), len(tone)
    if isinstance(origin, Region):
        first, after = round(origin.from_s * rate_hz), round(origin.to_s * rate_hz)
    return spliced(old.samples, tone, first, after, rate_hz).samples


def pitch_hz(request: RenderRequest) -> float:
    """200–1,000 Hz, decided by view, caption, transcript, seed, and what it starts from."""
    words = f"{request.view}|{request.caption}|{request.transcript}|{request.seed}"
    take = take_of(request.origin)
    words += f"|{take}" if take else "|mix" if request.origin else ""
    return 200.0 + zlib.crc32(words.encode()) % 801
