"""Captions as hashed word pieces."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.text_features import PIECES, caption_ids, pieces_of, words_of


def test_words() -> None:
    assert words_of("A dog's bark, 3 times!") == ["a", "dog's", "bark", "3", "times"]


def test_relatives_share_pieces() -> None:
    def likeness(a: str, b: str) -> float:
        one, other = set(pieces_of(a)), set(pieces_of(b))
        return len(one & other) / len(one | other)

    assert likeness("raining", "rain") > likeness("raining", "drums")
    assert likeness("thunderstorm", "thunder") > likeness("thunderstorm", "piano")


def test_the_hash_never_changes() -> None:
    # A shipped checkpoint depends on these numbers.
    assert caption_ids("rain", buckets=8192, tokens=40)[0, :5].tolist() == [3617, 7166, 3158, 2030, 1316]


@given(st.text(max_size=200))
def test_any_text_has_a_shape(text: str) -> None:
    ids = caption_ids(text, buckets=512, tokens=6)
    assert ids.shape == (max(1, min(6, len(words_of(text)))), PIECES)
    assert ids.min() >= 0 and ids.max() < 512
    assert np.array_equal(ids, caption_ids(text.lower(), buckets=512, tokens=6)) or text.lower() != text
