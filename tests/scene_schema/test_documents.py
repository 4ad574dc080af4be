"""Scenes as YAML and JSON."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene_schema.documents import scene_from_json, scene_from_yaml, scene_to_json, scene_to_yaml
from scene_schema.errors import Refused
from scene_schema.scene import Scene
from tests.scene_schema.test_scene import scenes


@given(scenes())
def test_both_ways(scene: Scene) -> None:
    assert scene_from_yaml(scene_to_yaml(scene)) == scene
    assert scene_from_json(scene_to_json(scene)) == scene


def test_chords_as_a_musician_writes_them() -> None:
    text = "id: a\ntempo: {bpm: 90}\nchords: [F#m, A, Bb, E]  # one a bar\n"
    assert scene_from_yaml(text).chords == ["F#m", "A", "Bb", "E"]


@pytest.mark.parametrize(
    "text, says",
    [
        ("layers: [", "line 1, column 10"),
        ("id: a\n\tlayers: 3", "line 2"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("[" * 5000, "nested too deeply"),
        ("just words", "a scene with the fields"),
        ("", "a scene with the fields"),
        ("id: a\nlayers: 3", r"\$.layers"),
    ],
)
def test_broken_yaml_says_where(text: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        scene_from_yaml(text)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "nul", b"\xff\xfe"])
def test_broken_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(Refused):
        scene_from_json(text)


def test_aliases_do_not_multiply() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for one, other in zip("bcdefgh", "abcdefg", strict=True):
        bomb += f"{one}: &{one} [{', '.join([f'*{other}'] * 9)}]\n"
    with pytest.raises(Refused):
        scene_from_yaml(bomb)


@given(st.text(max_size=200))
def test_any_text_is_a_scene_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        scene_from_yaml(text)
