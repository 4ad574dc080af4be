"""A published model on disk: both layouts, several files, what is missing, what it takes; without torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import checkpoint, weights_digest
from engine.models.audiogen import AudioGen, AudioGenConfig
from engine.models.weights import load_weights
from engine.published import open_published
from engine.published_memory import _container_bytes, check_before_loading, check_memory, memory_need
from engine.published_shapes import check_shapes
from engine.text_reader import TextReader
from engine.worker import load
from scene_schema.errors import Refused
from tests.engine.models import golden
from tests.make_full_published import make_full_published
from tests.make_tiny_published import make_tiny_published

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make_tiny_published(folder)
    return folder


@pytest.fixture
def tiny(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to damage, and a cache of digests of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Path(shutil.copytree(made, tmp_path / "tiny"))


def test_capabilities_come_from_the_configs(tiny: Path) -> None:
    found = checkpoint.find(str(tiny))
    can = found.capabilities
    assert (found.architecture, found.folder) == ("audiogen", tiny)
    assert (can.name, can.rate_hz, can.channels, can.latent_rate_hz) == ("tiny", 16_000, 1, 25.0)
    assert (can.steps, can.draft_steps, can.guidance) == (25, 6, 5.0)
    assert len(can.views) == 6
    assert not (can.cues or can.tempo or can.chords)


def test_describing_loads_no_torch(tiny: Path) -> None:
    code = "import sys; from engine.checkpoint import describe; describe(sys.argv[1])"
    code += "; print('torch' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tiny)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert ran.stdout == "False\n"


def test_a_bare_generator_finds_its_pieces_beside_it(tiny: Path, tmp_path: Path) -> None:
    beside = tmp_path / "clones"
    shutil.copytree(tiny / "generator", beside / "Dasheng-AudioGen")
    shutil.copytree(tiny / "codec", beside / "dashengtokenizer")
    shutil.copytree(tiny / "text_encoder", beside / "flan-t5-large")
    bare = checkpoint.describe(str(beside / "Dasheng-AudioGen"))
    assert bare.weights_sha256 == checkpoint.describe(str(tiny)).weights_sha256
    shutil.rmtree(beside / "dashengtokenizer")
    with pytest.raises(Refused, match="not whole") as caught:
        checkpoint.find(str(beside / "Dasheng-AudioGen"))
    assert [finding.field for finding in caught.value.findings] == ["codec"]
    assert "mispeech/dashengtokenizer" in caught.value.findings[0].expected
    assert "stemscape models pull dasheng" in caught.value.remedy


def test_a_model_that_was_not_pulled_says_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Refused, match="not on this machine") as caught:
        checkpoint.find("dasheng-multilingual")
    assert caught.value.remedy == "Fetch it: stemscape models pull dasheng-multilingual"


@pytest.mark.parametrize(
    ("piece", "name", "expected"),
    [
        ("generator", "config.json", "the sizes of the network"),
        ("generator", "model.safetensors", "the weights"),
        ("codec", "config.json", "the sizes of the network"),
        ("codec", "model.safetensors", "the weights"),
        ("text_encoder", "config.json", "the sizes of the network"),
        ("text_encoder", "model.safetensors", "the weights"),
        ("text_encoder", "tokenizer.json", "that or spiece.model"),
    ],
)
def test_a_missing_file_is_named(tiny: Path, piece: str, name: str, expected: str) -> None:
    (tiny / piece / name).unlink()
    with pytest.raises(Refused) as caught:
        open_published(tiny)
    assert [(one.field, one.expected) for one in caught.value.findings] == [
        (str(tiny / piece / name), expected)
    ]


def test_all_that_is_missing_is_named_at_once(tiny: Path) -> None:
    shutil.rmtree(tiny / "codec")
    (tiny / "text_encoder" / "tokenizer.json").unlink()
    with pytest.raises(Refused) as caught:
        open_published(tiny)
    assert len(caught.value.findings) == 3


def test_a_pickle_is_told_apart_from_nothing(tiny: Path) -> None:
    weights = tiny / "text_encoder" / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    with pytest.raises(Refused, match="a pickle"):
        open_published(tiny)


def test_a_file_cut_short_is_found_without_reading_it_all(tiny: Path) -> None:
    weights = tiny / "generator" / "model.safetensors"
    os.truncate(weights, weights.stat().st_size - 1)
    with pytest.raises(Refused, match="damaged or no safetensors file"):
        open_published(tiny)


def split(folder: Path) -> None:
    """One file becomes two and an index, as large models are stored."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, held in parts.items():
        save_file({name: tensors[name] for name in held}, folder / file, metadata={"format": "pt"})
    index = {"weight_map": {name: file for file, held in parts.items() for name in held}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_weights_in_several_files(tiny: Path) -> None:
    split(tiny / "generator")
    published = open_published(tiny)
    check_shapes(published)
    model = AudioGen(AudioGenConfig.from_published(published.generator_config))
    load_weights(model, published.generator_weights)
    expected = golden.tiny_audiogen().state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())
    (tiny / "generator" / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(Refused, match=r"00002-of-00002\.safetensors: the weights, got no such file"):
        open_published(tiny)


@pytest.mark.parametrize("named", ["../../elsewhere.safetensors", "/etc/passwd", "code.py", 3])
def test_an_index_cannot_name_files_elsewhere(tiny: Path, named: object) -> None:
    index = {"weight_map": {"a": named}}
    (tiny / "codec" / "model.safetensors").unlink()
    (tiny / "codec" / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(Refused, match="no weight_map"):
        open_published(tiny)


def test_wrong_tensors_are_named_without_loading(tiny: Path) -> None:
    file = tiny / "generator" / "model.safetensors"
    tensors = load_file(file)
    tensors["dummy_ta_embed"] = torch.zeros(7)
    del tensors["dummy_nta_embed"]
    save_file(tensors, file)
    with pytest.raises(Refused) as caught:
        check_shapes(open_published(tiny))
    got = [finding.got for finding in caught.value.findings]
    assert got == [
        "missing: dummy_nta_embed, expected [32]",
        "wrong shape: dummy_ta_embed, expected [32], found [7]",
    ]


def test_pieces_of_different_models_are_found_out(tiny: Path) -> None:
    config = tiny / "text_encoder" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"d_model": 48}))
    with pytest.raises(Refused, match="d_model: 32, the generator's content_dim, got 48"):
        check_shapes(open_published(tiny))


def test_the_digest_follows_contents_and_reads_once(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = checkpoint.describe(str(tiny)).weights_sha256
    read: list[Path] = []
    real: Callable[[Path], str] = weights_digest.sha256_of
    monkeypatch.setattr(weights_digest, "sha256_of", lambda file: (read.append(file), real(file))[1])
    assert checkpoint.describe(str(tiny)).weights_sha256 == first
    assert read == []
    tokenizer = tiny / "text_encoder" / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + "\n")
    assert checkpoint.describe(str(tiny)).weights_sha256 != first
    assert read == [tokenizer]


def test_a_broken_store_of_digests_costs_nothing_but_time(tiny: Path) -> None:
    first = checkpoint.describe(str(tiny)).weights_sha256
    weights_digest.digests_file().write_text("{")
    assert checkpoint.describe(str(tiny)).weights_sha256 == first


def test_memory_is_counted_by_what_stays(tiny: Path) -> None:
    published = open_published(tiny)
    wide, narrow = memory_need(published), memory_need(published, generator_weight_bytes=2)
    assert wide.generator_bytes == 2 * narrow.generator_bytes
    vocos = golden.Vocos(golden.decoder_config(published.codec_config))
    assert wide.codec_bytes == 4 * sum(tensor.numel() for tensor in vocos.state_dict().values())
    with pytest.raises(Refused, match="too little free memory"):
        check_memory(wide.total_bytes, wide.total_bytes - 1)
    check_memory(wide.total_bytes, wide.total_bytes)
    check_memory(wide.total_bytes, None)


def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need = memory_need(open_published(tiny), generator_weight_bytes=1)
    monkeypatch.setattr("engine.published_memory.available_bytes", lambda: need.total_bytes - 1)
    with pytest.raises(Refused, match=r"free memory: 0\.0 GB for the weights alone"):
        load(str(tiny), 1)
    published = open_published(tiny)
    with pytest.raises(Refused, match="free GPU memory"):
        check_before_loading(published, "bfloat16", gpu_free_bytes=1000)
    check_before_loading(published, "bfloat16", gpu_free_bytes=2**30)  # main memory holds the text encoder


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    assert _container_bytes(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    assert _container_bytes(tmp_path) is None
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 700\ninactive_file 150\nactive_file 50\n")
    assert _container_bytes(tmp_path) == 300


def test_the_published_tensors_at_full_size_are_ours(tmp_path: Path) -> None:
    make_full_published(tmp_path)
    published = open_published(tmp_path)
    check_shapes(published)
    need = memory_need(published, generator_weight_bytes=2)
    assert need.generator_bytes // 2 == 1_713_347_619  # without what only the schedule needs
    assert need.codec_bytes // 4 == 173_928_962
    assert need.text_encoder_bytes // 4 == 341_231_104  # the encoder of flan-T5-large


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_published_model_loads_at_full_size(tmp_path: Path) -> None:
    """12 GB are read by the digest, and all networks built from files of the published sizes."""
    make_full_published(tmp_path)
    can = checkpoint.describe(str(tmp_path))
    assert len(can.weights_sha256) == 64
    published = open_published(tmp_path)
    with torch.device("meta"):
        model = AudioGen(AudioGenConfig.from_published(published.generator_config))
        vocos = golden.Vocos(golden.decoder_config(published.codec_config))
    load_weights(vocos, published.codec_weights, other_pieces=("encoder.",))
    assert vocos(torch.zeros(1, 1280, 2)).shape == (1, 1280)
    load_weights(model, published.generator_weights, dtype=torch.bfloat16)
    assert not any(tensor.is_meta for tensor in model.state_dict().values())
    del model
    reader = TextReader.load(published.text_encoder, max_tokens=512)
    states, _ = reader.read(["<|caption|> rain"])
    assert states.shape[-1] == reader.text_dim == published.generator_config["content_dim"]
