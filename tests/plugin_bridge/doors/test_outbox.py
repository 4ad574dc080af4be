"""What waits for a slow WebSocket: newest progress, no lost ends, no end of answers."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.doors.outbox import Outbox, Parcel
from scene_schema.envelope import Envelope
from scene_schema.job_states import FINAL, State


def progress(job: str, state: State = "running", step: int = 0) -> Parcel:
    return Parcel(Envelope("event.job", {"job": job, "state": state, "step": step}), is_event=True)


def revision(number: int) -> Parcel:
    return Parcel(Envelope("event.scene", {"revision": number}), is_event=True)


def taken(outbox: Outbox) -> list[dict[str, Any]]:
    found = []
    while (parcel := outbox.take()) is not None:
        found.append(parcel.message.content)
    return found


def test_of_a_jobs_progress_only_the_newest_waits() -> None:
    outbox = Outbox(100)
    for step in range(5):
        assert outbox.put(progress("a", step=step))
        assert outbox.put(progress("b", step=step))
    assert [(one["job"], one["step"]) for one in taken(outbox)] == [("a", 4), ("b", 4)]
    assert outbox.dropped == 8


def test_a_reader_who_keeps_up_misses_nothing() -> None:
    outbox = Outbox(100)
    for step in range(5):
        outbox.put(progress("a", step=step))
        assert taken(outbox)[0]["step"] == step
    assert outbox.dropped == 0


def test_states_are_told_one_after_the_other() -> None:
    outbox = Outbox(100)
    states: list[State] = ["queued", "running", "running", "delivering", "done"]
    for state in states:
        outbox.put(progress("a", state))
    assert [one["state"] for one in taken(outbox)] == ["queued", "running", "delivering", "done"]


def test_when_full_old_progress_goes_first_and_then_nothing_more_comes_in() -> None:
    outbox = Outbox(limit=3)
    assert outbox.put(progress("a"))
    assert all(outbox.put(revision(number)) for number in range(3))
    assert not outbox.put(revision(3))
    assert [one["revision"] for one in taken(outbox)] == [0, 1, 2]


def test_answers_are_never_dropped() -> None:
    outbox = Outbox(limit=1)
    outbox.put(revision(1))
    assert all(outbox.put(Parcel(Envelope("status.reply", {"n": n}))) for n in range(10))
    assert len(taken(outbox)) == 11


_STATES: list[State] = ["queued", "loading", "running", "delivering", "done", "failed"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(_STATES)) | st.none(), max_size=60))
def test_it_stays_small_and_keeps_every_end(script: list[tuple[str, State] | None]) -> None:
    outbox, ends, seen = Outbox(limit=8), 0, 0
    for one in script:
        if one is None:
            seen += sum(content["state"] in FINAL for content in taken(outbox))
        else:
            kept = outbox.put(progress(*one))
            assert kept or one[1] in FINAL
            ends += kept and one[1] in FINAL
        assert len(outbox) <= 8
    assert seen + sum(content["state"] in FINAL for content in taken(outbox)) == ends
