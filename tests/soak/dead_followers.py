"""`python -m tests.soak.dead_followers`: what followers that never read cost those who work.

One engine, two kinds of rounds by turns: without any, and with dead followers at all doors (WebSockets, OSC
streams and datagrams, ZeroMQ subscribers). In both the same clients edit at the same pace, and one follower
reads. What both kinds share (disk, other programs) cancels out, so the ratios say what the dead ones cost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgpack
import numpy as np
import zmq
import zmq.asyncio

from tests.soak.clients import ZmqClient
from tests.soak.followers import SilentFollowers
from tests.soak.running_engine import RunningEngine

CLIENTS: Final = 10
PER_S: Final = 200.0  # edits of all of them
GROUP: Final = 9  # dead followers, see `SilentFollowers`
WARM_S: Final = 0.5  # of a round: connections are made, and those too slow are let go first
GAIN_DB: Final = 50


@dataclass
class Round:
    """What the clients and the one reader waited for, in seconds."""

    ack_s: list[float] = field(default_factory=list)
    event_s: list[float] = field(default_factory=list)


class Reader:
    """The follower that reads: how long after an edit was sent its event is here."""

    def __init__(self, engine: RunningEngine) -> None:
        self.sent_s: dict[str, float] = {}
        self.round = Round()
        self._context = zmq.asyncio.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.subscribe(b"scene.")
        self._socket.connect(engine.events)
        self._task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        while True:
            _topic, first, *_ = await self._socket.recv_multipart()
            begun_s = self.sent_s.pop(msgpack.unpackb(first)["parent"], None)
            if begun_s is not None:
                self.round.event_s.append(time.perf_counter() - begun_s)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._context.destroy(linger=0)


async def edit(clients: list[ZmqClient], reader: Reader, seconds: float) -> Round:
    """One round: edits at an even pace, whether or not the ones before are acknowledged."""
    found = reader.round = Round()
    start_s = time.perf_counter()
    asked = []

    async def one(number: int) -> None:
        client, scene = clients[number % CLIENTS], f"scene-{number % CLIENTS}"
        change = {"scene": scene, "layer": "env", "changes": {"gain_db": -float(number % GAIN_DB)}}
        message_id = uuid.uuid4().hex
        reader.sent_s[message_id] = begun_s = time.perf_counter()
        reply = await client.ask("layer.edit", change, message_id=message_id)
        assert reply.code == "ok", reply
        if begun_s - start_s > WARM_S:
            found.ack_s.append(time.perf_counter() - begun_s)

    for number in range(round((seconds + WARM_S) * PER_S)):
        await asyncio.sleep(max(0.0, start_s + number / PER_S - time.perf_counter()))
        asked.append(asyncio.ensure_future(one(number)))
    await asyncio.gather(*asked)
    return found


async def rounds(engine: RunningEngine, count: int, seconds: float, groups: int) -> dict[str, list[Round]]:
    """So many of each kind, in turns; which is first changes every time."""
    clients = [ZmqClient("127.0.0.1", engine.port, f"client-{number}") for number in range(CLIENTS)]
    reader = Reader(engine)
    found: dict[str, list[Round]] = {"alone": [], "with_dead": []}
    try:
        for number, client in enumerate(clients):
            layers = [{"id": "env", "view": "env", "caption": "rain"}]
            document = {"id": f"scene-{number}", "duration_s": 1.0, "layers": layers}
            assert (await client.ask("scene.create", {"scene": document})).code == "ok"
        await edit(clients, reader, seconds)  # code and caches come into being
        for number in range(count):
            for kind in ("alone", "with_dead") if number % 2 else ("with_dead", "alone"):
                with contextlib.ExitStack() as dead:
                    if kind == "with_dead":
                        for _ in range(groups):
                            silent = SilentFollowers(engine)
                            await asyncio.to_thread(silent.__enter__)
                            dead.callback(silent.__exit__)
                    found[kind].append(await edit(clients, reader, seconds))
    finally:
        await reader.close()
        for client in clients:
            await client.close()
    return found


def measure(count: int, seconds: float, groups: int, folder: Path) -> dict[str, Any]:
    """The figures."""
    with RunningEngine(folder / "data") as engine:
        engine.start()
        engine.wait_worker()
        found = asyncio.run(rounds(engine, count, seconds, groups))
    figures: dict[str, Any] = {"rounds": count, "dead_followers": groups * GROUP, "seconds_each": seconds}
    for what in ("ack", "event"):
        for share in (50, 99):
            of_rounds = {
                kind: [1000 * float(np.percentile(getattr(one, f"{what}_s"), share)) for one in all_of_kind]
                for kind, all_of_kind in found.items()
            }
            ratios = np.array(of_rounds["with_dead"]) / np.array(of_rounds["alone"])
            name = f"{what}_p{share}"
            figures[f"{name}_ms"] = {
                kind: round(float(np.median(all_)), 3) for kind, all_ in of_rounds.items()
            }
            figures[f"{name}_ratio"] = round(float(np.median(ratios)), 3)
            figures[f"{name}_ratios"] = [round(float(one), 2) for one in ratios]
    figures["edits"] = {kind: sum(len(one.ack_s) for one in of_kind) for kind, of_kind in found.items()}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.dead_followers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="of each kind")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--groups", type=int, default=1, help=f"of {GROUP} dead followers")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemscape-dead-", ignore_cleanup_errors=True) as folder:
        found = measure(options.rounds, options.seconds, options.groups, Path(folder))
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:18} {value}")


if __name__ == "__main__":
    main()
