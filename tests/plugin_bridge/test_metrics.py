"""The page as Prometheus reads it: text format 0.0.4."""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

from plugin_bridge.audio_store import SoundCache
from plugin_bridge.metrics import RECENT, Counter, Histogram, Metrics, Timing, resident_bytes
from scene_schema.envelope import Envelope
from scene_schema.messages import Percentiles

STATUS = {
    "version": "1",
    "model": {"name": 'a "model"\n\\'},
    "workers": [
        {"number": 0, "state": "ready", "restarts": 2, "pid": os.getpid()},
        {"number": 1, "state": "unloaded", "restarts": 0, "pid": None},
    ],
    "store": {"audio_bytes": 7, "budget_bytes": 9, "takes": 2, "pruned": 1},
    "jobs": [
        {"state": "queued", "priority": "batch"},
        {"state": "running", "priority": "interactive"},
        {"state": "queued", "priority": "batch"},
    ],
    "scenes": 3,
    "uptime_s": 1.5,
}
SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="(\\.|[^"\\])*")*\})? (-?[0-9.e+-]+)')


def test_a_counter_counts_by_label() -> None:
    counter = Counter("things_total", "Things.", "door", "code")
    counter.add("http", "ok")
    counter.add("http", "ok", by=2)
    counter.add("osc", "invalid")
    assert counter.value("http", "ok") == 3
    assert list(counter.lines()) == [
        'things_total{door="http",code="ok"} 3',
        'things_total{door="osc",code="invalid"} 1',
    ]


def test_buckets_are_cumulative_and_their_bounds_belong_to_them() -> None:
    histogram = Histogram("wait_seconds", "Waits.", "door", buckets=(0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 3.0):
        histogram.observe(seconds, "http")
    assert list(histogram.lines()) == [
        'wait_seconds_bucket{door="http",le="0.1"} 2',
        'wait_seconds_bucket{door="http",le="1.0"} 3',
        'wait_seconds_bucket{door="http",le="+Inf"} 4',
        'wait_seconds_sum{door="http"} 3.65',
        'wait_seconds_count{door="http"} 4',
    ]


def test_the_page_is_well_formed() -> None:
    metrics = Metrics()
    metrics.followers["websocket"] = lambda: 4
    metrics.answered("http", "scene.deliver", "ok", 0.2)
    metrics.answered("http", "scene.deliver", "invalid", 0.2)
    metrics.jobs_ended.add("done")
    metrics.drafts.add()
    metrics.step.observe(0.004)
    metrics.sounds = lambda: SoundCache(4096, 3, 1)
    page = metrics.page(STATUS)
    assert page.endswith("\n")
    typed = []
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            typed.append(line.split()[2])
        elif not line.startswith("# HELP "):
            assert SAMPLE.fullmatch(line), line
            assert line.startswith(typed[-1])
    assert len(set(typed)) == len(typed)
    for line in (
        'stemscape_deliveries_total{door="http"} 1',
        'stemscape_jobs_ended_total{state="done"} 1',
        'stemscape_jobs{state="queued"} 2',
        'stemscape_jobs{state="delivering"} 0',
        'stemscape_jobs_waiting{priority="batch"} 2',
        'stemscape_jobs_waiting{priority="interactive"} 0',
        'stemscape_worker_state{worker="0",state="ready"} 1',
        'stemscape_worker_state{worker="0",state="lost"} 0',
        'stemscape_worker_state{worker="1",state="unloaded"} 1',
        'stemscape_worker_restarts{worker="0"} 2',
        'stemscape_followers{door="websocket"} 4',
        "stemscape_uptime_seconds 1.5",
        "stemscape_drafts_total 1",
        'stemscape_step_seconds_bucket{le="0.005"} 1',
        "stemscape_audio_bytes 7",
        "stemscape_takes 2",
        "stemscape_sounds_memory_bytes 4096",
        'stemscape_sounds_read{from="memory"} 3',
        'stemscape_info{version="1",model="a \\"model\\"\\n\\\\"} 1',
    ):
        assert line in page.splitlines()


def test_memory_is_told_where_the_system_knows_it() -> None:
    memory = resident_bytes()
    assert memory is None or memory > 2**20
    assert (resident_bytes(os.getpid()) is None) == (memory is None)
    assert resident_bytes(2**30) is None  # no such process


def test_percentiles_are_of_what_was_measured() -> None:
    timing = Timing("wait_seconds", "Waits.")
    assert timing.percentiles() is None
    for number in range(1, 101):
        timing.observe(number / 100)
    assert timing.percentiles() == Percentiles(p50_s=0.51, p99_s=1.0, longest_s=1.0, of=100)
    for _ in range(RECENT):
        timing.observe(2.0)
    assert timing.percentiles() == Percentiles(p50_s=2.0, p99_s=2.0, longest_s=2.0, of=RECENT)
    assert list(timing.lines())[-1] == f"wait_seconds_count {100 + RECENT}"


def test_changes_are_timed_until_their_acknowledgement() -> None:
    times = iter((1.0, 1.5, 2.0, 2.25, 3.0, 4.0))
    metrics = Metrics(lambda: next(times))

    async def answers(kind: str, content: dict[str, Any]) -> list[Envelope]:
        return [Envelope(kind, content)]

    async def story() -> None:
        await metrics.timed("zmq", Envelope("layer.edit"), answers("layer.edit.reply", {}))
        await metrics.timed("zmq", Envelope("status"), answers("status.reply", {}))
        await metrics.timed("zmq", Envelope("layer.edit"), answers("error", {"code": "conflict"}))

    asyncio.run(story())
    assert metrics.ack.percentiles() == Percentiles(p50_s=0.5, p99_s=0.5, longest_s=0.5, of=1)
