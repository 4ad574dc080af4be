"""What makes a stem's sound, and what does not."""

from typing import Any

import pytest

from scene_schema.capabilities import Capabilities, check_supported
from scene_schema.errors import Refused
from scene_schema.identity import identity
from scene_schema.rendering import request_for
from scene_schema.scene import MIXING, SOUNDING, Scene, check_scene
from tests.scene_schema.test_scene import GOOD

MODEL = Capabilities(
    name="m", title="M", weights_sha256="0", rate_hz=24000, channels=1, latent_rate_hz=25.0, shortest_s=0.5,
    longest_s=10.0, views=["speech", "sfx", "music", "env"], transcript=True, cues=True, tempo=True, steps=8,
    guidance=2.0,
)  # fmt: skip
OTHER: dict[str, Any] = {
    "view": "sfx", "caption": "other", "transcript": "Other words.", "seed": 7, "cues": [{"at_s": 2.0}],
    "gain_db": -1.0, "pan": 0.5, "mute": True, "solo": True,
}  # fmt: skip


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
    layers = [*GOOD["layers"], {"id": "piano", "view": "music", "caption": "piano"}]
    before = check_scene({**GOOD, "layers": layers})
    after = check_scene({**GOOD, "layers": layers, "tempo": {"bpm": 91}, "title": "x", "caption": "y"})
    assert [one.id for one in before.layers if take(before, one.id) != take(after, one.id)] == ["piano"]


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
