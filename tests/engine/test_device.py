import pytest
import torch

from engine.device import nudge_for, pick_device
from scene_schema.errors import Refused

WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without a GPU says")


@pytest.mark.parametrize("asked", ["cpu", pytest.param("auto", marks=WITHOUT_GPU)])
def test_the_cpu_is_always_there(asked: str) -> None:
    assert pick_device(asked) == torch.device("cpu")
    assert pick_device("auto", otherwise="cpu") == torch.device("cpu")


@WITHOUT_GPU
@pytest.mark.parametrize("asked", ["cuda", "cuda:0", "cuda:7"])
def test_a_gpu_that_is_not_there_is_refused_with_what_to_do(asked: str) -> None:
    with pytest.raises(Refused, match=f"loaded onto '{asked}'") as refused:
        pick_device(asked)
    assert refused.value.code == "model_failed"
    assert "no CUDA device" in refused.value.findings[0].expected
    assert "--device cpu" in refused.value.remedy


@pytest.mark.parametrize("asked", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "mps"])
def test_what_is_no_device_is_refused(asked: str) -> None:
    with pytest.raises(Refused) as refused:
        pick_device(asked)
    assert refused.value.findings[0].got == asked


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_number_beyond_the_last_gpu_is_refused() -> None:
    count = torch.cuda.device_count()
    assert pick_device("cuda:0") == torch.device("cuda", 0)
    with pytest.raises(Refused, match=f"cuda:{count}"):
        pick_device(f"cuda:{count}")


def test_a_nudge_can_be_repeated() -> None:
    nudge = nudge_for("cuda" if torch.cuda.is_available() else "cpu")
    nudge()
    nudge()
