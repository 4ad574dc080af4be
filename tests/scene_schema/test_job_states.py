"""The table of a job's life, tested as data."""

import pytest

from scene_schema.job_states import FINAL, NEXT, as_mermaid, check_move


def test_the_ends_are_exactly_the_empty_rows_and_every_state_reaches_one() -> None:
    assert {"done", "failed", "cancelled", "superseded"} == FINAL
    for state in NEXT:
        seen, front = {state}, {state}
        while front:
            front = set().union(*(NEXT[one] for one in front)) - seen
            seen |= front
        assert seen & FINAL


def test_past_delivering_nothing_is_lost() -> None:
    assert NEXT["delivering"] == {"done", "failed"}


def test_a_wrong_move_names_both_states() -> None:
    with pytest.raises(ValueError, match="from done to running"):
        check_move("done", "running")
    check_move("queued", "running")


def test_the_diagram_has_every_arrow() -> None:
    assert as_mermaid().count("-->") == 1 + sum(len(following) for following in NEXT.values())
