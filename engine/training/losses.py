"""Distances between sounds, over spectra of several lengths.

Letters: B batch, S samples, K bins, N spectral frames. All sounds are float32 (B, S).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from engine.models.mel import MelSpectrogram

SIZES: Final = (2048, 1024, 512, 256)
FLOOR: Final = 1e-2  # of a magnitude scaled to a 1024-point window: about −80 dBFS noise


@dataclass(frozen=True)
class Distance:
    """Log-magnitude L1 (nats), spectral convergence, log-mel L1 (nats), each (B,)."""

    log: Tensor
    convergence: Tensor
    mel: Tensor

    def total(self) -> Tensor:
        """The reconstruction loss: log + ½ convergence + mel."""
        return self.log + 0.5 * self.convergence + self.mel


class SpectralDistance(nn.Module):
    """Multi-resolution distance that does not see phase."""

    def __init__(self, rate_hz: int) -> None:
        super().__init__()
        self.mel = MelSpectrogram(rate_hz=rate_hz, n_fft=1024, hop=256, mels=128)
        for size in SIZES:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def magnitudes(self, audio: Tensor, size: int) -> Tensor:
        """(B, K, N), scaled so that noise measures the same at every size."""
        window = self.get_buffer(f"window_{size}")
        spectrum = torch.stft(audio, size, size // 4, window=window, return_complex=True)
        # The root's slope is infinite at zero; the small constant bounds it.
        magnitudes: Tensor = (spectrum.abs().square() + 1e-10).sqrt() * (1024 / size) ** 0.5
        return magnitudes

    def forward(self, ours: Tensor, wanted: Tensor) -> Distance:
        log = torch.zeros(len(ours), device=ours.device)
        convergence = torch.zeros_like(log)
        for size in SIZES:
            a, b = self.magnitudes(ours, size), self.magnitudes(wanted, size)  # (B, K, N)
            log = log + (torch.log(a + FLOOR) - torch.log(b + FLOOR)).abs().mean((1, 2)) / len(SIZES)
            rest = (a - b).flatten(1).norm(dim=1) / (b.flatten(1).norm(dim=1) + 0.1)
            convergence = convergence + rest.clamp(max=3.0) / len(SIZES)
        mel = (torch.log(self.mel(ours) + FLOOR) - torch.log(self.mel(wanted) + FLOOR)).abs().mean((1, 2))
        return Distance(log, convergence, mel)


def energy_distance(measure: SpectralDistance, first: Tensor, second: Tensor, wanted: Tensor) -> Tensor:
    """Spectral energy distance of two draws for one target: (B,). It rewards draws that differ as noise does.

    Gritsenko et al. 2020 (arXiv 2008.01160): d(y₁, x) + d(y₂, x) − d(y₁, y₂).
    """
    to_first, to_second = measure(first, wanted), measure(second, wanted)
    between = measure(first, second)
    pulled = to_first.log + to_first.mel + to_second.log + to_second.mel
    pushed = between.log + between.mel
    out: Tensor = pulled - pushed + 0.25 * (to_first.convergence + to_second.convergence)
    return out


def flow_errors(predicted: Tensor, noise: Tensor, data: Tensor) -> Tensor:
    """Mean square error of the velocity noise − data, by item: (B, C, T) each to (B,)."""
    return (predicted.float() - (noise - data)).square().mean((1, 2))
