"""Reading prompts with a T5 of two layers: padding, limits, what is loaded and what is refused."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.text_reader import TextReader
from scene_schema.errors import Refused
from tests.make_tiny_published import SENTENCES, make_tiny_text_encoder

PROMPTS = ["<|caption|> rain", *SENTENCES]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_tiny_text_encoder(tmp_path, width=32)
    return tmp_path


def test_padding_to_the_limit_gives_the_same_states(folder: Path) -> None:
    """What the published code does, by transformers itself, against what we do."""
    from transformers import AutoTokenizer, T5EncoderModel

    states, mask = TextReader.load(folder, max_tokens=512).read(PROMPTS)
    padded = AutoTokenizer.from_pretrained(folder)(
        PROMPTS, padding="max_length", max_length=512, return_tensors="pt"
    )
    with torch.no_grad():
        expected = T5EncoderModel.from_pretrained(folder)(**padded).last_hidden_state
    longest = mask.shape[1]
    assert longest < 512
    assert torch.equal(mask, padded["attention_mask"][:, :longest].bool())
    error = (states[mask] - expected[:, :longest][mask]).abs().max() / expected.abs().max()
    assert error < 5e-6


def test_only_the_encoder_is_kept(folder: Path) -> None:
    reader = TextReader.load(folder, max_tokens=512)
    assert reader.text_dim == 32
    assert not [name for name in reader._encoder.state_dict() if "decoder" in name]
    assert any("decoder" in name for name in load_file(folder / "model.safetensors"))


def test_type_of_the_states(folder: Path) -> None:
    reader = TextReader.load(folder, max_tokens=512, dtype=torch.bfloat16)
    assert reader.read(["rain"])[0].dtype == torch.bfloat16


def test_a_text_too_long_names_its_field(folder: Path) -> None:
    reader = TextReader.load(folder, max_tokens=16)
    fits = "rain " * 15
    assert reader.count(fits) <= 16
    reader.read([fits])
    with pytest.raises(Refused, match="longer than the model reads") as caught:
        reader.read(["rain", "rain " * 16], field="$.layers[1].caption")
    finding = caught.value.findings[0]
    assert finding.field == "$.layers[1].caption"
    assert finding.got == f"{reader.count('rain ' * 16)} tokens"


def test_missing_and_wrong_tensors_are_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    tensors = load_file(file)
    lost = "encoder.block.1.layer.0.SelfAttention.q.weight"
    save_file(
        {name: tensor for name, tensor in tensors.items() if name != lost}, file, metadata={"format": "pt"}
    )
    with pytest.raises(Refused, match=lost):
        TextReader.load(folder, max_tokens=512)
    save_file(tensors | {lost: torch.zeros(3, 3)}, file, metadata={"format": "pt"})
    with pytest.raises(Refused, match="cannot be loaded"):
        TextReader.load(folder, max_tokens=512)


def test_code_and_pickles_in_the_folder_are_never_run(folder: Path) -> None:
    """A config that names code of its own is loaded as what it is, or refused; the code never runs."""
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForTextEncoding": "evil.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    with suppress(Refused):
        TextReader.load(folder, max_tokens=512)
    assert not (folder / "ran").exists()
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(Refused):
        TextReader.load(folder, max_tokens=512)


def test_a_sentencepiece_file_reads_as_sentencepiece_does(tmp_path: Path) -> None:
    """mT5 comes with `spiece.model` alone; its ids are those of the library that made it."""
    import sentencepiece
    from transformers import T5Config, T5EncoderModel

    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(SENTENCES * 20))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(tmp_path / "spiece"), vocab_size=120, character_coverage=1.0,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 0, "eos_token": "</s>"})
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "spiece.model"))
    sizes = {"d_model": 16, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    T5EncoderModel(T5Config(vocab_size=pieces.vocab_size(), **sizes)).save_pretrained(tmp_path)
    reader = TextReader.load(tmp_path, max_tokens=512)
    for text in [*PROMPTS, "two  spaces,\nand a line", "ﬁne ½ Ⅳ", "<|asr|> Grüße, 你好!"]:
        assert reader._tokenizer(text)["input_ids"] == [*pieces.encode(text), pieces.eos_id()], text
