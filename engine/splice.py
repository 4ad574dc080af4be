"""Two sounds in one clip, joined where they differ least. Samples only: no model, no latents, no torch.

Samples are float32 (samples, channels) at one rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.audio import STEM_CEILING_DB, Samples, gain_of, rms_db
from engine.cut import blended

FADE_S: Final = 0.04  # of a crossfade: two periods of 50 Hz
SEARCH_S: Final = 0.16  # how far from a seam its crossfade may lie
REACH_S: Final = FADE_S + SEARCH_S
"""Nothing changes further from a region than this."""
LEVEL_S: Final = 0.5  # of what was kept beside a seam, by which the new part's level is set there
UNEVEN_DB: Final = 3.0  # that the level at a seam may be set apart from what the whole of it wants
LIMIT_S: Final = 0.02  # in which the limiter's gain comes down before a peak, and goes up behind it
FAINT_DB: Final = -60.0  # fainter than this has no level to go by


@dataclass(frozen=True)
class Spliced:
    """A clip with a new part. Outside `first`…`after` (samples) it is the old one, bit for bit."""

    samples: Samples
    first: int
    after: int


def spliced(old: Samples, new: Samples, first: int, after: int, rate_hz: int) -> Spliced:
    """`new` (S, channels) in samples `first`…`after`, and `old` outside, with a crossfade at each seam.

    The crossfades lie outside the new part, within `REACH_S` of it, where old and new differ least. Where the
    old sound is shorter than the new one, `after` is S. `new` is the whole clip made anew, at `level_to`.
    """
    length, fade = len(new), round(FADE_S * rate_hz)
    search = round(SEARCH_S * rate_hz)
    out = new.copy()
    first, after = max(0, min(first, len(old))), min(after, length)
    start, end = 0, length
    if first > 0:
        fade_in = min(fade, first)
        start = _likest(old, new, max(0, first - fade_in - search), first - fade_in, fade_in)
        out[:start] = old[:start]
        joint = slice(start, start + fade_in)
        out[joint] = blended(old[joint], new[joint], new)
    if after < min(length, len(old)):
        fade_out = min(fade, len(old) - after)
        place = _likest(old, new, after, min(after + search, len(old) - fade_out), fade_out)
        end = place + fade_out
        out[end:] = old[end:length]
        out[place:end] = blended(new[place:end], old[place:end], new)
    return Spliced(out, start, end)


def level_to(
    old: Samples, new: Samples, first: int, after: int, rate_hz: int, otherwise_db: float
) -> Samples:
    """`new` at the level that `old` has in what was kept, and at each seam at the level it has just there.

    Between the two seams the gain goes from one to the other evenly in decibels; then peaks over a stem's
    ceiling are held down. Where what was kept is next to silent, the gain is `otherwise_db`.
    """
    kept = min(len(old), len(new))
    parts = [(0, min(first, kept)), (min(after, kept), kept)]
    whole_db = missing_db(
        np.concatenate([old[a:b] for a, b in parts]),
        np.concatenate([new[a:b] for a, b in parts]),
        otherwise_db,
    )
    beside = round(LEVEL_S * rate_hz)
    seams: list[tuple[int, float]] = []
    for place, (a, b) in ((first, (first - beside, first)), (after, (after, after + beside))):
        near = slice(max(0, a), min(b, kept))
        if near.stop - near.start > 0 and 0 < place < len(new):
            apart = missing_db(old[near], new[near], whole_db) - whole_db
            seams.append((place, whole_db + float(np.clip(apart, -UNEVEN_DB, UNEVEN_DB))))
    if not seams:
        return limited(new * np.float32(gain_of(whole_db)), rate_hz)
    gains_db = np.interp(np.arange(len(new)), [place for place, _ in seams], [db for _, db in seams])
    return limited((new * (10.0 ** (gains_db / 20.0))[:, None]).astype(np.float32), rate_hz)


def limited(samples: Samples, rate_hz: int) -> Samples:
    """The samples with their peaks held at a stem's ceiling by a gain that moves over `LIMIT_S`."""
    ceiling = np.float32(gain_of(STEM_CEILING_DB))
    peaks = np.max(np.abs(samples), axis=1)
    if float(np.max(peaks, initial=0.0)) <= ceiling:
        return samples
    reach = round(LIMIT_S * rate_hz)
    wanted = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-12))
    lowest = _lowest(wanted, reach)
    window = np.hanning(reach + 2)[1:-1]
    gains = np.convolve(np.pad(lowest, (reach // 2, reach - 1 - reach // 2), mode="edge"), window, "valid")
    gains = np.minimum(gains / window.sum(), wanted)
    return np.asarray(samples * gains[:, None], dtype=np.float32)


def shortened(clip: Samples, length: int, rate_hz: int) -> Samples:
    """A looping clip (S, channels) as a loop of `length` samples, a little fewer.

    Near its end it jumps ahead by what is too much, where the sound differs least from itself that far on;
    so its end still runs into its beginning, and everything up to the jump stays where it was.
    """
    surplus = len(clip) - length
    if surplus <= 0:
        return clip
    fade = min(round(FADE_S * rate_hz), length // 4)
    search = min(round(4.0 * SEARCH_S * rate_hz), length // 2)
    ahead = clip[surplus:]  # (length, channels), in whose time the loop ends right
    place = _likest(clip, ahead, length - fade - search, length - fade - 1, fade)
    joint = blended(clip[place : place + fade], ahead[place : place + fade], clip)
    return np.concatenate([clip[:place], joint, ahead[place + fade :]])


def _likest(one: Samples, other: Samples, low: int, high: int, fade: int) -> int:
    """Where between `low` and `high` (inclusive) a crossfade of `fade` samples joins the two best."""
    end = high + fade
    squares = np.sum(np.square(one[low:end] - other[low:end], dtype=np.float64), axis=1)
    sums = np.concatenate([[0.0], np.cumsum(squares)])
    return low + int(np.argmin(sums[fade:] - sums[:-fade])) if fade else high


def missing_db(old: Samples, new: Samples, otherwise_db: float) -> float:
    """The gain in dB that brings `new` to the level of `old`; `otherwise_db` where one is next to silent."""
    old_db, new_db = rms_db(old), rms_db(new)
    return old_db - new_db if min(old_db, new_db) > FAINT_DB else otherwise_db


def _lowest(values: NDArray[np.floating], reach: int) -> NDArray[np.floating]:
    """The lowest value within `reach` of each place: (S,) → (S,)."""
    lowest = values.copy()
    span = 1
    while span < 2 * reach + 1:  # spans double: log₂ passes, not `reach` of them
        by = min(span, 2 * reach + 1 - span)
        lowest[by:] = np.minimum(lowest[by:], lowest[:-by])
        span += by
    return np.pad(lowest, (0, reach), mode="edge")[reach:]
