"""A step of the denoiser recorded once a shape and replayed, so that a GPU need not wait until its many small
kernels are launched one by one.

A recording reads and writes tensors that stay where they are, so what a step is given is copied there first.
It knows nothing of schedules, guidance or text. Letters as in `prepared_dit.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from engine.models.prepared_dit import Prompt, TimeRows

SHAPES_KEPT: Final = 8
"""Recordings, each with its memory: lengths, batches and prompts' lengths that come up in one scene."""
WARM_UPS: Final = 3  # before it is recorded, a step chooses its algorithms and takes its workspaces

Step = Callable[[Tensor, "TimeRows", "Prompt"], Tensor]
Replay = Callable[[], Tensor]
Record = Callable[[Replay], Replay]
"""Takes work on tensors that stay where they are; what it returns does it again, into the same result."""


def cuda_graph(work: Replay) -> Replay:
    """Records work as a CUDA graph (torch.cuda.CUDAGraph, "CUDA semantics", PyTorch documentation)."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UPS):
            work()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay


@dataclass
class _Recording:
    latent: Tensor  # (B, C, T)
    rows: TimeRows
    prompt: Prompt
    heard: Prompt  # whose numbers `prompt` has; kept, so that no other prompt is taken for it
    replay: Replay


class Replays:
    """The recordings of one denoiser."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._kept: OrderedDict[tuple[object, ...], _Recording] = OrderedDict()

    def ask(self, step: Step, latent: Tensor, rows: TimeRows, prompt: Prompt) -> Tensor:
        """`step(latent, rows, prompt)`, (B, C, T)."""
        key = (latent.shape, prompt.shapes)
        there = self._kept.get(key)
        if there is None:
            there = self._kept[key] = self._recorded(step, latent, rows, prompt)
            while len(self._kept) > SHAPES_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        there.latent.copy_(latent)
        for mine, told in zip(there.rows.tensors, rows.tensors, strict=True):
            mine.copy_(told)
        if there.heard is not prompt:
            for mine, told in zip(there.prompt.tensors, prompt.tensors, strict=True):
                mine.copy_(told)
            there.heard = prompt
        return there.replay().clone()  # the next replay writes over it

    def forget(self) -> None:
        """Lets go of the memory of all recordings."""
        self._kept.clear()

    def _recorded(self, step: Step, latent: Tensor, rows: TimeRows, prompt: Prompt) -> _Recording:
        still, its_rows, its_prompt = latent.clone(), rows.copied(), prompt.copied()
        replay = self._record(lambda: step(still, its_rows, its_prompt))
        return _Recording(still, its_rows, its_prompt, prompt, replay)
