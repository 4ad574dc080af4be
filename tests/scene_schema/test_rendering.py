"""What makes a stem's sound, and what does not."""

from typing import Any

import pytest

from scene_schema.capabilities import Capabilities, check_supported
from scene_schema.errors import Refused
from scene_schema.harmony import house_chords
from scene_schema.identity import identity
from scene_schema.rendering import RenderRequest, request_for
from scene_schema.scene import MIXING, SOUNDING, Scene, check_scene
from tests.scene_schema.test_scene import GOOD

MODEL = Capabilities(
    name="m", title="M", weights_sha256="0", rate_hz=24000, channels=1, latent_rate_hz=25.0, shortest_s=0.5,
    longest_s=10.0, views=["speech", "sfx", "music", "env"], transcript=True, cues=True, tempo=True, steps=8,
    guidance=2.0, negative=True,
)  # fmt: skip
OTHER: dict[str, Any] = {
    "view": "sfx", "caption": "other", "transcript": "Other words.", "seed": 7, "cues": [{"at_s": 2.0}],
    "gain_db": -1.0, "pan": 0.5, "mute": True, "solo": True,
    "origin": {"kind": "variation", "take": "a" * 64, "strength": 0.4}, "loop": True, "apart_from": ["wind"],
}  # fmt: skip


CHORDAL = MODEL.model_copy(update={"chords": True})
PIANO: dict[str, Any] = {"id": "piano", "view": "music", "caption": "piano"}


def take(scene: Scene, layer: str, model: Capabilities = MODEL) -> str:
    return identity(request_for(scene, scene.layer(layer), model))


@pytest.mark.parametrize("field", SOUNDING)
def test_a_sounding_field_makes_another_take(field: str) -> None:
    data = {**GOOD, "layers": [{"id": "voice", "view": "speech", "caption": "a", "transcript": "b"}]}
    before = check_scene(data)
    changes = {field: OTHER[field]}
    if field == "view":
        changes["transcript"] = None
    after = check_scene({**data, "layers": [{**data["layers"][0], **changes}]})
    assert take(before, "voice") != take(after, "voice")


@pytest.mark.parametrize("field", [*MIXING, "lock"])
def test_a_mixing_field_does_not(field: str) -> None:
    before = check_scene(GOOD)
    layers = [{**layer, field: OTHER.get(field, True)} for layer in GOOD["layers"]]
    assert take(before, "rain") == take(check_scene({**GOOD, "layers": layers}), "rain")


def test_tempo_reaches_music_alone_and_titles_reach_nothing() -> None:
    layers = [*GOOD["layers"], PIANO]
    before = check_scene({**GOOD, "layers": layers})
    after = check_scene({**GOOD, "layers": layers, "tempo": {"bpm": 91}, "title": "x", "caption": "y"})
    assert [one.id for one in before.layers if take(before, one.id) != take(after, one.id)] == ["piano"]


def test_chords_reach_music_alone() -> None:
    scene = {**GOOD, "layers": [*GOOD["layers"], PIANO]}
    before, after = check_scene(scene), check_scene({**scene, "chords": ["Dm", "G"]})
    changed = [
        one.id for one in before.layers if take(before, one.id, CHORDAL) != take(after, one.id, CHORDAL)
    ]
    assert changed == ["piano"]
    assert request_for(after, after.layer("piano"), CHORDAL).chords == ["Dm", "G"]
    assert request_for(after, after.layer("rain"), CHORDAL).chords == []
    assert request_for(after, after.layer("piano"), MODEL).chords == []


def test_music_on_a_grid_stays_in_the_key_of_the_house() -> None:
    sad = {**PIANO, "id": "cello", "caption": "a sad cello", "seed": 1}
    scene = {**GOOD, "layers": [PIANO, {**PIANO, "id": "again", "seed": 1}, sad]}
    requests = [request_for(check_scene(scene), one, CHORDAL) for one in check_scene(scene).layers]
    assert requests[0].chords == requests[1].chords == house_chords("station", "piano")
    assert requests[2].chords == house_chords("station", "a sad cello")
    untimed = check_scene({**scene, "tempo": None})
    assert request_for(untimed, untimed.layers[0], CHORDAL).chords == []
    named = check_scene({**scene, "chords": house_chords("station", "piano")})
    assert take(named, "piano", CHORDAL) == take(check_scene(scene), "piano", CHORDAL)  # says nothing new


def test_a_request_from_before_there_were_chords_keeps_its_name() -> None:
    scene = check_scene({**GOOD, "layers": [PIANO]})
    request = request_for(scene, scene.layers[0], MODEL)
    assert "chords" not in request.model_dump_json()
    assert RenderRequest.model_validate(request.model_dump()) == request
    assert identity(request)[:16] == "19e5770ad63d63b1"
    chordal = request_for(scene, scene.layers[0], CHORDAL)
    assert RenderRequest.model_validate_json(chordal.model_dump_json()) == chordal


def test_other_weights_make_another_take() -> None:
    scene = check_scene(GOOD)
    assert take(scene, "rain") != take(scene, "rain", MODEL.model_copy(update={"weights_sha256": "1"}))


def test_the_identity_never_changes() -> None:
    # Takes are found again by this name, in stores written by older versions.
    assert take(check_scene(GOOD), "bell")[:16] == "71d968c9c5a9ecb7"


def test_what_a_model_cannot_do_is_said_by_field() -> None:
    layers = [*GOOD["layers"], {"id": "all", "view": "caption", "caption": "a scene"}]
    scene = check_scene({**GOOD, "layers": layers, "duration_s": 20})
    with pytest.raises(Refused) as caught:
        check_supported(scene, scene.layer("all"), MODEL)
    assert [one.field for one in caught.value.findings] == ["$.layers[3].view", "$.duration_s"]


def test_chords_are_refused_only_where_they_were_given_and_would_be_heard() -> None:
    scene = check_scene({**GOOD, "layers": [*GOOD["layers"], PIANO], "chords": ["C"]})
    with pytest.raises(Refused, match="'m' does not follow them") as caught:
        check_supported(scene, scene.layer("piano"), MODEL)
    assert caught.value.code == "unsupported"
    assert [one.field for one in caught.value.findings] == ["$.chords"]
    check_supported(scene, scene.layer("piano"), CHORDAL)
    check_supported(scene, scene.layer("rain"), MODEL)
    check_supported(scene.model_copy(update={"chords": []}), scene.layer("piano"), MODEL)


def test_an_older_model_can_still_be_read() -> None:
    new = ("chords", "region", "continuation", "context", "draft_steps")
    older = {name: value for name, value in MODEL.model_dump().items() if name not in new}
    assert Capabilities.model_validate(older) == MODEL
    assert not any(getattr(MODEL, name) for name in new)
