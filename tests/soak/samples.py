"""Memory and file descriptors of processes, looked at once a second, and how much they grow.

Growth is the last quarter of the time against the second: what is loaded and warmed up once is no growth.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import psutil

EVERY_S: Final = 1.0
MIB: Final = 2**20


@dataclass(frozen=True)
class Sample:
    """One look at one process. `uss_bytes` is what would be free if it ended; None where it is not told."""

    at_s: float
    pid: int
    rss_bytes: int
    uss_bytes: int | None
    fds: int
    threads: int
    cpu_s: float


@dataclass
class Series:
    """All looks at one process, or at those that followed it under the same name."""

    samples: list[Sample] = field(default_factory=list)

    def look(self, pid: int, at_s: float) -> None:
        """Adds a look; a process that is gone adds none."""
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                memory = process.memory_info()
                fds = process.num_fds()
                threads = process.num_threads()
                cpu_s = sum(process.cpu_times()[:2])
            try:
                uss = process.memory_full_info().uss
            except psutil.AccessDenied:
                uss = None
        except psutil.NoSuchProcess:
            return
        self.samples.append(Sample(at_s, pid, memory.rss, uss, fds, threads, cpu_s))

    def quarters(self, read: Callable[[Sample], float]) -> list[float]:
        """The median of each quarter of the time; nan where nothing was seen."""
        if not self.samples:
            return [float("nan")] * 4
        begin, end = self.samples[0].at_s, self.samples[-1].at_s
        places = [min(3, int(4 * (one.at_s - begin) / max(end - begin, 1e-9))) for one in self.samples]
        return [
            float(
                np.median([read(one) for one, at in zip(self.samples, places, strict=True) if at == number])
            )
            if number in places
            else float("nan")
            for number in range(4)
        ]

    def as_data(self) -> dict[str, Any]:
        """By quarter, in MiB, and growth of the last against the second."""
        rss = self.quarters(lambda one: one.rss_bytes)
        uss = self.quarters(lambda one: one.rss_bytes if one.uss_bytes is None else one.uss_bytes)
        fds = self.quarters(lambda one: one.fds)
        threads = self.quarters(lambda one: one.threads)
        return {
            "rss_mib": [round(one / MIB, 2) for one in rss],
            "uss_mib": [round(one / MIB, 2) for one in uss],
            "fds": fds,
            "threads": threads,
            "rss_growth": growth(rss),
            "uss_growth": growth(uss),
            "fd_growth": fds[3] - fds[1],
            "rss_most_mib": round(max((one.rss_bytes for one in self.samples), default=0) / MIB, 2),
            "fds_most": max((one.fds for one in self.samples), default=0),
            "pids": len({one.pid for one in self.samples}),
        }


def growth(quarters: list[float]) -> float:
    """The last quarter against the second, as a share."""
    return round(quarters[3] / quarters[1] - 1.0, 4)


class Sampler:
    """A thread that looks; `pids` is asked each time, because a worker may be followed by another."""

    def __init__(self, pids: Callable[[], dict[str, int]]) -> None:
        self.series: dict[str, Series] = {}
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        next_s = time.monotonic()
        while not self._stop.wait(max(0.0, next_s - time.monotonic())):
            next_s += EVERY_S
            for name, pid in self._pids().items():
                self.series.setdefault(name, Series()).look(pid, time.monotonic())
