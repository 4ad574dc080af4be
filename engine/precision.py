"""In which number type this machine multiplies fastest. Knows no network."""

from __future__ import annotations

import torch


def fastest_precision() -> torch.dtype:
    """bfloat16 on a CPU that multiplies in it, else float32.

    Where it is emulated, a product in bfloat16 took 300 times as long as one in float32.
    """
    native = _cpu_says("_is_avx512_bf16_supported") or has_tiles()
    return torch.bfloat16 if native else torch.float32


def has_tiles() -> bool:
    """Whether this CPU multiplies matrices in tiles (AMX), where bfloat16 is quicker than our int8."""
    return _cpu_says("_is_amx_tile_supported")


def _cpu_says(name: str) -> bool:
    asked = getattr(torch.cpu, name, None)  # not every torch has it
    return asked is not None and bool(asked())


def mixed() -> torch.autocast:
    """Where a network is trained or encodes: products in the fastest type, all else in float32."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=fastest_precision() is torch.bfloat16)
