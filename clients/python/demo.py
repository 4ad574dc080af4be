"""The demo: a scene rendered, one layer edited, and the product's promises checked on the files.

Starts an engine of its own, and leaves a folder; no process. Built beside its place and moved there
whole, so that a demo that was stopped leaves what was there before.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from clients.python.client import OnProgress
from clients.python.engine_choice import private_engine
from clients.python.picture import draw_scene
from clients.python.promises import Promise, check_edit, sha256_of, stem_files, sum_error
from clients.python.screen import Screen
from clients.python.sync_client import Client
from scene_schema.documents import scene_from_yaml
from scene_schema.errors import Finding, Refused
from scene_schema.messages import JobStatus
from scene_schema.scene import Scene

SCENE_FILE: Final = Path(__file__).parent / "demo_scene.yaml"
LAYER: Final = "rain"
CAPTION: Final = "ocean waves"
RATE_HZ: Final = 48_000
REPORT: Final = "report.json"
HANG_S: Final = 600.0  # no speed promise: only what keeps a broken engine from holding a terminal for ever


@dataclass(frozen=True)
class Demo:
    """What the demo measured and checked; `report` is what `report.json` holds."""

    report: dict[str, Any]
    promises: list[Promise]


def run_demo(out: Path, model: str, screen: Screen, started_s: float) -> Demo:
    """Runs the demo into `out`. `started_s`: when the command began, on `time.perf_counter`.

    Raises `Refused` where `out` is a folder that no demo made.
    """
    check_ours(out)
    scene = scene_from_yaml(SCENE_FILE.read_text("utf-8"))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        building = Path(scratch) / "demo"
        with private_engine(screen, model) as client:
            report = _record(client, scene, building, screen, started_s)
        promises = check_edit(building / "before", building / "after", LAYER)
        with screen.busy("drawing scene.png"):
            draw_scene(building / "before", building / "after", LAYER, building / "scene.png")
        report |= _measured(building, promises)
        report["seconds_total"] = round(time.perf_counter() - started_s, 3)
        (building / REPORT).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
        check_ours(out)
        if out.exists():
            shutil.rmtree(out)
        building.rename(out)
    return Demo(report, promises)


def check_ours(out: Path) -> None:
    """Raises `Refused` where `out` exists and is neither an earlier demo's folder nor an empty one."""
    if not out.exists() or (out.is_dir() and ((out / REPORT).is_file() or not any(out.iterdir()))):
        return
    finding = Finding(field="--out", expected="a new folder, or an earlier demo's", got=str(out))
    raise Refused(
        "exists",
        "there is something else in the demo's place; it stays as it is",
        findings=[finding],
        remedy="Name another folder: stemscape demo --out my_demo",
    )


def _record(client: Client, scene: Scene, folder: Path, screen: Screen, started_s: float) -> dict[str, Any]:
    """Renders, delivers, edits, delivers again; what it measured on the way."""
    ready_s = time.perf_counter()
    first_takes: list[float] = []

    client.create_scene(scene)
    with screen.progress() as show:
        client.render(scene.id, on_progress=_noting(first_takes, show), timeout_s=HANG_S)
    rendered_s = time.perf_counter()
    with screen.busy("writing the stems"):
        client.deliver(scene.id, folder / "before", rate_hz=RATE_HZ)

    edit_s = time.perf_counter()
    accepted = client.edit_layer(scene.id, LAYER, {"caption": CAPTION})
    with screen.progress() as show:
        client.wait(accepted, show, timeout_s=HANG_S)
    edited_s = time.perf_counter()
    with screen.busy("writing the stems"):
        client.deliver(scene.id, folder / "after", rate_hz=RATE_HZ)

    capabilities = client.welcome.model
    return {
        "edited": {
            "layer": LAYER,
            "field": "caption",
            "before": scene.layer(LAYER).caption,
            "after": CAPTION,
        },
        "model": capabilities.name,
        "weights_sha256": capabilities.weights_sha256,
        "seconds_to_engine_ready": round(ready_s - started_s, 3),
        "seconds_to_first_sound": round(min(first_takes) - started_s, 3),
        "seconds_for_scene": round(rendered_s - ready_s, 3),
        "seconds_for_edit": round(edited_s - edit_s, 3),
        "measured": {
            "seconds_to_engine_ready": "from the command's start until the model was loaded",
            "seconds_to_first_sound": "from the command's start until the first take was ready",
            "seconds_for_scene": "from the loaded model until every layer had its take",
            "seconds_for_edit": "from sending the edit until the new take was ready",
        },
    }


def _noting(first_takes: list[float], show: OnProgress) -> OnProgress:
    def note(job: JobStatus) -> None:
        if job.state == "done":
            first_takes.append(time.perf_counter())
        show(job)

    return note


def _measured(folder: Path, promises: list[Promise]) -> dict[str, Any]:
    before, after = stem_files(folder / "before"), stem_files(folder / "after")
    stems = {
        layer: {"before_sha256": sha256_of(path), "after_sha256": sha256_of(after[layer])}
        for layer, path in before.items()
    }
    return {
        "others_identical": all(
            hashes["before_sha256"] == hashes["after_sha256"]
            for layer, hashes in stems.items()
            if layer != LAYER
        ),
        "stems": stems,
        "sum_error": {side: _finite(sum_error(folder / side)) for side in ("before", "after")},
        "promises": [asdict(promise) for promise in promises],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no infinity
