"""A stage that is stopped and started again ends where it would have ended anyway."""

from pathlib import Path

import pytest
import torch

from engine.training import progress
from engine.training.progress import Stage, part_of_run

STEPS = 10


def train(folder: Path, stop_at: int | None = None) -> torch.Tensor:
    torch.manual_seed(3)
    network = torch.nn.Linear(4, 4)
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1)
    stage = Stage(folder, "tiny", STEPS, {"network": network, "optimiser": optimiser})
    for step in stage:
        if step == stop_at:
            break
        loss = network(torch.randn(8, 4)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        stage.log(loss=loss.item())
    return network.weight.detach()


@pytest.mark.parametrize("stop_at", [1, 4, 9])
def test_stopped_and_resumed_is_the_same_as_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    monkeypatch.setattr(progress, "SAVE_EVERY_S", 0.0)
    straight = train(tmp_path / "straight")
    train(tmp_path / "stopped", stop_at)
    assert not Stage(tmp_path / "stopped", "tiny", STEPS, {}).finished
    assert torch.equal(train(tmp_path / "stopped"), straight)
    assert Stage(tmp_path / "stopped", "tiny", STEPS, {}).finished
    assert len((tmp_path / "stopped" / "tiny.losses.jsonl").read_text().splitlines()) == STEPS


def test_a_missing_stage_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run the stage 'codec' first"):
        part_of_run(tmp_path, "codec", "encoder")
