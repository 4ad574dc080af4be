"""Batches that do not fit into memory are split until they do. The numbers: models/test_prepared_dit.py."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.guidance import OutOfMemory, guided
from engine.models.dit import DiT, DiTConfig
from engine.models.prepared_dit import PreparedDiT, Prompt

ROOM = """
import resource
import torch
from engine.guidance import OutOfMemory, guided
from engine.models.dit import DiT, DiTConfig
from engine.models.prepared_dit import PreparedDiT

torch.manual_seed(0)
sizes = DiTConfig(
    latent_dim=16, width=256, depth=2, heads=4, mlp_ratio=4.0, context_dim=16, frame_context_dim=16
)
network = PreparedDiT.of(DiT(sizes).eval(), precision="float32")
clips, frames = {clips}, {frames}
prompt = network.listen(torch.randn(clips, 4, 16), None, torch.randn(clips, 1, 16), empty=clips)
latent, level = torch.randn(clips, 16, frames), torch.tensor(0.5)
expected = None
if {whole}:
    expected = guided(network, prompt, 5.0, frames_at_once=1000)(latent, level)
with open("/proc/self/statm") as file:
    now = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + {room}, -1))
try:
    got = guided(network, prompt, 5.0, frames_at_once=10**9)(latent, level)
except OutOfMemory as error:
    print(error)
else:
    print("fits", float((got - expected).abs().max()) < 1e-4)
"""

limited = pytest.mark.skipif(sys.platform != "linux", reason="the limit on memory is Linux's")


def said(**values: Any) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ROOM.format(**values)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@limited
def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    assert said(clips=48, frames=500, whole=True, room=200_000_000) == "fits True"


@limited
def test_a_clip_that_does_not_fit_alone_is_said_to() -> None:
    assert said(clips=1, frames=30_000, whole=False, room=50_000_000) == (
        "a clip of 30000 latent frames does not fit into this device's memory"
    )


class FakeNarrowNetwork(PreparedDiT):
    """Has memory for so many items at once, and remembers how many it was asked for."""

    most: int
    asked: list[int]

    def velocity(self, latent: Tensor, timestep: int, prompt: Prompt) -> Tensor:
        self.asked.append(len(latent))
        if len(latent) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().velocity(latent, timestep, prompt)


def narrow(most: int) -> FakeNarrowNetwork:
    torch.manual_seed(0)
    sizes = DiTConfig(
        latent_dim=4, width=32, depth=2, heads=2, mlp_ratio=2.0, context_dim=8, frame_context_dim=8
    )
    network = FakeNarrowNetwork.of(DiT(sizes).eval(), precision="float32")
    assert isinstance(network, FakeNarrowNetwork)
    network.most, network.asked = most, []
    return network


@pytest.mark.parametrize("unlike", [False, True], ids=["empty", "unlike"])
def test_branches_that_do_not_fit_together_are_asked_one_after_the_other(unlike: bool) -> None:
    network = narrow(most=8)
    items = 4 if unlike else 2
    prompt = network.listen(
        torch.randn(items, 3, 8), None, torch.randn(items, 1, 8), empty=0 if unlike else 2
    )
    latent, level = torch.randn(2, 4, 30), torch.tensor(0.5)
    whole = guided(network, prompt, 5.0)(latent, level)
    network.most, network.asked = 1, []
    velocity = guided(network, prompt, 5.0)
    assert torch.allclose(velocity(latent, level), whole, atol=1e-5)
    assert network.asked == [4, 2, 1, 1, 1, 1]
    network.asked = []
    velocity(latent, level)
    assert network.asked == [1, 1, 1, 1], "the next step knows"
    network.most = 0
    with pytest.raises(OutOfMemory):
        velocity(latent, level)
