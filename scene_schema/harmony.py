"""The chords that music keeps in a scene that names none: one key signature for all its layers. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import Final

# Each progression for major captions stands beside one for minor captions. Bar by bar the two share at least
# two notes, so that a happy and a sad layer of one scene sound well together. Degrees of the major key.
_PROGRESSIONS: Final = (
    ("I V vi IV", "vi V IV ii"),
    ("I vi IV V", "vi IV ii V"),
    ("I IV V I", "vi ii V I"),
    ("I IV I V", "vi IV I V"),
    ("I ii V I", "vi IV V vi"),
    ("I iii IV V", "vi I IV V"),
    ("I IV ii V", "vi ii IV V"),
)
_FIFTHS: Final = {"IV": -1, "I": 0, "V": 1, "ii": 2, "vi": 3, "iii": 4}  # steps from the tonic, a fifth each
_KEYS: Final = 12
_FLATTEST: Final = -5  # keys reach from Db, five fifths under C, to F#, six over it

_NAMED_KEY: Final = re.compile(r"\b(major|minor)\b")
_MINOR_MOOD: Final = re.compile(
    r"\b(sad(ly|ness|der|dest)?\b|dark|melanchol|sorrow|mourn|lament|griev|grief|weep|tearful|heartbr"
    r"|despair|tragic|tragedy|gloom|sombre|somber|bleak|grim\b|lonel|wistful|pensive|moody|brooding"
    r"|desolate|funeral|requiem|tense\b|tensely|tension|urgent|restless|nervous|anxious|unsettl|suspense"
    r"|dramatic|dread|foreboding|eerie|eerily|ominous|sinister|menac|haunt|spook|creepy|scary|horror|myster)"
)


def house_chords(scene_id: str, caption: str) -> list[str]:
    """Four chords, a bar each, for one music layer of a scene.

    The key signature comes from the scene's id alone. A caption that speaks of minor, or of what is sad, dark
    or tense, gets its relative minor: all layers of a scene play from the same seven notes.
    """
    drawn = int.from_bytes(hashlib.sha256(scene_id.encode()).digest()[:8], "big")
    tonic = drawn % _KEYS + _FLATTEST
    progression = _PROGRESSIONS[drawn // _KEYS % len(_PROGRESSIONS)][speaks_of_minor(caption)]
    return [_name(tonic + _FIFTHS[degree], degree.islower()) for degree in progression.split()]


def speaks_of_minor(caption: str) -> bool:
    """Whether a caption asks for a minor key: by name, or else by its mood."""
    words = caption.casefold()
    named = _NAMED_KEY.search(words)
    return named[1] == "minor" if named else _MINOR_MOOD.search(words) is not None


def _name(fifths: int, minor: bool) -> str:
    """The triad so many fifths over C, spelled as its key is written: never A# in F major."""
    octave, letter = divmod(fifths + 1, 7)
    return "FCGDAEB"[letter] + ("#" * octave if octave > 0 else "b" * -octave) + "m" * minor
