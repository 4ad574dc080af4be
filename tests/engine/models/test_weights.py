"""Loading by name: what fits, what is refused and how it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engine.models.dit import DiT
from engine.models.weights import SHOWN, WeightsError, load_weights
from tests.engine.models import golden


def pair() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))


def stored(tmp_path: Path, **changes: torch.Tensor | None) -> Path:
    tensors = {name: torch.full_like(tensor, 7.0) for name, tensor in pair().state_dict().items()}
    for name, tensor in changes.items():
        if tensor is None:
            del tensors[name]
        else:
            tensors[name] = tensor
    save_file(tensors, tmp_path / "pair.safetensors")
    return tmp_path / "pair.safetensors"


def test_one_error_names_everything_and_costs_nothing(tmp_path: Path) -> None:
    module = pair()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    file = stored(tmp_path, **{"0.bias": None, "1.weight": torch.zeros(2, 3), "extra": torch.zeros(4)})
    with pytest.raises(WeightsError) as caught:
        load_weights(module, file)
    text = str(caught.value)
    assert str(file) in text
    assert "missing: 0.bias, expected [3]" in text
    assert "wrong shape: 1.weight, expected [1, 3], found [2, 3]" in text
    assert "unexpected: extra, found [4]" in text
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_a_wholly_wrong_file_is_told_briefly(tmp_path: Path) -> None:
    save_file({f"t{i}": torch.zeros(1) for i in range(100)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=f"unexpected: {100 - SHOWN} more") as caught:
        load_weights(pair(), tmp_path / "other.safetensors")
    assert len(str(caught.value).splitlines()) < 20


@pytest.mark.parametrize("found", [b"", b"no tensors here", None])
def test_an_unreadable_file_is_named(tmp_path: Path, found: bytes | None) -> None:
    file = tmp_path / "broken.safetensors"
    if found is not None:
        file.write_bytes(found)
    with pytest.raises(WeightsError, match=r"broken\.safetensors: expected a safetensors file"):
        load_weights(pair(), file)


def test_derived_tensors_may_be_there(tmp_path: Path) -> None:
    module = pair()
    derived = ("a.rotary.inv_freq", "dummy_param", "decoder.head.istft.window", "bn.num_batches_tracked")
    load_weights(module, stored(tmp_path, **{name: torch.zeros(5) for name in derived}))
    assert all((tensor == 7.0).all() for tensor in module.state_dict().values())


def test_one_piece_of_a_file() -> None:
    model = DiT(golden.tiny_audiogen().config.dit)
    load_weights(model, golden.FOLDER / "audiogen_tiny.safetensors", prefix="backbone.")
    expected = golden.tiny_audiogen().backbone.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())


def test_a_module_on_the_meta_device_takes_the_files_tensors(tmp_path: Path) -> None:
    with torch.device("meta"):
        module = pair()
    load_weights(module, stored(tmp_path), dtype=torch.bfloat16)
    assert {tensor.dtype for tensor in module.state_dict().values()} == {torch.bfloat16}
    assert all((tensor == 7.0).all() for tensor in module.state_dict().values())


def test_the_golden_model_can_be_built_on_the_meta_device() -> None:
    """Nothing derived is kept in a buffer that the meta device would leave empty."""
    with torch.device("meta"):
        model = DiT(golden.tiny_audiogen().config.dit)
    load_weights(model.eval(), golden.FOLDER / "audiogen_tiny.safetensors", prefix="backbone.")
    latent, context, frame_context = torch.randn(1, 24, 7), torch.randn(1, 3, 32), torch.randn(1, 7, 32)
    with torch.no_grad():
        got = model(latent, 500, context, None, frame_context)
        expected = golden.tiny_audiogen().backbone(latent, 500, context, None, frame_context)
    golden.assert_agrees(got, expected)  # not bit for bit: sums depend on where a tensor lies in memory
