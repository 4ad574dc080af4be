"""The whole product with the model that ships: one edit, bad input, a killed worker. All of it real."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
import zmq

from clients.python import Client, LocalEngine
from clients.python.session import Event
from scene_schema.envelope import Envelope, decode, encode
from scene_schema.errors import Refused
from scene_schema.scene import check_scene
from tests.clients.command import left_behind, run

SCENE: dict[str, Any] = {
    "id": "quay",
    "duration_s": 4.0,
    "layers": [
        {"id": "waves", "view": "env", "caption": "ocean waves", "gain_db": -3.0},
        {"id": "bell", "view": "sfx", "caption": "a bell", "cues": [{"at_s": 1.0}]},
        {"id": "voice", "view": "speech", "caption": "a woman", "transcript": "all aboard", "gain_db": -6.0},
    ],
}
STEP_16_BIT = 2.0**-15


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    with LocalEngine("compact") as one:
        yield one


@pytest.fixture
def client(engine: LocalEngine) -> Iterator[Client]:
    with Client(engine.address) as one:
        one.wait_ready()
        yield one


def test_the_demo_in_under_a_minute_leaves_an_edited_scene_and_no_process(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "demo_out" / "report.json").read_text("utf-8"))
    assert report["model"] == "compact"
    assert [one["what"] for one in report["promises"] if not one["kept"]] == []
    layer = report["edited"]["layer"]
    before, after = tmp_path / "demo_out" / "before", tmp_path / "demo_out" / "after"
    names = sorted(path.name for path in before.glob("*.wav"))
    assert sorted(path.name for path in after.glob("*.wav")) == names
    for name in names:
        same = (before / name).read_bytes() == (after / name).read_bytes()
        assert same == (name not in (f"{layer}.wav", "mix.wav")), name
    assert (tmp_path / "demo_out" / "scene.png").stat().st_size > 50_000
    assert left_behind(tmp_path) == []


def test_one_edit_changes_one_stem_and_the_mix_stays_their_sum(client: Client, tmp_path: Path) -> None:
    client.create_scene(check_scene(SCENE), replace=True)
    client.render("quay")
    before = client.deliver("quay", tmp_path / "before", rate_hz=44_100)
    accepted = client.edit_layer("quay", "bell", {"caption": "a dog barks"})
    assert accepted.stale == ["bell"]
    client.wait(accepted)
    after = client.deliver("quay", tmp_path / "after", rate_hz=44_100)
    changed = {
        name for name in before.stems if before.stems[name].read_bytes() != after.stems[name].read_bytes()
    }
    assert changed == {"bell"}
    for folder in (tmp_path / "before", tmp_path / "after"):
        gains = {layer["id"]: 10 ** (layer.get("gain_db", 0.0) / 20) for layer in SCENE["layers"]}
        stems = {name: soundfile.read(folder / f"{name}.wav")[0] for name in gains}
        mix = soundfile.read(folder / "mix.wav")[0]
        assert {len(stem) for stem in stems.values()} == {len(mix)} == {4 * 44_100}
        assert np.abs(mix - sum(gain * stems[name] for name, gain in gains.items())).max() <= STEP_16_BIT
    undone = client.edit_layer("quay", "bell", {"caption": "a bell"})
    assert (undone.stale, undone.jobs) == ([], [])  # rendered before, so fresh at once


@pytest.mark.parametrize(
    "kind, content, field",
    [
        ("layer.edit", {"layer": "bell", "changes": {"view": "weather"}}, "$.changes.view"),
        ("layer.edit", {"layer": "bell", "changes": {"caption": ""}}, "$.changes.caption"),
        ("layer.edit", {"layer": "bell", "changes": {"caption": "x" * 2_000_000}}, "$.changes.caption"),
        ("layer.edit", {"layer": "bell", "changes": {"cues": [{"at_s": 4.5}]}}, "$.changes.cues[0].at_s"),
        ("layer.edit", {"layer": "bell", "changes": {"gain_db": float("nan")}}, "$.changes.gain_db"),
        ("layer.edit", {"changes": {"mute": True}}, "$.layer"),
        ("scene.create", {"scene": "layers: ["}, "$.scene"),
    ],
)  # fmt: skip
def test_bad_input_is_answered_by_field_and_the_engine_goes_on(
    engine: LocalEngine, client: Client, kind: str, content: dict[str, Any], field: str
) -> None:
    client.create_scene(check_scene(SCENE), replace=True)
    answer = ask(engine, Envelope(kind, {"scene": "quay", **content}))
    assert answer.type == "error"
    assert answer.content["code"] == "invalid"
    assert field in [finding["field"] for finding in answer.content["findings"]]
    assert client.get_scene("quay").scene == check_scene(SCENE)


def test_an_unknown_scene_and_garbage_are_answered_too(engine: LocalEngine, client: Client) -> None:
    with pytest.raises(Refused, match="nowhere") as caught:
        client.render("nowhere")
    assert caught.value.code == "not_found"
    for frames in ([b"\x00\xff garbage"], [b""], [b"\xc1" * 5000], [b"{}", b"{}"]):
        assert exchange(engine, frames).content["code"] == "malformed"
    assert client.status().worker.state in ("ready", "rendering")


def test_a_broken_document_is_refused_by_the_command(tmp_path: Path) -> None:
    (tmp_path / "scene.yaml").write_text("id: quay\nlayers: [\n")
    done = run(tmp_path, "render", "scene.yaml", "--out", "out")
    assert done.returncode == 2
    assert "line 3" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_worker_killed_in_the_middle_of_a_render_costs_nothing_but_time(
    client: Client, tmp_path: Path
) -> None:
    events: queue.Queue[tuple[float, Event]] = queue.Queue()
    threading.Thread(target=follow, args=(client, events), daemon=True).start()
    long_scene = {**SCENE, "id": "long", "duration_s": 20.0}
    client.create_scene(check_scene(long_scene), replace=True)
    accepted = client.start_render("long")
    until(events, lambda event: getattr(event.content, "step", 0) >= 2)
    pid = client.status().worker.pid
    assert pid is not None
    killed_s = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    told_s = until(events, lambda event: getattr(event.content, "state", "") == "lost")
    assert told_s - killed_s < 2.0
    rendered = client.wait(accepted, timeout_s=90)
    assert {job.state for job in rendered.jobs} == {"done"}
    worker = client.status().worker
    assert worker.pid != pid and worker.restarts == 1
    client.wait(client.edit_layer("long", "bell", {"caption": "a gong"}), timeout_s=60)
    client.deliver("long", tmp_path / "out")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_engine_served_by_hand_ends_on_a_signal_and_takes_its_worker_along(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "clients.python.cli", "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        with Client(said["request"]) as one:
            worker = psutil.Process(one.wait_ready().worker.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
    assert not worker.is_running() or worker.status() == "zombie"


def ask(engine: LocalEngine, message: Envelope) -> Envelope:
    return exchange(engine, encode(message))


def exchange(engine: LocalEngine, frames: list[bytes]) -> Envelope:
    """Bytes as they are, on a socket of their own."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.setsockopt(zmq.RCVTIMEO, 10_000)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(engine.address)
        socket.send_multipart(frames)
        return decode(socket.recv_multipart())


def follow(client: Client, events: "queue.Queue[tuple[float, Event]]") -> None:
    for event in client.events():
        events.put((time.monotonic(), event))


def until(events: "queue.Queue[tuple[float, Event]]", wanted: Any) -> float:
    """When the first event came that is wanted."""
    while True:
        at_s, event = events.get(timeout=60)
        if wanted(event):
            return at_s
