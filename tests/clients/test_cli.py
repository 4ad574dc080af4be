"""The command: what people read, what programs read, and what wrong input costs (nothing)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from clients.python import Client, LocalEngine
from clients.python.cli import app
from clients.python.credentials import command_line
from clients.python.promises import read_manifest
from scene_schema.documents import scene_from_yaml, scene_to_yaml
from scene_schema.messages import JobStatus
from scene_schema.scene import Scene
from tests.clients.command import COMMAND, environment, left_behind, run
from tests.plugin_bridge.engine_process import EngineProcess

NewScene = Callable[..., Scene]
NOBODY = "tcp://127.0.0.1:9"


def stemscape(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def as_json(result: Result) -> dict[str, Any]:
    lines = result.stdout.splitlines()
    assert len(lines) == 1, result.stdout
    data: dict[str, Any] = json.loads(lines[0])
    return data


@pytest.fixture
def document(tmp_path: Path, new_scene: NewScene) -> Path:
    path = tmp_path / "scene.yaml"
    path.write_text(scene_to_yaml(new_scene()), "utf-8")
    return path


# --- without an engine ----------------------------------------------------------------------------------


def test_version_and_help() -> None:
    assert stemscape("--version").stdout.startswith("stemscape ")
    text = stemscape("--help").stdout
    assert all(word in text for word in ("serve", "status", "validate", "render", "edit", "undo", "demo"))


def test_a_valid_scene(document: Path) -> None:
    done = stemscape("validate", document)
    assert done.exit_code == 0
    assert "voice (speech)" in done.stdout
    assert "next: stemscape render" in done.stdout
    assert as_json(stemscape("validate", document, "--json"))["valid"] is True


@pytest.mark.parametrize(
    ("text", "code", "field", "says"),
    [
        ("id: a\nlayers: [", "malformed", None, "line 2"),
        ("just words", "invalid", "$", "a scene"),
        ("id: a\nlayers:\n- {id: x, view: env, caption: c, gain: 1}", "invalid", "$.layers[0].gain", ""),
        (
            "id: a\nlayers:\n- {id: x, view: env, caption: c, gain_db: 40}",
            "invalid",
            "$.layers[0].gain_db",
            "12",
        ),
        ("id: a\nlayers:\n- {id: x, view: smell, caption: c}", "invalid", "$.layers[0].view", "'speech'"),
    ],
)
def test_a_broken_scene_is_explained(
    tmp_path: Path, text: str, code: str, field: str | None, says: str
) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, "utf-8")
    error = as_json(stemscape("validate", path, "--json"))["error"]
    assert error["code"] == code
    assert says in json.dumps(error)
    if field is not None:
        assert error["findings"][0]["field"] == field
    done = stemscape("validate", path)
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert code in done.stderr
    for words in (["render", path], ["edit", path, "x", "--caption", "y"]):
        assert stemscape(*words).exit_code == 2


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in as_json(stemscape("validate", tmp_path / "bytes.yaml", "--json"))["error"]["message"]
    missing = stemscape("validate", tmp_path / "missing.yaml", "--json")
    assert (missing.exit_code, as_json(missing)["error"]["code"]) == (2, "file")
    assert "missing.yaml" in stemscape("render", tmp_path / "missing.yaml").stderr
    assert stemscape("validate", tmp_path).exit_code == 2


@pytest.mark.parametrize(
    "words", [["render"], ["nonsense"], ["render", "x.yaml", "--loud"], ["status", "--json=3"]]
)
def test_a_command_line_that_cannot_be_read(words: list[str]) -> None:
    assert stemscape(*words).exit_code == 2
    if not any("=" in word for word in words):
        done = stemscape(*words, "--json")
        assert done.exit_code == 2
        assert as_json(done)["error"]["code"] == "usage"


@pytest.mark.parametrize("words", [["status"], ["edit", "some-scene", "rain", "--caption", "x"]])
def test_nobody_answers(words: list[str]) -> None:
    done = stemscape(*words, "--address", NOBODY)
    assert done.exit_code == 3
    assert "stemscape serve" in done.stderr
    error = as_json(stemscape(*words, "--address", NOBODY, "--json"))["error"]
    assert error["code"] == "engine_lost"
    assert "stemscape serve" in error["remedy"]


def test_an_address_that_was_asked_for_is_not_replaced_by_a_private_engine(document: Path) -> None:
    assert stemscape("render", document, "--out", document.parent / "o", "--address", NOBODY).exit_code == 3


def test_what_the_files_cannot_be_is_said_before_anything_is_rendered(document: Path) -> None:
    done = stemscape("render", document, "--rate-hz", 47_999, "--bit-depth", 8, "--json")
    assert [finding["field"] for finding in as_json(done)["error"]["findings"]] == [
        "--rate-hz",
        "--bit-depth",
    ]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["--flac", "--bit-depth", 32], "--bit-depth"),
        (["--bars", 0], "--bars"),
        (["--lufs", 3], "--lufs"),
    ],
)
def test_what_delivery_options_may_not_be(document: Path, words: list[object], field: str) -> None:
    done = stemscape("render", document, *words, "--json")
    assert [finding["field"] for finding in as_json(done)["error"]["findings"]] == [field]


@pytest.mark.parametrize(
    ("words", "got"),
    [([], "neither"), (["j1", "--mine"], "both"), (["j1", "--scene", "rain"], "--scene with a job")],
)
def test_what_is_to_be_cancelled_is_said(words: list[str], got: str) -> None:
    error = as_json(stemscape("cancel", *words, "--address", NOBODY, "--json"))["error"]
    assert (error["code"], error["findings"][0]["got"]) == ("invalid", got)


# --- with the engine that runs --------------------------------------------------------------------------


def test_status(engine: LocalEngine) -> None:
    done = stemscape("status", "--address", engine.address)
    assert done.exit_code == 0, done.output
    assert "next:" in done.stdout
    said = as_json(stemscape("status", "--address", engine.address, "--json"))
    assert said["model"]["name"] == "fake"
    if said["measured"]["bridge_bytes"]:  # where the system says so
        assert "memory: bridge" in done.stdout


def test_status_tells_what_was_measured(engine: LocalEngine, document: Path) -> None:
    out = document.parent / "out"
    assert stemscape("render", document, "--out", out, "--address", engine.address).exit_code == 0
    done = stemscape("status", "--address", engine.address)
    assert "edit → acknowledged" in done.stdout
    assert "sampling step" in done.stdout
    assert " done" in done.stdout


def test_cancel_ends_what_the_commands_of_this_person_asked_for(
    engine: LocalEngine, new_scene: NewScene
) -> None:
    at = ["--address", engine.address]
    with Client(engine.address, credentials=command_line()) as client, Client(engine.address) as other:
        slow, wanted = new_scene("slow rain"), new_scene("slow hail")
        for scene in (slow, wanted):
            client.create_scene(scene)
        mine = client.start_render(slow.id)
        shared = client.start_render(wanted.id, ["rain"])
        assert other.start_render(wanted.id, ["rain"]).jobs[0].job == shared.jobs[0].job
        assert as_json(stemscape("cancel", "--mine", "--scene", "nowhere", *at, "--json"))["jobs"] == []
        done = as_json(stemscape("cancel", "--mine", *at, "--json"))
        assert done["jobs"][-1]["owners"] == [other.session.client]
        assert {job.state for job in client.wait(mine).jobs} <= {"cancelled", "done"}
        assert client.get_job(mine.jobs[-1].job).state == "cancelled"
        assert "belongs to" in stemscape("cancel", shared.jobs[0].job, *at).stderr, "not ours any more"
        assert [job.state for job in other.wait(shared).jobs] == ["done"]
    done = stemscape("cancel", "--mine", *at)
    assert "nothing that your commands asked for" in done.stdout


def test_a_batch_render_is_one(engine: LocalEngine, document: Path) -> None:
    with Client(engine.address) as client:
        events = client.events()
        words = ["render", document, "--batch", "--out", document.parent / "o", "--address", engine.address]
        assert stemscape(*words).exit_code == 0
        first = next(event.content for event in events if event.kind == "event.job")
        assert isinstance(first, JobStatus)
        assert (first.priority, first.owners) == ("batch", [command_line().name])


def test_unload_and_load() -> None:
    with LocalEngine("fake") as engine, Client(engine.address) as client:
        client.wait_ready()
        at = ["--address", engine.address]
        (worker,) = as_json(stemscape("unload", *at, "--json"))["workers"]
        assert worker["state"] == "unloaded"
        assert client.wait_ready().worker.state == "unloaded", "the next render would load it"
        shown = stemscape("load", "--worker", 0, *at)
        assert (shown.exit_code, "next: stemscape status" in shown.stdout) == (0, True)
        while client.wait_ready().worker.state != "ready":
            pass
        wrong = stemscape("load", "--worker", 1, *at)
        assert (wrong.exit_code, "there is no worker 1" in wrong.output) == (2, True)


def test_status_shows_every_worker(tmp_path: Path) -> None:
    with EngineProcess(tmp_path, "--workers", "2") as engine:
        engine.wait_ready()
        shown = stemscape("status", "--address", engine.said["request"])
        assert shown.exit_code == 0
        assert "restarts" in shown.stdout and "workers" in shown.stdout
        found = as_json(stemscape("status", "--address", engine.said["request"], "--json"))
        assert [one["number"] for one in found["workers"]] == [0, 1]
        assert found["worker"] in found["workers"]


def test_serve_passes_on_what_it_is_told_of_workers(tmp_path: Path) -> None:
    done = run(
        tmp_path, "serve", "--model", "fake", "--device", "gpu", "--workers", "2", "--data-dir", tmp_path
    )
    assert done.returncode == 2
    assert "$.devices" in done.stderr and "cuda:N" in done.stderr
    options = ["--keep-warm", "0", "--idle-unload", "5", "--threads", "2", "--no-warm-up"]
    done = run(tmp_path, "serve", "--model", "fake", *options, "--data-dir", tmp_path)
    assert done.returncode == 2
    assert "$.keep_warm_s" in done.stderr


def test_render_then_edit_a_document(engine: LocalEngine, document: Path) -> None:
    out = document.parent / "out"
    at = ["--out", out, "--address", engine.address]
    done = stemscape("render", document, *at)
    assert done.exit_code == 0, done.output
    assert "next: stemscape edit" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == [
        "door.wav",
        "manifest.json",
        "mix.wav",
        "rain.wav",
        "voice.wav",
    ]
    voice = (out / "voice.wav").read_bytes()

    edited = stemscape(
        "edit",
        document,
        "rain",
        "--caption",
        "hail",
        "--pan",
        -0.5,
        "--cue",
        "0.2",
        "--cue",
        "0.4:drip",
        *at,
        "--json",
    )
    assert edited.exit_code == 0, edited.output
    answer = as_json(edited)
    assert (answer["stale"], answer["engine"]) == (["rain"], "running")
    layer = scene_from_yaml(document.read_text("utf-8")).layer("rain")
    assert (layer.caption, layer.pan, [cue.at_s for cue in layer.cues]) == ("hail", -0.5, [0.2, 0.4])
    assert answer["channels"] == 2
    assert voice != b""
    assert read_manifest(out)["files"][2]["caption"] == "hail"


def test_loops_in_flac_at_a_loudness(engine: LocalEngine, document: Path) -> None:
    out = document.parent / "out"
    options = ["--flac", "--loop", "--lufs", -30, "--rate-hz", 44_100]
    done = stemscape("render", document, "--out", out, *options, "--address", engine.address, "--json")
    assert done.exit_code == 0, done.output
    answer = as_json(done)
    assert answer["loudness_lufs"] == pytest.approx(-30.0, abs=0.01)
    manifest = read_manifest(out)
    assert {Path(file["file"]).suffix for file in manifest["files"]} == {".flac"}
    length = manifest["length_samples"]
    assert manifest["files"][0]["loop"] == {"start_samples": 0, "end_samples": length - 1}
    bars = as_json(stemscape("render", document, "--bars", 1, "--address", engine.address, "--json"))
    assert [finding["field"] for finding in bars["error"]["findings"]] == ["$.length_bars"]


def test_an_edit_says_its_draft_and_leaves_none(
    engine: LocalEngine, client: Client, new_scene: NewScene, tmp_path: Path
) -> None:
    scene = new_scene()
    client.create_scene(scene)
    client.render(scene.id)
    at = ["--out", tmp_path, "--address", engine.address]
    done = stemscape("edit", scene.id, "rain", "--caption", "slow hail", *at)
    assert done.exit_code == 0, done.output
    assert "a draft of 'rain'" in done.stderr and str(tmp_path / "draft" / "mix.wav") in done.stderr
    assert not (tmp_path / "draft").exists()
    assert (tmp_path / "mix.wav").exists()


def test_edit_a_scene_by_its_id(
    engine: LocalEngine, client: Client, new_scene: NewScene, tmp_path: Path
) -> None:
    scene = new_scene()
    client.create_scene(scene)
    at = ["--out", tmp_path, "--address", engine.address, "--json"]
    assert as_json(stemscape("edit", scene.id, "rain", "--mute", "--seed", 77, *at))["revision"] == 2
    kept = client.get_scene(scene.id).scene.layer("rain")
    assert (kept.mute, kept.seed) == (True, 77)
    assert as_json(stemscape("edit", scene.id, "rain", "--no-mute", "--gain-db", -3, *at))["stale"] == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["snow", "--caption", "x"], "not_found", "voice, door, rain"),
        (["rain", "--gain-db", "99"], "invalid", "$.changes.gain_db"),
        (["rain", "--transcript", "x"], "invalid", "transcript"),
        (["rain"], "invalid", "--caption"),
        (["rain", "--cue", "soon:x"], "invalid", "seconds"),
    ],
)
def test_a_refused_edit_leaves_the_document_as_it_was(
    engine: LocalEngine, document: Path, words: list[str], code: str, says: str
) -> None:
    before = document.read_bytes()
    done = stemscape("edit", document, *words, "--address", engine.address, "--json")
    error = as_json(done)["error"]
    assert (done.exit_code, error["code"]) == (2, code)
    assert says in json.dumps(error)
    assert document.read_bytes() == before


def test_a_folder_that_cannot_be_made(engine: LocalEngine, document: Path) -> None:
    (document.parent / "taken").write_text("a file")
    done = stemscape("render", document, "--out", document.parent / "taken", "--address", engine.address)
    assert done.exit_code == 2
    assert "taken" in done.stderr


def test_undo_and_redo_by_id_and_by_document(engine: LocalEngine, client: Client, document: Path) -> None:
    scene = scene_from_yaml(document.read_text("utf-8"))
    at = ["--address", engine.address]
    client.create_scene(scene)
    client.edit_layer(scene.id, "rain", {"caption": "hail"})
    done = as_json(stemscape("undo", scene.id, *at, "--json"))
    assert (done["revision"], done["content_of"]) == (3, 1)
    done = stemscape("redo", document, *at)
    assert "revision 4 has the content of revision 2" in done.stdout
    assert scene_from_yaml(document.read_text("utf-8")).layer("rain").caption == "hail"
    refused = stemscape("redo", scene.id, *at)
    assert refused.exit_code == 2
    assert "nothing to redo" in refused.stderr


def test_export_and_import(engine: LocalEngine, client: Client, new_scene: NewScene, tmp_path: Path) -> None:
    scene = new_scene()
    client.create_scene(scene)
    client.render(scene.id)
    file, at = tmp_path / "new" / "a.stemscape", ["--address", engine.address]
    done = as_json(stemscape("export", scene.id, file, *at, "--json"))
    assert (done["revision"], done["takes"], file.stat().st_size) == (1, 3, done["size_bytes"])
    refused = stemscape("import", file, *at)
    assert refused.exit_code == 2 and "already" in refused.stderr
    done = as_json(stemscape("import", file, "--as-id", f"{scene.id}-copy", *at, "--json"))
    assert (done["scene"], done["revision"], done["stale"]) == (f"{scene.id}-copy", 1, [])
    assert "revision 2" in stemscape("import", file, "--replace", *at).stdout
    assert client.undo(scene.id).content_of == 1
    (tmp_path / "b.stemscape").write_bytes(file.read_bytes()[:-1])
    assert "copy the file whole" in stemscape("import", tmp_path / "b.stemscape", *at).stderr
    assert stemscape("import", tmp_path / "none", *at).exit_code == 2


# --- in processes of their own --------------------------------------------------------------------------


def test_render_starts_an_engine_of_its_own_and_ends_it(tmp_path: Path, document: Path) -> None:
    done = run(tmp_path, "render", document, "--out", "mine", "--model", "fake", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["engine"] == "private"
    assert left_behind(tmp_path) == []


def test_serve_becomes_the_engine_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    words = ["serve", "--model", "fake", "--data-dir", str(tmp_path / "data"), "--port", "0", "--json"]
    words += ["--quiet-s", "0.2", "--quiet-longest-s", "2", "--quiet-from-s", "1"]
    words += ["--waiting-jobs", "64", "--lease-s", "5"]
    with subprocess.Popen(
        [*COMMAND, *words],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        at = json.loads(process.stdout.readline())["request"]
        assert as_json(stemscape("status", "--address", at, "--json"))["scenes"] == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert left_behind(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_render_that_is_stopped_takes_its_engine_with_it(
    tmp_path: Path, new_scene: NewScene, number: signal.Signals, status: int
) -> None:
    document = tmp_path / "slow.yaml"
    document.write_text(yaml.safe_dump(new_scene("slow rain").model_dump()), "utf-8")
    words = ["render", str(document), "--out", str(tmp_path / "out"), "--model", "fake"]
    with subprocess.Popen(
        [*COMMAND, *words],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not list(tmp_path.glob("stems-*/data/journal.sqlite")):
            assert process.poll() is None
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    assert left_behind(tmp_path) == []
