"""`python -m tests.soak.kill`: rounds of `kill -9` at random points, of the bridge or of its worker.

Clients of all doors edit and render until the kill. After it every acknowledged edit must be in the journal
and come through the door of the next engine, every file of the store must be what its name says, and no
worker may be left. What it does not show: the loss of power, which also takes what the disk had not written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgpack
import numpy as np
import zmq
import zmq.asyncio

from tests.soak.clients import HttpClient, OscClient, ZmqClient
from tests.soak.ledger import Edit, Ledger, Promise, kept_value
from tests.soak.running_engine import EngineGone, RunningEngine, is_running

SCENES: Final = ("fog", "harbour", "rain")
LAYERS: Final = ("env", "music", "sfx")
CLIP_S: Final = {"fake": 0.3, "compact": 2.0}
LONGEST_S: Final = {"fake": 1.5, "compact": 12.0}  # from the first edit to the kill
IN_FLIGHT_S: Final = 0.1  # what the dead engine had sent is still read
ORPHAN_S: Final = 5.0  # for a worker to notice that its bridge is gone
TARGETS: Final = ("bridge", "bridge", "worker")
WHEN: Final = ("time", "time", "acknowledged", "delivering")
WHILE_STARTING: Final = 0.25  # of the bridge's kills are followed by one of the engine that starts

Client = ZmqClient | HttpClient | OscClient


@dataclass
class Round:
    """What happened between one start and one kill."""

    target: str
    when: str
    after: float
    acknowledged: int = 0
    delivering: int = 0
    unanswered: list[Edit] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    over: bool = False


@dataclass
class Tally:
    """What all rounds found."""

    killed: Counter[str] = field(default_factory=Counter)
    restart_s: list[float] = field(default_factory=list)
    worker_load_s: list[float] = field(default_factory=list)
    worker_restart_s: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    orphans: int = 0
    journal_unread: int = 0
    not_served: int = 0  # acknowledged, in the journal, and yet not what the next engine says
    resent: int = 0
    resent_wrong: int = 0
    unfinished: int = 0
    leftovers: list[int] = field(default_factory=list)


# --- clients that edit ------------------------------------------------------------------------------------


async def edit_on(client: Client, now: Round, ledger: Ledger, draw: random.Random, clip: str) -> None:
    """Edits until the engine is gone; notes what was acknowledged, and the edit that had no answer."""
    while not now.over:
        edit = drawn_edit(client, draw, clip)
        now.unanswered.append(edit)
        try:
            revision = await acknowledged(client, edit, now)
        except (TimeoutError, ConnectionError):
            return
        now.unanswered.remove(edit)
        if revision is not None:
            ledger.promises.append(Promise(edit, revision))
            now.acknowledged += 1
        if draw.random() < 0.05:
            await deliver(client, edit.scene)
        await asyncio.sleep(draw.random() * 0.02)


def drawn_edit(client: Client, draw: random.Random, clip: str) -> Edit:
    """A value that no edit before had, so that a lost edit cannot hide behind another."""
    scene, layer = draw.choice(SCENES), draw.choice(LAYERS)
    message_id = "" if isinstance(client, OscClient) else uuid.uuid4().hex
    if draw.random() < 0.12:
        return Edit(scene, layer, "caption", f"{clip} {draw.getrandbits(40):x}", message_id)
    # five digits, which a 32-bit float of OSC's carries whole
    return Edit(scene, layer, "gain_db", -draw.randrange(1, 60_000) / 1000, message_id)


async def acknowledged(client: Client, edit: Edit, now: Round) -> int | None:
    """The revision that it made; None where it was refused. Raises TimeoutError, ConnectionError."""
    if isinstance(client, OscClient):
        address = f"/scene/{edit.scene}/layer/{edit.layer}/{edit.name}"
        reply = await client.ask(address, edit.value)
        revision = reply.content["arguments"][2] if reply.code == "ok" else None
    else:
        content = {"scene": edit.scene, "layer": edit.layer, "changes": {edit.name: edit.value}}
        reply = await client.ask("layer.edit", content, message_id=edit.message_id)
        revision = reply.content.get("revision")
    if reply.code != "ok":
        now.refused[reply.code] += 1
        return None
    return revision


async def deliver(client: Client, scene: str) -> None:
    """Files are being written when the kill comes; what becomes of the answer does not matter."""
    try:
        if isinstance(client, OscClient):
            await client.ask(f"/scene/{scene}/deliver", "mix", 0)
        else:
            await client.ask("scene.deliver", {"scene": scene, "mix": False, "hand_off": "path"})
    except (TimeoutError, ConnectionError):
        return


async def listen(engine: RunningEngine, now: Round, ledger: Ledger) -> None:
    """Notes the takes that were announced."""
    with zmq.asyncio.Context() as context, context.socket(zmq.SUB) as events:
        events.linger = 0
        events.setsockopt(zmq.RCVHWM, 0)
        events.subscribe(b"scene.")
        events.connect(engine.events)
        while True:
            head = msgpack.unpackb((await events.recv_multipart())[1])
            if head["type"] == "event.take":
                take = head["content"]["take"]
                ledger.takes[take["id"]] = take["audio_sha256"]
            elif head["type"] == "event.job" and head["content"]["state"] == "delivering":
                now.delivering += 1


def clients_of(engine: RunningEngine) -> list[Client]:
    host, port = "127.0.0.1", engine.port
    return [
        *(ZmqClient(host, port, f"zmq-{number}") for number in range(3)),
        *(HttpClient(host, engine.http_port, f"http-{number}") for number in range(2)),
        OscClient(host, engine.osc_port, "osc"),
        OscClient(host, engine.osc_port, "osc-tcp", tcp=True),
    ]


# --- one round --------------------------------------------------------------------------------------------


async def until_killed(
    engine: RunningEngine, now: Round, ledger: Ledger, draw: random.Random, victim: Callable[[], int]
) -> None:
    """Edits through all doors, kills at the drawn point, and reads what was still on its way."""
    clients = clients_of(engine)
    clip = "slow" if draw.random() < 0.1 else "rain"
    listening = asyncio.ensure_future(listen(engine, now, ledger))
    editing = [
        asyncio.ensure_future(edit_on(one, now, ledger, random.Random(draw.random()), clip))
        for one in clients
    ]
    end_s = time.perf_counter() + LONGEST_S[engine.model]
    begun_s = time.perf_counter()
    while time.perf_counter() < end_s:
        so_far = {"time": time.perf_counter() - begun_s, "acknowledged": now.acknowledged}
        so_far["delivering"] = now.delivering
        if so_far[now.when] >= now.after:
            break
        await asyncio.sleep(0)
    os.kill(victim(), signal.SIGKILL)
    now.over = True
    if now.target == "bridge":
        await asyncio.sleep(IN_FLIGHT_S)
    else:  # the bridge lives: whoever asked gets an answer
        await asyncio.wait(editing, timeout=10.0)
    for task in (*editing, listening):
        task.cancel()
    ended = await asyncio.gather(*editing, listening, return_exceptions=True)
    for client in clients:
        await client.close()
    for how in ended:
        if isinstance(how, Exception):
            raise how  # a client of ours stumbled: what was measured is not what was meant


def killed_bridge(
    engine: RunningEngine, now: Round, ledger: Ledger, tally: Tally, draw: random.Random, since: int
) -> None:
    """The bridge is dead: looks at its folder, starts the next one, and asks that for everything again."""
    worker = engine_worker(engine)
    asyncio.run(until_killed(engine, now, ledger, draw, lambda: engine.pid))
    assert engine.process is not None
    engine.process.wait()
    tally.orphans += not gone(worker)
    try:
        ledger.hold(engine.data_dir, since)
    except sqlite3.Error as error:
        tally.journal_unread += 1
        ledger.broken.append(f"the journal: {error}")
    tally.leftovers.append(len(ledger.leftovers))
    if draw.random() < WHILE_STARTING:
        engine.spawn()
        time.sleep(draw.random() * 1.2)
        engine.kill()
        tally.killed["starting"] += 1
    tally.restart_s.append(engine.start())
    asyncio.run(ask_again(engine, now, ledger, tally, since))
    tally.worker_load_s.append(engine.wait_worker().load_s)


async def ask_again(engine: RunningEngine, now: Round, ledger: Ledger, tally: Tally, since: int) -> None:
    """Every promise of the round through the door, and every edit without an answer once more."""
    client = ZmqClient("127.0.0.1", engine.port, "zmq-0")
    try:
        for promise in ledger.promises[since:]:
            content = {"scene": promise.edit.scene, "revision": promise.revision}
            reply = await client.ask("scene.get", content)
            if reply.code != "ok" or kept_value(reply.content["scene"], promise.edit) != promise.edit.value:
                tally.not_served += 1
                ledger.broken.append(f"{promise} is not served: {reply.content}")
        for edit in now.unanswered:
            if not edit.message_id:
                continue  # what comes twice through OSC is carried out twice
            tally.resent += 1
            changes = {"scene": edit.scene, "layer": edit.layer, "changes": {edit.name: edit.value}}
            first = await client.ask("layer.edit", changes, message_id=edit.message_id)
            again = await client.ask("layer.edit", changes, message_id=edit.message_id)
            if first.code != "ok" or first.content["revision"] != again.content.get("revision"):
                tally.resent_wrong += 1
                ledger.broken.append(f"{edit} sent again: {first}, then {again}")
                continue
            ledger.promises.append(Promise(edit, first.content["revision"]))
    finally:
        await client.close()


def killed_worker(
    engine: RunningEngine, now: Round, ledger: Ledger, tally: Tally, draw: random.Random
) -> None:
    """The bridge goes on with the next worker, and ends all jobs."""
    worker = engine_worker(engine)
    killed_s = time.perf_counter()

    def victim() -> int:
        nonlocal killed_s
        killed_s = time.perf_counter()
        return worker

    async def watched() -> float:
        editing = asyncio.ensure_future(until_killed(engine, now, ledger, draw, victim))
        while not now.over:
            await asyncio.sleep(0.001)
        seen = await asyncio.to_thread(engine.wait_worker, worker)
        ready_s = time.perf_counter() - killed_s
        tally.worker_load_s.append(seen.load_s)
        await editing
        return ready_s

    tally.worker_restart_s.append(asyncio.run(watched()))
    left = engine.wait_idle(60.0)
    tally.unfinished += len(left)
    ledger.broken += [f"a job did not end: {job}" for job in left]


def engine_worker(engine: RunningEngine) -> int:
    return int(engine.status()["worker"]["pid"])


def gone(pid: int) -> bool:
    end_s = time.perf_counter() + ORPHAN_S
    while is_running(pid) and time.perf_counter() < end_s:
        time.sleep(0.01)
    return not is_running(pid)


# --- all rounds -------------------------------------------------------------------------------------------


def rounds(count: int, seed: int, model: str, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Kills `count` times; returns the figures. Raises `EngineGone` where an engine does not come back."""
    draw = random.Random(seed)
    ledger, tally = Ledger(), Tally()
    with RunningEngine(folder / "data", model=model) as engine:
        first_s = engine.start()
        tally.worker_load_s.append(engine.wait_worker().load_s)
        asyncio.run(furnish(engine))
        for number in range(count):
            target, when = draw.choice(TARGETS), draw.choice(WHEN)
            after = {"time": draw.random() * LONGEST_S[model], "acknowledged": draw.randrange(1, 150)}
            after["delivering"] = draw.randrange(1, 4)
            now, since = Round(target, when, after[when]), len(ledger.promises)
            tally.killed[target] += 1
            if target == "bridge":
                killed_bridge(engine, now, ledger, tally, draw, since)
            else:
                killed_worker(engine, now, ledger, tally, draw)
            tally.refused += now.refused
            tell(
                f"{number + 1}: {target} killed at {when} {now.after:.3g}, {now.acknowledged} acknowledged, "
                f"{len(now.unanswered)} on their way, {len(ledger.leftovers)} leftovers"
            )
        engine.kill()
        before = ledger.lost, ledger.takes_lost
        ledger.lost = ledger.takes_lost = 0
        ledger.hold(engine.data_dir)  # all of them once more: later kills took nothing of what was there
        ledger.lost, ledger.takes_lost = max(before[0], ledger.lost), max(before[1], ledger.takes_lost)
        temporary = len(list(engine.temporary.iterdir()))
    return {
        "lost": ledger.lost + tally.not_served,
        "unreadable": len(ledger.unreadable),
        "restart_p50_s": percentile(tally.restart_s, 50),
        "restart_p95_s": percentile(tally.restart_s, 95),
        "restart_max_s": percentile(tally.restart_s, 100),
        "worker_restart_p50_s": percentile(tally.worker_restart_s, 50),
        "worker_restart_p95_s": percentile(tally.worker_restart_s, 95),
        "worker_load_s": percentile(tally.worker_load_s, 50),
        "first_start_s": round(first_s, 3),
        "rounds": count,
        "seed": seed,
        "model": model,
        "killed": dict(tally.killed),
        "acknowledged": len(ledger.promises),
        "takes_announced": len(ledger.takes),
        "takes_lost": ledger.takes_lost,
        "resent": tally.resent,
        "resent_wrong": tally.resent_wrong,
        "unreadable_deliveries": len(ledger.unreadable_deliveries),
        "journal_unread": tally.journal_unread,
        "orphans": tally.orphans,
        "unfinished": tally.unfinished,
        "leftovers": len(ledger.leftovers),
        "leftovers_at_most": max(tally.leftovers, default=0),
        "temporary_folders": temporary,
        "refused": dict(tally.refused),
        "broken": ledger.broken[:20],
    }


async def furnish(engine: RunningEngine) -> None:
    """The scenes that are edited."""
    client = ZmqClient("127.0.0.1", engine.port, "furnisher")
    try:
        for scene in SCENES:
            layers = [{"id": layer, "view": layer, "caption": f"{scene} {layer}"} for layer in LAYERS]
            document = {"id": scene, "duration_s": CLIP_S[engine.model], "layers": layers}
            reply = await client.ask("scene.create", {"scene": document, "render": True})
            assert reply.code == "ok", reply
    finally:
        await client.close()


def percentile(values: list[float], share: float) -> float | None:
    return round(float(np.percentile(values, share)), 3) if values else None


FAULTS: Final = (
    "lost", "unreadable", "takes_lost", "resent_wrong", "unreadable_deliveries", "journal_unread", "orphans",
    "unfinished",
)  # fmt: skip


def main() -> int:
    """Exit status: 0 all kept, 1 a promise broken, 2 an engine did not come back."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.kill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, help="of the points; default: drawn, and printed")
    parser.add_argument("--model", choices=list(CLIP_S), default="fake")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    print(f"seed {seed}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="stemscape-kill-", ignore_cleanup_errors=True) as folder:
        try:
            found = rounds(
                options.rounds, seed, options.model, Path(folder),
                lambda line: print(line, file=sys.stderr, flush=True),
            )  # fmt: skip
        except EngineGone as error:
            words = (Path(folder) / "data.stderr").read_text(errors="replace")[-2000:]
            print(f"{error}; its last words:\n{words}", file=sys.stderr)
            return 2
    if options.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:24} {value}")
    return int(any(found[name] for name in FAULTS))


if __name__ == "__main__":
    sys.exit(main())
