from plugin_bridge.render_pace import RECENT, RenderPace


def test_nothing_is_known_before_the_first_render() -> None:
    assert RenderPace().seconds_for(10.0) is None


def test_scales_with_duration_and_forgets_the_old() -> None:
    pace = RenderPace()
    pace.add(100.0, 1.0)
    for _ in range(RECENT):
        pace.add(2.0, 4.0)
    assert pace.seconds_for(10.0) == 5.0
