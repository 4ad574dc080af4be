"""Edits: one revision into the next, or a refusal that leaves everything as it was."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene_schema.edits import AddLayer, EditLayer, EditScene, MoveLayer, RemoveLayer, apply
from scene_schema.errors import Refused
from scene_schema.scene import Layer, check_scene
from tests.scene_schema.test_scene import GOOD

SCENE = check_scene(GOOD)


def changed(**changes: Any) -> EditLayer:
    return EditLayer(scene="station", layer="bell", changes=changes)


def test_an_edit_changes_its_layer_and_no_other() -> None:
    after = apply(SCENE, changed(caption="a gong", gain_db=-3))
    assert after.layer("bell").caption == "a gong"
    assert after.layer("bell").gain_db == -3
    assert after.layer("bell").cues == SCENE.layer("bell").cues
    assert [layer for layer in after.layers if layer.id != "bell"] == [
        layer for layer in SCENE.layers if layer.id != "bell"
    ]


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"gain_db": float("nan")}, "$.changes.gain_db"),
        ({"caption": ""}, "$.changes.caption"),
        ({"view": "rain"}, "$.changes.view"),
        ({"cues": [{"at_s": 9}]}, "$.changes.cues[0].at_s"),
        ({"cues": 3}, "$.changes.cues"),
        ({"captoin": "x"}, "$.changes.captoin"),
        ({"id": "gong"}, "$.changes.id"),
    ],
)
def test_a_wrong_change_is_named_as_it_was_sent(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as caught:
        apply(SCENE, changed(**changes))
    assert [one.field for one in caught.value.findings] == [field]


def test_add_move_remove() -> None:
    layer = Layer(id="wind", view="env", caption="wind")
    scene = apply(SCENE, AddLayer(scene="station", layer=layer, index=0))
    assert [one.id for one in scene.layers] == ["wind", "voice", "bell", "rain"]
    scene = apply(scene, MoveLayer(scene="station", layer="wind", index=2**63))
    assert [one.id for one in scene.layers] == ["voice", "bell", "rain", "wind"]
    scene = apply(scene, RemoveLayer(scene="station", layer="wind"))
    assert scene == SCENE
    with pytest.raises(Refused, match=r"\$.layer.id"):
        apply(SCENE, AddLayer(scene="station", layer=SCENE.layers[0]))


def test_the_scene_itself() -> None:
    assert apply(SCENE, EditScene(scene="station", changes={"duration_s": 8})).duration_s == 8
    with pytest.raises(Refused, match=r"\$.layers\[1\].cues\[1\].at_s"):
        apply(SCENE, EditScene(scene="station", changes={"duration_s": 4}))
    harmony = apply(SCENE, EditScene(scene="station", changes={"chords": ["Am", "F"]}))
    assert harmony.chords == ["Am", "F"]
    with pytest.raises(Refused, match=r"\$.changes.chords\[1\]"):
        apply(SCENE, EditScene(scene="station", changes={"chords": ["Am", "am"]}))
    with pytest.raises(Refused, match=r"\$.chords: a tempo grid"):
        apply(harmony, EditScene(scene="station", changes={"tempo": None}))
    assert apply(harmony, EditScene(scene="station", changes={"tempo": None, "chords": []})).tempo is None
    with pytest.raises(Refused, match=r"\$.changes.layers"):
        apply(SCENE, EditScene(scene="station", changes={"layers": []}))


def test_a_locked_layer_keeps_its_sound_but_may_be_mixed_and_unlocked() -> None:
    locked = apply(SCENE, changed(lock=True))
    assert apply(locked, changed(gain_db=-9)).layer("bell").gain_db == -9
    assert apply(locked, changed(caption="a bell", lock=True)) == locked  # says nothing new
    for edit in (changed(caption="a gong"), changed(caption="a gong", lock=False)):
        with pytest.raises(Refused) as caught:
            apply(locked, edit)
        assert caught.value.code == "locked"
    with pytest.raises(Refused, match="locked"):
        apply(locked, RemoveLayer(scene="station", layer="bell"))
    assert (
        apply(apply(locked, changed(lock=False)), changed(caption="a gong")).layer("bell").caption == "a gong"
    )


@given(st.dictionaries(st.text(max_size=10), st.none() | st.integers() | st.text(max_size=5), min_size=1))
def test_any_changes_are_applied_or_refused_and_the_old_scene_stays(changes: dict[str, Any]) -> None:
    before = SCENE.model_dump()
    try:
        apply(SCENE, EditLayer(scene="station", layer="rain", changes=changes))
    except Refused as refused:
        assert refused.findings
    assert SCENE.model_dump() == before


def test_an_edit_says_its_priority_only_where_it_is_not_the_usual_one() -> None:
    """Or edits in the journal from before there was one would be others when they are sent again."""
    usual = EditLayer(scene="place", layer="rain", changes={"pan": 0.5})
    assert {"priority", "draft"} & usual.model_dump().keys() == set()
    batch = usual.model_copy(update={"priority": "batch"}).model_dump()
    assert batch["priority"] == "batch"
    assert EditLayer.model_validate(batch).priority == "batch"
