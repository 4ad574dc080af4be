"""`python -m tests.soak.load`: full load through all doors, and what it does to memory and descriptors.

Clients edit, supersede, cancel, render and deliver; followers come, go without a word, or never read. The
sounds are a fixed set, so that nothing grows without end but the journal, which keeps every revision, and the
manifests of deliveries, one a revision delivered. The clients share this machine's cores with the engine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgpack
import numpy as np
import zmq

from tests.soak.clients import HttpClient, OscClient, Reply, ZmqClient
from tests.soak.followers import come_and_go, keep_silent
from tests.soak.running_engine import EngineGone, RunningEngine
from tests.soak.samples import Sampler

SCENES: Final = tuple(f"scene-{number}" for number in range(8))
STILL: Final = (
    "still"  # a scene that nobody edits: its mix is delivered by path, the others' would never repeat
)
ECHO: Final = "echo"  # whose layers start from the still one's takes, again and again from one document
LAYERS: Final = ("env", "music", "sfx")
CAPTIONS: Final = ("rain", "storm", "wind", "bells", "waves", "slow fog")
GAINS_DB: Final = (0.0, -3.0, -6.0, -12.0)
SEEDS: Final = 400  # with views and captions 7,200 sounds: more than an hour's renders, and 0.7 GB at most
CLIP_S: Final = {"fake": 1.0, "compact": 2.0}
CLIENTS: Final = {"zmq": 10, "http": 10, "osc": 6, "osc_tcp": 4}
DRAIN_S: Final = 120.0
FINAL: Final = ("done", "failed", "cancelled", "superseded")

Client = ZmqClient | HttpClient | OscClient


@dataclass
class Tally:
    """What the clients saw."""

    requests: Counter[str] = field(default_factory=Counter)  # by door
    answers: Counter[str] = field(default_factory=Counter)  # by door and code
    edits: int = 0
    ack_s: dict[str, list[float]] = field(default_factory=dict)  # door → from edit to acknowledgement
    jobs: set[str] = field(default_factory=set)
    ended: dict[str, str] = field(default_factory=dict)  # job → its final state, as events told it
    faults: list[str] = field(default_factory=list)

    def note(self, door: str, code: str) -> None:
        self.requests[door] += 1
        self.answers[f"{door}:{code}"] += 1


# --- clients ----------------------------------------------------------------------------------------------


@dataclass
class Actor:
    """One client and what it does next."""

    client: Client
    draw: random.Random
    tally: Tally
    last_job: str = ""
    clip_s: float = 1.0
    still: dict[str, str] = field(default_factory=dict)  # layer → take of the scene that nobody edits

    async def act_until(self, end_s: float, every_s: float) -> None:
        while (now_s := time.monotonic()) < end_s:
            try:
                await self._act()
            except TimeoutError as late:
                self.tally.note(self.client.door, "timeout")
                self.tally.faults.append(str(late))
            except ConnectionError as gone:
                self.tally.note(self.client.door, "connection")
                self.tally.faults.append(str(gone))
            await asyncio.sleep(max(0.0, now_s + every_s * 2 * self.draw.random() - time.monotonic()))

    async def _act(self) -> None:
        if isinstance(self.client, ZmqClient):
            await self._act_zmq(self.client)
        elif isinstance(self.client, HttpClient):
            await self._act_http(self.client)
        else:
            await self._act_osc(self.client)

    # one table a door: what, and in how many of a hundred cases

    async def _act_zmq(self, client: ZmqClient) -> None:
        scene, layer, dice = self._place()
        if dice < 12:
            await self._edit(client.ask("layer.edit", self._change(scene, layer, self._sound())))
        elif dice < 58:
            await self._edit(client.ask("layer.edit", self._change(scene, layer, self._place_in_mix())))
        elif dice < 62:  # typing: each supersedes the one before
            asked = [client.ask("layer.edit", self._change(scene, layer, self._sound())) for _ in range(4)]
            await asyncio.gather(*map(self._edit, asked))
        elif dice < 72:
            self._note(await client.ask("scene.render", {"scene": scene, "layers": [layer]}))
            if self.last_job and self.draw.random() < 0.5:
                self._note(await client.ask("job.cancel", {"job": self.last_job}, control=True))
        elif dice < 78:
            content = {"scene": scene, "rate_hz": self.draw.choice((24_000, 48_000)), "bit_depth": 16}
            self._note(await client.ask("scene.deliver", content))
        elif dice < 80:
            content = {"scene": STILL, "hand_off": "path"}
            self._note(await client.ask("scene.deliver", content))
        elif dice < 82:
            content = {"scene": scene, "hand_off": "path", "mix": False}
            self._note(await client.ask("scene.deliver", content))
        elif dice < 84:  # an edit from an old revision: refused, with the newest scene
            stale = {**self._change(scene, layer, {"gain_db": -1.0}), "base_revision": 1}
            self._note(await client.ask("layer.edit", stale))
        elif dice < 88:
            await self._echo(client, layer)
        elif dice < 89:
            self._note(await client.ask("layer.move", {"scene": scene, "layer": layer, "index": 0}))
        elif dice < 90:
            await self._add_and_remove(client, scene)
        elif dice < 94:
            self._note(await client.ask("scene.get", {"scene": scene}))
        elif dice < 97:
            self._note(await client.ask("status", control=self.draw.random() < 0.5))
        else:
            self._note(await client.ask("layer.edit", {"scene": scene, "layer": layer, "changes": {"x": 1}}))

    async def _echo(self, client: ZmqClient, layer: str) -> None:
        """Edits that start from what is there. Some are refused: others may have edited in between."""
        if not self.still:
            reply = await client.ask("scene.get", {"scene": STILL})
            self.still = {one["layer"]: one["take"] for one in reply.content["layers"]}
        take, of = self.still[layer], {"scene": ECHO}
        duration_s = self.draw.choice((0.75, 2.0))  # shorter and longer than the takes are
        origins: list[dict[str, Any] | None] = [
            {"kind": "variation", "take": take, "strength": self.draw.choice((0.3, 0.7))},
            {"kind": "region", "take": take, "from_s": 0.2, "to_s": 0.5},
            {"kind": "continuation", "take": take},
            None,
        ]
        kind, content = self.draw.choice(
            [
                (
                    "scene.create",
                    {
                        "scene": document_of(ECHO, self.clip_s, self.draw.randrange(4)),
                        "replace": True,
                        "render": True,
                    },
                ),
                ("layer.edit", self._change(ECHO, layer, {"origin": self.draw.choice(origins)})),
                ("layer.edit", self._change(ECHO, layer, {"loop": self.draw.random() < 0.5})),
                ("scene.extend", {**of, "duration_s": duration_s * self.clip_s}),
                ("scene.compose", {**of, "seed": self.draw.randrange(4)}),
                ("scene.undo", of),
            ]
        )
        await self._edit(client.ask(kind, content))

    async def _add_and_remove(self, client: ZmqClient, scene: str) -> None:
        extra = {"id": f"extra-{client.name}", "view": "env", "caption": self.draw.choice(CAPTIONS)}
        await self._edit(client.ask("layer.add", {"scene": scene, "layer": extra}))
        await self._edit(client.ask("layer.remove", {"scene": scene, "layer": extra["id"]}))

    async def _act_http(self, client: HttpClient) -> None:
        scene, layer, dice = self._place()
        place = f"/scenes/{scene}/layers/{layer}"
        if dice < 10:
            await self._edit(self._rest(client, "PATCH", place, self._sound()))
        elif dice < 50:
            await self._edit(self._rest(client, "PATCH", place, self._place_in_mix()))
        elif dice < 58:
            self._note(await self._rest(client, "GET", f"/scenes/{scene}"))
        elif dice < 66:
            self._note(
                await self._rest(client, "GET", f"/scenes/{scene}/stems/{layer}.wav", range_="bytes=0-999")
            )
        elif dice < 70:
            self._note(await self._rest(client, "GET", f"/scenes/{scene}/stems/{layer}.flac"))
        elif dice < 74:
            self._note(await self._rest(client, "GET", f"/scenes/{STILL}/mix.wav?rate_hz=48000"))
        elif dice < 82:
            self._note(await self._rest(client, "POST", f"/scenes/{scene}/render", {"layers": [layer]}))
            if self.last_job and self.draw.random() < 0.5:
                self._note(await self._rest(client, "DELETE", f"/jobs/{self.last_job}"))
        elif dice < 86:
            await self._edit(client.ask("layer.edit", self._change(scene, layer, self._place_in_mix())))
        elif dice < 88:
            self._note(await client.ask("transport.set", {"bpm": 120.0, "playing": True}))
        elif dice < 91:
            self._note(await self._rest(client, "GET", "/metrics"))
        elif dice < 94:
            self._note(await self._rest(client, "GET", "/health"))
        elif dice < 97:
            self._note(await self._rest(client, "GET", "/nowhere"))
        else:
            self._note(await self._rest(client, "PATCH", place, {"gain_db": 99.0}))

    async def _rest(
        self, client: HttpClient, method: str, path: str, body: object = None, range_: str = ""
    ) -> Reply:
        answer = await client.call(method, path, body, headers={"Range": range_} if range_ else {})
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        content = json.loads(answer.body) if is_json else {"code": str(answer.status)}
        return Reply("error" if answer.status >= 400 else "reply", content, len(answer.body))

    async def _act_osc(self, client: OscClient) -> None:
        scene, layer, dice = self._place()
        place = f"/scene/{scene}/layer/{layer}"
        if dice < 5:
            await self._edit(client.ask(f"{place}/caption", self.draw.choice(CAPTIONS)))
        elif dice < 10:
            await self._edit(client.ask(f"{place}/seed", self.draw.randrange(SEEDS)))
        elif dice < 65:
            await self._edit(client.ask(f"{place}/gain_db", self.draw.choice(GAINS_DB)))
        elif dice < 72:
            await self._edit(client.ask(f"{place}/mute", self.draw.randrange(2)))
        elif dice < 80:
            self._note(await client.ask(f"{place}/gain_db"))
        elif dice < 84:
            self._note(await client.ask(f"/scene/{scene}/layer/list"))
        elif dice < 86:
            self._note(await client.ask(f"/scene/{scene}/deliver", "mix", 0))
        elif dice < 90:
            self._note(await client.ask("/transport/position", self.draw.random() * 100))
        elif dice < 95:
            self._note(await client.ask("/status"))
        else:
            self._note(await client.ask(f"{place}/gain_db", 99.0))
        self.tally.jobs.update(client.jobs)
        client.jobs.clear()

    # what they share

    def _place(self) -> tuple[str, str, float]:
        return self.draw.choice(SCENES), self.draw.choice(LAYERS), 100 * self.draw.random()

    def _sound(self) -> dict[str, Any]:
        return {"caption": self.draw.choice(CAPTIONS), "seed": self.draw.randrange(SEEDS)}

    def _place_in_mix(self) -> dict[str, Any]:
        return {"gain_db": self.draw.choice(GAINS_DB), "mute": self.draw.random() < 0.1}

    def _change(self, scene: str, layer: str, changes: dict[str, Any]) -> dict[str, Any]:
        return {"scene": scene, "layer": layer, "changes": changes}

    async def _edit(self, asked: Any) -> None:
        begun_s = time.perf_counter()
        reply = await asked
        if reply.code == "ok":
            self.tally.edits += 1
            self.tally.ack_s.setdefault(self.client.door, []).append(time.perf_counter() - begun_s)
        self._note(reply)

    def _note(self, reply: Reply) -> None:
        self.tally.note(self.client.door, reply.code)
        if reply.code == "internal":
            self.tally.faults.append(str(reply.content)[:300])
        for job in reply.content.get("jobs", ()):
            if isinstance(job, dict):
                self.last_job = job["job"]
                self.tally.jobs.add(job["job"])


class Listener:
    """A thread that hears every event of a job, so that its end is known."""

    def __init__(self, engine: RunningEngine, tally: Tally) -> None:
        self._tally = tally
        self._stop = threading.Event()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._events = self._context.socket(zmq.SUB)
        self._events.linger = 0
        self._events.setsockopt(zmq.RCVHWM, 0)
        self._events.subscribe(b"scene.")
        self._events.subscribe(b"welcome")
        self._events.connect(engine.events)
        assert self._events.poll(10_000), "no welcome"
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._context.destroy(linger=0)

    def _listen(self) -> None:
        while not self._stop.is_set():
            if not self._events.poll(100):
                continue
            frames = self._events.recv_multipart()
            head: dict[str, Any] = msgpack.unpackb(frames[-1]) if len(frames) > 1 else {"type": "welcome"}
            if head["type"] == "event.job":
                job, state = head["content"]["job"], head["content"]["state"]
                self._tally.jobs.add(job)
                if state in FINAL:
                    self._tally.ended[job] = state


# --- the whole --------------------------------------------------------------------------------------------


def clients_of(engine: RunningEngine) -> list[Client]:
    host = "127.0.0.1"
    return [
        *(ZmqClient(host, engine.port, f"zmq-{number}") for number in range(CLIENTS["zmq"])),
        *(HttpClient(host, engine.http_port, f"http-{number}") for number in range(CLIENTS["http"])),
        *(OscClient(host, engine.osc_port, f"osc-{number}") for number in range(CLIENTS["osc"])),
        *(
            OscClient(host, engine.osc_port, f"osc-tcp-{number}", tcp=True)
            for number in range(CLIENTS["osc_tcp"])
        ),
    ]


def document_of(scene: str, clip_s: float, seed: int = 0) -> dict[str, Any]:
    layers = [{"id": layer, "view": layer, "caption": CAPTIONS[0], "seed": seed} for layer in LAYERS]
    return {"id": scene, "duration_s": clip_s, "layers": layers}


async def furnish(engine: RunningEngine) -> None:
    """The scenes, and the still one rendered."""
    client = ZmqClient("127.0.0.1", engine.port, "furnisher")
    try:
        for scene in (*SCENES, STILL, ECHO):
            document = document_of(scene, CLIP_S[engine.model])
            reply = await client.ask("scene.create", {"scene": document, "render": True})
            assert reply.code == "ok", reply
    finally:
        await client.close()


async def act(engine: RunningEngine, seconds: float, per_s: float, seed: int, tally: Tally) -> dict[str, int]:
    """All clients and followers for so long."""
    draw = random.Random(seed)
    clients = clients_of(engine)
    end_s = time.monotonic() + seconds
    every_s = len(clients) / per_s
    clip_s = CLIP_S[engine.model]
    actors = [Actor(one, random.Random(draw.random()), tally, clip_s=clip_s) for one in clients]
    try:
        silent, gone, *_ = await asyncio.gather(
            keep_silent(engine, end_s),
            come_and_go(engine, end_s, random.Random(draw.random())),
            *(one.act_until(end_s, every_s) for one in actors),
        )
    finally:
        for client in clients:
            await client.close()
    return {"never_read": int(silent or 0), "came_and_went": int(gone or 0)}


def size_mib(folder: Path) -> float:
    """What the files below a folder hold."""
    sizes = 0
    for path in folder.rglob("*"):
        try:
            sizes += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # a temporary name that was there a moment ago
            continue
    return round(sizes / 2**20, 1)


def measure(
    minutes: float, seed: int, model: str, per_s: float, folder: Path, tell: Callable[[str], None]
) -> dict[str, Any]:
    """The figures. Raises `EngineGone` where the engine does not live to the end."""
    tally = Tally()
    with RunningEngine(folder / "data", model=model) as engine:
        engine.start()
        pids = {"bridge": engine.pid, "worker": engine.wait_worker().pid}
        asyncio.run(furnish(engine))
        engine.wait_idle(DRAIN_S)
        tell(f"{sum(CLIENTS.values())} clients for {minutes:g} minutes, seed {seed}")
        with Listener(engine, tally), Sampler(lambda: pids) as sampler:
            started_s = time.monotonic()
            followers = asyncio.run(act(engine, 60.0 * minutes, per_s, seed, tally))
            took_s = time.monotonic() - started_s
        # the listener is away from here on: what it did not hear is asked for
        left = engine.wait_idle(DRAIN_S)
        untold = asyncio.run(ask_for(engine, tally))
        restarts = engine.status()["worker"]["restarts"]
        disk = {name: size_mib(engine.data_dir / name) for name in ("audio", "deliveries")}
        disk["journal"] = round(
            sum(one.stat().st_size for one in engine.data_dir.glob("journal*")) / 2**20, 1
        )
        disk["manifests"] = len(list((engine.data_dir / "deliveries").rglob("*.json")))
    processes = {name: series.as_data() for name, series in sampler.series.items()}
    ended = Counter(tally.ended.values())
    return {
        "rss_growth": max(one["rss_growth"] for one in processes.values()),
        "uss_growth": max(one["uss_growth"] for one in processes.values()),
        "fd_growth": max(one["fd_growth"] for one in processes.values()),
        "unfinished": len(left) + len(untold),
        "jobs": len(tally.jobs),
        "jobs_ended": dict(ended),
        "worker_restarts": restarts,
        "seconds": round(took_s, 1),
        "requests": sum(tally.requests.values()),
        "requests_by_door": dict(tally.requests),
        "edits": tally.edits,
        "edits_per_s": round(tally.edits / took_s, 1),
        "ack_p50_ms": {door: percentile_ms(taken, 50) for door, taken in tally.ack_s.items()},
        "ack_p99_ms": {door: percentile_ms(taken, 99) for door, taken in tally.ack_s.items()},
        "answers": dict(sorted(tally.answers.items())),
        "faults": tally.faults[:20],
        "followers": followers,
        "disk_mib": disk,
        "processes": processes,
        "model": model,
        "seed": seed,
    }


async def ask_for(engine: RunningEngine, tally: Tally) -> list[str]:
    """Jobs whose end no event told and that the engine does not call ended."""
    client = ZmqClient("127.0.0.1", engine.port, "asker")
    untold = []
    try:
        for job in tally.jobs - tally.ended.keys():
            reply = await client.ask("job.get", {"job": job})
            if reply.content.get("state") in FINAL:
                tally.ended[job] = reply.content["state"]
            else:
                untold.append(job)
    finally:
        await client.close()
    return untold


def percentile_ms(values: list[float], share: float) -> float:
    return round(1000 * float(np.percentile(values, share)), 2)


def main() -> int:
    """Exit status: 0 every job ended and nobody waited in vain, 1 not so, 2 the engine ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", choices=list(CLIP_S), default="fake")
    parser.add_argument("--per-s", type=float, default=300.0, help="requests of all clients, if they can")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemscape-load-", ignore_cleanup_errors=True) as folder:
        try:
            found = measure(
                options.minutes, options.seed, options.model, options.per_s, Path(folder),
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
            print(f"{name:18} {value}")
    return int(bool(found["unfinished"] or found["faults"]))


if __name__ == "__main__":
    sys.exit(main())
