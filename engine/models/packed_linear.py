"""A linear layer's weights, laid out once for the device and the number type that they are multiplied in.

Letters: N rows (batch × frames), I inputs, O outputs. For inference only.
"""

from __future__ import annotations

from typing import Final, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

Precision = Literal["float32", "bfloat16", "int8"]
"""The type of the products. int8 rounds weights and inputs to 255 levels; all else stays in bfloat16."""

LEVELS: Final = 127  # of an int8 on each side of zero
ROWS: Final = 500  # that a layout is chosen for: two branches of a 10 s clip


class PackedLinear(Protocol):
    """x (…, I) to (…, O)."""

    def __call__(self, x: Tensor) -> Tensor: ...


def pack(weight: Tensor, bias: Tensor | None, precision: Precision, device: torch.device) -> PackedLinear:
    """`weight` (O, I) and `bias` (O,), float32, in the fastest form that `device` has for `precision`."""
    if precision == "int8":
        return Int8Linear(weight, bias, device)
    if precision == "bfloat16" and device.type == "cpu" and _has_onednn_bf16():
        return BlockedLinear(weight, bias)
    return DenseLinear(weight, bias, activation_type(precision), device)


def activation_type(precision: Precision) -> torch.dtype:
    """The type in which activations travel between products."""
    return torch.float32 if precision == "float32" else torch.bfloat16


class DenseLinear:
    """Weights as torch keeps them."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, device: torch.device) -> None:
        self._weight = weight.to(device, dtype, copy=True)  # (O, I)
        self._bias = None if bias is None else bias.to(device, dtype, copy=True)  # (O,)

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x, self._weight, self._bias)  # (…, O)


class BlockedLinear:
    """bfloat16 weights in oneDNN's own blocks, as torch's compiler would lay them out.

    F.linear reorders plain weights at every call, which costs about an eighth of the product at 500 rows.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.to(torch.bfloat16), ROWS)
        self._bias = None if bias is None else bias.to(torch.bfloat16, copy=True)  # (O,)

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return out  # (…, O)


class Int8Linear:
    """int8 weights with a scale an output; inputs rounded as they come, with a scale a row."""

    def __init__(self, weight: Tensor, bias: Tensor | None, device: torch.device) -> None:
        scale = weight.abs().amax(dim=1).clamp_min(torch.finfo(torch.float32).tiny) / LEVELS  # (O,)
        rounded = (weight / scale[:, None]).round_().to(torch.int8)  # (O, I)
        self._weight = rounded.to(device).t()  # (I, O), read by columns
        self._scale = scale.to(device)  # (O,)
        self._bias = None if bias is None else bias.to(device, copy=True)  # (O,)

    def __call__(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2)  # (N, I)
        scale = rows.abs().amax(dim=1, keepdim=True).float().clamp_min_(1e-12) / LEVELS  # (N, 1)
        rounded = (rows * scale.reciprocal()).round_().to(torch.int8)  # (N, I)
        out = torch._int_mm(rounded, self._weight).float()  # (N, O)
        out.mul_(scale).mul_(self._scale)
        if self._bias is not None:
            out.add_(self._bias)
        return out.to(x.dtype).view(*x.shape[:-1], -1)  # (…, O)


def _has_onednn_bf16() -> bool:
    asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return torch.backends.mkldnn.is_available() and asked is not None and bool(asked())
