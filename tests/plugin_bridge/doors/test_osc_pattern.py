"""Address patterns, held against regular expressions, and against liblo's matcher where it is installed."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge.doors.osc_pattern import is_pattern, matches
from scene_schema.errors import Refused

NAMES = st.text("abc-1", min_size=1, max_size=6)
PLAIN = st.sampled_from(
    [
        *((one, one) for one in "abc1"),
        ("?", "."),
        ("*", ".*"),
        ("[a]", "[a]"),
        ("[ab]", "[ab]"),
        ("[a-c]", "[a-c]"),
        ("[!a]", "[^a]"),
        ("[!a-b1]", "[^a-b1]"),
        ("[a-]", "[a-]"),
    ]
)
WORDS = st.lists(st.text("abc1", min_size=1, max_size=3), min_size=1, max_size=3).map(
    lambda words: ("{" + ",".join(words) + "}", "(" + "|".join(words) + ")")
)
"""Pieces of a pattern, each with the regular expression that means the same."""


@pytest.mark.parametrize(
    "pattern, name, expected",
    [
        ("rain", "rain", True),
        ("rain", "rain2", False),
        ("*", "", True),
        ("*", "rain", True),
        ("r*n", "rain", True),
        ("r*n", "rains", False),
        ("?ain", "rain", True),
        ("?ain", "ain", False),
        ("[p-s]ain", "rain", True),
        ("[!p-s]ain", "rain", False),
        ("[a-]x", "-x", True),
        ("[]x", "x", False),
        ("{rain,storm}", "storm", True),
        ("{rain,storm}", "rainstorm", False),
        ("{rain,rainy}y", "rainy", True),  # the shorter word, although the longer one fits as well
        ("{}x", "x", True),
        ("r.*", "rain", False),
        ("a+", "aa", False),
        ("]", "]", True),
    ],
)
def test_by_hand(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


@given(NAMES)
def test_a_name_matches_itself_and_what_stands_for_all(name: str) -> None:
    assert matches(name, name)
    assert matches("*", name)
    assert matches("?" * len(name), name)
    assert not matches("?" * (len(name) + 1), name)
    assert not is_pattern(name)


@given(st.lists(st.one_of(PLAIN, WORDS), max_size=6), NAMES)
def test_as_a_regular_expression_matches(pieces: list[tuple[str, str]], name: str) -> None:
    pattern = "".join(one for one, _ in pieces)
    expected = re.fullmatch("".join(one for _, one in pieces), name) is not None
    assert matches(pattern, name) is expected


@given(st.lists(PLAIN.filter(lambda piece: piece[0] != "[a-]"), min_size=1, max_size=6), NAMES)
def test_as_liblo_matches(pieces: list[tuple[str, str]], name: str) -> None:
    """Where liblo 0.31 keeps to the specification: `{a}*` does not mean `a` to it, nor `[a-]`."""
    pattern = "".join(one for one, _ in pieces)
    assert matches(pattern, name) is bool(_liblo()(name.encode(), pattern.encode()))


@pytest.mark.parametrize("pattern", ["[a", "{a,b", "a*[", "[!"])
def test_what_is_not_closed_is_refused(pattern: str) -> None:
    with pytest.raises(Refused, match="not closed"):
        matches(pattern, "a")


def test_no_pattern_takes_long() -> None:
    """A regular expression would need centuries; any machine does this in far less than the limit."""
    began_s = time.monotonic()
    assert not matches("*a" * 500 + "b", "a" * 2000)
    assert time.monotonic() - began_s < 60.0


def _liblo() -> ctypes._NamedFuncPointer:
    library = ctypes.util.find_library("lo")
    if library is None:
        pytest.skip("liblo is not installed (apt-get install liblo-tools)")
    return ctypes.CDLL(library).lo_pattern_match
