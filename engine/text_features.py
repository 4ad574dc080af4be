"""A caption as numbers: each word by its row in a vocabulary, and as a handful of hashed pieces of itself.

The vocabulary knows the common words. The pieces, letter groups of three to five, speak for all others: a
word never seen (or misspelt) still looks like its relatives. Pure numpy. The idea of the pieces is fastText's
(Bojanowski et al., arXiv 1607.04606).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

PIECES: Final = 24  # a word; longer words lose their last letter groups
COLUMNS: Final = 1 + PIECES  # of `caption_ids`: the row, then the pieces
_WORD: Final = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


class Vocabulary:
    """Rows of the words it knows, from 1 on; 0 is any other word."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)
        self._rows = {word: row for row, word in enumerate(self.words, start=1)}

    def row(self, word: str) -> int:
        """A word's row; a possessive is looked up as its owner."""
        return self._rows.get(word) or self._rows.get(word.partition("'")[0], 0)


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers; punctuation only separates."""
    return _WORD.findall(text.lower().replace("’", "'"))


def pieces_of(word: str) -> list[str]:
    """The word itself and its letter groups, marked where it begins and ends."""
    marked = f"<{word}>"
    groups = [marked[start : start + size] for size in (3, 4, 5) for start in range(len(marked) - size + 1)]
    return [marked, *(group for group in groups if group != marked)]


def caption_ids(text: str, vocabulary: Vocabulary, *, buckets: int, tokens: int) -> NDArray[np.int64]:
    """Row and piece numbers of the first `tokens` words: (words, COLUMNS), 0 where there is none.

    Never empty: a text without words gives one row of zeros.
    """
    words = words_of(text)[:tokens]
    ids = np.zeros((max(1, len(words)), COLUMNS), dtype=np.int64)
    for place, word in enumerate(words):
        ids[place, 0] = vocabulary.row(word)
        ids[place, 1:] = piece_ids(word, buckets)
    return ids


@lru_cache(maxsize=100_000)
def piece_ids(word: str, buckets: int) -> NDArray[np.int64]:
    """Bucket numbers of a word's pieces (PIECES,), 0 where there is none."""
    ids = np.zeros(PIECES, dtype=np.int64)
    for place, piece in enumerate(pieces_of(word)[:PIECES]):
        ids[place] = 1 + zlib.crc32(piece.encode()) % (buckets - 1)
    ids.flags.writeable = False
    return ids
