"""A fake model: recognisable test tones in milliseconds, for people who write clients, and for tests.

Each caption has its own pitch; each cue a click at its exact sample. A render in fewer steps than the model's
is fainter, so that a draft can be told from its stem. No torch, no weights.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from typing import Final

import numpy as np

from engine.renderer import Progress, Sound
from scene_schema.capabilities import Capabilities
from scene_schema.rendering import RenderRequest

STEP_S: Final = 0.005  # long enough that a cancel finds it running
LEVEL: Final = 0.1


class FakeRenderer:
    """Tones where a model would be. `device` says so too."""

    device = "fake"

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities

    def render(self, request: RenderRequest) -> Iterator[Progress | Sound]:
        """`request.steps` steps of 5 ms; a caption that begins with "slow" takes ten times as long."""
        rate_hz = self.capabilities.rate_hz
        yield Progress("text", 1, 1)
        for step in range(request.steps):
            time.sleep(STEP_S * (10 if request.caption.startswith("slow") else 1))
            yield Progress("sampling", step + 1, request.steps)
        times_s = np.arange(round(request.duration_s * rate_hz)) / rate_hz
        level = LEVEL * request.steps / self.capabilities.steps
        wave = level * np.sin(2.0 * np.pi * pitch_hz(request) * times_s)
        for cue in request.cues:
            wave[min(round(cue.at_s * rate_hz), len(wave) - 1)] = 0.5
        yield Sound(wave.astype(np.float32)[:, None], rate_hz)


def pitch_hz(request: RenderRequest) -> float:
    """200–1,000 Hz, decided by view, caption, transcript and seed."""
    words = f"{request.view}|{request.caption}|{request.transcript}|{request.seed}"
    return 200.0 + zlib.crc32(words.encode()) % 801
