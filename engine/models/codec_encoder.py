"""The compact codec's encoder: waveform to latents.

Letters: B batch, S samples, M mel bins, F spectral frames (100 a second), T latent frames (25), C latent
channels, D width.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from engine.models.mel import MelSpectrogram
from engine.models.vocos import ConvNeXt, VocosConfig

MELS = 128
LOW_BINS = 256  # of a 2048-point transform: 0–3 kHz in 11.7 Hz steps, so that low partials stay apart
HOP = 240
STACK = 4  # spectral frames a latent frame
FLOOR = 1e-4


class CodecEncoder(nn.Module):
    """Log-mel and low linear bins, ConvNeXt blocks at 100 and 25 frames a second, a normalised latent.

    The normalisation (batch norm without an affine part) gives every channel unit variance for free.
    """

    def __init__(self, config: VocosConfig, rate_hz: int) -> None:
        super().__init__()
        fast = replace(config, embed_dim=192, intermediate_dim=576, depth=2)
        slow = replace(config, embed_dim=384, intermediate_dim=1152, depth=4)
        self.mel = MelSpectrogram(rate_hz=rate_hz, n_fft=1024, hop=HOP, mels=MELS)
        self.spectrum_in = nn.Linear(MELS + LOW_BINS, fast.embed_dim)
        self.fast = nn.ModuleList(ConvNeXt(fast) for _ in range(fast.depth))
        self.stack = nn.Linear(STACK * fast.embed_dim, slow.embed_dim)
        self.slow = nn.ModuleList(ConvNeXt(slow) for _ in range(slow.depth))
        self.norm = nn.LayerNorm(slow.embed_dim)
        self.latent = nn.Linear(slow.embed_dim, config.latent_dim)
        self.unit = nn.BatchNorm1d(config.latent_dim, affine=False, momentum=0.01)

    def forward(self, audio: Tensor) -> Tensor:
        """Samples (B, S), S a multiple of 960, to latents (B, C, S/960) of unit variance."""
        frames = audio.shape[-1] // HOP  # F
        x = torch.cat([self.mel(audio), low_bins(audio)], dim=1)[..., :frames]  # (B, M + LOW_BINS, F)
        x = self.spectrum_in(torch.log(x + FLOOR).transpose(1, 2)).transpose(1, 2)  # (B, D, F)
        for block in self.fast:
            x = block(x)  # (B, D, F)
        x = x.transpose(1, 2).reshape(len(x), frames // STACK, -1)  # (B, T, 4·D)
        x = self.stack(x).transpose(1, 2)  # (B, D', T)
        for block in self.slow:
            x = block(x)  # (B, D', T)
        latent = self.latent(self.norm(x.transpose(1, 2))).transpose(1, 2)  # (B, C, T)
        out: Tensor = self.unit(latent.float())  # (B, C, T)
        return out


def low_bins(audio: Tensor) -> Tensor:
    """Magnitudes of the lowest bins of a long transform: (B, S) to (B, LOW_BINS, F)."""
    window = torch.hann_window(2048, device=audio.device)
    spectrum = torch.stft(audio, 2048, HOP, window=window, return_complex=True)  # (B, 1025, F)
    return spectrum[:, :LOW_BINS].abs() / 8.0  # about the scale of the mel bands
