"""The architecture as a test: import arrows, what importing may do, names that may not appear."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "scene_schema": set[str](),
    "engine": {"scene_schema"},
    "plugin_bridge": {"scene_schema", "engine"},
    "clients": {"scene_schema"},
}


def imported(file: Path) -> set[str]:
    """Top-level names of all modules that a file imports, at its head or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows_point_one_way(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        wrong = (imported(file) & MAY_IMPORT.keys()) - MAY_IMPORT[package] - {package}
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"


@pytest.mark.parametrize("package", ["scene_schema", "plugin_bridge"])
def test_no_torch_in_the_schema_or_the_bridge(package: str) -> None:
    for file in (ROOT / package).rglob("*.py"):
        assert "torch" not in imported(file), file


LIGHT = [
    "scene_schema.messages",
    "engine",
    "engine.worker",
    "engine.deliver",
    "plugin_bridge.bridge",
    "clients.python",
]


@pytest.mark.parametrize("module", LIGHT)
def test_importing_loads_no_torch(module: str) -> None:
    code = f"import {module}, sys; print('torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert ran.stdout == "False\n"


def test_a_network_that_runs_knows_nothing_of_training() -> None:
    for file in [*(ROOT / "engine").glob("*.py"), *(ROOT / "engine" / "models").glob("*.py")]:
        assert "engine.training" not in file.read_text("utf-8"), file


def test_no_room_for_odds_and_ends() -> None:
    odd = {"utils", "util", "helpers", "helper", "common", "misc", "core"}
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("*"):
            assert path.stem not in odd, path


def test_every_file_says_what_it_is() -> None:
    for package in MAY_IMPORT:
        for file in (ROOT / package).rglob("*.py"):
            text = file.read_text("utf-8")
            if text.strip():
                assert ast.get_docstring(ast.parse(text)), f"{file.relative_to(ROOT)} has no docstring"
