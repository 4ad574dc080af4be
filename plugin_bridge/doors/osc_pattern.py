"""OSC address patterns: `?`, `*`, `[a-z]`, `[!a-z]`, `{rain,storm}`, within one part of an address. Pure.

python-osc has them too, inside its dispatcher and as regular expressions, which some patterns keep busy for
minutes; here every place that a pattern may have reached goes along at once, so work grows with the lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from scene_schema.errors import Refused, shown

MAGIC: Final = frozenset("?*[]{}")


def is_pattern(address: str) -> bool:
    """Whether any character of an address stands for others."""
    return not MAGIC.isdisjoint(address)


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern, one part of an address, stands for this name. Raises `Refused` (`malformed`)."""
    reached = {0}  # how many characters of the name the pattern so far may have used up
    for kind, text in _tokens(pattern):
        if kind == "*":
            reached = set(range(min(reached), len(name) + 1)) if reached else reached
        elif kind == "{":
            words = text.split(",")
            reached = {
                place + len(word) for place in reached for word in words if name.startswith(word, place)
            }
        else:
            reached = {place + 1 for place in reached if place < len(name) and _fits(kind, text, name[place])}
    return len(name) in reached


def _fits(kind: str, text: str, character: str) -> bool:
    if kind == "?":
        return True
    if kind == "[":
        return _in_set(text, character)
    return text == character


def _in_set(text: str, character: str) -> bool:
    unwanted = text.startswith("!")
    text = text[1:] if unwanted else text
    found = False
    place = 0
    while place < len(text):
        if text[place + 1 : place + 2] == "-" and place + 2 < len(text):  # a "-" at the end is one
            found = found or text[place] <= character <= text[place + 2]
            place += 3
        else:
            found = found or text[place] == character
            place += 1
    return found is not unwanted


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    """`("*", "")`, `("?", "")`, `("[", "!a-z")`, `("{", "rain,storm")`, or `("", character)`."""
    place = 0
    while place < len(pattern):
        kind = pattern[place]
        if kind in "[{":
            end = pattern.find("]" if kind == "[" else "}", place)
            if end < 0:
                raise Refused(
                    "malformed", f"a '{kind}' is not closed in the address pattern {shown(pattern)}"
                )
            yield kind, pattern[place + 1 : end]
            place = end + 1
        else:
            yield (kind, "") if kind in "*?" else ("", kind)
            place += 1
