"""Finding, describing and verifying checkpoints, without torch."""

import hashlib
import json
from pathlib import Path

import pytest

from engine import checkpoint
from scene_schema.errors import Refused
from tests.make_tiny_published import make_tiny_published

MODEL = {
    "architecture": "fake",
    "capabilities": checkpoint.describe("fake").model_dump() | {"weights_sha256": "0" * 64},
}


def test_the_shipped_models_describe_themselves() -> None:
    for name in ("fake", "compact"):
        assert checkpoint.describe(name).name == name


def test_the_shipped_weights_are_the_ones_described() -> None:
    checkpoint.verify(checkpoint.find("compact"))


def test_a_published_model_that_is_found_is_verified(tmp_path: Path) -> None:
    make_tiny_published(tmp_path / "tiny")
    checkpoint.verify(checkpoint.find(str(tmp_path / "tiny")))


def test_an_unknown_model_is_answered_with_those_that_exist() -> None:
    with pytest.raises(Refused, match="no model 'dashing'") as caught:
        checkpoint.find("dashing")
    assert caught.value.code == "model_failed"
    assert "compact, fake" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"architecture": "x", "capabilities": {}}'])
def test_a_broken_description_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / checkpoint.DESCRIPTION).write_text(text)
    with pytest.raises(Refused):
        checkpoint.find(str(tmp_path))


def test_missing_and_damaged_weights_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / checkpoint.DESCRIPTION).write_text(json.dumps(MODEL))
    found = checkpoint.find(str(tmp_path))
    with pytest.raises(Refused, match="cannot be read"):
        checkpoint.verify(found)
    found.weights.write_bytes(b"something else")
    with pytest.raises(Refused, match="not the file that its description names"):
        checkpoint.verify(found)


def test_an_ear_is_part_of_what_is_described(tmp_path: Path) -> None:
    """Another ear is another sound, so it has another digest; a model without one is known by its weights."""
    (tmp_path / checkpoint.WEIGHTS).write_bytes(b"weights")
    (tmp_path / checkpoint.EAR).write_bytes(b"ear")
    with_ear = {**MODEL, "config": {"ear": ["env/rain"]}}
    digests = []
    for model in (MODEL, with_ear):
        (tmp_path / checkpoint.DESCRIPTION).write_text(json.dumps(model))
        files = checkpoint.find(str(tmp_path)).files
        digests.append(checkpoint.files_sha256(files))
        described = {**model, "capabilities": MODEL["capabilities"] | {"weights_sha256": digests[-1]}}
        (tmp_path / checkpoint.DESCRIPTION).write_text(json.dumps(described))
        checkpoint.verify(checkpoint.find(str(tmp_path)))
    assert digests[0] == hashlib.sha256(b"weights").hexdigest() != digests[1]
    (tmp_path / checkpoint.EAR).write_bytes(b"another")
    with pytest.raises(Refused, match=r"ear\.safetensors is not the file"):
        checkpoint.verify(checkpoint.find(str(tmp_path)))
