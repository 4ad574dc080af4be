"""The denoiser made ready for rendering: the numbers of `dit.DiT`, with all that cannot change done once.

Once a model: weights packed for the device; the answer of the empty branch's cross-attention (its keys and
values are all equal, so it is one vector a block, whatever is asked). Once a schedule: the time's rows of
every block, after which their 467 M parameters (of the published model) are not held. Once a prompt: keys and
values of every block's cross-attention, and the projected frame context.

Letters as in `dit.py`: B batch, T latent frames, L prompt tokens, C latent channels, D width, H heads,
E width of a head, X width of the token context, Y width of the frame context. P items with a prompt; they
come first in a batch, the rest are the empty branch.
It knows nothing of schedules, guidance, text or files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.models.dit import (
    NORM_EPS,
    DiT,
    DiTConfig,
    Rotary,
    at_least_one_key,
    rotary_table,
    timestep_features,
)
from engine.models.packed_linear import PackedLinear, Precision, activation_type, pack
from engine.models.replay import Record, Replays

Fetch = Callable[[str], Tensor]
"""A parameter by its name inside the denoiser, float32, on the CPU. The next call may free it."""


@dataclass(frozen=True)
class Prompt:
    """What does not change while clips are sampled under these prompts."""

    keys: list[Tensor]  # a block: (P, H, L, E)
    values: list[Tensor]  # a block: (P, H, L, E)
    mask: Tensor | None  # (P, 1, 1, L)
    frames: list[Tensor]  # a block: (B, 1 or T, D), the projected frame context; float32
    frame_mask: Tensor | None  # (B, 1, 1, T)
    empty: int  # items without a prompt, after the P

    @property
    def prompted(self) -> int:
        """P."""
        return self.keys[0].shape[0]

    @property
    def items(self) -> int:
        """B."""
        return self.prompted + self.empty

    @property
    def tensors(self) -> list[Tensor]:
        """All it holds."""
        masks = [one for one in (self.mask, self.frame_mask) if one is not None]
        return [*self.keys, *self.values, *self.frames, *masks]

    @property
    def shapes(self) -> tuple[object, ...]:
        """What two prompts share that a step can be asked under in the same way."""
        masks = [None if one is None else one.shape for one in (self.mask, self.frame_mask)]
        return (self.keys[0].shape, self.frames[0].shape, *masks, self.empty)

    def copied(self) -> Prompt:
        """The same numbers elsewhere."""
        return Prompt(
            [one.clone() for one in self.keys],
            [one.clone() for one in self.values],
            None if self.mask is None else self.mask.clone(),
            [one.clone() for one in self.frames],
            None if self.frame_mask is None else self.frame_mask.clone(),
            self.empty,
        )

    def of(self, items: list[int]) -> Prompt:
        """The same for some of the items, those with a prompt first, as they must be."""
        prompted = [item for item in items if item < self.prompted]
        assert items[: len(prompted)] == prompted, "items with a prompt come first"
        return Prompt(
            [one[prompted] for one in self.keys],
            [one[prompted] for one in self.values],
            None if self.mask is None else self.mask[prompted],
            [one[items] for one in self.frames],
            None if self.frame_mask is None else self.frame_mask[items],
            len(items) - len(prompted),
        )


@dataclass(frozen=True)
class TimeRows:
    """All blocks' rows at one timestep, their norm's own scale and shift worked in; float32."""

    scale1: Tensor  # (blocks, D)
    shift1: Tensor
    gate1: Tensor
    scale2: Tensor
    shift2: Tensor
    gate2: Tensor
    scale_final: Tensor  # (D,)
    shift_final: Tensor

    @property
    def tensors(self) -> list[Tensor]:
        """All it holds."""
        return list(vars(self).values())

    def copied(self) -> TimeRows:
        """The same numbers elsewhere."""
        return TimeRows(*(one.clone() for one in self.tensors))


@dataclass(frozen=True)
class _Norm:
    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, NORM_EPS)


@dataclass(frozen=True)
class _Block:
    skip_norm: _Norm | None
    skip_linear: PackedLinear | None
    qkv: PackedLinear
    norm_q: _Norm
    norm_k: _Norm
    proj: PackedLinear
    frame_norm: _Norm
    frame_projection: PackedLinear
    norm2: _Norm
    norm_context: _Norm
    cross_q: PackedLinear
    cross_k: PackedLinear
    cross_v: PackedLinear
    cross_norm_q: _Norm
    cross_norm_k: _Norm
    cross_proj: PackedLinear
    unheard: Tensor  # (D,): what cross-attention adds to an item without a prompt; float32
    value: PackedLinear
    gate: PackedLinear
    down: PackedLinear


class PreparedDiT:
    """A denoiser for rendering on one device. `Fetch` is kept: a timestep not met before asks it again.

    `record` makes replays of steps (see `replay.py`); None runs each as it comes.
    """

    def __init__(
        self,
        config: DiTConfig,
        fetch: Fetch,
        *,
        precision: Precision,
        device: torch.device,
        record: Record | None = None,
    ) -> None:
        self.config = config
        self.device = device
        self.precision = precision
        self._fetch = fetch
        self._type = activation_type(precision)
        # The ways in and out of the network and the context embedding are small, and stay as they are given.
        # So do keys, values and the frame context, which are made once a prompt.
        self._exact: Precision = "float32" if precision == "float32" else "bfloat16"
        self._patch = self._linear("patch_embed.proj", self._exact)
        self._embed = [pack(*self._pair(f"context_embed.{place}"), "float32", device) for place in (0, 2)]
        self._final_linear = self._linear("final_block.linear", self._exact)
        weight, bias = self._pair("final_block.final_layer")
        self._final_layer = weight.to(device, copy=True), bias.to(device, copy=True)
        self._names = block_names(config)
        silence = self._embedded(torch.zeros(1, 1, config.context_dim))  # (1, 1, D)
        self._blocks = [self._block(name, silence) for name in self._names]
        self._rows: dict[int, TimeRows] = {}
        self._rotary: dict[int, Rotary] = {}
        self._replays = None if record is None else Replays(record)

    @classmethod
    def of(
        cls,
        module: DiT,
        *,
        precision: Precision,
        device: torch.device | None = None,
        record: Record | None = None,
    ) -> PreparedDiT:
        """From a module in memory, which is kept."""
        state = module.state_dict()
        return cls(
            module.config,
            lambda name: state[name].detach().to("cpu", torch.float32),
            precision=precision,
            device=device or torch.device("cpu"),
            record=record,
        )

    def prepare_times(self, timesteps: Iterable[int]) -> None:
        """Works out the rows of these timesteps, all in one pass over the weights that make them."""
        missing = sorted(set(timesteps) - self._rows.keys())
        if not missing:
            return
        features = timestep_features(torch.tensor(missing))  # (N, 256)
        hidden = F.silu(F.linear(features, *self._pair("time_embed.mlp.0")))  # (N, D)
        time = F.silu(F.linear(hidden, *self._pair("time_embed.mlp.2")))  # (N, D)
        made: list[list[Tensor]] = []
        for name in self._names:
            rows = F.linear(time, *self._pair(f"{name}.adaln.time_ada"))  # (N, 6·D)
            shift1, scale1, gate1, shift2, scale2, gate2 = rows.chunk(6, dim=-1)  # 6 × (N, D)
            made.append(
                [
                    *self._worked_in(f"{name}.norm1", scale1, shift1),
                    torch.tanh(1 - gate1),
                    *self._worked_in(f"{name}.norm3", scale2, shift2),
                    1 - gate2,
                ]
            )
        shift, scale = F.linear(time, *self._pair("time_ada_final")).chunk(2, dim=-1)  # 2 × (N, D)
        final = self._worked_in("final_block.norm", scale, shift)
        stacked = [torch.stack(of_blocks, dim=1).to(self.device) for of_blocks in zip(*made, strict=True)]
        for place, timestep in enumerate(missing):
            self._rows[timestep] = TimeRows(
                *(rows[place] for rows in stacked),  # 6 × (blocks, D)
                *(row[place].to(self.device) for row in final),  # 2 × (D,)
            )

    @torch.inference_mode()
    def listen(
        self,
        context: Tensor,
        context_mask: Tensor | None,
        frame_context: Tensor,
        *,
        frame_mask: Tensor | None = None,
        empty: int = 0,
    ) -> Prompt:
        """What these prompts fix.

        Args:
            context: token context (P, L, X), P at least 1.
            context_mask: (P, L), True where a token is valid; None: all are.
            frame_context: (P, 1, Y) where it is the same in every frame, or (P, T, Y).
            frame_mask: (B, T), True where a frame is valid; None: all are, as equal lengths let them be.
            empty: items of the batch without a prompt (zeros for both contexts); they come after the P.
        """
        context = self._embedded(context.to(self.device, torch.float32))  # (P, L, D)
        frames = frame_context.to(self.device, torch.float32)  # (P, 1 or T, Y)
        frames = torch.cat((frames, frames.new_zeros(empty, *frames.shape[1:])))  # (B, 1 or T, Y)
        keys, values, projected = [], [], []
        for block in self._blocks:
            heard = block.norm_context(context).to(self._type)  # (P, L, D)
            key = self._heads(block.cross_k(heard))  # (P, H, L, E)
            keys.append(block.cross_norm_k(key.float()).to(self._type))
            values.append(self._heads(block.cross_v(heard)).contiguous())
            projected.append(block.frame_projection(block.frame_norm(frames).to(self._type)).float())
        return Prompt(
            keys, values, self._key_mask(context_mask), projected, self._key_mask(frame_mask), empty
        )

    @torch.inference_mode()
    def velocity(self, latent: Tensor, timestep: int, prompt: Prompt) -> Tensor:
        """The velocity (B, C, T), float32, at `latent` (B, C, T), whose items are the prompt's."""
        self.prepare_times([timestep])
        latent, rows = latent.to(self.device), self._rows[timestep]
        if self._replays is None:
            return self._answer(latent, rows, prompt)
        return self._replays.ask(self._answer, latent, rows, prompt)

    def release(self) -> None:
        """Gives back memory that only makes the next step quicker."""
        if self._replays is not None:
            self._replays.forget()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _answer(self, latent: Tensor, rows: TimeRows, prompt: Prompt) -> Tensor:
        x = self._patch(latent.to(self._type).transpose(1, 2)).float()  # (B, T, D)
        half = self.config.depth // 2
        skips: list[Tensor] = []
        for place, block in enumerate(self._blocks):
            if block.skip_norm is not None and block.skip_linear is not None:
                joined = torch.cat((x, skips.pop()), dim=-1)  # (B, T, 2·D)
                x = block.skip_linear(block.skip_norm(joined).to(self._type)).float()  # (B, T, D)
            x = self._through(block, place, x, rows, prompt)  # (B, T, D)
            if place < half:
                skips.append(x)
        width = (self.config.width,)
        h = F.layer_norm(x, width, rows.scale_final, rows.shift_final, NORM_EPS)  # (B, T, D)
        out = self._final_linear(h.to(self._type)).float().transpose(1, 2)  # (B, C, T)
        return F.conv1d(out, *self._final_layer, padding=1)  # (B, C, T)

    def _through(self, block: _Block, place: int, x: Tensor, rows: TimeRows, prompt: Prompt) -> Tensor:
        width = (self.config.width,)
        h = F.layer_norm(x, width, rows.scale1[place], rows.shift1[place], NORM_EPS)  # (B, T, D)
        heard = self._attend_itself(block, h.to(self._type), prompt.frame_mask)  # (B, T, D)
        x = torch.addcmul(x + prompt.frames[place], rows.gate1[place], heard)  # (B, T, D)

        if some := prompt.prompted:
            q = self._heads(block.cross_q(block.norm2(x[:some]).to(self._type)))  # (P, H, T, E)
            q = block.cross_norm_q(q.float()).to(self._type)
            heads = F.scaled_dot_product_attention(
                q, prompt.keys[place], prompt.values[place], attn_mask=prompt.mask
            )  # (P, H, T, E)
            x[:some] += block.cross_proj(heads.transpose(1, 2).flatten(2))  # (P, T, D)
        x[some:] += block.unheard  # (B − P, T, D)

        h = F.layer_norm(x, width, rows.scale2[place], rows.shift2[place], NORM_EPS).to(
            self._type
        )  # (B, T, D)
        inner = F.gelu(block.gate(h)).mul_(block.value(h))  # (B, T, inner)
        return x.addcmul_(rows.gate2[place], block.down(inner))  # (B, T, D)

    def _attend_itself(self, block: _Block, h: Tensor, frame_mask: Tensor | None) -> Tensor:
        batch, frames, _ = h.shape
        shape = (batch, frames, self.config.heads, self.config.head_dim)
        q, k, v = (part.reshape(shape) for part in block.qkv(h).chunk(3, dim=-1))  # 3 × (B, T, H, E)
        rotary = self._turns(frames)
        q, k = self._turned(block.norm_q(q.float()), rotary), self._turned(block.norm_k(k.float()), rotary)
        heads = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=frame_mask
        )  # (B, H, T, E)
        return block.proj(heads.transpose(1, 2).flatten(2)).float()  # (B, T, D)

    def _turned(self, x: Tensor, rotary: Rotary) -> Tensor:
        first, second = x.chunk(2, dim=-1)  # 2 × (B, T, H, E/2)
        half = x.shape[-1] // 2
        cos, sin = rotary.cos[:, None, :half], rotary.sin[:, None, :half]  # 2 × (T, 1, E/2)
        turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)  # (B, T, H, E)
        return turned.to(self._type)

    def _turns(self, frames: int) -> Rotary:
        if frames not in self._rotary:
            self._rotary[frames] = rotary_table(frames, self.config.head_dim, self.device)
        return self._rotary[frames]

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.config.heads, -1).transpose(1, 2)  # (B, H, N, E)

    def _key_mask(self, mask: Tensor | None) -> Tensor | None:
        return at_least_one_key(None if mask is None else mask.to(self.device))

    def _embedded(self, context: Tensor) -> Tensor:
        return self._embed[1](F.silu(self._embed[0](context.to(self.device))))  # (…, L, D)

    def _worked_in(self, norm: str, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        # (n·w + b)·(1 + scale) + shift is a norm with another weight and another bias
        weight, bias = self._pair(norm)
        return weight * (1 + scale), bias * (1 + scale) + shift

    def _pair(self, name: str) -> tuple[Tensor, Tensor]:
        weight = self._fetch(f"{name}.weight")
        if weight.dim() == 3 and weight.shape[-1] == 1:  # a convolution over one frame is a linear layer
            weight = weight.squeeze(-1)
        return weight, self._fetch(f"{name}.bias")

    def _linear(self, name: str, precision: Precision | None = None) -> PackedLinear:
        return pack(*self._pair(name), precision or self.precision, self.device)

    def _without_bias(self, *names: str, precision: Precision | None = None) -> PackedLinear:
        weight = torch.cat([self._fetch(f"{name}.weight") for name in names])  # (O, I)
        return pack(weight, None, precision or self.precision, self.device)

    def _norm(self, name: str) -> _Norm:
        weight, bias = self._pair(name)
        return _Norm(weight.to(self.device, copy=True), bias.to(self.device, copy=True))

    def _block(self, name: str, silence: Tensor) -> _Block:
        skip = name.startswith("out_blocks")
        weight, bias = self._pair(f"{name}.mlp.net.0.proj")  # (2·inner, D), (2·inner,)
        (value, gate), (value_bias, gate_bias) = weight.chunk(2), bias.chunk(2)
        norm_context = self._norm(f"{name}.norm_context")
        only = F.linear(
            norm_context(silence)[0, 0].cpu(), self._fetch(f"{name}.cross_attn.to_v.weight")
        )  # (D,)
        return _Block(
            skip_norm=self._norm(f"{name}.skip_norm") if skip else None,
            skip_linear=self._linear(f"{name}.skip_linear") if skip else None,
            qkv=self._without_bias(*(f"{name}.attn.to_{letter}" for letter in "qkv")),
            norm_q=self._norm(f"{name}.attn.norm_q"),
            norm_k=self._norm(f"{name}.attn.norm_k"),
            proj=self._linear(f"{name}.attn.proj"),
            frame_norm=self._norm(f"{name}.ta_context_norm"),
            frame_projection=self._without_bias(f"{name}.ta_context_projection", precision=self._exact),
            norm2=self._norm(f"{name}.norm2"),
            norm_context=norm_context,
            cross_q=self._without_bias(f"{name}.cross_attn.to_q"),
            cross_k=self._without_bias(f"{name}.cross_attn.to_k", precision=self._exact),
            cross_v=self._without_bias(f"{name}.cross_attn.to_v", precision=self._exact),
            cross_norm_q=self._norm(f"{name}.cross_attn.norm_q"),
            cross_norm_k=self._norm(f"{name}.cross_attn.norm_k"),
            cross_proj=self._linear(f"{name}.cross_attn.proj"),
            unheard=F.linear(only, *self._pair(f"{name}.cross_attn.proj")).to(self.device),
            value=pack(value, value_bias, self.precision, self.device),
            gate=pack(gate, gate_bias, self.precision, self.device),
            down=self._linear(f"{name}.mlp.net.2"),
        )


def block_names(config: DiTConfig) -> list[str]:
    """The blocks in the order that a latent meets them."""
    half = range(config.depth // 2)
    return [*(f"in_blocks.{n}" for n in half), "mid_block", *(f"out_blocks.{n}" for n in half)]
