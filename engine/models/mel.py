"""Mel filters and spectra: HTK triangles from 0 Hz to half the rate, peak 1, not normalised.

Letters: B batch, S samples, K bins, M mel bins, N spectral frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def mel_filters(rate_hz: int, n_fft: int, mels: int) -> Tensor:
    """(K, M), float32."""
    top_mel = 2595.0 * torch.log10(torch.tensor(1.0 + rate_hz / 2 / 700.0, dtype=torch.float64))
    points_mel = torch.linspace(0.0, float(top_mel), mels + 2)  # (M + 2,)
    points_hz = 700.0 * (10.0 ** (points_mel / 2595.0) - 1.0)  # (M + 2,)
    bins_hz = torch.linspace(0.0, rate_hz / 2, n_fft // 2 + 1)  # (K,)
    widths_hz = points_hz.diff()  # (M + 1,)
    slopes = points_hz[None, :] - bins_hz[:, None]  # (K, M + 2)
    rising = -slopes[:, :-2] / widths_hz[:-1]  # (K, M)
    falling = slopes[:, 2:] / widths_hz[1:]  # (K, M)
    return torch.minimum(rising, falling).clamp(min=0.0)  # (K, M)


class MelSpectrogram(nn.Module):
    """Magnitudes in mel bands: (B, S) to (B, M, N), N = 1 + S // hop, centred with reflect padding."""

    def __init__(self, rate_hz: int, n_fft: int, hop: int, mels: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.filters: Tensor
        self.window: Tensor
        with torch.device(
            "cpu"
        ):  # real numbers even where a network is built on "meta" to have weights put in
            self.register_buffer("filters", mel_filters(rate_hz, n_fft, mels), persistent=False)
            self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        spectrum = torch.stft(
            audio, self.n_fft, self.hop, window=self.window, return_complex=True
        )  # (B, K, N)
        return torch.einsum("bkn,km->bmn", spectrum.abs(), self.filters)  # (B, M, N)
