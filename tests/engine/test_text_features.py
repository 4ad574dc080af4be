"""Captions as hashed word pieces."""

from hypothesis import given
from hypothesis import strategies as st

from engine.text_features import COLUMNS, Vocabulary, caption_ids, piece_ids, pieces_of, words_of


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
    assert piece_ids("rain", 8192)[:5].tolist() == [3617, 7166, 3158, 2030, 1316]


def test_known_words_have_rows_and_others_none() -> None:
    vocabulary = Vocabulary(["dog", "rain"])
    ids = caption_ids("The dog's rain", vocabulary, buckets=512, tokens=40)
    assert ids[:, 0].tolist() == [0, 1, 2]
    assert (ids[:, 1] > 0).all()


@given(st.text(max_size=200))
def test_any_text_has_a_shape(text: str) -> None:
    def read(said: str) -> list[list[int]]:
        ids = caption_ids(said, Vocabulary(["rain"]), buckets=512, tokens=6)
        assert ids.shape == (max(1, min(6, len(words_of(said)))), COLUMNS)
        assert ids.min() >= 0 and ids.max() < 512
        return ids.tolist()

    assert read(text) == read(text.lower()) or text.lower() != text
