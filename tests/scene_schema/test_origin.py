"""What a stem starts from: which edits say so, which take it back, and what a model must declare for it."""

from typing import Any

import pytest

from scene_schema.capabilities import Capabilities, check_supported
from scene_schema.documents import scene_from_yaml, scene_to_yaml
from scene_schema.edits import ComposeScene, EditLayer, EditScene, ExtendScene, apply
from scene_schema.errors import Refused
from scene_schema.identity import canonical, identity
from scene_schema.origin import Continuation, Mix, Region, Variation
from scene_schema.rendering import request_for
from scene_schema.scene import SPOKEN, Scene, check_scene
from tests.scene_schema.test_rendering import MODEL

TAKE, NEWER = "a" * 64, "b" * 64
VARIATION = {"kind": "variation", "take": TAKE, "strength": 0.4}
REGION = {"kind": "region", "take": TAKE, "from_s": 1.0, "to_s": 2.5}
SCENE = check_scene(
    {
        "id": "s",
        "duration_s": 5.0,
        "layers": [
            {"id": "rain", "view": "env", "caption": "rain"},
            {"id": "voice", "view": "speech", "caption": "a man", "transcript": "Hello."},
        ],
    }
)
ABLE = MODEL.model_copy(
    update={
        "variation": True,
        "region": True,
        "continuation": True,
        "loop": True,
        "stems": ["independent", "coherent"],
    }
)
SPEAKS: dict[str, Any] = {"view": "music", "caption": "hail", "seed": 9, "cues": [{"at_s": 1.0}]}


def edited(scene: Scene, layer: str = "rain", **changes: Any) -> Scene:
    return apply(scene, EditLayer(scene="s", layer=layer, changes=changes), {"rain": NEWER})


def refused(scene: Scene, model: Capabilities, layer: str = "rain") -> list[str]:
    with pytest.raises(Refused) as caught:
        check_supported(scene, scene.layer(layer), model)
    assert caught.value.code == "unsupported"
    return [one.field for one in caught.value.findings]


def test_an_origin_makes_another_take_and_going_back_the_old_one() -> None:
    plain = request_for(SCENE, SCENE.layer("rain"), ABLE)
    varied = edited(SCENE, origin=VARIATION)
    assert varied.layer("rain").origin == Variation(kind="variation", take=TAKE, strength=0.4)
    assert identity(request_for(varied, varied.layer("rain"), ABLE)) != identity(plain)
    back = edited(varied, origin=None)
    assert back == SCENE
    assert request_for(back, back.layer("rain"), ABLE) == plain


def test_what_says_nothing_of_origins_is_written_as_before_there_were_any() -> None:
    for name in (b"origin", b"loop", b"apart_from"):
        assert name not in canonical(SCENE)
        assert name not in canonical(request_for(SCENE, SCENE.layer("rain"), ABLE))
    told = edited(SCENE, origin=VARIATION, loop=True)
    assert check_scene(told.model_dump(mode="json")) == told
    assert scene_from_yaml(scene_to_yaml(told)) == told


@pytest.mark.parametrize("field", [name for name in SPOKEN if name != "transcript"])
def test_other_words_are_a_plain_render(field: str) -> None:
    varied = edited(SCENE, origin=VARIATION)
    assert edited(varied, **{field: SPEAKS[field]}).layer("rain").origin is None
    kept = edited(varied, **{field: SPEAKS[field], "origin": REGION}).layer("rain")
    assert kept.origin == Region(kind="region", take=TAKE, from_s=1.0, to_s=2.5)


def test_other_spoken_words_are_a_plain_render() -> None:
    varied = edited(SCENE, "voice", origin=VARIATION)
    assert edited(varied, "voice", transcript="Goodbye.").layer("voice").origin is None


@pytest.mark.parametrize("changes", [{"gain_db": -6.0}, {"mute": True}, {"loop": True}, {"caption": "rain"}])
def test_an_edit_of_anything_else_keeps_the_origin(changes: dict[str, Any]) -> None:
    varied = edited(SCENE, origin=VARIATION)
    assert edited(varied, **changes).layer("rain").origin == varied.layer("rain").origin


def test_an_origin_without_a_take_starts_from_what_plays() -> None:
    varied = edited(SCENE, origin={"kind": "variation", "strength": 0.4})
    assert varied.layer("rain").origin == Variation(kind="variation", take=NEWER, strength=0.4)
    with pytest.raises(Refused) as caught:
        edited(SCENE, "voice", origin={"kind": "continuation"})
    assert caught.value.code == "not_rendered"
    assert caught.value.findings[0].field == "$.changes.origin.take"


@pytest.mark.parametrize(
    "origin, field",
    [
        ({**VARIATION, "strength": 1.5}, "$.changes.origin.strength"),
        ({**VARIATION, "take": "x"}, "$.changes.origin.take"),
        ({**REGION, "to_s": 0.5}, "$.changes.origin.to_s"),
        ({**REGION, "to_s": 5.5}, "$.changes.origin.to_s"),
        ({**REGION, "form_s": 1.0}, "$.changes.origin.form_s"),
        ({"kind": "wish", "take": TAKE}, "$.changes.origin"),
        ({"kind": "mix", "parts": [{"view": "env", "caption": "x"}], "place": 1}, "$.changes.origin.place"),
        ("variation", "$.changes.origin"),
    ],
)
def test_a_wrong_origin_is_named_as_it_was_sent(origin: Any, field: str) -> None:
    with pytest.raises(Refused) as caught:
        edited(SCENE, origin=origin)
    assert [one.field for one in caught.value.findings] == [field]


def test_a_locked_layer_gets_no_origin() -> None:
    with pytest.raises(Refused, match="locked"):
        edited(edited(SCENE, lock=True), origin=VARIATION)


def test_another_duration_is_a_plain_render_and_another_title_is_not() -> None:
    cut = edited(SCENE, origin=REGION)
    assert apply(cut, EditScene(scene="s", changes={"duration_s": 1.5})).layer("rain").origin is None
    assert apply(cut, EditScene(scene="s", changes={"title": "t"})).layer("rain").origin is not None


def test_extending_continues_what_plays_and_renders_the_rest() -> None:
    scene = edited(edited(SCENE, origin=VARIATION), "voice", origin=VARIATION)
    longer = apply(scene, ExtendScene(scene="s", duration_s=8.0), {"rain": NEWER})
    assert longer.duration_s == 8.0
    assert longer.layer("rain").origin == Continuation(kind="continuation", take=NEWER)
    assert longer.layer("voice").origin is None  # it has no stem
    locked = apply(edited(SCENE, lock=True), ExtendScene(scene="s", duration_s=8.0), {"rain": NEWER})
    assert locked.layer("rain").origin is None
    with pytest.raises(Refused, match=r"\$.duration_s: more than the scene has, 5 s, got 5.0"):
        apply(SCENE, ExtendScene(scene="s", duration_s=5.0))


def test_composing_makes_every_unlocked_layer_a_part_of_one_mix() -> None:
    scene = edited(apply(SCENE, EditScene(scene="s", changes={"caption": "a wet street"})), lock=True)
    composed = apply(scene, ComposeScene(scene="s", seed=4))
    origin = composed.layer("voice").origin
    assert isinstance(origin, Mix)
    assert (origin.seed, origin.scene_caption, origin.place) == (4, "a wet street", 1)
    assert [(part.view, part.caption) for part in origin.parts] == [("env", "rain"), ("speech", "a man")]
    assert composed.layer("rain").origin is None
    assert check_scene(composed.model_dump(mode="json")) == composed


def test_editing_one_layer_of_a_mix_leaves_the_others_their_sound() -> None:
    composed = apply(SCENE, ComposeScene(scene="s"))
    after = edited(composed, caption="hail")
    assert after.layer("rain").origin is None
    before, now = (request_for(one, one.layer("voice"), ABLE) for one in (composed, after))
    assert identity(before) == identity(now)


@pytest.mark.parametrize("origin", [VARIATION, REGION, {"kind": "continuation", "take": TAKE}])
def test_a_model_must_declare_what_it_starts_from(origin: dict[str, Any]) -> None:
    scene = edited(SCENE, origin=origin)
    check_supported(scene, scene.layer("rain"), ABLE)
    unable = ABLE.model_copy(update={origin["kind"]: False})
    assert refused(scene, unable) == ["$.layers[0].origin.kind"]


def test_a_model_must_declare_coherent_stems_and_loops() -> None:
    composed = apply(SCENE, ComposeScene(scene="s"))
    check_supported(composed, composed.layer("rain"), ABLE)
    assert refused(composed, MODEL) == ["$.layers[0].origin.kind"]
    looped = edited(SCENE, loop=True)
    check_supported(looped, looped.layer("rain"), ABLE)
    assert refused(looped, MODEL) == ["$.layers[0].loop"]


@pytest.mark.parametrize("duration_s, whole", [(8.0, True), (5.333, True), (5.3333333, True), (7.0, False)])
def test_music_loops_in_whole_bars(duration_s: float, whole: bool) -> None:
    scene = check_scene(
        {
            "id": "s",
            "duration_s": duration_s,
            "tempo": {"bpm": 90 if duration_s < 6 else 120},
            "layers": [{"id": "drums", "view": "music", "caption": "drums", "loop": True}],
        }
    )
    if whole:
        check_supported(scene, scene.layer("drums"), ABLE)
    else:
        assert refused(scene, ABLE, "drums") == ["$.layers[0].loop"]


def test_what_to_keep_apart_from_reaches_only_a_model_that_is_told() -> None:
    scene = edited(SCENE, apart_from=["a man"])
    assert request_for(scene, scene.layer("rain"), ABLE).apart_from == ["a man"]
    untold = ABLE.model_copy(update={"negative": False})
    assert request_for(scene, scene.layer("rain"), untold) == request_for(SCENE, SCENE.layer("rain"), untold)
