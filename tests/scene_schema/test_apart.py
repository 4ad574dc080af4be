"""What layers are kept apart from: filled in where their words change, and nowhere else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scene_schema.apart import kept_apart
from scene_schema.edits import AddLayer, ComposeScene, EditLayer, RemoveLayer, apply
from scene_schema.rendering import request_for
from scene_schema.scene import Layer, Scene
from tests.scene_schema.test_rendering import MODEL

WORDS = st.sampled_from(["rain", "wind", "a bell", "a crowd"])
VIEW = st.sampled_from(["env", "sfx", "music"])


def layer(id_: str, caption: str, **more: Any) -> Layer:
    return Layer(id=id_, caption=caption, **{"view": "env", **more})


SCENE = Scene(id="s", layers=[layer("rain", "rain"), layer("bell", "a bell", view="sfx")])
TOLD = kept_apart(None, SCENE)


def edited(scene: Scene, said: tuple[str, ...] = (), /, layer: str = "rain", **changes: Any) -> Scene:
    return kept_apart(scene, apply(scene, EditLayer(scene="s", layer=layer, changes=changes)), said)


def test_new_layers_know_what_the_others_say() -> None:
    assert [one.apart_from for one in TOLD.layers] == [["a bell"], ["rain"]]
    more = kept_apart(TOLD, apply(TOLD, AddLayer(scene="s", layer=layer("wind", "wind"))))
    assert more.layer("wind").apart_from == ["rain", "a bell"]
    assert more.layers[:2] == TOLD.layers


def test_a_layer_keeps_what_it_was_told_until_its_own_words_change() -> None:
    storm = edited(TOLD, caption="a storm")
    assert storm.layer("bell").apart_from == ["rain"]
    assert edited(storm, layer="bell", gain_db=-3.0).layer("bell").apart_from == ["rain"]
    assert edited(storm, layer="bell", seed=4).layer("bell").apart_from == ["a storm"]
    without = kept_apart(TOLD, apply(TOLD, RemoveLayer(scene="s", layer="bell")))
    assert without.layer("rain") == TOLD.layer("rain")


def test_the_writer_has_the_last_word() -> None:
    assert edited(TOLD, ("rain",), caption="hail", apart_from=["thunder"]).layer("rain").apart_from == [
        "thunder"
    ]
    assert edited(TOLD, ("rain",), caption="hail", apart_from=[]).layer("rain").apart_from == []
    own = Scene(id="s", layers=[layer("rain", "rain", apart_from=["birds"]), layer("bell", "a bell")])
    assert kept_apart(None, own, ["rain"]).layer("rain").apart_from == ["birds"]


def test_a_scene_written_again_is_the_same_scene() -> None:
    assert kept_apart(TOLD, SCENE) == TOLD


def test_the_whole_is_apart_from_nothing_and_nothing_from_it() -> None:
    scene = Scene(id="s", layers=[*SCENE.layers, layer("all", "a wet street", view="caption")])
    told = kept_apart(None, scene)
    assert told.layer("all").apart_from == []
    assert told.layer("bell").apart_from == ["rain"]


def test_nobody_is_apart_from_his_own_words_and_silence() -> None:
    same = Scene(
        id="s",
        layers=[
            layer("one", "rain"),
            layer("two", "rain", seed=1),
            layer("voice", "", view="speech", transcript="Hello."),
        ],
    )
    told = kept_apart(None, same)
    assert [one.apart_from for one in told.layers] == [[], [], ["rain"]]


def test_a_part_of_a_mix_is_not_told_twice() -> None:
    composed = apply(TOLD, ComposeScene(scene="s"))
    assert request_for(composed, composed.layer("rain"), MODEL).apart_from == []
    assert request_for(TOLD, TOLD.layer("rain"), MODEL).apart_from == ["a bell"]


@given(st.lists(st.tuples(WORDS, VIEW), min_size=1, max_size=5), st.integers(0, 4), WORDS)
def test_an_edit_makes_no_other_layer_sound_different(
    layers: list[tuple[str, str]], place: int, caption: str
) -> None:
    scene = Scene(
        id="s", layers=[layer(f"l{at}", words, view=view) for at, (words, view) in enumerate(layers)]
    )
    before = kept_apart(None, scene)
    chosen = f"l{place % len(layers)}"
    after = edited(before, layer=chosen, caption=caption)
    for one in before.layers:
        if one.id != chosen:
            assert request_for(after, after.layer(one.id), MODEL) == request_for(before, one, MODEL)
