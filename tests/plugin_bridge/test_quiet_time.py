from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.quiet_time import QuietTime

LAYER = ("rain", "env")
SLOW_S = 4.0


def quiet_time(quiet_s: float = 0.25, longest_s: float = 3.0, from_s: float = 1.5) -> QuietTime:
    return QuietTime(quiet_s=quiet_s, longest_s=longest_s, from_s=from_s)


def test_a_slow_render_waits_until_the_layer_was_quiet() -> None:
    quiet = quiet_time()
    assert quiet.edited(LAYER, 10.0, SLOW_S) == 10.25
    assert quiet.edited(LAYER, 10.2, SLOW_S) == 10.45


def test_but_no_longer_than_so_long_from_the_first_edit() -> None:
    quiet = quiet_time(longest_s=0.5)
    assert [quiet.edited(LAYER, at_s, SLOW_S) for at_s in (0.0, 0.2, 0.4)] == [0.25, 0.45, 0.5]
    assert quiet.edited(LAYER, 0.55, SLOW_S) == 0.8, "that burst is over"


def test_after_a_pause_a_burst_begins_anew() -> None:
    quiet = quiet_time(longest_s=0.3)
    quiet.edited(LAYER, 0.0, SLOW_S)
    assert quiet.edited(LAYER, 5.0, SLOW_S) == 5.25


def test_a_quick_render_begins_at_once_and_so_does_one_of_which_nothing_is_known() -> None:
    quiet = quiet_time()
    assert quiet.edited(LAYER, 0.0, 1.49) is None
    assert quiet.edited(LAYER, 0.0, None) is None
    assert quiet.edited(LAYER, 0.0, 1.5) == 0.25
    assert quiet_time(quiet_s=0.0).edited(LAYER, 0.0, SLOW_S) is None


def test_layers_are_quiet_each_for_itself() -> None:
    quiet = quiet_time(longest_s=0.3)
    quiet.edited(LAYER, 0.0, SLOW_S)
    assert quiet.edited(("rain", "music"), 0.2, SLOW_S) == 0.45
    assert quiet.edited(("park", "env"), 0.2, SLOW_S) == 0.45
    assert quiet.edited(LAYER, 0.2, SLOW_S) == 0.3


_pauses_s = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40)


@given(_pauses_s, st.floats(0.01, 0.5), st.floats(0.5, 3.0))
def test_no_wait_is_longer_than_either_limit(pauses_s: list[float], quiet_s: float, longest_s: float) -> None:
    quiet, now_s = quiet_time(quiet_s, longest_s), 0.0
    first_s = due_s = -1.0
    for pause_s in pauses_s:
        now_s += pause_s
        if now_s >= due_s:
            first_s = now_s
        found = quiet.edited(LAYER, now_s, SLOW_S)
        assert found is not None
        assert now_s <= found <= min(now_s + quiet_s, first_s + longest_s)
        assert found >= due_s or first_s == now_s, "an edit never makes the wait shorter"
        due_s = found
