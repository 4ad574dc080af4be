"""Small laws of sound on float arrays: level, pan, resampling, quantising. No files, no torch.

Arrays are float32 (samples, channels), full scale ±1.
"""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SILENCE_DB: Final = -240.0  # what digital silence measures, so that a level is always a number
LOUDEST_S: Final = (
    0.4  # over which the loudest place of a sound is looked for: the momentary loudness of EBU R 128
)
STEM_CEILING_DB: Final = -3.0  # a stem's peak: 2 dB below the mix's ceiling, room for resampling to overshoot
MIX_CEILING_DB: Final = -1.0  # the mix's peak; above it the master gain comes down by what is over


def gain_of(gain_db: float) -> float:
    """Linear factor of a gain in decibels."""
    return float(10.0 ** (gain_db / 20.0))


def peak_db(samples: NDArray[np.floating] | NDArray[np.int32], full_scale: float = 1.0) -> float:
    """Largest absolute sample in dBFS."""
    peak = max(float(np.max(samples, initial=0)), -float(np.min(samples, initial=0)))
    return 20.0 * float(np.log10(peak / full_scale)) if peak > 0.0 else SILENCE_DB


def rms_db(samples: NDArray[np.floating]) -> float:
    """Root mean square over all samples and channels in dBFS."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0
    return 10.0 * float(np.log10(power)) if power > 0.0 else SILENCE_DB


def loudest_db(samples: NDArray[np.floating], rate_hz: int) -> float:
    """Level in dBFS of the loudest `LOUDEST_S` of mono samples (S,): of a hit its hit, of rain the rain."""
    window = min(len(samples), round(LOUDEST_S * rate_hz))
    sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    power = float(np.max(sums[window:] - sums[:-window])) / window if window else 0.0
    return 10.0 * float(np.log10(power)) if power > 1e-24 else SILENCE_DB


def balance(pan: float) -> tuple[float, float]:
    """Left and right factors of a pan in −1…1: unity in the centre, so an unpanned mix is a plain sum."""
    return min(1.0, 1.0 - pan), min(1.0, 1.0 + pan)


def resample(samples: Samples, from_hz: int, to_hz: int, length_samples: int) -> Samples:
    """The samples at another rate, cut or padded with silence to an exact length.

    soxr's highest quality, whose filter delay is already removed: an onset at t seconds stays at t seconds.
    """
    if from_hz != to_hz:
        samples = np.asarray(soxr.resample(samples, from_hz, to_hz, quality="VHQ"), dtype=np.float32)
    missing = length_samples - len(samples)
    if missing > 0:
        return np.pad(samples, ((0, missing), (0, 0)))
    return samples[:length_samples]


def with_channels(samples: Samples, channels: int) -> Samples:
    """Mono to two equal channels, stereo to mono by the mean; otherwise as it is."""
    if samples.shape[1] == channels:
        return samples
    if samples.shape[1] == 1:
        return np.repeat(samples, channels, axis=1)
    mono: Samples = np.mean(samples, axis=1, keepdims=True).astype(np.float32)
    return mono


def dither_for(samples: NDArray[np.floating]) -> Samples:
    """Triangular dither of ±1 step, in steps, seeded by the samples themselves: same stem, same bytes.

    The difference of two whole numbers of 16 bits, cut from the generator's own words: its numbers as
    floats would cost more than everything else about a file.
    """
    seed = zlib.crc32(np.ascontiguousarray(samples).data)
    words = np.random.PCG64(seed).random_raw((samples.size + 1) // 2).astype("<u8", copy=False)
    pairs = words.view("<u2").reshape(-1, 2)[: samples.size]
    noise: Samples = np.subtract(pairs[:, 0], pairs[:, 1], dtype=np.int32).astype(np.float32)
    noise *= np.float32(2.0**-16)
    return noise.reshape(samples.shape)


def quantise(
    samples: NDArray[np.floating], bit_depth: int, dither: Samples | None = None
) -> NDArray[np.int32]:
    """Whole steps of 2^(1−bit_depth), rounded to even and held inside the range that the depth has.

    In the samples' own precision: a float32 times a power of two, and its nearest whole number up to 24 bits,
    are exact.
    """
    scale = samples.dtype.type(2.0 ** (bit_depth - 1))
    steps = samples * scale
    if dither is not None:
        steps += dither
    np.rint(steps, out=steps)
    np.clip(steps, -scale, scale - samples.dtype.type(1), out=steps)
    whole: NDArray[np.int32] = steps.astype(np.int32)
    return whole
