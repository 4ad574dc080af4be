"""Where sounds begin: rises of energy in bands of the spectrum, and how they match the cues. Numpy only.

Knows no classes: how far a class's steepest rise lies behind its cue is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

HOP_S: Final = 0.002
WINDOW_S: Final = 0.010
EDGES_HZ: Final = (60.0, 200.0, 450.0, 1000.0, 2000.0, 4000.0, 8000.0, 12_000.0)
RANGE_DB: Final = 45.0  # of a band, below the clip's loudest moment; what lies deeper is no sound
REACH_S: Final = 0.1  # an onset further from a cue belongs to another one
FOUND_DB: Final = 4.0  # of `rises_db`: what counts as an onset that was asked for
EXTRA_DB: Final = 12.0  # and what counts as one where nobody asked
SETTLE_S: Final = 0.06  # a hit's own first echoes and contacts are part of it

Wave = NDArray[np.floating]
Rises = NDArray[np.float64]


@dataclass(frozen=True)
class CueErrors:
    """What became of a clip's cues: the error of each one found, in order, and the two kinds of failure."""

    errors_s: tuple[float, ...]  # onset minus cue
    missed: int
    extra: int


def rises_db(audio: Wave, rate_hz: int) -> Rises:
    """How far the sound rises at each moment (every HOP_S), in dB: (moments,).

    In each band the energy of the window behind the moment stands against the window before it, both above a
    floor RANGE_DB below the clip's loudest; the mean of the three bands that rise most. A hit over a ringing
    tail shows in the bands where it is new.
    """
    spectrum = np.fft.rfft(audio.astype(np.float64), n=len(audio) + round(0.1 * rate_hz))
    at_hz = np.fft.rfftfreq(len(audio) + round(0.1 * rate_hz), 1 / rate_hz)
    levels = []
    for low_hz, high_hz in pairwise(EDGES_HZ):
        if low_hz < rate_hz / 2:
            inside = (at_hz >= low_hz) & (at_hz < high_hz)
            levels.append(_energy(np.fft.irfft(spectrum * inside)[: len(audio)], rate_hz))
    energy = np.stack(levels)  # (bands, moments + window's worth)
    floor = max(float(energy.sum(0).max()), 1e-9) * 10 ** (-RANGE_DB / 10)
    level_db = 10 * np.log10(energy + floor)
    ahead = round(WINDOW_S / HOP_S)
    change = level_db[:, ahead:] - level_db[:, :-ahead]  # window behind the moment minus window before it
    strongest = np.sort(np.maximum(change, 0.0), axis=0)[-3:]
    out: Rises = strongest.mean(0)
    return out


def _energy(band: Wave, rate_hz: int) -> Rises:
    """Mean power of the window that ends at each moment, from moment 0 to one window behind the end."""
    hop, window = round(HOP_S * rate_hz), round(WINDOW_S * rate_hz)
    sums = np.concatenate([[0.0], np.cumsum(np.pad(band**2, (window, window)))])
    ends = np.arange(window, len(band) + 2 * window + 1, hop)
    out: Rises = (sums[ends] - sums[ends - window]) / window
    return out


def onsets_s(rises: Rises, threshold_db: float) -> NDArray[np.float64]:
    """Times of the peaks of `rises_db` above a threshold, the higher of any two within SETTLE_S."""
    apart = round(SETTLE_S / HOP_S)
    taken: list[int] = []
    for place in np.argsort(rises)[::-1]:
        if rises[place] < threshold_db:
            break
        if all(abs(place - other) > apart for other in taken):
            taken.append(int(place))
    return np.sort(np.array(taken, dtype=np.float64)) * HOP_S


def match_cues(rises: Rises, cues_s: Sequence[float], lag_s: float = 0.0) -> CueErrors:
    """Each cue's onset is the steepest rise within REACH_S of it, and within half the way to its neighbours.

    `lag_s` is how far behind the cue this class's steepest rise lies in originals. Onsets above EXTRA_DB
    that no cue is near (REACH_S before it, twice that behind it) are extra.
    """
    times_s = np.arange(len(rises)) * HOP_S
    cues = sorted(cues_s)
    errors: list[float] = []
    missed = 0
    for number, cue_s in enumerate(cues):
        wanted_s = cue_s + lag_s
        before_s = REACH_S if number == 0 else min(REACH_S, (cue_s - cues[number - 1]) / 2)
        behind_s = REACH_S if number + 1 == len(cues) else min(REACH_S, (cues[number + 1] - cue_s) / 2)
        near = np.flatnonzero((times_s >= wanted_s - before_s) & (times_s <= wanted_s + behind_s))
        best = near[int(np.argmax(rises[near]))] if len(near) else -1
        if best < 0 or rises[best] < FOUND_DB:
            missed += 1
        else:
            errors.append(float(times_s[best] - wanted_s))
    extra = sum(
        not any(-REACH_S <= onset_s - cue_s - lag_s <= 2 * REACH_S for cue_s in cues)
        for onset_s in onsets_s(rises, EXTRA_DB)
    )
    return CueErrors(tuple(errors), missed, extra)


def onset_error_s(audio: Wave, rate_hz: int, cue_s: float) -> float | None:
    """Seconds from one cue to the onset near it; None where there is none."""
    found = match_cues(rises_db(audio, rate_hz), [cue_s])
    return found.errors_s[0] if found.errors_s else None
