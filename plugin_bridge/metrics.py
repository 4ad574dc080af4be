"""Counts of what the engine did, as a page in Prometheus' text format 0.0.4.

Written by hand, since all that is needed of a client library is forty lines, and a registry that lives in
one value instead of in the module. Knows no sockets.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from plugin_bridge.audio_store import SoundCache
from scene_schema.envelope import Envelope
from scene_schema.job_states import FINAL, NEXT
from scene_schema.messages import ERROR, REPLIES, REQUESTS, Accepted, Measured, Percentiles, WorkerState
from scene_schema.priority import Priority

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

LATENCY_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEM_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0)
RECENT: Final = 512  # that percentiles for people are taken from
SLOW: Final = {"scene.fit", "scene.import"}  # they wait for a model, or for an archive to be read
CHANGES: Final = frozenset(kind for kind, reply in REPLIES.items() if reply is Accepted and kind not in SLOW)
WORKER_STATES: Final = get_args(WorkerState)

Labels = tuple[str, ...]


class Counter:
    """A number that only grows, one for each set of label values."""

    kind: Final = "counter"

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self._values: dict[Labels, float] = defaultdict(float)

    def add(self, *values: str, by: float = 1) -> None:
        """Counts; `values` are those of the labels, in order."""
        self._values[values] += by

    def value(self, *values: str) -> float:
        """As it stands; 0 where nothing was counted."""
        return self._values.get(values, 0.0)

    def by_label(self) -> dict[str, int]:
        """All, where there is one label."""
        return {values[0]: int(number) for values, number in sorted(self._values.items())}

    def lines(self) -> Iterable[str]:
        """The samples."""
        return [_line(self.name, self.labels, *one) for one in sorted(self._values.items())]


class Histogram:
    """How long things took, in cumulative buckets."""

    kind: Final = "histogram"

    def __init__(self, name: str, text: str, *labels: str, buckets: tuple[float, ...] = LATENCY_S) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self._buckets = buckets
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = defaultdict(float)

    def observe(self, seconds: float, *values: str) -> None:
        """Counts one."""
        counts = self._counts.setdefault(values, [0] * (len(self._buckets) + 1))
        counts[bisect_left(self._buckets, seconds)] += 1
        self._sums[values] += seconds

    def lines(self) -> Iterable[str]:
        """The samples: each bucket holds all that was no slower than its bound."""
        for values, counts in sorted(self._counts.items()):
            below = 0
            for bound, count in zip((*map(str, self._buckets), "+Inf"), counts, strict=True):
                below += count
                yield _line(f"{self.name}_bucket", (*self.labels, "le"), (*values, bound), below)
            yield _line(f"{self.name}_sum", self.labels, values, self._sums[values])
            yield _line(f"{self.name}_count", self.labels, values, below)


class Timing(Histogram):
    """A histogram without labels that also knows the percentiles of its newest."""

    def __init__(self, name: str, text: str, buckets: tuple[float, ...] = LATENCY_S) -> None:
        super().__init__(name, text, buckets=buckets)
        self._recent: deque[float] = deque(maxlen=RECENT)

    def observe(self, seconds: float, *values: str) -> None:
        super().observe(seconds, *values)
        self._recent.append(seconds)

    def percentiles(self) -> Percentiles | None:
        """Of the newest `RECENT`; None before the first."""
        ordered = sorted(self._recent)
        if not ordered:
            return None

        def at(share: float) -> float:  # the nearest rank, so that it is one that was measured
            return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 6)

        return Percentiles(p50_s=at(0.5), p99_s=at(0.99), longest_s=round(ordered[-1], 6), of=len(ordered))


class Gauge(NamedTuple):
    """A number that goes up and down, as it is at the moment."""

    name: str
    text: str
    labels: Labels
    samples: list[tuple[Labels, float]]


class Metrics:
    """All that one engine counts. Doors and the story of its jobs add to it; `page` shows it with the status
    of the moment, `measured` what people ask for.

    Attributes:
        followers: door's name → how many listen to its events; asked when the page is made.
        connections: door's name → how many connections are open; likewise.
        sounds: how the sounds in memory stand; likewise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.requests = Counter("stemscape_requests_total", "Requests answered.", "door", "type", "code")
        self.request_seconds = Histogram(
            "stemscape_request_seconds", "From a request to its answer.", "door", "type"
        )
        self.events_sent = Counter("stemscape_events_sent_total", "Events sent to followers.", "door")
        self.events_dropped = Counter(
            "stemscape_events_dropped_total", "Events that a slow follower missed.", "door"
        )
        self.followers_lost = Counter(
            "stemscape_followers_lost_total", "Followers turned away for being too slow.", "door"
        )
        self.turned_away = Counter(
            "stemscape_turned_away_total", "Requests refused at the door.", "door", "why"
        )
        self.sent_bytes = Counter("stemscape_sent_bytes_total", "Bytes of answers, files and events.", "door")
        self.deliveries = Counter("stemscape_deliveries_total", "Deliveries made.", "door")
        self.jobs_ended = Counter("stemscape_jobs_ended_total", "Render jobs that ended.", "state")
        self.renders_refused = Counter(
            "stemscape_renders_refused_total", "Renders not queued: too many of the client's waited.", "type"
        )
        self.takes = Counter(
            "stemscape_takes_total", "Stems wanted: their take was kept, or had to be rendered.", "found"
        )
        self.drafts = Counter("stemscape_drafts_total", "Drafts that could be heard before their stems.")
        self.ack = Timing("stemscape_edit_ack_seconds", "From a change of a scene to its acknowledgement.")
        self.stem = Timing(
            "stemscape_edit_stem_seconds", "From the message to the rendered stem, waiting included.", STEM_S
        )
        self.wait = Timing(
            "stemscape_job_wait_seconds", "From a job's start in the queue to the worker.", STEM_S
        )
        self.cancel = Timing(
            "stemscape_cancel_free_seconds", "From asking the worker to stop to its being free."
        )
        self.step = Timing("stemscape_step_seconds", "One sampling step of a render.")
        self.followers: dict[str, Callable[[], int]] = {}
        self.connections: dict[str, Callable[[], int]] = {}
        self.sounds: Callable[[], SoundCache] | None = None

    def answered(self, door: str, kind: str, code: str, seconds: float) -> None:
        """One request was answered; `code` is "ok" or the error's."""
        self.requests.add(door, kind, code)
        self.request_seconds.observe(seconds, door, kind)
        if kind == "scene.deliver" and code == "ok":
            self.deliveries.add(door)

    async def timed(self, door: str, message: Envelope, answers: Awaitable[list[Envelope]]) -> list[Envelope]:
        """Awaits the answers to a request, and counts it."""
        started_s = self.clock()
        found = await answers
        kind = message.type if message.type in REQUESTS else "unknown"  # no label is the sender's to choose
        code = found[0].content["code"] if found[0].type == ERROR else "ok"
        took_s = self.clock() - started_s
        self.answered(door, kind, code, took_s)
        if kind in CHANGES and code == "ok":
            self.ack.observe(took_s)
        if code == "too_many_jobs" or found[0].content.get("unqueued"):
            self.renders_refused.add(kind)
        return found

    def measured(self, worker_pids: Sequence[int]) -> Measured:
        """What people want to know of it."""
        of_workers = [used for pid in worker_pids if (used := resident_bytes(pid)) is not None]
        return Measured(
            jobs_ended=self.jobs_ended.by_label(),
            takes=self.takes.by_label(),
            drafts=int(self.drafts.value()),
            edit_ack=self.ack.percentiles(),
            edit_stem=self.stem.percentiles(),
            cancel_free=self.cancel.percentiles(),
            step=self.step.percentiles(),
            bridge_bytes=resident_bytes(),
            worker_bytes=sum(of_workers) if of_workers else None,
        )

    def page(self, status: Mapping[str, Any]) -> str:
        """The page. `status` is the content of a reply to `status`."""
        counted = (
            self.requests,
            self.request_seconds,
            self.events_sent,
            self.events_dropped,
            self.followers_lost,
            self.turned_away,
            self.sent_bytes,
            self.deliveries,
            self.jobs_ended,
            self.renders_refused,
            self.takes,
            self.drafts,
            self.ack,
            self.stem,
            self.wait,
            self.cancel,
            self.step,
        )
        lines: list[str] = []
        for one in counted:
            lines += [f"# HELP {one.name} {one.text}", f"# TYPE {one.name} {one.kind}", *one.lines()]
        for gauge in self._gauges(status):
            lines += [f"# HELP {gauge.name} {gauge.text}", f"# TYPE {gauge.name} gauge"]
            lines += [_line(gauge.name, gauge.labels, *one) for one in gauge.samples]
        return "\n".join(lines) + "\n"

    def _gauges(self, status: Mapping[str, Any]) -> Iterable[Gauge]:
        jobs = [job["state"] for job in status["jobs"]]
        active: dict[str, float] = {state: jobs.count(state) for state in NEXT if state not in FINAL}
        queued = [job["priority"] for job in status["jobs"] if job["state"] == "queued"]
        waiting: dict[str, float] = {priority: queued.count(priority) for priority in get_args(Priority)}
        followers = {door: count() for door, count in sorted(self.followers.items())}
        connections = {door: count() for door, count in sorted(self.connections.items())}
        build = (status["version"], status["model"]["name"])
        yield Gauge("stemscape_info", "What runs.", ("version", "model"), [(build, 1)])
        yield _gauge("stemscape_uptime_seconds", "Since the start.", status["uptime_s"])
        yield _gauge("stemscape_scenes", "Scenes kept.", status["scenes"])
        yield _gauges("stemscape_jobs", "Render jobs that have not ended.", "state", active)
        yield _gauges("stemscape_jobs_waiting", "Render jobs that wait for their turn.", "priority", waiting)
        yield from _of_workers(status["workers"])
        yield _gauges("stemscape_followers", "Who listens to events.", "door", followers)
        yield _gauges("stemscape_connections", "Connections that are open.", "door", connections)
        if store := status.get("store"):
            yield _gauge("stemscape_audio_bytes", "Takes and deliveries on disk.", store["audio_bytes"])
            yield _gauge("stemscape_audio_budget_bytes", "What they may take.", store["budget_bytes"])
            yield _gauge("stemscape_takes", "Takes kept.", store["takes"])
            yield _gauge("stemscape_audio_pruned", "Files removed since the start.", store["pruned"])
        memory = resident_bytes()
        if memory is not None:
            yield _gauge("process_resident_memory_bytes", "Memory of the bridge.", memory)
        if self.sounds is not None:
            yield from self._sound_gauges(self.sounds())

    def _sound_gauges(self, sounds: SoundCache) -> Iterable[Gauge]:
        yield _gauge("stemscape_sounds_memory_bytes", "Sounds kept ready in memory.", sounds.memory_bytes)
        read: dict[str, float] = {"memory": sounds.hits, "disk": sounds.misses}
        yield _gauges("stemscape_sounds_read", "Sounds read since the start.", "from", read)


def _of_workers(workers: Sequence[Mapping[str, Any]]) -> Iterable[Gauge]:
    """State and restarts of each, by its number."""
    labels = ("worker", "state")
    states: list[tuple[Labels, float]] = [
        ((str(one["number"]), state), int(state == one["state"]))
        for one in workers
        for state in WORKER_STATES
    ]
    restarts = {str(one["number"]): one["restarts"] for one in workers}
    yield Gauge("stemscape_worker_state", "1 for the state that it is in.", labels, states)
    yield _gauges("stemscape_worker_restarts", "Processes started anew.", "worker", restarts)
    pids = {str(one["number"]): one["pid"] for one in workers if one["pid"] is not None}
    memory = {number: float(used) for number, pid in pids.items() if (used := resident_bytes(pid))}
    yield _gauges("stemscape_worker_resident_memory_bytes", "Memory of the workers.", "worker", memory)


def _gauge(name: str, text: str, value: float) -> Gauge:
    return Gauge(name, text, (), [((), value)])


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Gauge:
    return Gauge(name, text, (label,), [((value,), number) for value, number in values.items()])


def resident_bytes(pid: int | str = "self") -> int | None:
    """Memory that a process has in use, this one's if no other is named; None where the system does not say
    so in /proc."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def _line(name: str, labels: Labels, values: Labels, number: float) -> str:
    said = ",".join(f'{label}="{_escaped(value)}"' for label, value in zip(labels, values, strict=True))
    return f"{name}{{{said}}} {number:.15g}" if said else f"{name} {number:.15g}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
