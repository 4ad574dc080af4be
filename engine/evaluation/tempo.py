"""The beat grid of a sound: tempo and phase, without asking which grid was wanted.

A small network trained on corpus music says where in a beat each moment lies, which settles what rises of
energy cannot (which octave of the tempo, beat or half-beat). The rises then settle the milliseconds.

Letters: B batch, S samples, M mel bins, N frames (50 a second).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.evaluation.onsets import HOP_S, rises_db
from engine.models.mel import MelSpectrogram

RATE_HZ: Final = 24_000
FRAME_RATE_HZ: Final = 50
MELS: Final = 64
FLOOR: Final = 1e-3
WIDTH: Final = 64
DILATIONS: Final = (1, 2, 4, 8, 16, 32, 1, 2, 4, 8, 16, 32)
BPM_RANGE: Final = (55.0, 185.0)
NEAR_BPM: Final = 0.02  # how far a tempo may be off and still be called the same

Wave = NDArray[np.floating]
Track = NDArray[np.complex128]


@dataclass(frozen=True)
class Grid:
    """A tempo, the time of one beat, and how steadily the sound keeps it (0…1)."""

    bpm: float
    beat_s: float
    confidence: float = 1.0


class BeatReader(nn.Module):
    """Log-mel and a dilated convolutional tower: at each frame the cosine and sine of the beat's phase."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = MelSpectrogram(rate_hz=RATE_HZ, n_fft=1024, hop=RATE_HZ // FRAME_RATE_HZ, mels=MELS)
        self.first = nn.Conv1d(2 * MELS, WIDTH, 5, padding=2)
        self.tower = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(WIDTH, WIDTH, 5, padding=2 * dilation, dilation=dilation, bias=False),
                nn.BatchNorm1d(WIDTH),
                nn.ReLU(),
                nn.Conv1d(WIDTH, WIDTH, 1),
            )
            for dilation in DILATIONS
        )
        self.out = nn.Conv1d(WIDTH, 2, 1)

    def forward(self, audio: Tensor) -> Tensor:
        """(B, S) to cosine and sine (B, 2, N)."""
        mel = torch.log(self.mel(audio) + FLOOR)  # (B, M, N)
        change = torch.diff(mel, dim=2, prepend=mel[..., :1])  # (B, M, N)
        x = self.first(torch.cat([mel - mel.mean((1, 2), keepdim=True), change], dim=1))  # (B, D, N)
        for block in self.tower:
            x = x + block(x)
        out: Tensor = self.out(x)
        return out

    @torch.no_grad()
    def read(self, audio: Wave) -> Grid:
        """The grid of one sound (S,)."""
        cosine, sine = self(torch.from_numpy(np.asarray(audio, np.float32))[None])[0].double().numpy()
        return refined(rises_db(audio, RATE_HZ), grid_of(cosine + 1j * sine, FRAME_RATE_HZ))


def phase_track(bpm: float, beat_s: float, frames: int, frame_rate_hz: float = FRAME_RATE_HZ) -> Track:
    """Where in a beat each frame lies, as a unit vector that is 1 on a beat (frames,)."""
    beats = (np.arange(frames) / frame_rate_hz - beat_s) * bpm / 60.0
    track: Track = np.exp(2j * np.pi * beats)
    return track


def grid_of(track: Track, frame_rate_hz: float) -> Grid:
    """The steady grid nearest to a track of beat phases (N,): the one frequency that holds most of it."""
    times_s = np.arange(len(track)) / frame_rate_hz
    bpms = np.geomspace(*BPM_RANGE, 1200)
    held = np.exp(-2j * np.pi * np.outer(bpms / 60.0, times_s)) @ track  # (tempos,)
    best = int(np.argmax(np.abs(held)))
    beats_at_zero = float(np.angle(held[best])) / (2 * np.pi)
    share = float(np.abs(held[best]) / max(np.abs(track).sum(), 1e-9))
    return Grid(float(bpms[best]), -beats_at_zero * 60.0 / float(bpms[best]), share)


def refined(rises: NDArray[np.float64], grid: Grid) -> Grid:
    """The grid within 4 % and 50 ms of the given one on whose beats, and half-beats, most energy rises.

    `rises` are those of `engine.evaluation.onsets`, one each HOP_S.
    """
    width = np.arange(-12, 13) * HOP_S
    smooth = np.convolve(rises, np.exp(-((width / 0.006) ** 2)), mode="same")
    length_s = len(rises) * HOP_S
    middle_s = grid.beat_s + round((length_s / 2 - grid.beat_s) * grid.bpm / 60.0) * 60.0 / grid.bpm
    best, best_score = Grid(grid.bpm, middle_s, grid.confidence), -np.inf
    for factor in np.linspace(0.96, 1.04, 81):
        beat_s = 60.0 / (grid.bpm * factor)
        halves = np.arange(-2 * int(length_s / beat_s), 2 * int(length_s / beat_s) + 1)
        weights = np.where(halves % 2 == 0, 1.0, 0.35)
        for shift_s in np.arange(-0.05, 0.0501, HOP_S):
            at = np.round((middle_s + shift_s + halves * beat_s / 2) / HOP_S).astype(int)
            inside = (at >= 0) & (at < len(smooth))
            doubt = 0.5 * ((factor - 1.0) / 0.012) ** 2 + 0.5 * (shift_s / 0.02) ** 2
            score = float((smooth[at[inside]] * weights[inside]).sum() / (smooth.max() + 1e-9)) - 0.25 * doubt
            if score > best_score:
                best, best_score = Grid(60.0 / beat_s, middle_s + shift_s, grid.confidence), score
    return best


def same_tempo(found: Grid, bpm: float) -> bool:
    """Whether the tempo is right within NEAR_BPM; twice or half of it is wrong."""
    return abs(found.bpm / bpm - 1.0) <= NEAR_BPM


def phase_error_s(found: Grid, bpm: float, beat_s: float) -> float:
    """How far the found grid's beat (near the clip's middle) lies behind the nearest wanted one."""
    beats = (found.beat_s - beat_s) * bpm / 60.0
    return (beats - round(beats)) * 60.0 / bpm
