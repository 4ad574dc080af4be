from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.placement import REMEMBERED, Placement


def test_a_layer_stays_with_the_worker_that_rendered_it() -> None:
    placement = Placement()
    placement.note(0, "rain", "music")
    placement.note(1, "rain", "env")
    assert placement.choose("rain", "env", [0, 1]) == 1
    assert placement.choose("rain", "music", [0, 1]) == 0
    assert placement.choose("rain", "env", [0]) == 0, "another that is idle is better than none"
    assert placement.choose("rain", "env", []) is None


def test_a_new_layer_goes_where_its_scene_is() -> None:
    placement = Placement()
    placement.note(0, "town", "env")
    placement.note(1, "rain", "env")
    assert placement.choose("rain", "bell", [0, 1]) == 1


def test_a_new_scene_goes_where_least_is_remembered_of_others() -> None:
    placement = Placement()
    placement.note(0, "rain", "env")
    placement.note(0, "rain", "music")
    placement.note(1, "town", "env")
    assert placement.choose("sea", "env", [0, 1]) == 1
    assert placement.choose("sea", "env", [0, 1, 2]) == 2


def test_a_layer_that_moved_stays_where_it_is_now() -> None:
    placement = Placement()
    placement.note(0, "rain", "env")
    placement.note(1, "rain", "env")
    assert placement.choose("rain", "env", [0, 1]) == 1


def test_a_process_that_ended_remembers_nothing() -> None:
    placement = Placement()
    placement.note(1, "rain", "env")
    placement.forget(1)
    placement.forget(1)
    assert placement.choose("rain", "env", [0, 1]) == 0


def test_what_is_remembered_is_bounded() -> None:
    placement = Placement()
    for number in range(REMEMBERED + 1):
        placement.note(1, "rain", f"layer-{number}")
    assert placement.choose("rain", "layer-1", [0, 1]) == 1
    placement.note(0, "town", "env")
    assert placement.choose("rain", "layer-0", [1]) == 1
    assert len(placement._last[1]) == REMEMBERED


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz"), st.sampled_from("abc")), max_size=40),
    st.sets(st.integers(0, 3), min_size=1),
)
def test_some_idle_worker_is_always_chosen(noted: list[tuple[int, str, str]], idle: set[int]) -> None:
    placement = Placement()
    for one in noted:
        placement.note(*one)
    chosen = placement.choose("x", "a", idle)
    assert chosen in idle
    last = next((worker for worker, *key in reversed(noted) if key == ["x", "a"]), None)
    if last in idle:
        assert chosen == last
