"""Stems and their mix as audio files in memory: same start, same length, same rate and channels. No torch.

mix = 10^(master_gain_db/20) · Σ over audible stems of 10^(gain_db/20) · balance(pan) · stem, taken over
the stems *as delivered* (resampled, cut, looped, quantised), so a host that adds the files up gets the mix.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from engine import wav_chunks
from engine.audio import (
    MIX_CEILING_DB,
    SILENCE_DB,
    Samples,
    balance,
    dither_for,
    gain_of,
    peak_db,
    quantise,
    resample,
    with_channels,
)
from engine.cut import Cut, cut_out
from engine.file_tags import FileTags
from engine.flac_comments import comments_of, with_comments
from engine.loudness import Loudness, block_powers, gain_to, integrated_lufs, measure, true_peak_db

MIX: Final = "mix"
NO_TAGS: Final = FileTags()
TWICE_LU: Final = 10.0 * float(np.log10(2.0))  # one channel's sound in two is louder by this

Part = bytes | memoryview


@dataclass(frozen=True)
class Form:
    """How all files of a delivery are written. `bit_depth`: 16 (dithered) or 24, or 32 (float; WAV only)."""

    rate_hz: int
    channels: int
    bit_depth: int
    container: Literal["wav", "flac"] = "wav"


@dataclass(frozen=True)
class Stem:
    """One layer's audio with its place in the mix. `samples` are float32 (samples, channels).

    `loudness` is that of the samples as they are, where somebody measured it before.
    """

    layer_id: str
    samples: Samples
    rate_hz: int
    gain_db: float
    pan: float
    audible: bool
    tags: FileTags = NO_TAGS
    loudness: Loudness | None = None


@dataclass(frozen=True)
class File:
    """A file in memory, in the parts that are written one after another. `layer_id` is None for the mix."""

    name: str
    layer_id: str | None
    parts: tuple[Part, ...]
    peak_db: float
    loudness: Loudness

    @property
    def data(self) -> bytes:
        """All of it."""
        return b"".join(self.parts)


@dataclass(frozen=True)
class Delivered:
    """The files (mix last), and what was done to the mix."""

    files: list[File]
    master_gain_db: float = 0.0
    sum_error_db: float = SILENCE_DB


@dataclass(frozen=True)
class _Steps:
    """Samples as a file holds them: whole steps as int32, or float32.

    (length_samples, file's channels), or (length_samples, 1) where the file has that in all its channels.
    """

    values: NDArray[np.int32] | Samples
    peak_db: float

    def at_full_scale(self, bit_depth: int) -> NDArray[np.float64]:
        """What a reader of the file sees, full scale ±1."""
        values = self.values.astype(np.float64)
        return values if bit_depth == 32 else values / 2.0 ** (bit_depth - 1)


def deliver(
    stems: Sequence[Stem],
    form: Form,
    cut: Cut,
    *,
    mix: FileTags | None = None,
    target_lufs: float | None = None,
    wanted: Collection[str] | None = None,
) -> Delivered:
    """Files for a host. 16-bit stems are dithered; the mix is rounded, never dithered twice.

    Args:
        cut: which part of the clip; every file has its length.
        mix: tags of the mix; None: no mix.
        target_lufs: the master gain brings the mix there, as far as its peak ceiling lets it.
        wanted: the layers whose files are made; the others are only heard in the mix. None: all of them.
    """
    files = []
    heard: list[tuple[Stem, _Steps]] = []
    for stem in stems:
        is_wanted = wanted is None or stem.layer_id in wanted
        if not is_wanted and (mix is None or not stem.audible):
            continue
        samples = _prepared(stem, form, cut)
        steps = _steps(samples, form.bit_depth, dither=form.bit_depth == 16)
        if is_wanted:
            loudness = _loudness(stem, samples, form, cut)
            files.append(_file(stem.layer_id, stem.layer_id, steps, loudness, stem.tags, form))
        if mix is not None and stem.audible:
            heard.append((stem, steps))
    if mix is None:
        return Delivered(files)
    return _with_mix(files, heard, mix, target_lufs, form, cut)


def _prepared(stem: Stem, form: Form, cut: Cut) -> Samples:
    """At the file's rate and cut; with its channels, or one where all of them will be the same."""
    clip = resample(stem.samples, stem.rate_hz, form.rate_hz, cut.clip_samples)
    samples = cut_out(clip, cut, form.rate_hz)
    return samples if samples.shape[1] == 1 else with_channels(samples, form.channels)


def _loudness(stem: Stem, samples: Samples, form: Form, cut: Cut) -> Loudness:
    """Of the file. The take's own, measured when it was made, where the file holds just that."""
    known = stem.loudness
    own = round(cut.clip_samples * stem.rate_hz / form.rate_hz)
    is_whole = cut.length_samples == cut.clip_samples and abs(len(stem.samples) - own) <= 1
    if known is None or not is_whole or stem.samples.shape[1] != samples.shape[1]:
        known = measure(samples, form.rate_hz)
    if known.integrated_lufs is None or form.channels == samples.shape[1]:
        return known
    return replace(known, integrated_lufs=known.integrated_lufs + TWICE_LU)


def _with_mix(
    files: list[File],
    heard: Sequence[tuple[Stem, _Steps]],
    tags: FileTags,
    target_lufs: float | None,
    form: Form,
    cut: Cut,
) -> Delivered:
    is_centred = all(stem.pan == 0.0 and steps.values.shape[1] == 1 for stem, steps in heard)
    channels = 1 if is_centred else form.channels
    mix = np.zeros((cut.length_samples, channels), dtype=np.float64)
    for stem, steps in heard:
        mix += steps.at_full_scale(form.bit_depth) * _weights(stem, channels)
    powers = block_powers(mix, form.rate_hz) * (form.channels / channels)
    wanted_db = 0.0 if target_lufs is None else gain_to(target_lufs, powers) or 0.0
    over_db = peak_db(mix) + wanted_db - MIX_CEILING_DB
    master_gain_db = wanted_db - max(0.0, over_db)
    mix *= gain_of(master_gain_db)
    steps = _steps(mix, form.bit_depth, dither=False)
    error = steps.at_full_scale(form.bit_depth)
    error -= mix
    loudness = Loudness(
        integrated_lufs(powers * gain_of(master_gain_db) ** 2), true_peak_db(mix, form.rate_hz)
    )
    file = _file(MIX, None, steps, loudness, tags, form)
    return Delivered([*files, file], master_gain_db, peak_db(error))


def _weights(stem: Stem, channels: int) -> NDArray[np.float64]:
    factors = balance(stem.pan) if channels == 2 else (1.0,)
    return np.asarray(factors) * gain_of(stem.gain_db)


def _steps(samples: NDArray[np.floating], bit_depth: int, *, dither: bool) -> _Steps:
    if bit_depth == 32:
        values: NDArray[np.int32] | Samples = samples.astype(np.float32, copy=False)
        return _Steps(values, peak_db(values))
    values = quantise(samples, bit_depth, dither_for(samples) if dither else None)
    return _Steps(values, peak_db(values, full_scale=2.0 ** (bit_depth - 1)))


def _file(
    name: str, layer_id: str | None, steps: _Steps, loudness: Loudness, tags: FileTags, form: Form
) -> File:
    tags = replace(
        tags,
        length_samples=len(steps.values),
        loudness_lufs=loudness.integrated_lufs,
        true_peak_db=loudness.true_peak_db,
    )
    parts = _wav(steps, tags, form) if form.container == "wav" else _flac(steps, tags, form)
    return File(f"{name}.{form.container}", layer_id, parts, steps.peak_db, loudness)


def _wav(steps: _Steps, tags: FileTags, form: Form) -> tuple[Part, ...]:
    data = _packed(steps.values, form.channels, form.bit_depth)
    head = wav_chunks.head(
        tags,
        rate_hz=form.rate_hz,
        channels=form.channels,
        bit_depth=form.bit_depth,
        data_bytes=data.nbytes,
    )
    return head, data.data, wav_chunks.padding(data.nbytes)


def _packed(values: NDArray[np.int32] | Samples, channels: int, bit_depth: int) -> NDArray[np.uint8]:
    """The samples as the bytes of a `data` chunk, little-endian."""
    kind = {16: "<i2", 24: "<i4", 32: "<f4"}[bit_depth]
    frames = np.ascontiguousarray(values, dtype=kind)  # (S, c)
    if bit_depth != 24:
        wide = np.repeat(frames, channels // frames.shape[1], axis=1)  # (S, channels)
        return np.ascontiguousarray(wide).view(np.uint8).reshape(-1)
    low = frames.view(np.uint8).reshape(len(frames), frames.shape[1], 4)
    packed = np.empty((len(frames), channels, 3), np.uint8)
    for channel in range(channels):
        for byte in range(3):
            packed[:, channel, byte] = low[:, channel % frames.shape[1], byte]
    return packed.reshape(-1)


def _flac(steps: _Steps, tags: FileTags, form: Form) -> tuple[Part, ...]:
    values = np.repeat(steps.values, form.channels // steps.values.shape[1], axis=1)
    top = values.astype(np.int32) << (32 - form.bit_depth)  # the bits that count stand at the top
    file = io.BytesIO()
    soundfile.write(file, top, form.rate_hz, format="FLAC", subtype=f"PCM_{form.bit_depth}")
    return (with_comments(file.getvalue(), comments_of(tags)),)
