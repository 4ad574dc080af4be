"""The compact model, whole: caption and time in, waveform out. The same DiT and Vocos as the published model.

Letters: B batch, C latent channels, T latent frames, L tokens, D context width, S samples.
Knows nothing of requests, schedules or files.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from engine.frame_features import NUMBERS, SLOTS
from engine.models.codec_encoder import CodecEncoder
from engine.models.dit import DiT, DiTConfig
from engine.models.frame_encoder import Around, FrameEncoder, FrameEncoderConfig
from engine.models.pronouncer import Durations, Pronouncer, PronouncerConfig
from engine.models.text_encoder import (
    LEVEL_UNIT_DB,
    LEVEL_ZERO_DB,
    TextEncoder,
    TextEncoderConfig,
    summary,
    with_view,
)
from engine.models.vocos import Vocos, VocosConfig


@dataclass(frozen=True)
class CompactConfig:
    """Sizes of every part, and what their numbers stand for."""

    views: list[str]  # view numbers, in this order
    phonemes: list[str]  # phoneme numbers from 1 on; 0 is silence
    rate_hz: int
    latent_rate_hz: float
    text: TextEncoderConfig
    frame: FrameEncoderConfig
    dit: DiTConfig
    vocos: VocosConfig
    pronouncer: PronouncerConfig

    @cached_property
    def phoneme_numbers(self) -> dict[str, int]:
        """Each phoneme's number; silence, 0, has no symbol."""
        return {symbol: number for number, symbol in enumerate(self.phonemes, start=1)}

    def as_data(self) -> dict[str, Any]:
        """For `model.json`."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> CompactConfig:
        """From `model.json`. Raises TypeError where a size is missing or unknown."""
        parts = {
            "text": TextEncoderConfig(**data["text"]),
            "frame": FrameEncoderConfig(**data["frame"]),
            "dit": DiTConfig(**data["dit"]),
            "vocos": VocosConfig(**data["vocos"]),
            "pronouncer": PronouncerConfig(**data["pronouncer"]),
        }
        return cls(**{**data, **parts})


def compact_config(views: list[str], phonemes: list[str]) -> CompactConfig:
    """The sizes that ship: 24 kHz, 25 latent frames a second."""
    width, latent_dim = 256, 48
    return CompactConfig(
        views=views,
        phonemes=phonemes,
        rate_hz=24_000,
        latent_rate_hz=25.0,
        text=TextEncoderConfig(
            vocabulary=40_000,
            buckets=8192,
            word_dim=80,
            width=width,
            depth=3,
            heads=4,
            tokens=40,
            views=len(views),
        ),
        frame=FrameEncoderConfig(
            phonemes=1 + len(phonemes),
            slots=SLOTS,
            numbers=NUMBERS,
            latent_dim=latent_dim,
            phoneme_dim=96,
            text_dim=width,
            width=width,
            depth=2,
        ),
        dit=DiTConfig(
            latent_dim=latent_dim,
            width=width,
            depth=6,
            heads=4,
            mlp_ratio=3.0,
            context_dim=width,
            frame_context_dim=width,
        ),
        vocos=VocosConfig(
            latent_dim=latent_dim,
            upsample=3,
            upsampled_dim=384,
            embed_dim=384,
            depth=8,
            intermediate_dim=1152,
            n_fft=1280,
            hop=320,
            noise_head=True,
        ),
        pronouncer=PronouncerConfig(phonemes=1 + len(phonemes), width=128, depth=4),
    )


@dataclass(frozen=True)
class Conditioning:
    """What a velocity is asked for: token context (B, L, D), its mask (B, L), frame context (B, T, D)."""

    context: Tensor
    mask: Tensor
    frames: Tensor

    def without(self) -> Conditioning:
        """The unconditional branch: zeros under the same mask, as in the published model."""
        return Conditioning(torch.zeros_like(self.context), self.mask, torch.zeros_like(self.frames))

    def during(self, window: slice) -> Conditioning:
        """The same for some of the frames."""
        return Conditioning(self.context, self.mask, self.frames[:, window])

    def at(self, places: Tensor) -> Conditioning:
        """The same for frames (W,) by number, in their order."""
        return Conditioning(self.context, self.mask, self.frames[:, places])

    def beside(self, other: Conditioning) -> Conditioning:
        """Both as one batch, for captions of the same length."""
        return Conditioning(
            torch.cat([self.context, other.context]),
            torch.cat([self.mask, other.mask]),
            torch.cat([self.frames, other.frames]),
        )

    def to(self, dtype: torch.dtype) -> Conditioning:
        """In another precision."""
        return Conditioning(self.context.to(dtype), self.mask, self.frames.to(dtype))


class Generator(nn.Module):
    """Caption encoder, frame encoder and denoiser: everything that is trained on latents."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.text = TextEncoder(config.text)
        self.frame = FrameEncoder(config.frame)
        self.backbone = DiT(config.dit)

    def condition(
        self,
        ids: Tensor,
        mask: Tensor,
        view: Tensor,
        phonemes: Tensor,
        numbers: Tensor,
        around: Around | None = None,
    ) -> Conditioning:
        """Word pieces (B, L−1, P), their mask (B, L−1), view (B,), phonemes (B, T·2), numbers (B, T, N)."""
        context = self.text(ids, mask, view)  # (B, L, D)
        mask = with_view(mask)  # (B, L)
        whole = summary(context, mask)  # (B, D)
        return Conditioning(context, mask, self.frame(phonemes, numbers, whole, around))

    def expected_level_db(self, given: Conditioning) -> Tensor:
        """Level in dBFS that the caption's sound has where it is loudest: (B,)."""
        level = self.text.expected_level(summary(given.context, given.mask))  # (B,)
        return LEVEL_ZERO_DB + LEVEL_UNIT_DB * level  # (B,)

    def forward(self, latent: Tensor, timestep: Tensor | float, given: Conditioning) -> Tensor:
        """The velocity (B, C, T)."""
        out: Tensor = self.backbone(latent, timestep, given.context, given.mask, given.frames)
        return out


class CompactModel(nn.Module):
    """All of it: generator, codec, and the small networks that turn words into timed phonemes."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = Generator(config)
        self.encoder = CodecEncoder(config.vocos, config.rate_hz)
        self.turn = nn.Linear(config.vocos.latent_dim, config.vocos.latent_dim, bias=False)
        self.codec = Vocos(config.vocos)
        self.pronouncer = Pronouncer(config.pronouncer)
        self.durations = Durations(config.pronouncer)

    def encode(self, audio: Tensor) -> Tensor:
        """Samples (B, S), S a multiple of a latent frame's, to latents (B, C, T) on the generator's axes."""
        latent: Tensor = self.encoder(audio).transpose(1, 2)  # (B, T, C)
        out: Tensor = self.turn(latent).transpose(1, 2)  # (B, C, T)
        return out

    def decode(self, latent: Tensor, noise: torch.Generator) -> Tensor:
        """Generated latents (B, C, T) to samples (B, S)."""
        out: Tensor = self.codec(latent, noise)  # (B, S)
        return out
