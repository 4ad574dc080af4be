"""What has time, as one row a latent frame: phonemes, cue onsets, beats, chords. Pure numpy.

The same rows are made from corpus clips in training and from a render request at run time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scene_schema.scene import TempoGrid

SLOTS: Final = 2  # phonemes a latent frame: one each 20 ms at 25 frames a second
SILENT: Final = 0  # the phoneme number of silence
ROOTS: Final = 12  # pitch classes, 0 is C
NO_CHORD: Final = -1  # among triads, which are numbered as in `triad_of`
NUMBERS: Final = 12 + ROOTS  # columns of `FrameFeatures.numbers`, below
_DECAY_S: Final = 0.3  # how long a hit is remembered

(
    _SPEAKS,  # 1 where phonemes are given for this clip
    _SPEECH_ACTIVE,  # 1 while a phoneme sounds
    _HAS_CUES,  # 1 where cue onsets are given for this clip
    _ONSET,  # triangle over the two frames around an onset
    _OFFSET,  # where in its frame the onset lies, −0.5…0.5
    _SINCE,  # falls from 1 after an onset
    _HAS_BEATS,  # 1 where a tempo grid is given for this clip
    _BEAT_SIN,
    _BEAT_COS,
    _BAR_COS,
    _HAS_CHORDS,  # 1 where the harmony is given for this clip
    _MINOR,  # 1 while a minor chord lasts
    _ROOT,  # and from here on ROOTS columns: 1 in that of the chord's root
) = range(NUMBERS - ROOTS + 1)


@dataclass(frozen=True)
class TimedPhoneme:
    """One phoneme by its number in the checkpoint's inventory, in seconds."""

    number: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class TimedChord:
    """One major or minor triad; its root is a pitch class (0 = C)."""

    root: int
    minor: bool
    start_s: float
    end_s: float


@dataclass(frozen=True)
class FrameFeatures:
    """`phonemes` (frames · SLOTS,) numbers, 0 silent; `numbers` (frames, NUMBERS)."""

    phonemes: NDArray[np.int64]
    numbers: NDArray[np.float32]

    def during(self, frames: slice) -> FrameFeatures:
        """The rows of some of the frames."""
        slots = slice(frames.start * SLOTS, frames.stop * SLOTS)
        return FrameFeatures(phonemes=self.phonemes[slots], numbers=self.numbers[frames])


def frame_features(
    frames: int,
    frame_rate_hz: float,
    *,
    phonemes: Sequence[TimedPhoneme] | None = None,
    cues_s: Sequence[float] | None = None,
    tempo: TempoGrid | None = None,
    chords: Sequence[TimedChord] | None = None,
) -> FrameFeatures:
    """Rows for a clip of `frames` latent frames. None says "not given", which is not the same as "none"."""
    spoken = np.zeros(frames * SLOTS, dtype=np.int64)
    numbers = np.zeros((frames, NUMBERS), dtype=np.float32)
    if phonemes is not None:
        numbers[:, _SPEAKS] = 1.0
        slot_rate_hz = frame_rate_hz * SLOTS
        for phoneme in phonemes:
            first = round(phoneme.start_s * slot_rate_hz)
            last = max(first + 1, round(phoneme.end_s * slot_rate_hz))  # never shorter than one slot
            spoken[first:last] = phoneme.number
        numbers[:, _SPEECH_ACTIVE] = (spoken.reshape(frames, SLOTS) != SILENT).mean(axis=1)
    if cues_s is not None:
        numbers[:, _HAS_CUES] = 1.0
        _write_cues(numbers, cues_s, frame_rate_hz)
    if tempo is not None:
        beats = ((np.arange(frames) + 0.5) / frame_rate_hz - tempo.bar_offset_s) * tempo.bpm / 60.0
        numbers[:, _HAS_BEATS] = 1.0
        numbers[:, _BEAT_SIN] = np.sin(2 * np.pi * beats)
        numbers[:, _BEAT_COS] = np.cos(2 * np.pi * beats)
        numbers[:, _BAR_COS] = np.cos(2 * np.pi * beats / tempo.beats_per_bar)
    if chords is not None:
        numbers[:, _HAS_CHORDS] = 1.0
        for chord in chords:
            held = slice(round(chord.start_s * frame_rate_hz), round(chord.end_s * frame_rate_hz))
            numbers[held, _MINOR] = float(chord.minor)
            numbers[held, _ROOT + chord.root] = 1.0
    return FrameFeatures(phonemes=spoken, numbers=numbers)


def _write_cues(numbers: NDArray[np.float32], cues_s: Sequence[float], frame_rate_hz: float) -> None:
    centres = np.arange(len(numbers)) + 0.5  # in frames
    for cue_s in sorted(cues_s):
        onset = cue_s * frame_rate_hz
        distance = centres - onset
        near = np.abs(distance) < 1.0
        numbers[near, _ONSET] = np.maximum(numbers[near, _ONSET], 1.0 - np.abs(distance[near]))
        frame = int(onset)
        if frame < len(numbers):
            numbers[frame, _OFFSET] = onset - frame - 0.5
        after = distance >= 0
        numbers[after, _SINCE] = np.exp(-distance[after] / (_DECAY_S * frame_rate_hz))


def triad_of(numbers: NDArray[np.float32]) -> NDArray[np.int64]:
    """The triad of each row (frames, NUMBERS): twice its root, 1 more where it is minor; or `NO_CHORD`."""
    roots = numbers[:, _ROOT : _ROOT + ROOTS]
    triads = 2 * roots.argmax(axis=1) + (numbers[:, _MINOR] > 0.0)
    return np.where(roots.any(axis=1), triads, NO_CHORD).astype(np.int64)
