"""A trained judge on disk: float16 weights in safetensors, and what its numbers stand for in the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from engine.evaluation.judge import Judge
from engine.evaluation.phonemes import PhonemeReader
from engine.evaluation.tempo import BeatReader

Network = TypeVar("Network", bound=nn.Module)


def store(network: nn.Module, path: Path, **facts: Any) -> None:
    """Writes the weights as float16, except a normalisation's statistics, with facts that JSON can hold."""
    tensors = {
        name: (value if "running_" in name or not value.is_floating_point() else value.half()).contiguous()
        for name, value in network.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"facts": json.dumps(facts, ensure_ascii=False)})


def facts_of(path: Path) -> dict[str, Any]:
    """What was stored beside the weights. Raises FileNotFoundError, naming the command that makes it."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: make it with `python -m engine.evaluation.train`")
    with safe_open(path, framework="pt") as file:
        facts: dict[str, Any] = json.loads(file.metadata()["facts"])
    return facts


def load_judge(folder: Path) -> Judge:
    """`judge.safetensors`, ready to be asked."""
    path = folder / "judge.safetensors"
    return _filled(Judge(facts_of(path)["classes"]), path)


def load_phoneme_reader(folder: Path) -> PhonemeReader:
    """`phonemes.safetensors`, ready to be asked."""
    path = folder / "phonemes.safetensors"
    return _filled(PhonemeReader(facts_of(path)["symbols"]), path)


def load_beat_reader(folder: Path) -> BeatReader:
    """`beats.safetensors`, ready to be asked."""
    path = folder / "beats.safetensors"
    facts_of(path)
    return _filled(BeatReader(), path)


def _filled(network: Network, path: Path) -> Network:
    network.load_state_dict(load_file(path))
    network.float().eval()
    return network
