"""The published generator put together: text states to a conditioning, a conditioning to a velocity.

Letters: B batch, L prompt tokens, T latent frames, C latent channels, X content width.
Submodule names are the checkpoint's names (docs/dasheng-audiogen.md); renaming one breaks loading.
It knows nothing of text encoders, decoding, schedules or files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.models.adapter import AdapterConfig, Content, ContentAdapter, ContentEncoder, clip_frames
from engine.models.dit import DiT, DiTConfig
from engine.models.tokenizer import EncoderConfig
from engine.models.vocos import VocosConfig
from engine.sampling import Velocity, guide, timestep_of

REQUIRED: Mapping[str, object] = {
    "dit_patch_size": 1,
    "dit_input_type": "1d",
    "dit_qk_norm": "layernorm",
    "dit_norm_layer": "layernorm",
    "dit_act_layer": "geglu",
    "dit_context_norm": True,
    "dit_time_fusion": "ada",
    "dit_ta_context_fusion": "add",
    "dit_ta_context_norm": True,
    "dit_context_fusion": "cross",
    "dit_context_pe_method": "none",
    "use_zero_instruction": False,
}
"""What this code computes. A config that asks for anything else is refused, not computed wrongly."""


@dataclass(frozen=True)
class AudioGenConfig:
    """Sizes of the published generator, and the numbers its durations need."""

    dit: DiTConfig
    adapter: AdapterConfig
    text_dim: int  # width of the text encoder's states
    instruction_tokens: int
    rate_hz: int
    samples_per_frame: int
    frame_resolution_s: float
    duration_offset_s: float
    max_tokens: int

    @property
    def latent_rate_hz(self) -> float:
        """Latent frames a second."""
        return self.rate_hz / self.samples_per_frame

    @classmethod
    def from_published(cls, config: Mapping[str, Any], text_dim: int | None = None) -> AudioGenConfig:
        """Read the published `config.json`.

        `text_dim` is the text encoder's width, which the file does not hold; the content width by default.

        Raises:
            ValueError: a key is missing, or asks for something this code does not compute.
        """
        for key, value in REQUIRED.items():
            if key in config and config[key] != value:
                raise ValueError(f"{key}: expected {value!r}, got {config[key]!r}; this model is another one")
        try:
            latent_dim, content_dim = int(config["latent_dim"]), int(config["content_dim"])
            for key in ("dit_in_chans", "dit_out_chans"):
                if config[key] != latent_dim:
                    raise ValueError(f"{key}: expected latent_dim {latent_dim}, got {config[key]!r}")
            return cls(
                dit=DiTConfig(
                    latent_dim=latent_dim,
                    width=config["dit_embed_dim"],
                    depth=config["dit_depth"],
                    heads=config["dit_num_heads"],
                    mlp_ratio=config["dit_mlp_ratio"],
                    context_dim=config["dit_context_dim"],
                    frame_context_dim=config["dit_ta_context_dim"],
                ),
                adapter=AdapterConfig(
                    content_dim=content_dim,
                    heads=config["adapter_num_heads"],
                    dropout=config["adapter_dropout"],
                    duration_channels=config["duration_predictor_filter_channels"],
                    duration_layers=config["duration_predictor_n_layers"],
                    duration_kernel=config["duration_predictor_kernel_size"],
                    duration_dropout=config["duration_predictor_p_dropout"],
                ),
                text_dim=content_dim if text_dim is None else text_dim,
                instruction_tokens=config["instruction_seq_len"],
                rate_hz=config["sample_rate"],
                samples_per_frame=config["downsampling_ratio"],
                frame_resolution_s=config["frame_resolution"],
                duration_offset_s=config["duration_offset"],
                max_tokens=config["tokenizer_max_length"],
            )
        except KeyError as error:
            raise ValueError(f"{error.args[0]}: expected in the generator's config, got nothing") from error


def encoder_config(config: Mapping[str, Any]) -> EncoderConfig:
    """The encoder's sizes from the published tokenizer config."""
    return EncoderConfig(width=config["embed_dim"], depth=config["depth"], heads=config["num_heads"])


def decoder_config(config: Mapping[str, Any]) -> VocosConfig:
    """The decoder's sizes from the published tokenizer config."""
    return VocosConfig(
        latent_dim=config["embed_dim"],
        upsample=config["upsample_tokens"],
        upsampled_dim=config["embed_dim"],
        embed_dim=config["decoder_embed_dim"],
        depth=config["decoder_depth"],
        intermediate_dim=config["decoder_intermediate_size"],
        n_fft=config["istft_n_fft"],
        hop=config["istft_hop"],
    )


@dataclass(frozen=True)
class Conditioning:
    """What the denoiser listens to; it does not change while a clip is sampled."""

    context: Tensor  # (B, L, X)
    context_mask: Tensor  # (B, L) bool
    frame_context: Tensor  # (B, T, X)
    latent_mask: Tensor  # (B, T) bool

    def unconditional(self) -> Conditioning:
        """The guidance's other branch: zeros under the same masks (published: not an empty prompt).

        The zeros enter before the embeddings, so the biases behind them still speak.
        """
        return Conditioning(
            torch.zeros_like(self.context),
            self.context_mask,
            torch.zeros_like(self.frame_context),
            self.latent_mask,
        )

    def joined(self, other: Conditioning) -> Conditioning:
        """Both as one batch."""
        return Conditioning(
            torch.cat((self.context, other.context)),
            torch.cat((self.context_mask, other.context_mask)),
            torch.cat((self.frame_context, other.frame_context)),
            torch.cat((self.latent_mask, other.latent_mask)),
        )


class PromptReader(nn.Module):
    """Text states to what the denoiser listens to: everything of the published generator but that and T5."""

    instruction_embedding: Tensor
    instruction_lengths: Tensor

    def __init__(self, config: AudioGenConfig) -> None:
        super().__init__()
        self.config = config
        width, tokens = config.adapter.content_dim, config.instruction_tokens
        self.content_encoder = ContentEncoder(config.text_dim, width)
        self.content_adapter = ContentAdapter(config.adapter)
        self.register_buffer("instruction_embedding", torch.zeros(1, tokens, width))
        self.register_buffer("instruction_lengths", torch.full((1,), tokens))
        self.dummy_ta_embed = nn.Parameter(torch.zeros(config.dit.frame_context_dim))
        # Stands in for the token context in time-aligned tasks; text-to-scene has none of those.
        self.dummy_nta_embed = nn.Parameter(torch.zeros(config.dit.context_dim))

    def read(self, text_states: Tensor, text_mask: Tensor) -> Content:
        """Token context and durations from the text encoder's states (B, L, text_dim) and mask (B, L)."""
        content = self.content_encoder(text_states)  # (B, L, X)
        positions = torch.arange(self.config.instruction_tokens, device=content.device)  # (N,)
        instruction_mask = positions[None, :] < self.instruction_lengths[:, None]  # (1, N)
        out: Content = self.content_adapter(
            content, text_mask.bool(), self.instruction_embedding, instruction_mask
        )
        return out

    def frames(self, content: Content) -> Tensor:
        """The clip lengths (B,) the model itself would choose, in latent frames, int64."""
        config = self.config
        return clip_frames(content.global_log_duration, config.duration_offset_s, config.latent_rate_hz)

    def condition(self, content: Content, text_mask: Tensor, frames: Tensor) -> Conditioning:
        """Conditioning for clips of `frames` (B,) latent frames, padded to the longest of them."""
        mask = text_mask.bool()  # (B, L)
        tokens = max(1, int(mask.sum(1).max()))  # the longest prompt; later columns are padding for all
        batch, longest = mask.shape[0], int(frames.max())
        positions = torch.arange(longest, device=frames.device)  # (T,)
        return Conditioning(
            context=content.context[:, :tokens],  # (B, L, X)
            context_mask=mask[:, :tokens],  # (B, L)
            # Text-to-scene is not time-aligned: the same learned vector on every frame.
            frame_context=self.dummy_ta_embed.expand(batch, longest, -1),  # (B, T, X)
            latent_mask=positions[None, :] < frames[:, None],  # (B, T)
        )


class AudioGen(PromptReader):
    """Everything of the published generator but the text encoder, as it was published."""

    def __init__(self, config: AudioGenConfig) -> None:
        super().__init__(config)
        self.backbone = DiT(config.dit)

    def velocity(self, conditioning: Conditioning, guidance: float) -> Velocity:
        """The guided velocity under one conditioning, for `engine.sampling.sample`. Without gradients.

        Both branches go through the network as one batch; at guidance 1 only the conditional one does.
        """
        both = conditioning if guidance == 1 else conditioning.joined(conditioning.unconditional())

        @torch.no_grad()
        def ask(latent: Tensor, sigma: Tensor) -> Tensor:
            asked = latent if guidance == 1 else torch.cat((latent, latent))  # (B or 2·B, C, T)
            v: Tensor = self.backbone(
                asked,
                timestep_of(sigma),
                both.context,
                both.context_mask,
                both.frame_context,
                both.latent_mask,
            )  # (B or 2·B, C, T)
            if guidance == 1:
                return v  # (B, C, T)
            v_cond, v_uncond = v.chunk(2)  # 2 × (B, C, T)
            return guide(v_cond, v_uncond, guidance)  # (B, C, T)

        return ask
