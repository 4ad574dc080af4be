"""How rough a sound's spectrum is, and how much sounds differ: two measures on short-time spectra.

Letters: S samples, K bins, M mel bins, N frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.models.mel import MelSpectrogram

SIZE: Final = 1024
HOP: Final = 256
PATCH: Final = 7  # bins and frames of the local mean
RANGE_DB: Final = 60.0  # below the loudest patch; what lies deeper is not heard
LOWEST_DB: Final = -100.0  # of full scale; digital silence has no texture

Wave = NDArray[np.floating]


def texture_db(audio: Wave) -> float:
    """Standard deviation of the log-spectrogram about its 7 × 7 local mean, in dB: (S,) to a number.

    Gaussian noise has about 6 dB, one steady tone nearly none. NaN for silence.
    """
    window = torch.hann_window(SIZE)
    spectrum = torch.stft(_tensor(audio), SIZE, HOP, window=window, return_complex=True)  # (K, N)
    level = 20 * torch.log10(spectrum.abs() / window.sum() + 1e-9)[None, None]  # (1, 1, K, N)
    mean = F.avg_pool2d(level, PATCH, stride=1)  # (1, 1, K − 6, N − 6)
    inner = level[..., PATCH // 2 : -(PATCH // 2), PATCH // 2 : -(PATCH // 2)]
    heard = (mean > mean.max() - RANGE_DB) & (mean > LOWEST_DB)
    return float((inner - mean)[heard].square().mean().sqrt()) if heard.any() else float("nan")


def log_mel(audio: Wave, rate_hz: int, floor: float = 1e-3) -> Tensor:
    """(S,) to natural logarithms of 64 mel bands (M, N)."""
    mel = MelSpectrogram(rate_hz=rate_hz, n_fft=SIZE, hop=HOP, mels=64)
    out: Tensor = torch.log(mel(_tensor(audio)[None])[0] + floor)
    return out


def mean_difference(pictures: Sequence[Tensor]) -> float:
    """Mean |difference| over all pairs of log-mel spectrograms (M, N) of one size."""
    return float(np.mean([float((a - b).abs().mean()) for a, b in combinations(pictures, 2)]))


def _tensor(audio: Wave) -> Tensor:
    return torch.from_numpy(np.asarray(audio, np.float32))
