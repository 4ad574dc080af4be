"""An engine that can be left running: what disks, clocks, followers and broken connections do to it.

Real processes and sockets, the fake model, and each of the long commands for a few seconds.
"""

from __future__ import annotations

import ast
import asyncio
import json
import socket
import statistics
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from benchmarks import cancel
from scene_schema import messages
from tests.soak import dead_followers, followers, kill, load, mutate, small_disk, targets
from tests.soak.clients import HttpClient, OscClient, Reply, ZmqClient
from tests.soak.mutations import copied
from tests.soak.running_engine import ROOT, RunningEngine

HOST = "127.0.0.1"
Result = TypeVar("Result")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[RunningEngine]:
    with RunningEngine(tmp_path / "data") as one:
        one.start()
        one.wait_worker()
        yield one


def talk(engine: RunningEngine, say: Callable[[ZmqClient], Awaitable[Result]]) -> Result:
    """What comes of a talk with one client over ZeroMQ."""

    async def whole() -> Result:
        client = ZmqClient(HOST, engine.port, "tester")
        try:
            return await say(client)
        finally:
            await client.close()

    return asyncio.run(whole())


def ask(engine: RunningEngine, kind: str, content: dict[str, Any] | None = None, **more: Any) -> Reply:
    return talk(engine, lambda client: client.ask(kind, content, **more))


def create(engine: RunningEngine, layers: int = 2, **fields: Any) -> None:
    """The scene `rain`, not rendered."""
    made = [
        {"id": f"l{number}", "view": "env", "caption": "rain", "seed": number} for number in range(layers)
    ]
    document = {"id": "rain", "duration_s": 0.3, "layers": made, **fields}
    reply = ask(engine, "scene.create", {"scene": document})
    assert reply.code == "ok", reply


def edit_of(layer: str = "l0", **changes: Any) -> dict[str, Any]:
    return {"scene": "rain", "layer": layer, "render": False, "changes": changes}


def ended(engine: RunningEngine, job: str, within_s: float = 20.0) -> dict[str, Any]:
    """A job once it is over."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        status = ask(engine, "job.get", {"job": job}).content
        if status["state"] in load.FINAL:
            return status
        time.sleep(0.05)
    raise AssertionError(f"job {job} did not end")


# --- a disk that is full ----------------------------------------------------------------------------------


async def edit_until_refused(client: ZmqClient) -> tuple[list[Reply], Reply]:
    """Large edits until one is refused: those that were acknowledged, and the refusal."""
    acknowledged: list[Reply] = []
    while len(acknowledged) < 2000:
        reply = await client.ask("layer.edit", edit_of(caption=f"{len(acknowledged)} " + "x" * 1900))
        if reply.code != "ok":
            return acknowledged, reply
        acknowledged.append(reply)
    raise AssertionError("the disk is full and 2,000 edits were acknowledged")


def nothing_is_lost_on(engine: RunningEngine, free: Callable[[], None]) -> None:
    """With a disk that is full from here on: a named error, nothing lost, and it works again."""
    acknowledged, refused = talk(engine, edit_until_refused)
    assert refused.code == "internal" and "data folder" in refused.content["message"]
    assert "space" in refused.content["remedy"]
    # a refused edit has changed nothing, and reading goes on
    there = ask(engine, "scene.get", {"scene": "rain"}).content
    newest = 1 + len(acknowledged)
    assert there["revision"] == newest
    assert ask(engine, "status").code == "ok"
    free()
    assert ask(engine, "layer.edit", edit_of(caption="after")).content["revision"] == newest + 1
    engine.kill()
    engine.start()
    for revision in {2, newest} & set(range(2, newest + 1)):  # none where the first edit found it full
        content = {"scene": "rain", "revision": revision}
        caption = ask(engine, "scene.get", content).content["scene"]["layers"][0]["caption"]
        assert caption.startswith(f"{revision - 2} x")
    assert ask(engine, "scene.get", {"scene": "rain"}).content["scene"]["layers"][0]["caption"] == "after"


def test_a_full_disk_refuses_edits_by_name_and_loses_nothing(tmp_path: Path) -> None:
    try:
        with (
            small_disk.mounted(tmp_path / "disk", size_mib=24) as disk,
            RunningEngine(disk / "data") as engine,
        ):
            engine.start()
            engine.wait_worker()
            create(engine, layers=32)
            with small_disk.filled(disk) as free:
                (job,) = ask(engine, "scene.render", {"scene": "rain", "layers": ["l1"]}).content["jobs"]
                failed = ended(engine, job["job"])
                assert (failed["state"], failed["error"]["code"]) == ("failed", "internal")
                assert "space" in failed["error"]["remedy"]
                nothing_is_lost_on(engine, free)
            engine.wait_worker()
            (job,) = ask(engine, "scene.render", {"scene": "rain", "layers": ["l1"]}).content["jobs"]
            assert ended(engine, job["job"])["state"] == "done"
            files = sorted(path for path in (engine.data_dir / "audio").rglob("*") if path.is_file())
            assert [path.suffix for path in files] == [".latent", ".wav"], "what failed left nothing behind"
            assert files[0].stem == files[1].stem and not files[0].stem.startswith(".")
    except small_disk.NotHere as reason:
        pytest.skip(f"no file system of its own to fill: {reason}")


def test_a_disk_that_refuses_to_write_refuses_edits_by_name_and_loses_nothing(engine: RunningEngine) -> None:
    create(engine, layers=32)
    try:
        with small_disk.no_larger_files(engine.pid, 2**20) as free:
            nothing_is_lost_on(engine, free)
    except small_disk.NotHere as reason:
        pytest.skip(str(reason))


# --- a folder that cannot be written ----------------------------------------------------------------------


def test_a_read_only_data_folder_is_refused_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    try:
        with small_disk.read_only(folder), RunningEngine(folder) as engine:
            engine.spawn()
            assert engine.process is not None
            assert engine.process.wait(20.0) == 2
            said = engine.last_words()
    except small_disk.NotHere as reason:
        pytest.skip(f"root writes everywhere here: {reason}")
    assert "data folder" in said and "--data-dir" in said
    assert "Traceback" not in said


def test_a_folder_that_becomes_read_only_fails_renders_by_name_and_edits_go_on(engine: RunningEngine) -> None:
    create(engine)
    audio = engine.data_dir / "audio"
    audio.mkdir(exist_ok=True)
    try:
        with small_disk.read_only(audio):
            (job,) = ask(engine, "scene.render", {"scene": "rain", "layers": ["l0"]}).content["jobs"]
            failed = ended(engine, job["job"])
            assert (failed["state"], failed["error"]["code"]) == ("failed", "internal")
            assert "permissions" in failed["error"]["remedy"]
            assert ask(engine, "layer.edit", edit_of(gain_db=-3.0)).code == "ok"
    except small_disk.NotHere as reason:
        pytest.skip(f"root writes everywhere here: {reason}")
    (job,) = ask(engine, "scene.render", {"scene": "rain", "layers": ["l0"]}).content["jobs"]
    assert ended(engine, job["job"])["state"] == "done"


def test_two_engines_on_one_folder(engine: RunningEngine) -> None:
    create(engine)
    with RunningEngine(engine.data_dir) as second:
        second.spawn()
        assert second.process is not None
        assert second.process.wait(20.0) == 2
    words = engine.last_words()  # they share the file of what they said
    assert "another engine is using" in words and "Traceback" not in words
    assert ask(engine, "layer.edit", edit_of(gain_db=-3.0)).content["revision"] == 2
    engine.kill()
    engine.start()
    assert ask(engine, "scene.get", {"scene": "rain"}).content["revision"] == 2


# --- followers that never read ----------------------------------------------------------------------------


def test_the_cost_of_dead_followers_is_measured_beside_those_without(tmp_path: Path) -> None:
    found = dead_followers.measure(2, 0.5, 1, tmp_path)
    assert found["dead_followers"] == 9
    assert len(found["ack_p50_ratios"]) == len(found["event_p99_ratios"]) == 2
    assert min(found["edits"].values()) > 100
    assert all(ratio > 0 for ratio in found["ack_p50_ratios"])


# --- mutants ----------------------------------------------------------------------------------------------


def test_every_request_is_mutated_but_the_one_that_ends_the_engine() -> None:
    assert {kind for kind, _ in targets.REQUESTS} == messages.REQUESTS.keys() - {"engine.stop"}


def test_the_take_that_origins_start_from_is_there(engine: RunningEngine) -> None:
    asyncio.run(mutate.furnish(engine))
    engine.wait_idle(20.0)
    (env, _music) = ask(engine, "scene.get", {"scene": targets.SCENE["id"]}).content["layers"]
    assert env["take"] == targets.TAKE
    for origin in targets.ORIGINS:
        if origin["kind"] == "continuation":  # only a longer scene has room for one
            ask(engine, "layer.edit", {"scene": "rain", "layer": "env", "changes": {"origin": None}})
            longer = {"scene": "rain", "changes": {"duration_s": 0.6}, "render": False}
            assert ask(engine, "scene.edit", longer).code == "ok"
        changed = {"scene": "rain", "layer": "env", "changes": {"origin": origin}}
        assert ask(engine, "layer.edit", changed).code == "ok", origin


# --- clocks -----------------------------------------------------------------------------------------------

CALENDAR = {
    "plugin_bridge/journal.py": "when a revision was written, for people",
    "plugin_bridge/doors/osc_switchboard.py": "time tags of OSC are of the calendar",
    "plugin_bridge/audio_budget.py": "compared with the times of files, which are of the calendar",
    "plugin_bridge/doctor.py": "looks whether the clock is right at all",
    "plugin_bridge/stored_files.py": "the time of a file's last use, kept by the file system",
}
"""Files that may ask for the time of day, and what for. A jump of the clock may not change anything else."""

TIME_OF_DAY = ("time.time", "time.time_ns", "datetime.now", "datetime.datetime.now", "datetime.utcnow")


def test_no_timeout_or_pace_hangs_on_the_time_of_day() -> None:
    for package in ("plugin_bridge", "engine"):
        for file in (ROOT / package).rglob("*.py"):
            name = file.relative_to(ROOT).as_posix()
            if name.startswith("engine/training/") or name in CALENDAR:
                continue
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if not isinstance(node, ast.Attribute):
                    continue
                asks = ast.unparse(node) in TIME_OF_DAY
                assert not asks, f"{name}:{node.lineno}: use time.monotonic, or say in CALENDAR why not"
    for name in CALENDAR:
        if (ROOT / name).exists():
            text = (ROOT / name).read_text("utf-8")
            assert any(one in text for one in TIME_OF_DAY), f"{name} needs no leave any more"


# --- followers that do not read ---------------------------------------------------------------------------


async def acknowledgements_s(engine: RunningEngine, count: int) -> list[float]:
    """Seconds of each of so many edits by ten clients at a time."""
    clients = [ZmqClient(HOST, engine.port, f"c{number}") for number in range(10)]
    taken: list[float] = []

    async def edit(client: ZmqClient) -> None:
        for number in range(count // len(clients)):
            begun_s = time.perf_counter()
            reply = await client.ask("layer.edit", edit_of(gain_db=-float(number % 60)))
            taken.append(time.perf_counter() - begun_s)
            assert reply.code == "ok", reply

    try:
        await asyncio.gather(*map(edit, clients))
    finally:
        for client in clients:
            await client.close()
    return taken


def test_followers_that_never_read_slow_nobody_down(engine: RunningEngine) -> None:
    create(engine)
    alone_s = statistics.median(asyncio.run(acknowledgements_s(engine, 200)))
    with followers.SilentFollowers(engine):
        taken = asyncio.run(acknowledgements_s(engine, 2000))
    beside_s = statistics.median(taken[len(taken) // 2 :])
    assert beside_s < max(10 * alone_s, 0.1)  # the figure itself belongs to the measurement
    assert ask(engine, "scene.get", {"scene": "rain"}).content["revision"] == 2201


# --- many, and broken -------------------------------------------------------------------------------------


def test_sixty_four_clients_at_once(engine: RunningEngine) -> None:
    create(engine, layers=8)

    async def edit(client: Any, number: int) -> list[int]:
        revisions = []
        for turn in range(5):
            layer, gain_db = f"l{number % 8}", -float(turn)
            if isinstance(client, OscClient):
                reply = await client.ask(f"/scene/rain/layer/{layer}/gain_db", gain_db)
                assert reply.code == "ok", reply
                revisions.append(reply.content["arguments"][2])
            else:
                reply = await client.ask("layer.edit", edit_of(layer, gain_db=gain_db))
                assert reply.code == "ok", reply
                revisions.append(reply.content["revision"])
        return revisions

    async def all_at_once() -> list[int]:
        clients: list[Any] = [
            *(ZmqClient(HOST, engine.port, f"zmq-{number}") for number in range(24)),
            *(HttpClient(HOST, engine.http_port, f"http-{number}") for number in range(24)),
            *(OscClient(HOST, engine.osc_port, f"osc-{number}", tcp=number % 2 == 1) for number in range(16)),
        ]
        try:
            found = await asyncio.gather(*(edit(one, number) for number, one in enumerate(clients)))
        finally:
            for client in clients:
                await client.close()
        return [revision for revisions in found for revision in revisions]

    assert sorted(asyncio.run(all_at_once())) == list(range(2, 2 + 5 * 64)), "each edit made one revision"


ZMTP = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL"
HALVES = {
    "nothing": dict.fromkeys(range(6), b""),
    "half a message": {
        0: ZMTP,
        1: ZMTP[:10],
        2: ZMTP + b"\0" * 16,
        3: b"PUT /scenes/rain HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n" + b'{"title": "',
        4: struct.pack(">I", 100) + b"/scene/rain/title\0\0\0,s\0\0",
        5: b"GET /?HOST_INFO HTTP/1.1\r\nHo",
    },
}
"""What is sent to each of the six ports, in their order, before the sender vanishes."""


def sockets_of(engine: RunningEngine) -> int:
    return psutil.Process(engine.pid).num_fds()


def wait_for_sockets(engine: RunningEngine, count: int, within_s: float) -> None:
    end_s = time.monotonic() + within_s
    while (now := sockets_of(engine)) > count:
        assert time.monotonic() < end_s, f"{now} descriptors, {count} before"
        time.sleep(0.05)


async def every_door_answers(engine: RunningEngine) -> None:
    clients: list[ZmqClient | HttpClient] = [
        ZmqClient(HOST, engine.port, "right"),
        HttpClient(HOST, engine.http_port, "right"),
    ]
    osc = [OscClient(HOST, engine.osc_port, "right", tcp=tcp) for tcp in (False, True)]
    try:
        for client in clients:
            assert (await client.ask("status", within_s=5.0)).code == "ok"
        for one in osc:
            assert (await one.ask("/status", within_s=5.0)).code == "ok"
    finally:
        for client in clients:
            await client.close()
        for one in osc:
            await one.close()


@pytest.mark.parametrize("half", HALVES)
def test_half_open_connections_cost_nobody_anything(engine: RunningEngine, half: str) -> None:
    create(engine)
    asyncio.run(every_door_answers(engine))
    time.sleep(0.2)
    before = sockets_of(engine)
    held = []
    for place, said in HALVES[half].items():
        for _ in range(5):
            one = socket.create_connection((HOST, engine.port + place), 5.0)
            one.sendall(said)
            held.append(one)
    asyncio.run(every_door_answers(engine))
    for one in held:
        followers.vanish(one)
    wait_for_sockets(engine, before, within_s=5.0)
    asyncio.run(every_door_answers(engine))
    there = ask(engine, "scene.get", {"scene": "rain"}).content
    assert there["revision"] == 1, "half a message changes nothing"


def test_clients_that_vanish_in_an_upload(engine: RunningEngine) -> None:
    create(engine)
    before = sockets_of(engine)
    for _ in range(10):
        upload = socket.create_connection((HOST, engine.http_port), 5.0)
        head = f"PUT /scenes/rain HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3000000\r\n\r\n"
        upload.sendall(head.encode() + b'{"duration_s": 1, "layers": [' + b" " * 1_000_000)
        web = followers.websocket(engine.http_port)
        web.sendall(followers.text_frame(b'{"type": "scene.create", ' + b" " * 1_000_000)[:700_000])
        osc = socket.create_connection((HOST, engine.osc_port), 5.0)
        osc.sendall(struct.pack(">I", 900_000) + b"/scene/create\0\0\0,s\0\0" + b" " * 400_000)
        for one in (upload, web, osc):
            followers.vanish(one)
    asyncio.run(every_door_answers(engine))
    wait_for_sockets(engine, before, within_s=5.0)
    assert ask(engine, "scene.get", {"scene": "rain"}).content["revision"] == 1


def test_an_edit_whose_sender_vanished_is_answered_when_it_is_sent_again(engine: RunningEngine) -> None:
    create(engine)
    message_id = uuid.uuid4().hex
    content = edit_of(gain_db=-7.0)

    async def send_and_vanish() -> None:
        client = ZmqClient(HOST, engine.port, "gone")
        asking = asyncio.ensure_future(client.ask("layer.edit", content, message_id=message_id))
        await asyncio.sleep(0.3)  # it is on its way
        await client.close()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(send_and_vanish())
    again = ask(engine, "layer.edit", content, message_id=message_id)
    assert (again.code, again.content["revision"]) == ("ok", 2)
    assert ask(engine, "scene.get", {"scene": "rain"}).content["revision"] == 2


# --- the long ones, for a moment --------------------------------------------------------------------------


def test_a_few_kills() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.soak.kill", "--rounds", "2", "--seed", "5", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(ran.stdout)
    assert found["acknowledged"] and found["rounds"] == sum(
        found["killed"][one] for one in ("bridge", "worker")
    )
    assert not [name for name in kill.FAULTS if found[name]], found


def test_a_moment_of_load(tmp_path: Path) -> None:
    found = load.measure(0.05, 1, "fake", 200.0, tmp_path, lambda _: None)
    assert found["edits"] and found["jobs"]
    assert (found["unfinished"], found["faults"], found["worker_restarts"]) == (0, [], 0)
    assert set(found["processes"]) == {"bridge", "worker"}


@pytest.mark.parametrize("door", mutate.DOORS)
def test_a_few_mutants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    monkeypatch.setattr(mutate, "REST_S", 0.1)  # so few say nothing of memory
    found = mutate.fuzz(door, 60, seed=2, folder=tmp_path)
    assert found["sent"] == 120 == found["answered"] + found["ignored"]
    assert (found["crashes"], found["hangs"], found["internal"]) == (0, 0, 0), found
    if door == "zmq":
        assert found["ignored"] == 0, "whatever is sent is answered"


def test_a_few_cancels() -> None:
    found = cancel.found_in(cancel.measure("fake", 3, 1.0, seed=1))
    assert found["cancelled"] == 3
    assert found["free_p50_ms"] > 0 < found["step_p50_ms"]


def test_a_mutant_that_is_nested_deeply_can_be_changed_again() -> None:
    deep: Any = None
    for _ in range(2_000):
        deep = {"a": [deep]}
    again = copied(deep)
    assert again is not deep
    again["a"][0]["a"][0] = 1
    assert deep["a"][0]["a"] != [1]
