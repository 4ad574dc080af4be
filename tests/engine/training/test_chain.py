"""The whole training, at a hundredth of its size: every stage runs, and what comes out loads and sounds."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine import checkpoint
from engine.compact_renderer import CompactRenderer
from engine.renderer import Sound
from scene_schema.rendering import request_for
from scene_schema.scene import check_scene

pytest.importorskip("tinysoundfont", reason="training needs the train extra and tinysoundfont")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_every_stage_runs_and_the_checkpoint_loads(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine.training", "--run", str(tmp_path / "run"), "--scale", "0.003"]
    subprocess.run([*command, "--out", str(tmp_path / "model")], check=True)
    found = checkpoint.find(str(tmp_path / "model"))
    renderer = CompactRenderer.load(found, threads=0)
    layers = [
        {"id": "a", "view": "speech", "caption": "a man", "transcript": "good morning"},
        {"id": "b", "view": "env", "caption": "rain"},  # what the ear hears
        {"id": "c", "view": "music", "caption": "a piano"},
    ]
    tempo = {"bpm": 120.0}
    scene = check_scene({"id": "s", "duration_s": 2.0, "tempo": tempo, "chords": ["Am"], "layers": layers})
    for layer in scene.layers:
        *_, sound = renderer.render(request_for(scene, layer, found.capabilities))
        assert isinstance(sound, Sound)
        assert sound.samples.shape == (48_000, 1)
        assert np.isfinite(sound.samples).all()
