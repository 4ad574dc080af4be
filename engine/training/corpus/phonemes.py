"""The closed inventory of phoneme symbols that speech clips use: espeak-ng mnemonics of American English.

Index 0 is the pause inside an utterance. The order is fixed: models store indices.
"""

from __future__ import annotations

PAUSE = "_"
VOWELS: tuple[str, ...] = (
    "@",
    "@2",
    "@-",
    "@L",
    "0",
    "3",
    "3:",
    "A:",
    "A@",
    "E",
    "I",
    "I#",
    "I2",
    "O:",
    "O2",
    "O@",
    "OI",
    "U",
    "U@",
    "V",
    "a",
    "a#",
    "aa",
    "aI",
    "aI3",
    "aI@",
    "aU",
    "e@",
    "eI",
    "i",
    "i:",
    "i@",
    "i@3",
    "o@",
    "oU",
    "u:",
)
CONSONANTS: tuple[str, ...] = (
    "?",
    ";",
    "D",
    "N",
    "S",
    "T",
    "Z",
    "b",
    "d",
    "dZ",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "n-",
    "p",
    "r",
    "r-",
    "s",
    "t",
    "t#",
    "t2",
    "tS",
    "v",
    "w",
    "z",
)
INVENTORY: tuple[str, ...] = (PAUSE, *VOWELS, *CONSONANTS)

_KNOWN = frozenset(INVENTORY)
_FOREIGN = {
    "x": "k",
    "e": "E",
    "o": "oU",
    "u": "u:",
    "r*": "r",
    "R": "r",
    "C": "h",
    "l^": "l",
    "n^": "n",
    "A": "A:",
}


def canonical(symbol: str) -> str:
    """symbol if it is in the inventory, else the nearest one that is (foreign names bring rare sounds)."""
    if symbol in _KNOWN:
        return symbol
    if symbol in _FOREIGN:
        return _FOREIGN[symbol]
    bare = symbol
    while bare:
        bare = bare[:-1]
        if bare in _KNOWN:
            return bare
    return "@" if symbol[:1].lower() in "aeiou@&" else "t"
