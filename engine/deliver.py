"""Stems and their mix as WAV files in memory: same start, same length, same rate and channels. No torch.

mix = 10^(master_gain_db/20) · Σ over audible stems of 10^(gain_db/20) · balance(pan) · stem, taken over
the stems *as delivered* (resampled and quantised), so a host that adds the files up gets the mix.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from engine.audio import (
    MIX_CEILING_DB,
    Samples,
    balance,
    dither_for,
    gain_of,
    peak_db,
    quantise,
    resample,
    with_channels,
)

MIX_NAME: Final = "mix.wav"


@dataclass(frozen=True)
class Stem:
    """One layer's audio with its place in the mix. `samples` are float32 (samples, channels)."""

    layer_id: str
    samples: Samples
    rate_hz: int
    gain_db: float
    pan: float
    audible: bool


@dataclass(frozen=True)
class File:
    """A WAV file in memory. `layer_id` is None for the mix."""

    name: str
    layer_id: str | None
    wav: bytes
    peak_db: float


@dataclass(frozen=True)
class Delivered:
    """The files (mix last) and what they have in common."""

    files: list[File]
    rate_hz: int
    channels: int
    length_samples: int
    bit_depth: int
    master_gain_db: float
    sum_error_db: float


def deliver(
    stems: Sequence[Stem], *, rate_hz: int, channels: int, bit_depth: int, length_s: float
) -> Delivered:
    """Files for a host. 16-bit stems are dithered; the mix is rounded, never dithered twice.

    Args:
        bit_depth: 16 or 24 (whole numbers) or 32 (float).
        length_s: the scene's duration; every file has round(length_s · rate_hz) samples.
    """
    length_samples = round(length_s * rate_hz)
    mix = np.zeros((length_samples, channels), dtype=np.float64)
    files = []
    for stem in stems:
        samples = with_channels(resample(stem.samples, stem.rate_hz, rate_hz, length_samples), channels)
        delivered = _as_delivered(samples, bit_depth, dither=bit_depth == 16)
        files.append(
            File(
                name=f"{stem.layer_id}.wav",
                layer_id=stem.layer_id,
                wav=_wav(delivered, rate_hz, bit_depth),
                peak_db=peak_db(delivered),
            )
        )
        if stem.audible:
            mix += delivered * _weights(stem, channels)

    over_db = peak_db(mix) - MIX_CEILING_DB
    master_gain_db = -over_db if over_db > 0 else 0.0
    mix *= gain_of(master_gain_db)
    delivered_mix = _as_delivered(mix, bit_depth, dither=False)
    files.append(
        File(
            name=MIX_NAME,
            layer_id=None,
            wav=_wav(delivered_mix, rate_hz, bit_depth),
            peak_db=peak_db(delivered_mix),
        )
    )
    return Delivered(
        files=files,
        rate_hz=rate_hz,
        channels=channels,
        length_samples=length_samples,
        bit_depth=bit_depth,
        master_gain_db=master_gain_db,
        sum_error_db=peak_db(delivered_mix - mix),
    )


def _weights(stem: Stem, channels: int) -> NDArray[np.float64]:
    factors = balance(stem.pan) if channels == 2 else (1.0,)
    return np.asarray(factors) * gain_of(stem.gain_db)


def _as_delivered(samples: NDArray[np.floating], bit_depth: int, *, dither: bool) -> NDArray[np.float64]:
    """What a reader of the file will see, full scale ±1."""
    if bit_depth == 32:
        return samples.astype(np.float32).astype(np.float64)
    noise = dither_for(samples.astype(np.float32)) if dither else None
    return quantise(samples, bit_depth, noise) / 2.0 ** (bit_depth - 1)


def _wav(delivered: NDArray[np.float64], rate_hz: int, bit_depth: int) -> bytes:
    # Whole numbers are handed over as whole numbers: libsndfile scales floats by 2^(n-1) - 1, we by 2^(n-1).
    file = io.BytesIO()
    if bit_depth == 32:
        soundfile.write(file, delivered.astype(np.float32), rate_hz, format="WAV", subtype="FLOAT")
    elif bit_depth == 24:
        steps = np.rint(delivered * 2.0**23).astype(np.int32) << 8  # 24 bits at the top of 32
        soundfile.write(file, steps, rate_hz, format="WAV", subtype="PCM_24")
    else:
        steps16 = np.rint(delivered * 2.0**15).astype(np.int16)
        soundfile.write(file, steps16, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()
