"""When memory is given back: at rest after work, and now and then under work that does not end."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import subprocess
import sys
import weakref

import psutil
import pytest

from plugin_bridge import heap
from plugin_bridge.heap import BUSY_S, Heap, give_back


def test_at_rest_once_and_under_work_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    now_s = 0.0
    monkeypatch.setattr(heap, "give_back", lambda: given.append(now_s))
    ours = Heap(lambda: now_s)

    async def story() -> None:
        nonlocal now_s
        await ours.look()
        assert given == [], "nothing was done"
        for seconds in (2.0, 4.0):
            now_s = seconds
            ours.work()
            await ours.look()
        assert given == [], "it is at work"
        for seconds in (6.0, 8.0):
            now_s = seconds
            await ours.look()
        assert given == [6.0]
        while now_s < 6.0 + BUSY_S:
            now_s += 2.0
            ours.work()
            await ours.look()
        assert given == [6.0, 6.0 + BUSY_S]

    asyncio.run(story())


def test_circles_that_python_would_keep_are_let_go_at_rest() -> None:
    class Node:
        itself: Node

    def circle() -> weakref.ref[Node]:
        node = Node()
        node.itself = node
        return weakref.ref(node)

    async def story() -> None:
        ours = Heap(lambda: 0.0)
        gc.disable()
        try:
            left = circle()
            ours.work()
            await ours.look()
            assert left() is not None, "it is at work"
            await ours.look()
            assert left() is None
        finally:
            gc.enable()

    asyncio.run(story())


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc"
)
def test_what_was_freed_in_pieces_is_the_systems_again() -> None:
    process = psutil.Process()
    pieces = [ctypes.create_string_buffer(b"x" * 9_000) for _ in range(8_000)]  # 72 MB in glibc's heap
    del pieces[::2], pieces[1:]
    held = process.memory_info().rss
    give_back()
    assert held - process.memory_info().rss > 20e6
    assert len(pieces) == 1


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_threads_share_one_heap() -> None:
    """A heap of a thread's own begins at a multiple of 64 MiB, and can be written from there on."""
    program = """
import sys, threading
from plugin_bridge import heap
if sys.argv[1] == "share": heap.share_one()
gate, kept = threading.Barrier(9), []
def work():
    kept.append([bytes(2000) for _ in range(100)])
    gate.wait(); gate.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for one in threads: one.start()
gate.wait()
pieces = [line.split()[:2] for line in open("/proc/self/maps")]
print(sum(int(where.split("-")[0], 16) % 2**26 == 0 and how == "rw-p" for where, how in pieces))
gate.wait()
"""
    alone, shared = (
        int(subprocess.run([sys.executable, "-c", program, how], capture_output=True, check=True).stdout)
        for how in ("alone", "share")
    )
    assert alone >= 2
    assert shared == 0
