"""Makes a folder with every tensor of the published Dasheng-AudioGen by name, shape and size, all zero.

`python -m tests.make_full_published FOLDER`. The files have their full length and take no room: the zeros are
holes, on file systems that have holes. The text encoder has flan-T5-large's sizes and the tiny tokenizer.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from tests.make_tiny_published import GOLDEN, make_tokenizer


def make_full_published(folder: Path) -> None:
    """Writes `generator/`, `codec/` and `text_encoder/` below `folder`, which is made."""
    published = json.loads((GOLDEN / "published_tensors.json").read_text())
    for piece, key in (("generator", "generator"), ("codec", "tokenizer")):
        (folder / piece).mkdir(parents=True, exist_ok=True)
        (folder / piece / "config.json").write_text(json.dumps(published[f"{key}_config"]))
        write_zeros(folder / piece / "model.safetensors", published[key])
    _make_text_encoder(folder / "text_encoder")


def write_zeros(file: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """A safetensors file of float32 zeros: its head, then a hole."""
    head: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, shape in shapes.items():
        end = at + 4 * math.prod(shape)
        head[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(8, "little") + text)
        opened.truncate(8 + len(text) + at)


def _make_text_encoder(folder: Path) -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    make_tokenizer().save_pretrained(folder)
    config = T5Config(
        vocab_size=32_128,
        d_model=1024,
        d_kv=64,
        d_ff=2816,
        num_layers=24,
        num_heads=16,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )
    with torch.device("meta"):
        state = T5ForConditionalGeneration(config).state_dict()
    copies = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")  # of `shared.weight`
    write_zeros(
        folder / "model.safetensors",
        {name: tensor.shape for name, tensor in state.items() if name not in copies},
    )
    config.save_pretrained(folder)


if __name__ == "__main__":
    make_full_published(Path(sys.argv[1]))
