"""Which pitch classes a sound holds, and whether two sounds are in the same key. Numpy only."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

LOW_HZ: Final = 65.0
HIGH_HZ: Final = 2100.0
SIZE_S: Final = 0.34
ALIKE: Final = 0.4  # correlation of two chroma profiles in one key

Chroma = NDArray[np.float64]


def chroma(audio: NDArray[np.floating], rate_hz: int) -> Chroma:
    """The share of each pitch class, C first (12,): spectral peaks folded into one octave, evenly weighted in
    time. All zero for silence."""
    size = 2 ** round(np.log2(SIZE_S * rate_hz))
    hop = size // 4
    window = np.hanning(size)
    at_hz = np.fft.rfftfreq(size, 1 / rate_hz)
    total = np.zeros(12)
    for start in range(0, max(1, len(audio) - size + 1), hop):
        frame = np.zeros(size)
        piece = audio[start : start + size]
        frame[: len(piece)] = piece
        size_of = np.abs(np.fft.rfft(frame * window))
        peak = np.zeros(len(size_of), bool)
        peak[1:-1] = (size_of[1:-1] > size_of[:-2]) & (size_of[1:-1] >= size_of[2:])
        peak &= (at_hz > LOW_HZ) & (at_hz < HIGH_HZ) & (size_of > 0.03 * size_of.max()) & (size_of > 1e-3)
        here = np.zeros(12)
        for place in np.flatnonzero(peak):
            a, b, c = np.log(size_of[place - 1 : place + 2] + 1e-12)
            shift = 0.5 * (a - c) / (a - 2 * b + c)
            key = 69 + 12 * np.log2((place + shift) * rate_hz / size / 440.0)
            here[round(key) % 12] += size_of[place] ** 0.5
        if here.any():
            total += here / here.sum()
    return total / total.sum() if total.any() else total


def same_key(one: Chroma, other: Chroma) -> bool:
    """Whether two profiles fit best as they stand, and not with one of them transposed."""
    if not one.any() or not other.any():
        return False
    fits = [float(np.corrcoef(one, np.roll(other, shift))[0, 1]) for shift in range(12)]
    return int(np.argmax(fits)) == 0 and fits[0] >= ALIKE
