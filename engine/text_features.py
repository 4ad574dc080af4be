"""A caption as numbers, without a vocabulary: every word is a handful of hashed pieces of itself.

A word's pieces are the word and its letter groups of three to five, so "raining", "rainy" and "rainfall"
share most of theirs, and a word never seen (or misspelt) still looks like its relatives. Pure numpy.
The idea is fastText's (Bojanowski et al., arXiv 1607.04606).
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

PIECES: Final = 24  # a word; longer words lose their last letter groups
_WORD: Final = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers; punctuation only separates."""
    return _WORD.findall(text.lower())


def pieces_of(word: str) -> list[str]:
    """The word itself and its letter groups, marked where it begins and ends."""
    marked = f"<{word}>"
    groups = [marked[start : start + size] for size in (3, 4, 5) for start in range(len(marked) - size + 1)]
    return [marked, *(group for group in groups if group != marked)]


def caption_ids(text: str, *, buckets: int, tokens: int) -> NDArray[np.int64]:
    """Bucket numbers of the first `tokens` words: (words, PIECES), 0 where there is no piece.

    Never empty: a text without words gives one row of zeros.
    """
    words = words_of(text)[:tokens]
    ids = np.zeros((max(1, len(words)), PIECES), dtype=np.int64)
    for row, word in enumerate(words):
        ids[row] = _word_ids(word, buckets)
    return ids


@lru_cache(maxsize=100_000)
def _word_ids(word: str, buckets: int) -> NDArray[np.int64]:
    ids = np.zeros(PIECES, dtype=np.int64)
    for place, piece in enumerate(pieces_of(word)[:PIECES]):
        ids[place] = 1 + zlib.crc32(piece.encode()) % (buckets - 1)
    return ids
