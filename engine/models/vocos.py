"""Latents to waveform: an upsampling, ConvNeXt blocks and an inverse short-time Fourier transform.

Letters: B batch, C latent channels, T latent frames, U = T·upsample spectral frames, D width, K bins,
S samples. Submodule names are the checkpoint's names (docs/dasheng-audiogen.md); renaming one breaks loading.
It knows nothing of the denoiser, of sample rates or of files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPS = 1e-6
KERNEL = 7  # of every convolution over frames
MAX_LOG_MAGNITUDE = math.log(100.0)
MAX_LOG_NOISE = 4.0  # keeps a stray noise bin at about 55, under the limit of the tonal part
NOISE_BIAS = -4.0  # exp(−4): an untrained noise head is barely there


@dataclass(frozen=True)
class VocosConfig:
    """Sizes of a decoder. The published one: upsample 2, upsampled_dim = latent_dim, no noise head."""

    latent_dim: int  # C
    upsample: int  # spectral frames a latent frame
    upsampled_dim: int
    embed_dim: int  # D
    depth: int
    intermediate_dim: int
    n_fft: int
    hop: int  # samples a spectral frame
    noise_head: bool = False

    def __post_init__(self) -> None:
        # Under half overlap some samples lie where every window is zero, and nothing can be divided by that.
        if self.n_fft < 2 * self.hop or (self.n_fft - self.hop) % 2:
            raise ValueError(
                f"hop: expected at most half of n_fft {self.n_fft} and an even difference, got {self.hop}"
            )

    @property
    def bins(self) -> int:
        """K."""
        return self.n_fft // 2 + 1

    @property
    def samples_per_frame(self) -> int:
        """Samples of audio a latent frame."""
        return self.hop * self.upsample


def inverse_stft(spectrum: Tensor, n_fft: int, hop: int) -> Tensor:
    """Overlap-add of windowed inverse transforms, "same" padding: complex (B, U, K) to (B, U·hop).

    Periodic Hann window; (n_fft − hop)/2 samples are cut from both ends, then the sum is divided by the
    overlap-added squared window. Differentiable.
    """
    frames = spectrum.shape[1]
    window = torch.hann_window(n_fft, dtype=spectrum.real.dtype, device=spectrum.device)  # (n_fft,)
    pieces = torch.fft.irfft(spectrum, n=n_fft, dim=-1) * window  # (B, U, n_fft)
    total = (frames - 1) * hop + n_fft
    cut = (n_fft - hop) // 2

    def overlap_add(columns: Tensor) -> Tensor:  # (B, n_fft, U) to (B, U·hop)
        summed = F.fold(columns, (1, total), kernel_size=(1, n_fft), stride=(1, hop))  # (B, 1, 1, total)
        return summed[:, 0, 0, cut : total - cut]

    envelope = overlap_add(window.square()[None, :, None].expand(1, n_fft, frames))  # (1, U·hop)
    return overlap_add(pieces.transpose(1, 2)) / envelope  # (B, U·hop)


class ConvNeXt(nn.Module):
    """Depthwise convolution over frames, then an MLP on each frame; residual, scaled by `gamma`."""

    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        width = config.embed_dim
        self.dwconv = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.pwconv1 = nn.Linear(width, config.intermediate_dim)
        self.pwconv2 = nn.Linear(config.intermediate_dim, width)
        self.gamma = nn.Parameter(torch.full((width,), 1.0 / config.depth))

    def forward(self, x: Tensor) -> Tensor:
        # In bf16 a depthwise convolution is several times slower on a CPU than in float32.
        with torch.autocast(x.device.type, enabled=False):
            h: Tensor = self.dwconv(wide(x)).transpose(1, 2)  # (B, U, D)
        h = self.pwconv2(F.gelu(self.pwconv1(self.norm(h))))  # (B, U, D)
        return x + (self.gamma * h).transpose(1, 2)  # (B, D, U)


class Backbone(nn.Module):
    """Upsampled latents to one vector a spectral frame."""

    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.embed = nn.Conv1d(config.upsampled_dim, config.embed_dim, KERNEL, padding=KERNEL // 2)
        self.norm = nn.LayerNorm(config.embed_dim, eps=NORM_EPS)
        self.convnext = nn.ModuleList(ConvNeXt(config) for _ in range(config.depth))
        self.final_layer_norm = nn.LayerNorm(config.embed_dim, eps=NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)  # (B, D, U)
        x = self.norm(x.transpose(1, 2)).transpose(1, 2)  # (B, D, U)
        for block in self.convnext:
            x = block(x)  # (B, D, U)
        out: Tensor = self.final_layer_norm(x.transpose(1, 2))  # (B, U, D)
        return out


class Head(nn.Module):
    """One vector a spectral frame to samples, through log-magnitude and phase."""

    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.n_fft, self.hop = config.n_fft, config.hop
        self.out = nn.Linear(config.embed_dim, 2 * config.bins)
        self.noise = nn.Linear(config.embed_dim, config.bins) if config.noise_head else None
        if self.noise is not None:
            nn.init.zeros_(self.noise.weight)
            nn.init.constant_(self.noise.bias, NOISE_BIAS)

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        log_magnitude, phase = wide(self.out(x)).chunk(2, dim=-1)  # 2 × (B, U, K)
        # The limit stands before the exponential: after it, an overflow would have a NaN gradient.
        magnitude = torch.exp(log_magnitude.clamp(max=MAX_LOG_MAGNITUDE))  # (B, U, K)
        spectrum = torch.polar(magnitude, phase)  # (B, U, K) complex
        if self.noise is not None:
            assert noise is not None, "a decoder with a noise head is given noise"
            level = torch.exp(wide(self.noise(x)).clamp(max=MAX_LOG_NOISE))  # (B, U, K)
            spectrum = spectrum + level * noise  # (B, U, K) complex
        return inverse_stft(spectrum, self.n_fft, self.hop)  # (B, S)


def wide(x: Tensor) -> Tensor:
    """At least float32: spectra and their inverse transform are never computed in less."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Decoder(nn.Module):
    """Backbone and head under the checkpoint's name `decoder`."""

    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.backbone = Backbone(config)
        self.head = Head(config)

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        x = self.backbone(x)  # (B, U, D)
        audio: Tensor = self.head(x, noise)  # (B, S)
        return audio


class Vocos(nn.Module):
    """Latents (B, C, T) to waveform (B, T·samples_per_frame)."""

    def __init__(self, config: VocosConfig) -> None:
        super().__init__()
        self.config = config
        self.upsampler = nn.ConvTranspose1d(
            config.latent_dim, config.upsampled_dim, config.upsample, stride=config.upsample
        )
        self.decoder = Decoder(config)

    @property
    def halo_frames(self) -> int:
        """Latent frames a sample depends on to either side of its own frame.

        Each convolution over frames reaches 3 spectral frames (the embedding and one a block), the inverse
        transform as many as overlap a frame's own hop; the upsampler reaches none.
        """
        config = self.config
        convolutions = (KERNEL // 2) * (config.depth + 1)
        overlap = math.ceil((config.n_fft + config.hop) / 2 / config.hop) - 1
        return math.ceil((convolutions + overlap) / config.upsample)

    def spectral_noise(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor | None:
        """Complex standard normal (B, U, K) for a noise head, unit variance; None without one.

        It is drawn where the generator lives and then moved, so a seed means the same noise on every device.
        """
        if not self.config.noise_head:
            return None
        batch, _, frames = latent.shape
        real = torch.promote_types(latent.dtype, torch.float32)
        dtype = torch.complex128 if real == torch.float64 else torch.complex64
        home = latent.device if generator is None else generator.device
        shape = (batch, frames * self.config.upsample, self.config.bins)
        return torch.randn(shape, dtype=dtype, device=home, generator=generator).to(latent.device)

    def decode(self, latent: Tensor, noise: Tensor | None) -> Tensor:
        """Latents (B, C, T) and the noise of `spectral_noise` to samples (B, S), float32 or wider."""
        x = self.upsampler(latent)  # (B, C', U)
        audio: Tensor = self.decoder(x, noise)  # (B, S)
        return audio

    def forward(self, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Latents (B, C, T) to samples (B, S); `generator` feeds the noise head, if there is one."""
        noise = self.spectral_noise(latent, generator)  # (B, U, K) complex, or None
        return self.decode(latent, noise)  # (B, S)

    @torch.no_grad()
    def initialise_for_training(self) -> None:
        """Weights to start training from: truncated normal of 0.02, zero biases, a quiet noise head."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv1d | nn.ConvTranspose1d):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, ConvNeXt):
                nn.init.constant_(module.gamma, 1.0 / self.config.depth)
        noise = self.decoder.head.noise
        if noise is not None:
            nn.init.zeros_(noise.weight)
            nn.init.constant_(noise.bias, NOISE_BIAS)


@torch.no_grad()
def decode_in_windows(
    vocos: Vocos,
    latent: Tensor,
    *,
    window_frames: int,
    halo_frames: int | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Tensor]:
    """Decode (B, C, T) in pieces (B, S) of `window_frames` frames each; joined, they equal decoding whole.

    `halo_frames` is the context decoded and thrown away on both sides. The default is the decoder's own: the
    least that keeps the pieces equal. The noise head's noise is drawn once for the whole clip.
    """
    if window_frames < 1:
        raise ValueError(f"window_frames: expected at least 1, got {window_frames}")
    halo = vocos.halo_frames if halo_frames is None else halo_frames
    upsample, samples = vocos.config.upsample, vocos.config.samples_per_frame
    noise = vocos.spectral_noise(latent, generator)  # (B, U, K) complex, or None
    frames = latent.shape[-1]
    for start in range(0, frames, window_frames):
        end = min(start + window_frames, frames)
        left, right = max(0, start - halo), min(frames, end + halo)
        heard = None if noise is None else noise[:, left * upsample : right * upsample]
        audio = vocos.decode(latent[..., left:right], heard)  # (B, (right − left)·samples)
        yield audio[:, (start - left) * samples : (end - left) * samples]  # (B, (end − start)·samples)


@torch.no_grad()
def decode_in_a_circle(vocos: Vocos, latent: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Decode (B, C, T) as a clip whose last sample runs into its first: (B, S).

    The decoder is given as many frames from the other end as its samples depend on, and they are cut off.
    """
    frames, halo = latent.shape[-1], vocos.halo_frames
    upsample, samples = vocos.config.upsample, vocos.config.samples_per_frame
    noise = vocos.spectral_noise(latent, generator)  # (B, U, K) complex, or None
    places = torch.arange(-halo, frames + halo, device=latent.device)
    if noise is not None:
        fine = torch.arange(-halo * upsample, (frames + halo) * upsample, device=latent.device)
        noise = noise[:, fine % (frames * upsample)]
    audio = vocos.decode(latent[..., places % frames], noise)  # (B, S + 2·halo·samples)
    return audio[:, halo * samples : (halo + frames) * samples]  # (B, S)
