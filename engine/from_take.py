"""What a stem that starts from a take keeps of it, in latents and in samples. For every model alike.

Letters: C latent channels, T latent frames, S samples.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Final

import numpy as np
from torch import Tensor

from engine.audio import Samples, gain_of
from engine.cut import EDGE_S
from engine.kept_latents import Start, held_frames, holding, part_way
from engine.renderer import Old
from engine.sampling import Velocity, sway_sigmas
from engine.splice import level_to, limited, missing_db, spliced
from scene_schema.origin import Continuation, Region, Variation, take_of
from scene_schema.rendering import RenderRequest

ENDING_FRAMES: Final = 8  # of a take that is continued: they sound like an ending, and are made anew


def noise_seed(request: RenderRequest) -> int:
    """What the noise of a render is drawn from: the seed, and the take that it starts from.

    The take's own noise would lead back to the take.
    """
    take = take_of(request.origin)
    if take is None:
        return request.seed
    return int.from_bytes(hashlib.sha256(f"{request.seed} {take}".encode()).digest()[:4], "big")


def held(origin: Region | Continuation, frames: int, latent_rate_hz: float, old_s: float) -> Tensor:
    """1 where a frame of the take, `old_s` long, is kept: (1, 1, frames)."""
    if isinstance(origin, Region):
        first, after = math.floor(origin.from_s * latent_rate_hz), math.ceil(origin.to_s * latent_rate_hz)
        return held_frames(frames, first, after)
    kept = math.floor(old_s * latent_rate_hz + 1e-6)
    return held_frames(frames, 0, 0, kept - min(ENDING_FRAMES, kept // 2))


def begun(
    velocity: Velocity,
    before: Tensor,
    noise: Tensor,
    request: RenderRequest,
    latent_rate_hz: float,
    old_s: float,
) -> tuple[Start, Velocity]:
    """Where sampling begins, and the velocity that then keeps what is to be kept.

    Args:
        before: the take's latent (1, C, T), fitted to the clip; the take is `old_s` long.
        noise: what the clip would begin with otherwise (1, C, T).
    """
    origin = request.origin
    if isinstance(origin, Variation):
        return part_way(before, noise, origin.strength, request.steps), velocity
    assert isinstance(origin, Region | Continuation), "other origins start from no take"
    kept = held(origin, noise.shape[-1], latent_rate_hz, old_s)
    return Start(noise, sway_sigmas(request.steps)), holding(velocity, before, noise, kept)


def joined(
    samples: Samples,
    old: Old,
    again: Callable[[], Samples],
    request: RenderRequest,
    rate_hz: int,
    *,
    frame_samples: int,
    plain_db: float,
) -> Samples:
    """New samples (S,) at the level of the take that they start from, and joined with it: (S, 1).

    Args:
        again: decodes the take's own latent, which says what gain the take has over it.
        frame_samples: of a latent frame.
        plain_db: the gain that the samples would have as a stem that starts from nothing.
    """
    origin = request.origin
    if isinstance(origin, Variation):
        old_db = missing_db(old.samples, again()[:, None], plain_db)
        gain_db = (1.0 - origin.strength) * old_db + origin.strength * plain_db
        loud = limited(samples[:, None] * np.float32(gain_of(gain_db)), rate_hz)
        return loud if request.loop else edged(loud, rate_hz)
    first, after = 0, len(samples)
    if isinstance(origin, Region):
        first, after = round(origin.from_s * rate_hz), round(origin.to_s * rate_hz)
    else:
        first = len(old.samples) - min(ENDING_FRAMES * frame_samples, len(old.samples) // 2)
    new = level_to(old.samples, samples[:, None], first, after, rate_hz, plain_db)
    new = new if request.loop else edged(new, rate_hz)
    return spliced(old.samples, new, first, after, rate_hz).samples


def edged(samples: Samples, rate_hz: int) -> Samples:
    """Samples (S, channels), faded over `cut.EDGE_S` at both ends: no click there."""
    edge = round(EDGE_S * rate_hz)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)).astype(np.float32)[:, None]
    out: Samples = samples.copy()
    out[:edge] *= ramp
    out[-edge:] *= ramp[::-1]
    return out
