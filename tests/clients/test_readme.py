"""What the README and the examples show, run as shown, with the fake model."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from scene_schema.documents import scene_from_yaml
from tests.clients.command import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("block", blocks("python"))
def test_python_blocks_run(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    assert "LocalEngine()" in block
    script = tmp_path / "block.py"
    script.write_text(block.replace("LocalEngine()", 'LocalEngine("fake")'), "utf-8")
    runpy.run_path(str(script))
    assert (tmp_path / "after" / "mix.wav").is_file()


@pytest.mark.parametrize("block", blocks("yaml"))
def test_scenes_are_valid(block: str) -> None:
    assert scene_from_yaml(block).layers


def test_there_is_something_to_run() -> None:
    assert blocks("python")
    assert blocks("yaml")


def test_every_file_named_exists() -> None:
    named = re.findall(r"`((?:scene_schema|engine|plugin_bridge|clients|examples|docs)/[\w./]*)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_edit_one_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples" / "edit_one_layer.py"))["main"](tmp_path, "fake")
    said = capsys.readouterr().out
    assert said.count("the same, byte for byte") == 3
    assert "rain: new" in said


def test_five_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    takes = runpy.run_path(str(ROOT / "examples" / "five_takes.py"))["main"](tmp_path, "fake")
    assert len({take.read_bytes() for take in takes}) == 5
    assert "0 stale stems" in capsys.readouterr().out


def test_cancel_midway() -> None:
    assert runpy.run_path(str(ROOT / "examples" / "cancel_midway.py"))["main"]("fake") == [
        "cancelled",
        "done",
    ]
