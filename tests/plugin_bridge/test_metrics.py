"""The page as Prometheus reads it: text format 0.0.4."""

from __future__ import annotations

import re

from plugin_bridge.metrics import Counter, Histogram, Metrics, resident_bytes

STATUS = {
    "version": "1",
    "model": {"name": 'a "model"\n\\'},
    "workers": [
        {"number": 0, "state": "ready", "restarts": 2},
        {"number": 1, "state": "unloaded", "restarts": 0},
    ],
    "jobs": [{"state": "queued"}, {"state": "running"}, {"state": "queued"}],
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
    metrics.heard("event.job", {"state": "done"})
    metrics.heard("event.job", {"state": "running"})
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
        'stemscape_worker_state{worker="0",state="ready"} 1',
        'stemscape_worker_state{worker="0",state="lost"} 0',
        'stemscape_worker_state{worker="1",state="unloaded"} 1',
        'stemscape_worker_restarts{worker="0"} 2',
        'stemscape_followers{door="websocket"} 4',
        "stemscape_uptime_seconds 1.5",
        'stemscape_info{version="1",model="a \\"model\\"\\n\\\\"} 1',
    ):
        assert line in page.splitlines()


def test_memory_is_told_where_the_system_knows_it() -> None:
    memory = resident_bytes()
    assert memory is None or memory > 2**20
