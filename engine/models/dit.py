"""The denoiser, whole: a noisy latent, a time and a conditioning in, a velocity out.

Letters: B batch, T latent frames, L prompt tokens, C latent channels, D width, H heads, E width of a head,
X width of the token context, Y width of the frame context.
Submodule names are the checkpoint's names (after `backbone.`); renaming one breaks loading. The oddities
marked "published" belong to the checkpoint (docs/dasheng-audiogen.md): leave them as they are.
It knows nothing of schedules, guidance, text or files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TIME_FEATURES = 256  # width of the sinusoidal embedding of the timestep
ROTARY_BASE = 10000.0
NORM_EPS = 1e-5


@dataclass(frozen=True)
class DiTConfig:
    """Sizes of a denoiser.

    `depth` counts in-blocks and out-blocks together, so it is even; the one mid-block comes on top.
    """

    latent_dim: int  # C
    width: int  # D
    depth: int
    heads: int  # H
    mlp_ratio: float
    context_dim: int  # X
    frame_context_dim: int  # Y

    def __post_init__(self) -> None:
        if self.depth % 2:
            raise ValueError(f"depth: expected an even number of in- and out-blocks, got {self.depth}")
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ValueError(
                f"heads: expected to divide width {self.width} into heads of even width, got {self.heads}"
            )

    @property
    def head_dim(self) -> int:
        """E, the width of one head."""
        return self.width // self.heads

    @property
    def mlp_dim(self) -> int:
        """Inner width of each MLP, counted once (the gate doubles it)."""
        return int(self.width * self.mlp_ratio)


@dataclass(frozen=True)
class Rotary:
    """Cosines and sines of the rotary embedding, float32, each (T, E)."""

    cos: Tensor
    sin: Tensor


def rotary_table(frames: int, head_dim: int, device: torch.device) -> Rotary:
    """The rotary angles of `frames` positions: base 10000, the same angles in both halves of a head."""
    exponents = torch.arange(0, head_dim, 2, device=device, dtype=torch.float32) / head_dim  # (E/2,)
    inv_freq = 1.0 / ROTARY_BASE**exponents  # (E/2,)
    positions = torch.arange(frames, device=device, dtype=torch.float32)  # (T,)
    angles = torch.outer(positions, inv_freq).repeat(1, 2)  # (T, E)
    return Rotary(angles.cos(), angles.sin())


def rotate(x: Tensor, rotary: Rotary) -> Tensor:
    """Turn (B, H, T, E) by its position; computed in float32 (or wider) whatever the type of `x`."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))  # (B, H, T, E)
    first, second = wide.chunk(2, dim=-1)  # 2 × (B, H, T, E/2)
    turned = wide * rotary.cos + torch.cat((-second, first), dim=-1) * rotary.sin  # (B, H, T, E)
    return turned.to(x.dtype)  # (B, H, T, E)


def timestep_features(timestep: Tensor) -> Tensor:
    """Sinusoidal features of integer timesteps: (B,) to (B, 256), float32, cosines first."""
    half = TIME_FEATURES // 2
    index = torch.arange(half, device=timestep.device, dtype=torch.float32)  # (128,)
    frequencies = torch.exp(-math.log(10000.0) * index / half)  # (128,)
    angles = timestep.float()[:, None] * frequencies  # (B, 128)
    return torch.cat((angles.cos(), angles.sin()), dim=-1)  # (B, 256)


def attend(q: Tensor, k: Tensor, v: Tensor, key_mask: Tensor | None) -> Tensor:
    """Scaled dot-product attention of (B, H, N, E) over (B, H, M, E); `key_mask` (B, 1, 1, M), True is valid.

    With gradients the product is written out: at short lengths on a CPU its backward pass is the faster one.
    Every item must have a valid key (`at_least_one_key` sees to it), or its rows are NaN.
    """
    if not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=key_mask)  # (B, H, N, E)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # (B, H, N, M)
    if key_mask is not None:
        scores = scores.masked_fill(~key_mask, -torch.inf)  # (B, H, N, M)
    weights: Tensor = scores.softmax(dim=-1).to(v.dtype)  # (B, H, N, M)
    return weights @ v  # (B, H, N, E)


def at_least_one_key(mask: Tensor | None) -> Tensor | None:
    """A key mask (B, M) as (B, 1, 1, M); an item with no valid key at all attends to every key.

    Softmax over no key is 0/0. An all-masked item has no right answer, but it must not put NaN into a batch.
    """
    if mask is None:
        return None
    valid = mask.bool()
    return (valid | ~valid.any(dim=1, keepdim=True))[:, None, None, :]


class Attention(nn.Module):
    """Multi-head attention with a LayerNorm on each query and key head; rotary where a table is given."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(width, width, bias=False)
        self.to_v = nn.Linear(width, width, bias=False)
        self.norm_q = nn.LayerNorm(width // heads, eps=NORM_EPS)
        self.norm_k = nn.LayerNorm(width // heads, eps=NORM_EPS)
        self.proj = nn.Linear(width, width)

    def split_heads(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)  # (B, H, N, E)

    def forward(
        self, x: Tensor, context: Tensor, key_mask: Tensor | None, rotary: Rotary | None = None
    ) -> Tensor:
        q: Tensor = self.norm_q(self.split_heads(self.to_q(x)))  # (B, H, T, E)
        k: Tensor = self.norm_k(self.split_heads(self.to_k(context)))  # (B, H, M, E)
        v = self.split_heads(self.to_v(context))  # (B, H, M, E)
        if rotary is not None:
            q, k = rotate(q, rotary), rotate(k, rotary)
        # Under autocast the norms answer in float32; the products are to run in the type of the values.
        heads = attend(q.to(v.dtype), k.to(v.dtype), v, key_mask)  # (B, H, T, E)
        out: Tensor = self.proj(heads.transpose(1, 2).flatten(2))  # (B, T, D)
        return out


class GEGLU(nn.Module):
    """One projection, split into a value and the gate that it is multiplied by."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, dim=-1)  # 2 × (B, T, inner): value first
        out: Tensor = value * F.gelu(gate)  # (B, T, inner)
        return out


class MLP(nn.Module):
    """GEGLU and the way back to the width."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        # The middle place is the published dropout; it keeps the last layer's name `net.2`.
        self.net = nn.Sequential(GEGLU(width, inner), nn.Identity(), nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)  # (B, T, D)
        return out


class AdaLN(nn.Module):
    """A block's six rows from the time: shift, scale, gate of the attention, then of the MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.time_ada = nn.Linear(width, 6 * width)

    def forward(self, time: Tensor) -> tuple[Tensor, ...]:
        rows: Tensor = self.time_ada(time)[:, None, :]  # (B, 1, 6·D)
        return rows.chunk(6, dim=-1)  # 6 × (B, 1, D)


class Block(nn.Module):
    """Self-attention, frame context, cross-attention, MLP. Out-blocks first take an in-block's output."""

    def __init__(self, config: DiTConfig, skip: bool = False) -> None:
        super().__init__()
        width = config.width
        self.skip_norm = nn.LayerNorm(2 * width, eps=NORM_EPS) if skip else None
        self.skip_linear = nn.Linear(2 * width, width) if skip else None
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPS)
        self.attn = Attention(width, config.heads)
        self.ta_context_norm = nn.LayerNorm(config.frame_context_dim, eps=NORM_EPS)
        self.ta_context_projection = nn.Linear(config.frame_context_dim, width, bias=False)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPS)
        self.norm_context = nn.LayerNorm(width, eps=NORM_EPS)
        self.cross_attn = Attention(width, config.heads)
        self.norm3 = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = MLP(width, config.mlp_dim)
        self.adaln = AdaLN(width)

    def forward(
        self,
        x: Tensor,  # (B, T, D)
        time: Tensor,  # (B, D)
        context: Tensor,  # (B, L, D)
        context_mask: Tensor | None,  # (B, 1, 1, L)
        frame_context: Tensor,  # (B, T, Y)
        latent_mask: Tensor | None,  # (B, 1, 1, T)
        rotary: Rotary,
        skip: Tensor | None = None,  # (B, T, D)
    ) -> Tensor:
        if self.skip_norm is not None and self.skip_linear is not None:
            assert skip is not None, "an out-block takes an in-block's output"
            # Published: the pair is normalised together, over 2·D, before it is mixed.
            x = self.skip_linear(self.skip_norm(torch.cat((x, skip), dim=-1)))  # (B, T, D)
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaln(time)  # 6 × (B, 1, D)

        h = self.norm1(x) * (1 + scale1) + shift1  # (B, T, D)
        # Published: the gate is one minus the row, and only here inside a tanh.
        x = x + torch.tanh(1 - gate1) * self.attn(h, h, latent_mask, rotary)  # (B, T, D)

        x = x + self.ta_context_projection(self.ta_context_norm(frame_context))  # (B, T, D)

        # Published: the cross-attention has neither shift, scale nor gate, and no positions.
        x = x + self.cross_attn(self.norm2(x), self.norm_context(context), context_mask)  # (B, T, D)

        h = self.norm3(x) * (1 + scale2) + shift2  # (B, T, D)
        # Published: one minus the row again, without a tanh.
        out: Tensor = x + (1 - gate2) * self.mlp(h)  # (B, T, D)
        return out


class PatchEmbed(nn.Module):
    """Latent channels to width, frame by frame."""

    def __init__(self, latent_dim: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv1d(latent_dim, width, kernel_size=1)

    def forward(self, latent: Tensor) -> Tensor:
        x: Tensor = self.proj(latent)  # (B, D, T)
        return x.transpose(1, 2)  # (B, T, D)


class TimeEmbed(nn.Module):
    """Timestep to one vector a batch item."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(TIME_FEATURES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, timestep: Tensor) -> Tensor:
        features = timestep_features(timestep).to(next(self.mlp.parameters()).dtype)  # (B, 256)
        return F.silu(self.mlp(features))  # (B, D)


class FinalBlock(nn.Module):
    """Width to latent channels; a convolution over three frames comes last."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width, eps=NORM_EPS)
        self.linear = nn.Linear(config.width, config.latent_dim)
        self.final_layer = nn.Conv1d(config.latent_dim, config.latent_dim, kernel_size=3, padding=1)

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        x = self.norm(x) * (1 + scale) + shift  # (B, T, D)
        x = self.linear(x).transpose(1, 2)  # (B, C, T)
        # Published: masked frames are read here too (see DiT.forward).
        out: Tensor = self.final_layer(x)  # (B, C, T)
        return out


class DiT(nn.Module):
    """The denoiser: half the blocks going in, one in the middle, half coming out with skips."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        width, half = config.width, config.depth // 2
        self.patch_embed = PatchEmbed(config.latent_dim, width)
        self.time_embed = TimeEmbed(width)
        self.time_ada_final = nn.Linear(width, 2 * width)
        self.context_embed = nn.Sequential(
            nn.Linear(config.context_dim, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.in_blocks = nn.ModuleList(Block(config) for _ in range(half))
        self.mid_block = Block(config)
        self.out_blocks = nn.ModuleList(Block(config, skip=True) for _ in range(half))
        self.final_block = FinalBlock(config)

    def forward(
        self,
        latent: Tensor,
        timestep: Tensor | float,
        context: Tensor,
        context_mask: Tensor | None,
        frame_context: Tensor,
        latent_mask: Tensor | None = None,
    ) -> Tensor:
        """The velocity (noise − data) at `latent`.

        Args:
            latent: (B, C, T).
            timestep: 0 to 1000, (B,) or one for all; fractions are cut off.
            context: token context (B, L, X).
            context_mask: (B, L), True where a token is valid; None: all are.
            frame_context: one vector a frame (B, T, Y).
            latent_mask: (B, T), True where a frame is valid; None: all are.

        Returns:
            (B, C, T). Masks act on attention keys only. Masked frames get values too, and the last valid
            frame reads the first masked one through the last convolution, so a shorter item of a batch
            differs there from the item run alone: give equal lengths where that matters. An item whose keys
            are all masked is treated as if none were: its numbers mean little, but they are never NaN.
        """
        batch, _, frames = latent.shape
        # Published: the network is only ever asked at whole timesteps.
        step = torch.as_tensor(timestep, device=latent.device).long().expand(batch)  # (B,)
        time = self.time_embed(step)  # (B, D)
        context = self.context_embed(context)  # (B, L, D)
        rotary = rotary_table(frames, self.config.head_dim, latent.device)
        around = (
            time,
            context,
            at_least_one_key(context_mask),  # (B, 1, 1, L)
            frame_context,
            at_least_one_key(latent_mask),  # (B, 1, 1, T)
            rotary,
        )

        x = self.patch_embed(latent)  # (B, T, D)
        skips = []
        for block in self.in_blocks:
            x = block(x, *around)  # (B, T, D)
            skips.append(x)
        x = self.mid_block(x, *around)  # (B, T, D)
        for block in self.out_blocks:
            x = block(
                x, *around, skip=skips.pop()
            )  # (B, T, D); the last in-block goes to the first out-block
        shift, scale = self.time_ada_final(time)[:, None, :].chunk(2, dim=-1)  # 2 × (B, 1, D)
        out: Tensor = self.final_block(x, shift, scale)  # (B, C, T)
        return out

    @torch.no_grad()
    def initialise_for_training(self) -> None:
        """Weights to start training from, drawn from torch's global generator.

        Every residual branch, the output and the AdaLN rows start at zero, so the untrained network answers
        zero and a block without a skip is the identity. Other matrices are Xavier-uniform, all biases zero.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv1d):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        for block in (*self.in_blocks, self.mid_block, *self.out_blocks):
            assert isinstance(block, Block)
            for branch_end in (
                block.attn.proj,
                block.cross_attn.proj,
                block.mlp.net[2],
                block.ta_context_projection,
                block.adaln.time_ada,
            ):
                for weight in branch_end.parameters():
                    nn.init.zeros_(weight)
        nn.init.zeros_(self.time_ada_final.weight)
        nn.init.zeros_(self.final_block.linear.weight)
        # With its input at zero the last convolution starts as "pass the frame on".
        nn.init.dirac_(self.final_block.final_layer.weight)
