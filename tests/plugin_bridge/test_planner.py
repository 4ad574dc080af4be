from typing import Any

import pytest

from plugin_bridge.planner import HEARD_OF_SCENE, Standing, resounding, standing, to_render
from scene_schema.edits import AddLayer, EditLayer, EditScene, MoveLayer, RemoveLayer, apply
from scene_schema.errors import Refused
from scene_schema.rendering import request_for
from scene_schema.scene import KEEPING, MIXING, SOUNDING, Layer, Scene, check_scene
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import FAKE

RAIN = check_scene(scene())


def stand(
    value: Scene, rendered: Scene | None = None, stems: dict[str, str] | None = None
) -> dict[str, Standing]:
    takes = {one.wanted for one in standing(rendered, FAKE, (), {})} if rendered else set()
    return {one.layer.id: one for one in standing(value, FAKE, takes, stems or {})}


def test_missing_then_fresh_then_stale_then_fresh_again() -> None:
    assert {one.stem for one in stand(RAIN).values()} == {"missing"}
    fresh = stand(RAIN, rendered=RAIN)
    assert {one.stem for one in fresh.values()} == {"fresh"}
    stems = {layer: one.wanted for layer, one in fresh.items()}
    storm = apply(RAIN, EditLayer(scene="rain", layer="env", changes={"caption": "storm"}))
    stale = stand(storm, rendered=RAIN, stems=stems)
    assert (stale["env"].stem, stale["env"].take) == ("stale", stems["env"])
    assert stale["music"].stem == "fresh"
    undone = apply(storm, EditLayer(scene="rain", layer="env", changes={"caption": "light rain"}))
    assert stand(undone, rendered=RAIN, stems=stems)["env"].stem == "fresh"


def test_a_last_take_that_is_lost_plays_no_more() -> None:
    assert stand(RAIN, stems={"env": "gone"})["env"].stem == "missing"


CHANGES: dict[str, Any] = {
    "view": "sfx",
    "caption": "storm",
    "seed": 7,
    "cues": [{"at_s": 0.1}],
    "gain_db": -3.0,
    "pan": 0.5,
    "mute": True,
    "solo": True,
    "lock": True,
}


@pytest.mark.parametrize("field", [name for name in (*SOUNDING, *MIXING, *KEEPING) if name in CHANGES])
def test_sounding_fields_make_stale_and_no_others(field: str) -> None:
    edited = apply(RAIN, EditLayer(scene="rain", layer="env", changes={field: CHANGES[field]}))
    assert resounding(RAIN, edited, FAKE) == ({"env"} if field in SOUNDING else set())


def test_whole_scene_changes() -> None:
    longer = apply(RAIN, EditScene(scene="rain", changes={"duration_s": 1.0}))
    assert resounding(RAIN, longer, FAKE) == {"env", "music"}
    timed = apply(RAIN, EditScene(scene="rain", changes={"tempo": {"bpm": 120.0}}))
    assert resounding(RAIN, timed, FAKE) == {"music"}
    chordal = FAKE.model_copy(update={"chords": True})
    harmony = apply(timed, EditScene(scene="rain", changes={"chords": ["Am", "F"]}))
    assert resounding(timed, harmony, chordal) == {"music"}
    assert resounding(timed, harmony, FAKE) == set()
    assert resounding(RAIN, apply(RAIN, MoveLayer(scene="rain", layer="env", index=1)), FAKE) == set()
    assert resounding(RAIN, apply(RAIN, RemoveLayer(scene="rain", layer="env")), FAKE) == set()
    door = Layer(id="door", view="sfx", caption="door")
    assert resounding(RAIN, apply(RAIN, AddLayer(scene="rain", layer=door)), FAKE) == {"door"}
    assert resounding(None, RAIN, FAKE) == {"env", "music"}


def test_a_locked_layer_keeps_its_stem_but_gets_a_first_one() -> None:
    locked = apply(RAIN, EditLayer(scene="rain", layer="env", changes={"lock": True}))
    wanted = to_render(locked, FAKE, stand(locked).values())
    assert [one.layer.id for one in wanted] == ["env", "music"]
    stems = {layer: one.wanted for layer, one in stand(RAIN).items()}
    longer = apply(locked, EditScene(scene="rain", changes={"duration_s": 1.0}))
    standings = stand(longer, rendered=RAIN, stems=stems)
    assert standings["env"].stem == "stale"
    assert [one.layer.id for one in to_render(longer, FAKE, standings.values())] == ["music"]


def test_what_the_model_cannot_render_is_refused_by_field() -> None:
    poor = FAKE.model_copy(update={"views": ["env"], "longest_s": 0.4})
    with pytest.raises(Refused) as refused:
        to_render(RAIN, poor, standing(RAIN, poor, (), {}))
    assert refused.value.code == "unsupported"
    assert refused.value.findings[0].field == "$.duration_s"
    with pytest.raises(Refused) as refused:
        to_render(RAIN, poor.model_copy(update={"longest_s": 9.0}), standing(RAIN, poor, (), {}))
    assert refused.value.findings[0].field == "$.layers[1].view"
    harmony = apply(RAIN, EditScene(scene="rain", changes={"tempo": {"bpm": 120.0}, "chords": ["C"]}))
    with pytest.raises(Refused, match="does not follow them") as refused:
        to_render(harmony, FAKE, standing(harmony, FAKE, (), {}))
    assert [one.field for one in refused.value.findings] == ["$.chords"]


def test_every_field_of_a_scene_that_a_request_hears_is_compared() -> None:
    """A scene that differs in one field asks for another sound only where `HEARD_OF_SCENE` has the field."""
    layers = [{"id": "m", "view": "music", "caption": "slow piano"}]
    plain = {"id": "rain", "duration_s": 2.0, "tempo": {"bpm": 90.0}, "chords": ["C"], "layers": layers}
    others = {
        "id": "sea", "title": "new", "caption": "a whole scene", "duration_s": 3.0, "tempo": {"bpm": 91.0},
        "chords": ["Am"],
    }  # fmt: skip
    before = check_scene(plain)
    model = FAKE.model_copy(update={"chords": True})
    for name, value in others.items():
        after = check_scene({**plain, name: value})
        one = (request_for(before, before.layers[0], model), request_for(after, after.layers[0], model))
        assert bool(resounding(before, after, model)) == (one[0] != one[1]), name
        assert (name in HEARD_OF_SCENE) or one[0] == one[1], name
    assert {*others, "layers"} == set(type(before).model_fields)
