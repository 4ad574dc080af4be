"""Which phoneme is spoken at each moment: a small network trained on corpus speech, and frame accuracy.

Letters: B batch, S samples, M mel bins, N frames (50 a second), K phonemes with silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.models.mel import MelSpectrogram

RATE_HZ: Final = 24_000
FRAME_RATE_HZ: Final = 50
MELS: Final = 80
FLOOR: Final = 1e-3
WIDTH: Final = 160
DILATIONS: Final = (1, 1, 2, 4, 1)
SILENCE: Final = "_"

TimedSymbol = tuple[str, float, float]
"""A phoneme with its start and end in seconds."""


class PhonemeReader(nn.Module):
    """Log-mel and five convolutions over time; sees about a fifth of a second on either side."""

    def __init__(self, symbols: list[str]) -> None:
        super().__init__()
        self.symbols = symbols  # silence first
        self.mel = MelSpectrogram(rate_hz=RATE_HZ, n_fft=1024, hop=RATE_HZ // FRAME_RATE_HZ, mels=MELS)
        layers: list[nn.Module] = []
        inward = MELS
        for dilation in DILATIONS:
            layers += [
                nn.Conv1d(inward, WIDTH, 5, padding=2 * dilation, dilation=dilation, bias=False),
                nn.BatchNorm1d(WIDTH),
                nn.ReLU(),
            ]
            inward = WIDTH
        self.body = nn.Sequential(*layers)
        self.out = nn.Conv1d(WIDTH, len(symbols), 1)

    def forward(self, audio: Tensor) -> Tensor:
        """(B, S) to scores (B, K, N), N = S // 480."""
        level = audio.square().mean(1, keepdim=True).sqrt().clamp(min=1e-4)
        mel = torch.log(self.mel(audio * (0.05 / level)) + FLOOR)  # (B, M, N + 1)
        scores: Tensor = self.out(self.body(mel[..., : audio.shape[1] * FRAME_RATE_HZ // RATE_HZ]))
        return scores

    @torch.no_grad()
    def accuracy(self, audio: NDArray[np.floating], spoken: Iterable[TimedSymbol]) -> float:
        """The share of the spoken frames of a sound (S,) that are read right; NaN where none is spoken."""
        scores = self(torch.from_numpy(np.asarray(audio, np.float32))[None])[0]  # (K, N)
        wanted = frame_labels(spoken, self.symbols, scores.shape[1])
        said = wanted > 0
        return float((scores.argmax(0).numpy()[said] == wanted[said]).mean()) if said.any() else float("nan")


def frame_labels(spoken: Iterable[TimedSymbol], symbols: list[str], frames: int) -> NDArray[np.int64]:
    """The symbol's number at the centre of each frame (frames,); 0 is silence, or a symbol not known."""
    labels = np.zeros(frames, np.int64)
    numbers = {symbol: number for number, symbol in enumerate(symbols)}
    # Frame n of a centred transform lies about n / FRAME_RATE_HZ.
    times_s = np.arange(frames) / FRAME_RATE_HZ
    for symbol, start_s, end_s in spoken:
        labels[(times_s >= start_s) & (times_s < end_s)] = numbers.get(symbol, 0)
    return labels
