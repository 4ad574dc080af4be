"""The house's chords: one key signature a scene, whatever its layers say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene_schema.harmony import house_chords, speaks_of_minor
from scene_schema.scene import check_scene
from tests.scene_schema.test_scene import slugs

PITCH_CLASS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
MAJOR = (0, 2, 4, 5, 7, 9, 11)


def notes(chord: str) -> set[int]:
    root = PITCH_CLASS[chord[0]] + chord.count("#") - chord.count("b")
    return {(root + step) % 12 for step in (0, 3 if chord.endswith("m") else 4, 7)}


def all_notes(chords: list[str]) -> set[int]:
    return set().union(*map(notes, chords))


@pytest.mark.parametrize(
    "scene_id, happy, sad",
    [
        ("rain", "Bb Eb Bb F", "Gm Eb Bb F"),
        ("station", "C G Am F", "Am G F Dm"),
        ("demo", "A C#m D E", "F#m A D E"),
        ("measured", "B F# G#m E", "G#m F# E C#m"),
    ],
)
def test_they_never_change(scene_id: str, happy: str, sad: str) -> None:
    # Takes are named by them, in stores written by older versions and on other machines.
    assert house_chords(scene_id, "happy piano") == happy.split()
    assert house_chords(scene_id, "a sad cello") == sad.split()


@given(slugs, st.text(max_size=20))
def test_they_are_chords_of_a_scene(scene_id: str, caption: str) -> None:
    chords = house_chords(scene_id, caption)
    assert check_scene({"id": scene_id, "tempo": {"bpm": 90}, "chords": chords}).chords == chords
    assert len(chords) == 4


@given(slugs)
def test_a_happy_and_a_sad_layer_play_the_same_seven_notes(scene_id: str) -> None:
    happy, sad = house_chords(scene_id, "a happy tune"), house_chords(scene_id, "a sad tune")
    keys = [{(tonic + step) % 12 for step in MAJOR} for tonic in range(12)]
    assert any(all_notes(happy + sad) <= key for key in keys)
    assert sad[0].endswith("m")
    assert all(len(notes(one) & notes(other)) >= 2 for one, other in zip(happy, sad, strict=True))


def test_scenes_differ() -> None:
    houses = {tuple(house_chords(f"scene-{number}", "piano")) for number in range(2000)}
    assert len(houses) == 12 * 7
    assert len({chords[0] for chords in houses}) == 12


@pytest.mark.parametrize(
    "caption, minor",
    [
        ("happy ukulele", False),
        ("piano", False),
        ("", False),
        ("slow piano in a minor key", True),
        ("Melancholic CELLO.", True),
        ("an eerie music box", True),
        ("tense strings", True),
        ("a tensegrity of bells", False),
        ("a dark pad in D major", False),  # what is named goes before what is felt
        ("cheerful jig in E minor", True),
        ("the Sadler band", False),
    ],
)
def test_when_a_caption_speaks_of_minor(caption: str, minor: bool) -> None:
    assert speaks_of_minor(caption) == minor
