"""How loud a sound is to ears, and how high it peaks between its samples. ITU-R BS.1770-4.

Our own because the library for it, pyloudnorm, brings scipy: two seconds of importing inside a bridge that
starts in a fraction of one. Tests hold this against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from engine.audio import SILENCE_DB, Samples, peak_db

HOP_S: Final = 0.1
HOPS: Final = 4  # in a gating block of 400 ms, so that blocks overlap by 75 %
ABSOLUTE_GATE_LUFS: Final = -70.0
RELATIVE_GATE_LU: Final = -10.0
OFFSET_LUFS: Final = -0.691  # so that a 997 Hz sine at 0 dBFS in one channel reads −3.01
MEMORY_S: Final = 0.2  # after which the K filter has forgotten all of a sample: e^−48
TRANSFORM: Final = 2**16  # samples that are filtered at once
CHUNK: Final = 2**18  # samples that are resampled at once
FULL_RATE_HZ: Final = 192_000  # from which samples are as close as annex 2 wants them


@dataclass(frozen=True)
class Loudness:
    """Integrated loudness, None for what is shorter than 0.4 s or all silence, and the true peak in dBTP."""

    integrated_lufs: float | None
    true_peak_db: float


def measure(samples: NDArray[np.floating], rate_hz: int) -> Loudness:
    """The loudness of samples (S, channels), full scale ±1, one or two channels."""
    return Loudness(integrated_lufs(block_powers(samples, rate_hz)), true_peak_db(samples, rate_hz))


def block_powers(samples: NDArray[np.floating], rate_hz: int) -> NDArray[np.float64]:
    """K-weighted power of every gating block, channels added up: (S, channels) → (blocks,).

    Only whole blocks count (BS.1770-4, annex 1). A gain of g makes them g² of what they were.
    """
    hop = round(HOP_S * rate_hz)
    hops = len(samples) // hop
    sums = np.zeros(hops)
    for channel in range(samples.shape[1]):
        weighted = k_weighted(samples[:, channel], rate_hz)[: hops * hop]
        sums += np.einsum("hs,hs->h", weighted.reshape(hops, hop), weighted.reshape(hops, hop))
    if hops < HOPS:
        return np.zeros(0)
    blocks: NDArray[np.float64] = np.convolve(sums, np.ones(HOPS), "valid") / (HOPS * hop)
    return blocks


def integrated_lufs(powers: NDArray[np.float64]) -> float | None:
    """Gated loudness of blocks: over −70 LUFS, and of them those within 10 LU of their mean."""
    loud = powers[powers > _power_at(ABSOLUTE_GATE_LUFS)]
    if not loud.size:
        return None
    gate = float(np.mean(loud)) * 10.0 ** (RELATIVE_GATE_LU / 10.0)
    return OFFSET_LUFS + 10.0 * float(np.log10(np.mean(loud[loud > gate])))


def gain_to(target_lufs: float, powers: NDArray[np.float64]) -> float | None:
    """The gain in dB that brings these blocks to a loudness; None where they have none at any gain.

    Found again after each try: a gain lifts blocks over the absolute gate, or lets them fall under it.
    """
    if not powers.size or float(np.max(powers)) <= 0.0:
        return None
    gain_db = target_lufs - OFFSET_LUFS - 10.0 * float(np.log10(np.max(powers)))
    for _ in range(8):
        now = integrated_lufs(powers * 10.0 ** (gain_db / 10.0))
        if now is None or abs(now - target_lufs) < 1e-6:
            break
        gain_db += target_lufs - now
    return gain_db


def true_peak_db(samples: NDArray[np.floating], rate_hz: int) -> float:
    """Largest value of the curve through the samples, in dBTP.

    Oversampled four times (BS.1770-4, annex 2), less from 96 kHz on, not at all from 192 kHz on.
    """
    times = 4 if rate_hz < FULL_RATE_HZ // 2 else 2 if rate_hz < FULL_RATE_HZ else 1
    found_db = peak_db(samples)
    if times == 1 or found_db <= SILENCE_DB:
        return found_db
    return max(found_db, *(peak_db(chunk) for chunk in _oversampled(samples, times)))


def _oversampled(samples: NDArray[np.floating], times: int) -> Iterator[Samples]:
    # in chunks: ten minutes at once would be a gigabyte
    stream = soxr.ResampleStream(1.0, float(times), samples.shape[1], dtype="float32", quality="HQ")
    for start in range(0, len(samples), CHUNK):
        chunk = np.ascontiguousarray(samples[start : start + CHUNK], dtype=np.float32)
        yield stream.resample_chunk(chunk, last=start + CHUNK >= len(samples))


def k_weighted(samples: NDArray[np.floating], rate_hz: int) -> NDArray[np.float64]:
    """Samples (S,) through the K filter, (S,).

    By overlapping Fourier transforms, because numpy has no recursive filters.
    """
    memory = round(MEMORY_S * rate_hz)
    response = _k_response(rate_hz, TRANSFORM)
    step = TRANSFORM - memory
    padded = np.zeros(memory + len(samples) + TRANSFORM)
    padded[memory : memory + len(samples)] = samples
    out = np.empty(len(samples) + step)
    for start in range(0, len(samples), step):
        block = np.fft.irfft(np.fft.rfft(padded[start : start + TRANSFORM]) * response, TRANSFORM)
        out[start : start + step] = block[memory:]
    return out[: len(samples)]


@lru_cache(maxsize=8)
def _k_response(rate_hz: int, points: int) -> NDArray[np.complex128]:
    """Frequency response of both stages, (points // 2 + 1,).

    The analogue prototypes behind BS.1770's coefficients, which it gives for 48 kHz only. Source: De Man,
    "Evaluation of implementations of the EBU R128 loudness measurement", AES 145, 2018; as in libebur128.
    """
    delay = np.exp(-2j * np.pi * np.arange(points // 2 + 1) / points)

    def stage(b: tuple[float, float, float], a: tuple[float, float, float]) -> NDArray[np.complex128]:
        above: NDArray[np.complex128] = b[0] + b[1] * delay + b[2] * delay**2
        below: NDArray[np.complex128] = a[0] + a[1] * delay + a[2] * delay**2
        return above / below

    k = float(np.tan(np.pi * 1681.974450955533 / rate_hz))
    high, q = 10.0 ** (3.999843853973347 / 20.0), 0.7071752369554196
    band = high**0.4996667741545416
    shelf = stage(
        (high + band * k / q + k * k, 2.0 * (k * k - high), high - band * k / q + k * k),
        (1.0 + k / q + k * k, 2.0 * (k * k - 1.0), 1.0 - k / q + k * k),
    )
    k, q = float(np.tan(np.pi * 38.13547087602444 / rate_hz)), 0.5003270373238773
    rumble = stage(
        (1.0, -2.0, 1.0),
        (
            1.0,
            2.0 * (k * k - 1.0) / (1.0 + k / q + k * k),
            (1.0 - k / q + k * k) / (1.0 + k / q + k * k),
        ),
    )
    both: NDArray[np.complex128] = shelf * rumble
    return both


def _power_at(lufs: float) -> float:
    return float(10.0 ** ((lufs - OFFSET_LUFS) / 10.0))
