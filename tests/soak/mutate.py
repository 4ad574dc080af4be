"""`python -m tests.soak.mutate`: mutated messages at every door, and whether the engine minds.

For each door an engine of its own: right edits with their renders, which fill all that an engine remembers up
to a number; so many messages to warm up, memory looked at, as many again, memory looked at again. Between
batches a right request must be answered within two seconds. What is sent is in `targets`, how it is changed
in `mutations`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil

from tests.soak.clients import HttpClient, OscClient, ZmqClient
from tests.soak.mutations import Mutants
from tests.soak.running_engine import EngineGone, RunningEngine
from tests.soak.targets import (
    HTTP_SEEDS,
    OSC_SEEDS,
    SCENE,
    WEBSOCKET_SEEDS,
    ZMQ_SEEDS,
    HttpTarget,
    OscTcpTarget,
    OscUdpTarget,
    Target,
    WebSocketTarget,
    ZmqTarget,
    mutate_http,
    mutate_osc,
    mutate_websocket,
    mutate_zmq,
)

LINES: Final = 8  # connections at a time
BATCH: Final = 100  # messages between two right ones
ANSWER_S: Final = 2.0
SETTLE_S: Final = 20.0  # for renders that mutants asked for
REST_S: Final = 5.0  # in which the engine looks after its heap twice, asked nothing
SOUNDS_MIB: Final = 2  # full before the first look at memory: what is kept on purpose should not look lost
WORKED: Final = 1100  # right edits before: a few more than the answers, or ended jobs, that are remembered
SUSPECTS: Final = 16


class Door(NamedTuple):
    """How a door is fuzzed."""

    seeds: list[Any]
    mutate: Callable[[Any, random.Random], Any]
    target: Callable[[RunningEngine], Target]


DOORS: Final[dict[str, Door]] = {
    "zmq": Door(ZMQ_SEEDS, mutate_zmq, ZmqTarget),
    "http": Door(HTTP_SEEDS, mutate_http, HttpTarget),
    "websocket": Door(WEBSOCKET_SEEDS, mutate_websocket, WebSocketTarget),
    "osc_udp": Door(OSC_SEEDS, mutate_osc, OscUdpTarget),
    "osc_tcp": Door(OSC_SEEDS, mutate_osc, OscTcpTarget),
}


@dataclass
class Tally:
    """What became of the messages of one door."""

    crashes: int = 0
    hangs: int = 0
    answered: int = 0
    ignored: int = 0
    sent: int = 0
    internal: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    recent: deque[Any] = field(default_factory=lambda: deque(maxlen=SUSPECTS))
    suspects: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


async def batch(engine: RunningEngine, door: str, mutants: Mutants[Any], tally: Tally, count: int) -> None:
    """So many mutants through some connections at a time, then a right request."""
    left = count

    async def one_line() -> None:
        nonlocal left
        target = DOORS[door].target(engine)
        try:
            while left > 0:
                left -= 1
                mutant = mutants.next()
                tally.recent.append(mutant)
                answer = await target.send(mutant)
                tally.sent += 1
                note(tally, mutant, answer)
                if answer is not None:
                    mutants.learn(mutant, answer)
        except OSError:
            if engine.is_alive():
                raise  # otherwise the crash is found below
        finally:
            await target.close()

    await asyncio.gather(*(one_line() for _ in range(LINES)))
    if not engine.is_alive():
        tally.crashes += 1
        suspect(tally, "crash")
        return
    began_s = time.perf_counter()
    try:
        await right_request(engine, door)
    except (TimeoutError, ConnectionError):
        tally.hangs += 1
        suspect(tally, "hang")
    tally.slowest_s = max(tally.slowest_s, time.perf_counter() - began_s)


def note(tally: Tally, mutant: Any, answer: str | None) -> None:
    if answer is None:
        tally.ignored += 1
        return
    tally.answered += 1
    code = re.match(r"(error \w+|HTTP/1.1 \d+|close \d+|/\w+|\S+)", answer)
    tally.answers[code[0] if code else "?"] += 1
    if "error internal" in answer or answer.startswith("HTTP/1.1 500 ") or "'internal']" in answer:
        tally.internal.append(f"{answer[:200]} to {mutant!r}"[:1500])


def suspect(tally: Tally, what: str) -> None:
    tally.suspects += [f"before a {what}: {one!r}"[:800] for one in tally.recent]


async def right_request(engine: RunningEngine, door: str) -> None:
    """A right request through the same door. Raises TimeoutError, ConnectionError."""
    client: ZmqClient | HttpClient | OscClient
    if door == "zmq":
        client = ZmqClient("127.0.0.1", engine.port, "right")
    elif door in ("http", "websocket"):
        client = HttpClient("127.0.0.1", engine.http_port, "right")
    else:
        client = OscClient("127.0.0.1", engine.osc_port, "right", tcp=door == "osc_tcp")
    try:
        if isinstance(client, OscClient):
            reply = await client.ask("/status", within_s=ANSWER_S)
        else:
            reply = await client.ask("status", within_s=ANSWER_S)
        assert reply.code == "ok", reply
    finally:
        await client.close()


async def furnish(engine: RunningEngine) -> None:
    """The scene that mutants are about, as it should be; they leave it in any state."""
    client = ZmqClient("127.0.0.1", engine.port, "furnisher")
    try:
        reply = await client.ask("scene.create", {"scene": SCENE, "replace": True})
        assert reply.code == "ok", reply
        reply = await client.ask("scene.render", {"scene": SCENE["id"], "layers": ["env"]})
        assert reply.code == "ok", reply
    finally:
        await client.close()


async def work(engine: RunningEngine, edits: int) -> None:
    """Right edits of one layer, each of which is rendered."""
    client = ZmqClient("127.0.0.1", engine.port, "worker")
    try:
        for seed in range(edits):
            reply = await client.ask(
                "layer.edit", {"scene": SCENE["id"], "layer": "env", "changes": {"seed": seed}}
            )
            assert reply.code == "ok", reply
    finally:
        await client.close()


async def salvo(engine: RunningEngine, door: str, mutants: Mutants[Any], tally: Tally, count: int) -> None:
    """All messages of one half; ends early where the engine is gone."""
    sent = 0
    while sent < count and engine.is_alive():
        await furnish(engine)
        await batch(engine, door, mutants, tally, min(BATCH, count - sent))
        sent += BATCH


def settled_rss(engine: RunningEngine) -> int:
    """Memory once the engine has come to rest."""
    engine.wait_idle(SETTLE_S)
    time.sleep(REST_S)
    return int(psutil.Process(engine.pid).memory_info().rss)


def half(engine: RunningEngine, door: str, mutants: Mutants[Any], tally: Tally, count: int) -> int:
    """Sends all messages of one half; returns the memory after it, in bytes.

    It is the median of three looks, the last tenths of the messages between them: what eight large messages
    at once leave in pieces is given back with the next ones, and comes to 4 MiB.
    """
    last = max(1, count // 10)
    looks = []
    for some in (max(1, count - 2 * last), last, last):
        asyncio.run(salvo(engine, door, mutants, tally, some))
        looks.append(settled_rss(engine))
    return int(statistics.median(looks))


def fuzz(door: str, count: int, seed: int, folder: Path) -> dict[str, Any]:
    """The figures of one door. Raises `EngineGone` where no engine starts."""
    tally = Tally()
    mutants = Mutants(DOORS[door].seeds, DOORS[door].mutate, random.Random(seed))
    growth, workers, scenes, before, after = None, 0, 0, 0, 0
    with RunningEngine(folder / door, "--sounds-memory", str(SOUNDS_MIB)) as engine:
        engine.start()
        engine.wait_worker()
        began_s = time.perf_counter()
        try:
            asyncio.run(furnish(engine))
            asyncio.run(work(engine, min(WORKED, count)))
            before = half(engine, door, mutants, tally, count)
            after = half(engine, door, mutants, tally, count)
            growth = round(after / before - 1.0, 4)
            status = engine.status()
            workers, scenes = status["worker"]["restarts"], status["scenes"]
        except EngineGone:
            tally.crashes += engine.is_alive()  # one that ended is counted already
        took_s = time.perf_counter() - began_s
        how = None if engine.is_alive() else engine.process and engine.process.returncode
        logs = sorted(engine.data_dir.glob("engine.log*"), reverse=True)  # the oldest first
        log = "".join(one.read_text(encoding="utf-8", errors="replace") for one in logs)
    return {
        "crashes": tally.crashes + workers,
        "hangs": tally.hangs,
        "rss_growth": growth,
        "answered": tally.answered,
        "ignored": tally.ignored,
        "sent": tally.sent,
        "internal": len(tally.internal),
        "tracebacks": log.count("Traceback (most recent call last)"),
        "worker_crashes": workers,
        "ended_with": how,
        "rss_mib": [round(before / 2**20, 1), round(after / 2**20, 1)],
        "slowest_right_answer_s": round(tally.slowest_s, 3),
        "kinds_of_answers": mutants.kinds_of_answers,
        "answers": dict(tally.answers.most_common(30)),
        "scenes_made": scenes,
        "log_mib": round(len(log) / 2**20, 2),
        "seconds": round(took_s, 1),
        "faults": tally.internal[:5] + tracebacks(log)[:5],
        "suspects": tally.suspects[:SUSPECTS],
    }


def tracebacks(log: str) -> list[str]:
    """The last lines of those in the log, each kind once."""
    found = re.findall(r"Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)*(\S.*)", log)
    return [f"{count} × {line[:300]}" for line, count in Counter(found).most_common()]


def main() -> int:
    """Exit status: 0 nothing fell, 1 something did."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.mutate", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="for each door, and as many to warm up")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--door", choices=list(DOORS), action="append", help="only this one; default: all")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory(prefix="stemscape-mutate-", ignore_cleanup_errors=True) as folder:
        for door in options.door or list(DOORS):
            found[door] = fuzz(door, options.messages, options.seed, Path(folder))
            print(f"{door}: {json.dumps(found[door])[:300]}", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps(found))
    else:
        for door, one in found.items():
            print(door)
            for name, value in one.items():
                print(f"    {name:24} {value}")
    return int(any(one["crashes"] or one["hangs"] or one["internal"] for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
