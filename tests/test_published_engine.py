"""The published architecture through a real engine, in tiny: bridge, worker, text, generator, codec."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clients.python import Client, LocalEngine
from scene_schema.scene import check_scene
from tests.clients.command import run
from tests.make_tiny_published import make_tiny_published

RATE_HZ = 16_000
SCENE = {
    "id": "street",
    "duration_s": 1.0,
    "layers": [
        {"id": "rain", "view": "env", "caption": "rain on a roof"},
        {"id": "bell", "view": "sfx", "caption": "a large bell", "seed": 3},
    ],
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    make_tiny_published(folder)
    with LocalEngine(str(folder)) as engine:
        yield engine


@pytest.fixture(scope="module")
def client(engine: LocalEngine) -> Iterator[Client]:
    with Client(engine.address, timeout_s=60.0) as client:
        client.wait_ready()
        client.create_scene(check_scene(SCENE))
        client.render("street")
        yield client


def stems(client: Client, folder: Path) -> dict[str, np.ndarray]:
    delivery = client.deliver("street", folder, rate_hz=RATE_HZ, bit_depth=32)
    return {name: soundfile.read(path, dtype="float32")[0] for name, path in delivery.stems.items()}


def test_an_edit_renders_one_layer_away_from_the_others_words(client: Client, tmp_path: Path) -> None:
    before = stems(client, tmp_path / "before")
    asked = {one.id: one.apart_from for one in client.get_scene("street").scene.layers}
    assert asked == {"rain": ["a large bell"], "bell": ["rain on a roof"]}
    accepted = client.edit_layer("street", "rain", {"caption": "a storm"})
    client.wait(accepted)
    assert accepted.stale == ["rain"]
    after = stems(client, tmp_path / "after")
    assert np.array_equal(before["bell"], after["bell"])
    assert not np.allclose(before["rain"], after["rain"], atol=1e-3)


def test_stems_of_one_mix_add_up_and_an_edit_leaves_the_others(client: Client, tmp_path: Path) -> None:
    client.wait(client.compose("street", 5))
    composed = stems(client, tmp_path / "composed")
    client.wait(client.edit_layer("street", "rain", {"caption": "a drizzle"}))
    after = stems(client, tmp_path / "after")
    assert np.array_equal(composed["bell"], after["bell"])
    assert not np.allclose(composed["rain"], after["rain"], atol=1e-3)


def test_a_document_without_a_length_gets_the_models_own(
    engine: LocalEngine, client: Client, tmp_path: Path
) -> None:
    document = tmp_path / "open.yaml"
    document.write_text(json.dumps({"id": "open", "layers": SCENE["layers"]}))
    out, at = tmp_path / "out", ("--address", engine.address, "--json")
    made = run(tmp_path, "render", document, "--out", out, *at)
    assert made.returncode == 0, made.stdout + made.stderr
    own_s = client.get_scene("open").scene.duration_s
    assert own_s != 10.0
    assert own_s * 25 == pytest.approx(round(own_s * 25))
    for file in out.glob("*.wav"):
        assert soundfile.info(file).frames == round(own_s * 48_000)
    again = run(tmp_path, "fit", "open", *at)
    assert json.loads(again.stdout)["duration_s"] == own_s
