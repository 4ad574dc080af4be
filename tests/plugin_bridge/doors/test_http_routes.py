"""The table as data, and how a request becomes a message's content."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.doors.http_routes import OPERATOR_ONLY, PINS, ROUTES, STATUS, WHOLE, Route, content_of
from scene_schema.errors import Code, Refused
from scene_schema.messages import REQUESTS, read_request
from tests.plugin_bridge.engine_process import scene


def route(method: str, path: str) -> Route:
    (found,) = (one for one in ROUTES if (one.method, one.path) == (method, path))
    return found


LAYER = route("PATCH", "/scenes/{scene}/layers/{layer}")
PUT = route("PUT", "/scenes/{scene}")
MOVE = route("POST", "/scenes/{scene}/layers/{layer}/move")
STEM = route("GET", "/scenes/{scene}/stems/{layer}.{format}")
MIX = route("GET", "/scenes/{scene}/mix.{format}")


def test_every_request_has_a_route_and_every_route_a_request() -> None:
    assert {one.kind for one in ROUTES} == set(REQUESTS)
    assert len({(one.method, one.path) for one in ROUTES}) == len(ROUTES)
    assert set(REQUESTS) >= OPERATOR_ONLY


def test_every_code_has_a_status() -> None:
    assert set(STATUS) == set(get_args(Code))


@pytest.mark.parametrize("one", ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_a_route_names_fields_of_its_message(one: Route) -> None:
    fields = set(REQUESTS[one.kind].model_fields)
    names = set(re.findall(r"{(\w+)}", one.path))
    if one.answer != "reply":
        names.discard("layer")
    assert names | set(one.defaults) | set(one.query) - set(PINS) <= fields
    assert one.body in ("", WHOLE) or one.body in fields


@pytest.mark.parametrize(
    "one, path, query, body, if_match, content",
    [
        (
            LAYER,
            {"scene": "rain", "layer": "env"},
            [("render", "false")],
            {"gain_db": -6},
            '"3"',
            {
                "scene": "rain",
                "layer": "env",
                "changes": {"gain_db": -6},
                "render": False,
                "base_revision": 3,
            },
        ),
        (PUT, {"scene": "rain"}, [], {"duration_s": 1}, None, {"replace": True}),
        (
            MOVE,
            {"scene": "rain", "layer": "env"},
            [],
            {"index": 1},
            'W/"12"',
            {"index": 1, "base_revision": 12},
        ),
        (
            STEM,
            {"scene": "rain", "layer": "env", "format": "flac"},
            [("rate_hz", "44100"), ("loop", "true"), ("loop_crossfade_s", "0.5")],
            None,
            None,
            {
                "layers": ["env"],
                "mix": False,
                "rate_hz": 44_100,
                "loop": True,
                "loop_crossfade_s": 0.5,
                "hand_off": "path",
            },
        ),
        (
            MIX,
            {"scene": "rain", "format": "wav"},
            [("target_lufs", "-23")],
            None,
            None,
            {"mix": True, "target_lufs": -23},
        ),
    ],
)
def test_contents(
    one: Route, path: Any, query: Any, body: Any, if_match: str | None, content: dict[str, Any]
) -> None:
    made = content_of(one, path, query, body, if_match)
    assert {name: made[name] for name in content} == content
    if one is not PUT:
        read_request(one.kind, made)


def test_the_path_names_the_scene() -> None:
    sent = scene("rain")
    del sent["id"]
    assert content_of(PUT, {"scene": "rain"}, [], sent)["scene"]["id"] == "rain"
    assert "id" not in sent


@pytest.mark.parametrize(
    "one, path, query, body, if_match, where",
    [
        (PUT, {"scene": "rain"}, [], {"id": "snow"}, None, "$.id"),
        (PUT, {"scene": "rain"}, [], None, None, "$"),
        (PUT, {"scene": "rain"}, [], [1], None, "$"),
        (PUT, {"scene": "rain"}, [], {}, '"1"', "If-Match"),
        (MOVE, {"scene": "rain", "layer": "env"}, [], {"layer": "music"}, None, "$.layer"),
        (LAYER, {"scene": "rain", "layer": "env"}, [("colour", "blue")], {}, None, "?colour"),
        (LAYER, {"scene": "rain", "layer": "env"}, [("render", "true")] * 2, {}, None, "?render"),
        (LAYER, {"scene": "rain", "layer": "env"}, [], {}, '"1", "2"', "If-Match"),
        (LAYER, {"scene": "rain", "layer": "env"}, [("base_revision", "1")], {}, '"2"', "If-Match"),
        (route("GET", "/status"), {}, [], {}, None, "$"),
    ],
)
def test_refusals_name_the_place(
    one: Route, path: Any, query: Any, body: Any, if_match: str | None, where: str
) -> None:
    with pytest.raises(Refused) as refused:
        content_of(one, path, query, body, if_match)
    assert (refused.value.code, refused.value.findings[0].field) == ("invalid", where)


def test_text_that_is_no_number_is_refused_by_the_schema() -> None:
    path = {"scene": "rain", "layer": "env", "format": "wav"}
    for text in ("abc", "1e999", "44100.5", "", "-", "true", "9" * 5000):
        with pytest.raises(Refused) as refused:
            read_request(STEM.kind, content_of(STEM, path, [("rate_hz", text)]))
        assert refused.value.findings[0].field == "$.rate_hz"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(
    one=st.sampled_from(ROUTES),
    values=st.lists(st.text(max_size=9), min_size=3, max_size=3),
    query=st.lists(
        st.tuples(st.sampled_from(["render", "rate_hz", "loop", "x"]), st.text(max_size=9)), max_size=3
    ),
    body=_JSON,
    if_match=st.none() | st.text(max_size=9),
)
def test_whatever_comes_is_a_content_or_a_refusal(
    one: Route, values: list[str], query: list[tuple[str, str]], body: Any, if_match: str | None
) -> None:
    path = dict(zip(re.findall(r"{(\w+)}", one.path), values, strict=False))
    try:
        read_request(one.kind, content_of(one, path, query, body, if_match))
    except Refused as refused:
        assert refused.code == "invalid"
