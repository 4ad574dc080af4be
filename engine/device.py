"""Which device a model renders on, and how an idle one is kept from slowing down. Knows no model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch

from scene_schema.errors import Finding, Refused

NUDGE_WIDTH: Final = (
    2048  # of the square matrices: enough work that a GPU counts as busy, a small part of its memory
)


def pick_device(asked: str, *, otherwise: str = "cuda") -> torch.device:
    """The device to load onto, made the current one where it is a GPU.

    Args:
        asked: "cpu", "cuda" (the first GPU), "cuda:N", or "auto".
        otherwise: what "auto" means where there is a GPU; without one it is the CPU.

    Raises:
        Refused: `model_failed` with what to do, where this machine has no such device.
    """
    if asked == "auto":
        asked = otherwise if torch.cuda.is_available() else "cpu"
    if asked == "cpu":
        return torch.device("cpu")
    kind, _, index = asked.partition(":")
    if kind != "cuda" or (index and not index.isdigit()):
        raise _refused("cpu, cuda, cuda:N or auto", asked, "Start the engine with another --device.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= count:
        if count == 0:
            expected = "cpu: torch finds no CUDA device here"
            remedy = "Use --device cpu, or install a torch with CUDA and a driver; see `stemscape doctor`."
        else:
            expected = f"cpu, or cuda:0 to cuda:{count - 1}"
            remedy = "Use one of these; CUDA_VISIBLE_DEVICES may hide others."
        raise _refused(expected, asked, remedy)
    device = torch.device("cuda", int(index or 0))
    torch.cuda.set_device(device)
    return device


def _refused(expected: str, got: str, remedy: str) -> Refused:
    finding = Finding(field="--device", expected=expected, got=got)
    return Refused(
        "model_failed", f"the model cannot be loaded onto '{got}'", findings=[finding], remedy=remedy
    )


def nudge_for(device: str) -> Callable[[], None]:
    """A small piece of work for a GPU: done every few seconds, it keeps the clock from going down."""
    square = torch.ones((NUDGE_WIDTH, NUDGE_WIDTH), device=device)  # (W, W)

    @torch.inference_mode()
    def nudge() -> None:
        torch.mm(square, square)  # (W, W)
        if square.is_cuda:
            torch.cuda.synchronize(square.device)

    return nudge
