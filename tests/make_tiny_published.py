"""Makes a published model small enough for a test: golden generator, two layers of codec and text encoder.

`python -m tests.make_tiny_published FOLDER`. Codec and text encoder have random weights, the encoder a real
tokenizer of a few sentences. Made twice, it is the same twice.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from engine.models.audiogen import decoder_config, encoder_config
from engine.models.tokenizer import TokenizerEncoder
from engine.models.vocos import Vocos

GOLDEN = Path(__file__).parent / "golden"
SENTENCES = (
    "<|caption|> A man says good evening while rain falls on a tin roof and a guitar plays.",
    "<|speech|> A calm young woman speaks slowly. <|asr|> The door is open, come in!",
    "<|sfx|> a door slams, then footsteps on gravel <|music|> soft piano, slow and sad",
    "<|env|> wind in the trees, distant thunder, birds at dawn, waves on a beach, traffic in the city",
)


def make_tiny_published(folder: Path) -> None:
    """Writes `generator/`, `codec/` and `text_encoder/` below `folder`, which is made."""
    generator = folder / "generator"
    generator.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(GOLDEN / "audiogen_tiny.safetensors", generator / "model.safetensors")
    shutil.copyfile(GOLDEN / "audiogen_tiny_config.json", generator / "config.json")
    sizes = json.loads((generator / "config.json").read_text())
    make_tiny_codec(folder / "codec", latent_dim=sizes["latent_dim"])
    make_tiny_text_encoder(folder / "text_encoder", width=sizes["content_dim"])


def make_tiny_codec(folder: Path, *, latent_dim: int) -> None:
    """Encoder and decoder with random weights: the golden codec's latents are not the golden generator's."""
    sizes = json.loads((GOLDEN / "tokenizer_tiny_config.json").read_text()) | {"embed_dim": latent_dim}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        decoder, encoder = Vocos(decoder_config(sizes)), TokenizerEncoder(encoder_config(sizes))
    tensors = {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(decoder.state_dict() | tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(sizes))


def make_tiny_text_encoder(folder: Path, *, width: int, whole: bool = True) -> None:
    """A T5 in transformers' layout: encoder and decoder, as the published ones, or the encoder alone."""
    from transformers import T5Config, T5EncoderModel, T5ForConditionalGeneration
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=width,
        d_kv=8,
        d_ff=2 * width,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = T5ForConditionalGeneration(config) if whole else T5EncoderModel(config)
    model.save_pretrained(folder)


def make_tokenizer() -> Any:
    """A unigram tokenizer as T5's: words and letters of a few sentences, likelier where frequent."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = [f"▁{word}" for sentence in SENTENCES for word in sentence.split()]
    letters = [*"▁abcdefghijklmnopqrstuvwxyz", *(letter for word in words for letter in word)]
    counts = Counter(words + letters)
    total = counts.total()
    scored = [(piece, math.log(count / total)) for piece, count in sorted(counts.items())]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    made = Tokenizer(models.Unigram([*special, *scored], unk_id=2))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


if __name__ == "__main__":
    make_tiny_published(Path(sys.argv[1]))
