"""Which part of a clip becomes a file: from which sample, how many, and how its two ends are made. Pure.

Knows no layers, files or levels: a stem goes in at the delivered rate, and comes out cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.audio import Samples
from scene_schema.errors import Finding, Refused
from scene_schema.scene import Scene, TempoGrid

EDGE_S: Final = 0.002  # fade where a cut goes through sound: the same as at a clip's own ends
ATTACK: Final = 16.0  # a beginning that holds this much more power than what was before it is an attack
MOST_RAISED: Final = 0.5  # power of opposing ends is raised by at most 3 dB: what cancels stays cancelled


@dataclass(frozen=True)
class Cut:
    """A part of a clip in samples at the delivered rate. `crossfade_samples` is 0 where it is no loop."""

    start_samples: int
    length_samples: int
    crossfade_samples: int
    clip_samples: int

    @property
    def stops_sound(self) -> bool:
        """Whether the clip goes on behind the end. One sample is rounding, not sound."""
        return self.start_samples + self.length_samples < self.clip_samples - 1


def bar_s(tempo: TempoGrid) -> float:
    """Seconds of one bar."""
    return 60.0 * tempo.beats_per_bar / tempo.bpm


def samples_of_bars(bars: int, tempo: TempoGrid, rate_hz: int) -> int:
    """The length of so many bars: bars · beats · 60 / BPM · rate, rounded once, at the end."""
    return round(bars * tempo.beats_per_bar * 60 * rate_hz / tempo.bpm)


def place_in(cut: Cut, at_s: float, rate_hz: int) -> int | None:
    """Where a moment of the clip is in the file, in samples; None where the cut left it out."""
    place = round(at_s * rate_hz) - cut.start_samples
    return place if 0 <= place < cut.length_samples else None


def whole(length_s: float, rate_hz: int) -> Cut:
    """All of a clip."""
    length = round(length_s * rate_hz)
    return Cut(0, length, 0, length)


def cut_of(
    scene: Scene,
    rate_hz: int,
    *,
    length_bars: int | None = None,
    loop: bool = False,
    loop_crossfade_s: float = 0.0,
) -> Cut:
    """The part of a scene that a delivery asks for: whole, or bars from the first downbeat on; looped or not.

    Raises `Refused` (`invalid`) that names the field where the scene has no tempo grid or is too short.
    """
    clip = round(scene.duration_s * rate_hz)
    crossfade = max(1, round(loop_crossfade_s * rate_hz)) if loop else 0
    if length_bars is None:
        start, length = 0, clip - crossfade
    else:
        if scene.tempo is None:
            raise _refused(
                "length_bars",
                f"a scene with a tempo grid, which '{scene.id}' has not",
                str(length_bars),
                "Give the scene a tempo with scene.edit, or leave length_bars out.",
            )
        start = round(scene.tempo.bar_offset_s * rate_hz)
        length = samples_of_bars(length_bars, scene.tempo, rate_hz)
        if start + length + crossfade > clip + 1:  # start and length were rounded: one sample is not missing
            needed_s = scene.tempo.bar_offset_s + length_bars * bar_s(scene.tempo)
            needed_s = math.ceil((needed_s + (loop_crossfade_s if loop else 0.0)) * 1000.0 - 1e-6) / 1000.0
            bars = _bars_that_fit(clip - start - crossfade, scene.tempo, rate_hz)
            loops = samples_of_bars(bars, scene.tempo, rate_hz) >= crossfade  # shorter ones are refused below
            most = f", or ask for at most {bars}" if bars and loops else ""
            behind = f" and {loop_crossfade_s:g} s behind them for the loop" if loop else ""
            raise _refused(
                "length_bars",
                f"bars that fit into {scene.duration_s:g} s from the first downbeat on{behind}",
                str(length_bars),
                f"Give the scene duration_s ≥ {needed_s:g} with scene.edit and render it{most}.",
            )
    if crossfade > length:
        raise _refused(
            "loop_crossfade_s",
            f"at most the loop's own length, {max(0, length) / rate_hz:g} s",
            f"{loop_crossfade_s:g}",
            f"Give the scene duration_s ≥ {2.0 * loop_crossfade_s:g}, more bars or a shorter crossfade.",
        )
    return Cut(start, length, crossfade, clip)


def cut_out(clip: Samples, cut: Cut, rate_hz: int) -> Samples:
    """The cut's part of a clip, (clip_samples, channels) float32 → (length_samples, channels) float32.

    As it is where nothing needs mending. A loop's beginning is blended (`blended`) out of what lies behind
    its end. Otherwise a cut that goes through sound is faded over `EDGE_S`, so that it does not click; but
    not the attack of a sound that begins right there.
    """
    first, after = cut.start_samples, cut.start_samples + cut.length_samples
    part = clip[first:after]
    if cut.crossfade_samples:
        crossfade = cut.crossfade_samples
        behind = clip[after : after + crossfade]
        if len(behind) < crossfade:  # by one sample, of silence: see `cut_of`
            behind = np.pad(behind, ((0, crossfade - len(behind)), (0, 0)))
        return np.concatenate([blended(behind, part[:crossfade], clip), part[crossfade:]])
    edge = min(round(EDGE_S * rate_hz), cut.length_samples // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / max(1, edge))).astype(np.float32)[:, None]
    if first and not _attacks(clip[max(0, first - edge) : first], part[:edge]):
        part = np.concatenate([part[:edge] * ramp, part[edge:]])
    if cut.stops_sound:
        part = np.concatenate([part[: len(part) - edge], part[len(part) - edge :] * ramp[::-1]])
    return part


def blended(ending: Samples, beginning: Samples, clip: Samples) -> Samples:
    """`ending` turning into `beginning`; both are (crossfade_samples, channels).

    The curve keeps the power whatever the two have in common: quarter sine and cosine for strangers (equal
    power), and less for what is alike, which those would make up to 3 dB louder. One curve for all channels.
    Where even that would peak above all of `clip`, the curve is equal gain, which never does.
    Source: Fink, Holters, Zölzer, "Signal-matched power-complementary cross-fading", DAFx-16.
    """
    turn = 0.5 * np.pi * np.arange(len(ending)) / max(1, len(ending))
    out, into = np.cos(turn), np.sin(turn)
    alone = out**2 * _power(ending, ending) + into**2 * _power(beginning, beginning)
    shared = 2.0 * out * into * _power(ending, beginning)
    together = np.maximum(1.0 + shared / np.maximum(alone, 1e-30), MOST_RAISED)
    blend = _weighted(ending, out / np.sqrt(together), beginning, into / np.sqrt(together))
    if np.max(np.abs(blend), initial=0.0) > np.max(np.abs(clip), initial=0.0):
        return _weighted(ending, out / (out + into), beginning, into / (out + into))
    return blend


def _weighted(
    first: Samples, by: NDArray[np.float64], second: Samples, with_: NDArray[np.float64]
) -> Samples:
    mixed: Samples = (first * by[:, None] + second * with_[:, None]).astype(np.float32)
    return mixed


def _power(one: Samples, other: Samples) -> float:
    return float(np.sum(np.multiply(one, other, dtype=np.float64)))


def _attacks(before: Samples, after: Samples) -> bool:
    return _power(after, after) > ATTACK * _power(before, before)


def _bars_that_fit(samples: int, tempo: TempoGrid, rate_hz: int) -> int:
    bars = max(0, int((samples + 1) / (bar_s(tempo) * rate_hz)) + 1)
    while bars and samples_of_bars(bars, tempo, rate_hz) > samples + 1:
        bars -= 1
    return bars


def _refused(field: str, expected: str, got: str, remedy: str) -> Refused:
    finding = Finding(field=f"$.{field}", expected=expected, got=got)
    return Refused("invalid", "this part of the scene cannot be delivered", findings=[finding], remedy=remedy)
