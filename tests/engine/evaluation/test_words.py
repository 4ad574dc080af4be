"""Word errors and the language model; the recogniser itself where it is installed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.evaluation.words import Recogniser, bigram_model, word_errors, words_of

WORDS = st.lists(st.sampled_from(["rain", "in", "spain", "falls"]), max_size=6)


def test_words_lose_case_and_punctuation() -> None:
    assert words_of("Don’t go, Bob!") == ["don't", "go", "bob"]


@given(WORDS, WORDS)
def test_errors_are_a_distance(one: list[str], other: list[str]) -> None:
    errors = word_errors(one, other)
    assert errors == word_errors(other, one)
    assert abs(len(one) - len(other)) <= errors <= max(len(one), len(other))
    assert (errors == 0) == (one == other)


def test_each_way_to_be_wrong_counts_one() -> None:
    said = ["the", "old", "bell"]
    assert word_errors(["the", "bell"], said) == 1
    assert word_errors(["the", "cold", "bell"], said) == 1
    assert word_errors(["the", "old", "old", "bell"], said) == 1


def test_the_bigram_model_is_a_distribution() -> None:
    text = bigram_model([["a", "b"], ["a", "c"], ["b", "a"]])
    lines = text.splitlines()
    ones = {
        line.split()[1]: (10 ** float(line.split()[0]), 10 ** float(line.split()[2]))
        for line in lines[lines.index("\\1-grams:") + 1 : lines.index("\\2-grams:") - 1]
    }
    twos = {
        tuple(line.split()[1:]): 10 ** float(line.split()[0])
        for line in lines[lines.index("\\2-grams:") + 1 : lines.index("\\end\\") - 1]
    }
    for first in ("<s>", "a", "b"):
        total = sum(twos.get((first, word), ones[first][1] * ones[word][0]) for word in ones if word != "<s>")
        assert math.isclose(total, 1.0, abs_tol=0.01), first


def test_a_recogniser_names_words_that_it_cannot_say() -> None:
    pytest.importorskip("pocketsphinx")
    with pytest.raises(ValueError, match="xyzzyq"):
        Recogniser(["the xyzzyq fell"])


def test_silence_has_no_words() -> None:
    pytest.importorskip("pocketsphinx")
    assert Recogniser(["open the door"]).hear(np.zeros(24_000), 24_000) == []
