"""What a scene may say, and how a wrong one is refused: the field, what was expected, what came."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene_schema.errors import Refused
from scene_schema.scene import KEEPING, MIXING, SOUNDING, VIEWS, Layer, Scene, check_scene

GOOD: dict[str, Any] = {
    "id": "station",
    "caption": "A wet platform at night",
    "duration_s": 5.0,
    "tempo": {"bpm": 90},
    "layers": [
        {"id": "voice", "view": "speech", "caption": "a woman", "transcript": "Mind the gap."},
        {"id": "bell", "view": "sfx", "caption": "a bell", "cues": [{"at_s": 1.0}, {"at_s": 4.5}]},
        {"id": "rain", "view": "env", "caption": "rain", "gain_db": -6},
    ],
}  # fmt: skip

NAN = float("nan")


@pytest.mark.parametrize(
    "where, value, field, expected",
    [
        (("layers", 1, "view"), "rian", "$.layers[1].view", "'env'"),
        (("layers", 1, "caption"), "", "$.layers[1].caption", "not empty"),
        (("layers", 1, "caption"), "   ", "$.layers[1].caption", "not empty"),
        (("layers", 1, "caption"), "x" * 2_000_000, "$.layers[1].caption", "at most 2000 characters"),
        (("layers", 1, "cues", 1, "at_s"), 5.0, "$.layers[1].cues[1].at_s", "before duration_s = 5"),
        (("layers", 1, "cues", 0, "at_s"), -1, "$.layers[1].cues[0].at_s", "greater than or equal to 0"),
        (("layers", 2, "gain_db"), NAN, "$.layers[2].gain_db", "finite"),
        (("layers", 2, "gain_db"), float("inf"), "$.layers[2].gain_db", "finite"),
        (("layers", 2, "gain_db"), 40.0, "$.layers[2].gain_db", "less than or equal to 12"),
        (("layers", 2, "pan"), "left", "$.layers[2].pan", "number"),
        (("layers", 2, "id"), "voice", "$.layers[2].id", "no other layer"),
        (("layers", 2, "id"), "mix", "$.layers[2].id", "names the mix"),
        (("layers", 2, "id"), "../etc", "$.layers[2].id", "pattern"),
        (("layers", 2, "id"), "rain\n", "$.layers[2].id", "pattern"),
        (("layers", 2, "seed"), -1, "$.layers[2].seed", "greater than or equal to 0"),
        (("layers", 2, "captoin"), "x", "$.layers[2].captoin", "not permitted"),
        (("layers", 2, "transcript"), "hello", "$.layers[2].transcript", "speech layer"),
        (("duration_s",), 0, "$.duration_s", "greater than or equal to 0.2"),
        (("tempo", "bar_offset_s"), 6.0, "$.tempo.bar_offset_s", "inside the clip"),
        (("chords",), ["C", "Am7"], "$.chords[1]", "a major or minor triad, such as C, Bb or F#m"),
        (("chords",), ["h"], "$.chords[0]", "a major or minor triad"),
        (("chords",), ["C\n"], "$.chords[0]", "a major or minor triad"),
        (("chords",), [7], "$.chords[0]", "string"),
        (("chords",), ["C"] * 33, "$.chords", "at most 32"),
        (("chords",), None, "$.chords", "list"),
        (("id",), "", "$.id", "pattern"),
    ],
)
def test_a_wrong_field_is_named(where: tuple[Any, ...], value: Any, field: str, expected: str) -> None:
    data = copy.deepcopy(GOOD)
    target: Any = data
    for part in where[:-1]:
        target = target[part]
    target[where[-1]] = value
    with pytest.raises(Refused) as caught:
        check_scene(data)
    assert caught.value.code == "invalid"
    finding = next(one for one in caught.value.findings if one.field == field)
    assert expected in finding.expected
    assert len(str(caught.value)) < 1000  # a 2 MB value is not repeated


def test_chords_need_a_tempo_grid() -> None:
    with pytest.raises(Refused, match=r"\$\.chords: a tempo grid .* give tempo as well") as caught:
        check_scene({**GOOD, "tempo": None, "chords": ["C", "G"]})
    assert [one.field for one in caught.value.findings] == ["$.chords"]
    assert check_scene({**GOOD, "tempo": None, "chords": []}).chords == []


def test_all_wrong_fields_are_named_at_once() -> None:
    data = copy.deepcopy(GOOD)
    data["layers"][0]["view"] = "x"
    data["layers"][2]["gain_db"] = 99
    with pytest.raises(Refused) as caught:
        check_scene(data)
    assert {one.field for one in caught.value.findings} == {"$.layers[0].view", "$.layers[2].gain_db"}


def test_every_layer_field_is_sounding_mixing_or_keeping() -> None:
    assert sorted(SOUNDING + MIXING + KEEPING) == sorted(Layer.model_fields)


def test_what_is_audible() -> None:
    def audible(**changes: dict[str, bool]) -> list[str]:
        data = copy.deepcopy(GOOD)
        for layer in data["layers"]:
            layer.update(changes.get(layer["id"], {}))
        return [layer.id for layer in check_scene(data).audible()]

    assert audible() == ["voice", "bell", "rain"]
    assert audible(bell={"mute": True}) == ["voice", "rain"]
    assert audible(bell={"solo": True}) == ["bell"]
    assert audible(bell={"solo": True, "mute": True}, rain={"solo": True}) == ["rain"]


def test_an_unknown_layer_is_answered_with_those_that_exist() -> None:
    with pytest.raises(Refused, match="no layer 'drums'") as caught:
        check_scene(GOOD).layer("drums")
    assert caught.value.code == "not_found"
    assert "voice, bell, rain" in caught.value.remedy


slugs = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,20}\Z").filter(lambda slug: slug != "mix")
words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40
).filter(lambda text: bool(text.strip()))


chord_names = st.builds("".join, st.tuples(*map(st.sampled_from, ("ABCDEFG", ("", "#", "b"), ("", "m")))))


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Any scene that may be said."""
    duration_s = draw(st.floats(0.2, 60))
    moments_s = st.floats(0, duration_s, exclude_max=True)
    layers = [
        {
            "id": layer_id,
            "view": draw(st.sampled_from(VIEWS)),
            "caption": draw(words),
            "seed": draw(st.integers(0, 2**32 - 1)),
            "gain_db": draw(st.floats(-60, 12)),
            "pan": draw(st.floats(-1, 1)),
            "mute": draw(st.booleans()),
            "cues": [{"at_s": at_s} for at_s in draw(st.lists(moments_s, max_size=3))],
        }
        for layer_id in draw(st.lists(slugs, unique=True, max_size=5))
    ]  # fmt: skip
    scene = {"id": draw(slugs), "duration_s": duration_s, "layers": layers}
    if draw(st.booleans()):
        scene["tempo"] = {"bpm": draw(st.floats(20, 400)), "bar_offset_s": draw(moments_s)}
        scene["chords"] = draw(st.lists(chord_names, max_size=6))
    return check_scene(scene)


@given(scenes())
def test_a_scene_survives_its_own_data(scene: Scene) -> None:
    assert check_scene(scene.model_dump()) == scene
    assert check_scene(scene.model_dump(mode="json")) == scene


scraps = st.none() | st.booleans() | st.floats() | st.text(max_size=5)
anything = st.recursive(
    scraps, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=10
)


@given(anything)
def test_any_data_is_a_scene_or_refused(data: Any) -> None:
    try:
        check_scene(data)
    except Refused as refused:
        assert refused.findings
