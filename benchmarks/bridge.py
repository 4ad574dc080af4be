"""`python -m benchmarks.bridge`: what the bridge alone costs, with the fake model behind it.

Through each door: 20 clients send 500 edits a second in all, evenly, and the time from sending to the
acknowledgement is taken (the edit is on disk by then). Then stems of 10 s in stereo are delivered by path,
each for the first time. One thread with one selector plays all clients, so that they cost little; still they
share this machine's cores with the engine. Percentiles leave out the first second.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Final, Protocol

import matplotlib.pyplot as plt
import msgpack
import numpy as np
import zmq
from numpy.typing import NDArray
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket
from rich.console import Console
from rich.table import Table

from benchmarks.private_engine import private_engine

CLIENTS: Final = 20
EDITS_PER_S: Final = 500
WARM_S: Final = 1.0
STEMS: Final = 40
LAYERS: Final = 4  # of a scene
STEM_S: Final = 10.0
PATIENCE_S: Final = 20.0


class Line(Protocol):
    """One client's connection: sends a request, and says when its answer is there."""

    def fileno(self) -> int: ...

    def send(self, kind: str, content: dict[str, Any]) -> None: ...

    def answers(self) -> list[dict[str, Any]]:
        """Whatever has come by now, as contents; raises RuntimeError for a refusal."""
        ...


class ZmqLine:
    """A DEALER socket."""

    def __init__(self, said: dict[str, str]) -> None:
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(said["request"])

    def fileno(self) -> int:
        return int(self._socket.getsockopt(zmq.FD))

    def send(self, kind: str, content: dict[str, Any]) -> None:
        head = {"version": 1, "id": uuid.uuid4().hex, "type": kind, "content": content}
        self._socket.send(msgpack.packb(head))

    def answers(self) -> list[dict[str, Any]]:
        found = []
        while int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            head = msgpack.unpackb(self._socket.recv_multipart()[0])
            found.append(checked(head["type"] == "error", head["content"]))
        return found


class HttpLine:
    """A connection that is kept: HTTP/1.1, `POST /message`."""

    def __init__(self, said: dict[str, str]) -> None:
        self._host, _, port = said["http"].removeprefix("http://").rpartition(":")
        self._socket = socket.create_connection((self._host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._rest = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, kind: str, content: dict[str, Any]) -> None:
        body = json.dumps({"type": kind, "content": content}).encode()
        head = f"POST /message HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)

    def answers(self) -> list[dict[str, Any]]:
        self._rest += self._socket.recv(2**20)
        found = []
        while b"\r\n\r\n" in self._rest:
            head, _, rest = self._rest.partition(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            length = int(fields[b"content-length"])
            if len(rest) < length:
                break
            self._rest = rest[length:]
            message = json.loads(rest[:length])
            found.append(checked(message["type"] == "error", message["content"]))
        return found


class WebSocketLine:
    """A WebSocket that follows nothing: requests as text frames (RFC 6455)."""

    def __init__(self, said: dict[str, str]) -> None:
        host, _, port = said["http"].removeprefix("http://").rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(
            f"GET /events HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c3RlbXNjYXBlIGJlbmNobQ==\r\n\r\n".encode()
        )
        self._rest = b""
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._socket.recv(4096)
        self._rest = self._rest.partition(b"\r\n\r\n")[2]
        self._say({"subscribe": []})
        welcomes = 0
        while welcomes < 2:  # one to say hello, one to the subscription; other events may come between
            welcomes += sum(message["type"] == "welcome" for message in self._messages())
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, kind: str, content: dict[str, Any]) -> None:
        self._say({"type": kind, "content": content})

    def answers(self) -> list[dict[str, Any]]:
        return [
            checked(message["type"] == "error", message["content"])
            for message in self._messages()
            if not message["type"].startswith("event.")
        ]

    def _say(self, message: dict[str, Any]) -> None:
        text = json.dumps(message).encode()
        length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        self._socket.sendall(b"\x81" + length + b"\0\0\0\0" + text)  # a mask of zeros changes nothing

    def _messages(self) -> list[dict[str, Any]]:
        self._rest += self._socket.recv(2**20)
        found = []
        while len(self._rest) >= 2:
            size, head = self._rest[1], 2
            if size >= 126:
                head = 4 if size == 126 else 10
                size = int.from_bytes(self._rest[2:head], "big")
            if len(self._rest) < head + size:
                break
            if self._rest[0] == 0x81:
                found.append(json.loads(self._rest[head : head + size]))
            self._rest = self._rest[head + size :]
        return found


class OscLine:
    """A UDP socket."""

    def __init__(self, said: dict[str, str]) -> None:
        host, _, port = said["osc"].rpartition("://")[2].rpartition(":")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((host, int(port)))
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, kind: str, content: dict[str, Any]) -> None:
        place = f"/scene/{content['scene']}"
        if kind == "layer.edit":
            builder = OscMessageBuilder(f"{place}/layer/{content['layer']}/gain_db")
            builder.add_arg(content["changes"]["gain_db"])
        else:
            builder = OscMessageBuilder(f"{place}/deliver")
            for name, value in content.items():
                if name not in ("scene", "hand_off"):
                    builder.add_arg(name)
                    builder.add_arg(",".join(value) if isinstance(value, list) else value)
        self._socket.send(builder.build().dgram)

    def answers(self) -> list[dict[str, Any]]:
        found = []
        for timed in OscPacket(self._socket.recv(65_536)).messages:
            message = timed.message
            found.append(checked(message.address == "/fail", {"arguments": message.params}))
        return found


LINES: Final[dict[str, type[Any]]] = {
    "zmq": ZmqLine,
    "http": HttpLine,
    "websocket": WebSocketLine,
    "osc": OscLine,
}


def checked(failed: bool, content: dict[str, Any]) -> dict[str, Any]:
    """A refusal ends the measurement: what is measured must be what is meant."""
    if failed:
        raise RuntimeError(f"the engine refused: {content}")
    return content


def ask(line: Line, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """One request and its answer."""
    line.send(kind, content)
    with selectors.DefaultSelector() as selector:
        selector.register(line.fileno(), selectors.EVENT_READ)
        deadline_s = time.perf_counter() + PATIENCE_S
        while time.perf_counter() < deadline_s:
            selector.select(0.05)
            try:
                found = line.answers()
            except BlockingIOError:
                continue
            if found:
                return found[0]
    raise TimeoutError(f"no answer to {kind}")


def acknowledgements_ms(said: dict[str, str], door: str, seconds: float) -> tuple[NDArray[np.float64], float]:
    """Milliseconds from sending to acknowledgement of every edit (N,), and edits a second as they went."""
    setup = ZmqLine(said)
    scenes = [f"{door}-{number}" for number in range(CLIENTS)]
    for scene in scenes:
        layers = [{"id": f"l{n}", "view": "env", "caption": "rain", "seed": n} for n in range(LAYERS)]
        ask(setup, "scene.create", {"scene": {"id": scene, "duration_s": 1.0, "layers": layers}})
    lines: list[Line] = [LINES[door](said) for _ in scenes]
    sent_s: list[list[float]] = [[] for _ in lines]
    taken: list[float] = []
    with selectors.DefaultSelector() as selector:
        for number, line in enumerate(lines):
            selector.register(line.fileno(), selectors.EVENT_READ, number)
        start_s = time.perf_counter()
        total = round((seconds + WARM_S) * EDITS_PER_S)
        sent = answered = 0
        while answered < total:
            now_s = time.perf_counter()
            if now_s > start_s + seconds + WARM_S + PATIENCE_S:
                raise TimeoutError(f"{door}: {total - answered} edits were not acknowledged")
            while sent < total and now_s >= start_s + sent / EDITS_PER_S:
                number = sent % CLIENTS
                gain_db = -float(sent % 50)
                sent_s[number].append(time.perf_counter())
                lines[number].send(
                    "layer.edit",
                    {"scene": scenes[number], "layer": f"l{sent % LAYERS}", "changes": {"gain_db": gain_db}},
                )
                sent += 1
                now_s = time.perf_counter()
            wait_s = start_s + sent / EDITS_PER_S - time.perf_counter() if sent < total else 0.05
            ready = [key.data for key, _ in selector.select(max(0.0, min(wait_s, 0.001)))]
            # libzmq's descriptor tells of changes only, so its sockets are asked all the time
            for number in range(CLIENTS) if door == "zmq" else ready:
                try:
                    came = lines[number].answers()
                except BlockingIOError:
                    continue
                for _ in came:
                    begun_s = sent_s[number].pop(0)
                    answered += 1
                    if begun_s - start_s >= WARM_S:
                        taken.append(time.perf_counter() - begun_s)
        pace = total / (time.perf_counter() - start_s)
    return 1000 * np.array(taken), pace


def deliveries_ms(said: dict[str, str], door: str) -> NDArray[np.float64]:
    """Milliseconds of delivering one stem of 10 s in stereo by path, each for the first time: (STEMS,)."""
    setup = ZmqLine(said)
    wanted = []
    for number in range(STEMS // LAYERS):
        scene = f"deliver-{door}-{number}"
        layers = [{"id": f"l{n}", "view": "env", "caption": scene, "seed": n} for n in range(LAYERS)]
        document = {"id": scene, "duration_s": STEM_S, "layers": layers}
        created = ask(setup, "scene.create", {"scene": document, "render": True})
        for job in created["jobs"]:
            while ask(setup, "job.get", {"job": job["job"]})["state"] != "done":
                time.sleep(0.02)
        wanted += [{"scene": scene, "layers": [layer["id"]]} for layer in layers]
    line: Line = LINES[door](said)
    taken = []
    for content in wanted:
        begun_s = time.perf_counter()
        ask(line, "scene.deliver", {**content, "mix": False, "channels": 2, "hand_off": "path"})
        taken.append(time.perf_counter() - begun_s)
    return 1000 * np.array(taken[2:])  # the first bring code and buffers into being


def floor_ms(seconds: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What no durable edit can be quicker than here, in milliseconds, asked for as often as there are edits:
    how late this process is woken, and how long 8 KiB written into a file and `fdatasync` take."""
    late, taken = [], []
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+b", buffering=0) as file:
        file.write(bytes(64 * 2**20))
        os.fsync(file.fileno())
        start_s = time.perf_counter()
        for number in range(round(seconds * EDITS_PER_S)):
            due_s = start_s + number / EDITS_PER_S
            time.sleep(max(0.0, due_s - time.perf_counter()))
            begun_s = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 8192, 8192 * (number % 8192))
            os.fdatasync(file.fileno())
            late.append(begun_s - due_s)
            taken.append(time.perf_counter() - begun_s)
    return 1000 * np.array(late), 1000 * np.array(taken)


def measure(
    doors: list[str], seconds: float
) -> tuple[dict[str, dict[str, float]], dict[str, NDArray[np.float64]]]:
    """The numbers of each door, and all its acknowledgements in milliseconds."""
    found: dict[str, dict[str, float]] = {}
    series = {}
    for door in doors:
        with private_engine("fake") as said:
            taken, pace = acknowledgements_ms(said, door, seconds)
            delivered = deliveries_ms(said, door)
        wake, disk = floor_ms(4.0)
        series[door] = taken
        found[door] = {
            "ack_p50_ms": round(float(np.percentile(taken, 50)), 3),
            "ack_p99_ms": round(float(np.percentile(taken, 99)), 3),
            "edits_per_s": round(pace, 1),
            "deliver_ms": round(float(np.median(delivered)), 3),
            "disk_p50_ms": round(float(np.percentile(disk, 50)), 3),
            "disk_p99_ms": round(float(np.percentile(disk, 99)), 3),
            "wake_p50_ms": round(float(np.percentile(wake, 50)), 3),
            "wake_p99_ms": round(float(np.percentile(wake, 99)), 3),
            "deliver_p90_ms": round(float(np.percentile(delivered, 90)), 3),
        }
    return found, series


def draw(series: dict[str, NDArray[np.float64]], path: Path) -> None:
    """Cumulative shares of acknowledgements over time, a line a door."""
    figure, axes = plt.subplots(figsize=(7, 4))
    for door, taken in series.items():
        axes.plot(np.sort(taken), np.linspace(0, 100, len(taken)), label=door)
    axes.axhline(99, color="grey", linewidth=0.5)
    axes.axvline(2.0, color="grey", linewidth=0.5)
    axes.set(xscale="log", xlabel="edit → acknowledged, ms", ylabel="% of edits", xlim=(0.2, 50))
    axes.set_title(f"{CLIENTS} clients, {EDITS_PER_S} edits a second")
    axes.legend()
    figure.savefig(path, dpi=100, bbox_inches="tight")
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bridge", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--seconds", type=float, default=10.0, help="of edits through each door")
    parser.add_argument("--door", choices=list(LINES), action="append", help="only this one; default: all")
    parser.add_argument("--picture", type=Path, help="draw all acknowledgements into this file")
    options = parser.parse_args()
    console = Console(stderr=True)
    with console.status("20 clients edit through each door in turn"):
        found, series = measure(options.door or list(LINES), options.seconds)
    if options.picture:
        draw(series, options.picture)
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    table = Table(title="bridge, fake model")
    heads = (
        "door", "ack p50, ms", "ack p99, ms", "edits a second", "deliver, ms",
        "disk p50", "disk p99", "wake p50", "wake p99",
    )  # fmt: skip
    for head in heads:
        table.add_column(head, justify="right")
    for door, one in found.items():
        table.add_row(door, *(f"{one[key]:g}" for key in list(one)[:8]))
    Console().print(table)


if __name__ == "__main__":
    main()
