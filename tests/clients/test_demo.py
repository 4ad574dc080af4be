"""The demo, with the fake model: what it leaves, what it must not touch, and no process behind it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from clients.python.demo import CAPTION, LAYER, SCENE_FILE
from clients.python.promises import sha256_of, stem_files
from scene_schema.documents import scene_from_yaml
from tests.clients.command import COMMAND, environment, left_behind, run


def test_the_demo_leaves_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--model", "fake")
    assert done.returncode == 0, done.stderr
    assert "kept" in done.stdout
    assert "broken" not in done.stdout
    out = tmp_path / "demo_out"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo_out"]
    assert sorted(path.name for path in out.iterdir()) == ["after", "before", "report.json", "scene.png"]
    layers = [layer.id for layer in scene_from_yaml(SCENE_FILE.read_text("utf-8")).layers]
    for side in ("before", "after"):
        names = {path.name for path in (out / side).iterdir()}
        assert names == {*(f"{layer}.wav" for layer in layers), "mix.wav", "manifest.json"}
        assert {soundfile.info(path).frames for path in (out / side).glob("*.wav")} == {8 * 48_000}
    assert left_behind(tmp_path) == []

    report = json.loads((out / "report.json").read_text("utf-8"))
    assert report["edited"]["layer"] == LAYER
    assert report["edited"]["after"] == CAPTION
    assert report["others_identical"] is True
    assert all(promise["kept"] for promise in report["promises"])
    times = [report[f"seconds_{name}"] for name in ("to_engine_ready", "to_first_sound", "total")]
    assert times == sorted(times)
    assert {report["seconds_for_scene"] > 0, report["seconds_for_edit"] > 0} == {True}
    for layer, path in stem_files(out / "before").items():
        assert report["stems"][layer]["before_sha256"] == sha256_of(path)

    again = run(tmp_path, "demo", "--model", "fake", "--json")  # its own folder it replaces
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["others_identical"] is True
    assert again.stderr == ""


def test_somebody_elses_folder_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "album.wav").write_bytes(b"mine")
    done = run(tmp_path, "demo", "--model", "fake", "--out", "music", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "exists"
    assert [path.name for path in (tmp_path / "music").iterdir()] == ["album.wav"]


def test_a_model_that_does_not_exist_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--model", "no-such-model")
    assert done.returncode == 3
    assert "no-such-model" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert left_behind(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["stems-*", "stems-*/data/journal.sqlite", ".demo_out-*/demo/before"])
def test_a_stopped_demo_leaves_no_process_and_no_half_folder(
    tmp_path: Path, number: signal.Signals, moment: str
) -> None:
    with subprocess.Popen(
        [*COMMAND, "demo", "--model", "fake"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not list(tmp_path.glob(moment)):
            assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode in (130, 143), errors
    assert "Traceback" not in errors
    assert left_behind(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
