"""Text states to what the denoiser listens to: content projection, content adapter, durations.

Letters: B batch, L prompt tokens, X content width, N instruction tokens, G duration channels.
Submodule names are the checkpoint's names; renaming one breaks loading (docs/dasheng-audiogen.md).
It knows nothing of the text encoder, of frames' masks or of the denoiser.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

NORM_EPS = 1e-5
DURATION_NORM_EPS = 1e-12  # published: this one only; every other LayerNorm of the generator has 1e-5


@dataclass(frozen=True)
class AdapterConfig:
    """Sizes of the content adapter."""

    content_dim: int  # X
    heads: int
    dropout: float
    duration_channels: int  # G
    duration_layers: int
    duration_kernel: int
    duration_dropout: float


@dataclass(frozen=True)
class Content:
    """What the adapter makes of a prompt."""

    context: Tensor  # (B, L, X) the token context
    global_log_duration: Tensor  # (B,) log of (seconds + duration offset)
    local_log_duration: Tensor  # (B, L), zero where masked


class TextProjection(nn.Module):
    """The learned part behind the frozen text encoder."""

    def __init__(self, text_dim: int, content_dim: int) -> None:
        super().__init__()
        self.proj = nn.Linear(text_dim, content_dim)

    def forward(self, text_states: Tensor) -> Tensor:
        out: Tensor = self.proj(text_states)  # (B, L, X)
        return out


class ContentEncoder(nn.Module):
    """Holds the projection under the checkpoint's name `text_encoder.proj`."""

    def __init__(self, text_dim: int, content_dim: int) -> None:
        super().__init__()
        self.text_encoder = TextProjection(text_dim, content_dim)

    def forward(self, text_states: Tensor) -> Tensor:
        out: Tensor = self.text_encoder(text_states)  # (B, L, X)
        return out


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (B, G, L)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)  # (B, G, L)


class DurationPredictor(nn.Module):
    """One log-duration a token."""

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        kernel, channels = config.duration_kernel, config.duration_channels
        widths = [config.content_dim] + [channels] * config.duration_layers
        self.conv = nn.ModuleList(
            nn.Sequential(
                nn.ConstantPad1d(((kernel - 1) // 2, (kernel - 1) // 2), 0.0),
                nn.Conv1d(before, after, kernel),
                nn.ReLU(),
                ChannelNorm(after, eps=DURATION_NORM_EPS),
                nn.Dropout(config.duration_dropout),
            )
            for before, after in pairwise(widths)
        )
        self.linear = nn.Linear(channels, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        valid = mask[:, None, :]  # (B, 1, L)
        x = x.transpose(1, 2)  # (B, X, L); published: not masked before the first convolution
        for conv in self.conv:
            x = conv(x) * valid  # (B, G, L)
        out: Tensor = self.linear(x.transpose(1, 2))[..., 0] * mask  # (B, L)
        return out


class ContentAdapter(nn.Module):
    """Content attends to the task's instruction; the result is the token context and the durations."""

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        width = config.content_dim
        self.attn = nn.MultiheadAttention(width, config.heads, dropout=config.dropout, batch_first=True)
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.global_duration_mlp = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(width, 1)
        )
        self.duration_predictor = DurationPredictor(config)
        self.content_proj = nn.Conv1d(width, width, kernel_size=1)

    def forward(
        self, content: Tensor, mask: Tensor, instruction: Tensor, instruction_mask: Tensor
    ) -> Content:
        """Adapt `content` (B, L, X) under `mask` (B, L) to `instruction` (1, N, X) under its mask (1, N)."""
        batch = content.shape[0]
        valid = mask.to(content.dtype)  # (B, L)
        told = instruction.expand(batch, -1, -1)  # (B, N, X)
        unheard = ~instruction_mask.expand(batch, -1)  # (B, N)
        attended, _ = self.attn(content, told, told, key_padding_mask=unheard, need_weights=False)
        x = self.norm(attended * valid[..., None] + content)  # (B, L, X)
        # clamp: an all-masked prompt has no mean, but no NaN either
        mean = (x * valid[..., None]).sum(1) / valid.sum(1, keepdim=True).clamp(min=1.0)  # (B, X)
        return Content(
            # published: x is not masked before content_proj
            context=self.content_proj(x.transpose(1, 2)).transpose(1, 2),  # (B, L, X)
            global_log_duration=self.global_duration_mlp(mean)[:, 0],  # (B,)
            local_log_duration=self.duration_predictor(x, valid),  # (B, L)
        )


def clip_frames(global_log_duration: Tensor, duration_offset_s: float, latent_rate_hz: float) -> Tensor:
    """Latent frames of each clip (B,), int64: at least one, halves rounded to even."""
    seconds = torch.exp(global_log_duration) - duration_offset_s  # (B,)
    return torch.round(seconds * latent_rate_hz).long().clamp(min=1)  # (B,)


def token_frames(
    local_log_duration: Tensor, mask: Tensor, frame_resolution_s: float, latent_rate_hz: float
) -> Tensor:
    """Latent frames of each token (B, L), float; none where masked. They do not reach a scene's audio."""
    ticks = torch.ceil(torch.exp(local_log_duration) * mask) - 1  # (B, L)
    return torch.round(ticks * frame_resolution_s * latent_rate_hz)  # (B, L)
