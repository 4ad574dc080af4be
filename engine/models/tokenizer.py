"""Waveform to latents: a semantic and an acoustic encoder, added. Frozen: to measure with, never trained.

Letters: B batch, S samples at 16 kHz, M mel bins, N mel frames, T latent frames, D latent width, H heads.
Submodule names are the checkpoint's names (after `encoder.`); renaming one breaks loading
(docs/dasheng-audiogen.md).
It knows nothing of decoding, files or resampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.mel import mel_filters

RATE_HZ = 16000  # the published encoder's only rate
HOP = 160  # samples a mel frame
PATCH_FRAMES = 4  # mel frames a latent frame
PIECE_FRAMES = 1008  # mel frames the semantic encoder sees at once
SEMANTIC_FFT, SEMANTIC_MELS = 512, 64
ACOUSTIC_FFT, ACOUSTIC_MELS = 1024, 128
POWER_FLOOR, TOP_DB = 1e-10, 120.0
MAGNITUDE_FLOOR = 1e-7
MIN_SAMPLES = ACOUSTIC_FFT // 2 + 1  # reflect padding needs more samples than it adds
MODEL_NORM_EPS = 1e-6  # the semantic encoder's
NORM_EPS = 1e-5  # the acoustic one's, and the batch norm's


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the encoder."""

    width: int  # D
    depth: int
    heads: int  # H
    mlp_ratio: float = 4.0


def mel_spectrum(audio: Tensor, n_fft: int, mels: int, power: int) -> Tensor:
    """Mel spectrum (B, M, N) of (B, S), N = 1 + S // 160: Hann windows, centred, reflected at the ends."""
    window = torch.hann_window(n_fft, device=audio.device)  # (n_fft,), periodic
    spectrum = torch.stft(
        audio, n_fft, HOP, window=window, center=True, pad_mode="reflect", return_complex=True
    ).abs()  # (B, K, N)
    filters = mel_filters(RATE_HZ, n_fft, mels).to(audio.device)  # (K, M)
    return (spectrum**power).transpose(1, 2).matmul(filters).transpose(1, 2)  # (B, M, N)


def decibels(power: Tensor) -> Tensor:
    """Power to decibels, no lower than 120 dB under each item's loudest bin; same shape (B, M, N)."""
    db = 10.0 * torch.log10(power.clamp(min=POWER_FLOOR))  # (B, M, N)
    return torch.maximum(db, db.amax(dim=(1, 2), keepdim=True) - TOP_DB)  # (B, M, N)


class MelNorm(nn.Module):
    """Batch normalisation with fixed statistics: the encoder is never trained here."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, mels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(mels))
        self.bias = nn.Parameter(torch.zeros(mels))
        self.register_buffer("running_mean", torch.zeros(mels))
        self.register_buffer("running_var", torch.ones(mels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=NORM_EPS)


class Attention(nn.Module):
    """Plain self-attention; the three projections lie in one matrix as (3, heads, head width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # (B, T, 3, H, D/H)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # 3 × (B, H, T, D/H)
        heads = F.scaled_dot_product_attention(q, k, v)  # (B, H, T, D/H)
        out: Tensor = self.proj(heads.transpose(1, 2).flatten(2))  # (B, T, D)
        return out


class MLP(nn.Module):
    """Two layers and a GELU."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))  # (B, T, D)
        return out


class Block(nn.Module):
    """Pre-norm attention and MLP."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=MODEL_NORM_EPS)
        self.attn = Attention(config.width, config.heads)
        self.norm2 = nn.LayerNorm(config.width, eps=MODEL_NORM_EPS)
        self.mlp = MLP(config.width, int(config.width * config.mlp_ratio))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))  # (B, T, D)
        out: Tensor = x + self.mlp(self.norm2(x))  # (B, T, D)
        return out


class PatchEmbed(nn.Module):
    """Patches of all mels × 4 frames to width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        patch = (SEMANTIC_MELS, PATCH_FRAMES)
        self.proj = nn.Conv2d(1, width, patch, stride=patch)

    def forward(self, mel: Tensor) -> Tensor:
        out: Tensor = self.proj(mel[:, None])  # (B, D, 1, T)
        return out


class SemanticEncoder(nn.Module):
    """Mel decibels through a transformer."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        # The first place is a reordering in the published module tree; it keeps the name `init_bn.1`.
        self.init_bn = nn.Sequential(nn.Identity(), MelNorm(SEMANTIC_MELS))
        self.patch_embed = PatchEmbed(config.width)
        self.time_pos_embed = nn.Parameter(torch.zeros(1, config.width, 1, PIECE_FRAMES // PATCH_FRAMES))
        self.freq_pos_embed = nn.Parameter(torch.zeros(1, config.width, 1, 1))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=MODEL_NORM_EPS)

    def encode_piece(self, mel: Tensor) -> Tensor:
        x = self.patch_embed(mel)  # (B, D, 1, T)
        x = x + self.time_pos_embed[..., : x.shape[-1]] + self.freq_pos_embed  # (B, D, 1, T)
        x = x.flatten(2).transpose(1, 2)  # (B, T, D)
        for block in self.blocks:
            x = block(x)  # (B, T, D)
        out: Tensor = self.norm(x)  # (B, T, D)
        return out

    def forward(self, audio: Tensor) -> Tensor:
        mel = decibels(mel_spectrum(audio, SEMANTIC_FFT, SEMANTIC_MELS, power=2))  # (B, 64, N)
        mel = self.init_bn(mel)  # (B, 64, N)
        # Published: pieces are encoded apart, each from time position 0. A rest under one patch is dropped.
        pieces = [piece for piece in mel.split(PIECE_FRAMES, dim=-1) if piece.shape[-1] >= PATCH_FRAMES]
        return torch.cat([self.encode_piece(piece) for piece in pieces], dim=1)  # (B, T, D)


class TokenizerEncoder(nn.Module):
    """Waveform (B, S) at 16 kHz to latents (B, D, T), T = (1 + S // 160) // 4."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        patch = (ACOUSTIC_MELS, PATCH_FRAMES)
        self.model = SemanticEncoder(config)
        self.patch_embed = nn.Conv2d(1, config.width, patch, stride=patch)
        self.norm = nn.LayerNorm(config.width, eps=NORM_EPS)

    def forward(self, audio: Tensor) -> Tensor:
        if audio.ndim != 2 or audio.shape[-1] < MIN_SAMPLES:
            raise ValueError(
                f"audio: expected (batch, at least {MIN_SAMPLES} samples at {RATE_HZ} Hz), "
                f"got {tuple(audio.shape)}; pad it with silence"
            )
        semantic = self.model(audio)  # (B, T, D)
        mel = mel_spectrum(audio, ACOUSTIC_FFT, ACOUSTIC_MELS, power=1)  # (B, 128, N)
        log_mel = mel.clamp(min=MAGNITUDE_FLOOR).log()[:, None]  # (B, 1, 128, N)
        acoustic = self.norm(self.patch_embed(log_mel).flatten(2).transpose(1, 2))  # (B, T, D)
        frames = min(semantic.shape[1], acoustic.shape[1])
        latent: Tensor = (semantic[:, :frames] + acoustic[:, :frames]).transpose(1, 2)  # (B, D, T)
        return latent
