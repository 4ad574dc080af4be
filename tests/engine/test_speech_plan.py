"""Words into timed phonemes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.speech_plan import number_words, pace_of, plan_speech, words_and_pauses
from scene_schema.errors import Refused


class FakeVoice:
    """One phoneme a letter, all equally long."""

    usual_phoneme_s = 0.08

    def pronounce(self, word: str) -> list[int]:
        return [1 + ord(letter) - ord("a") for letter in word if letter != "'"]

    def durations_s(self, phonemes: list[int], word_starts: list[bool], mean_s: float) -> list[float]:
        assert len(phonemes) == len(word_starts)
        return [mean_s] * len(phonemes)


def test_words_numbers_and_pauses() -> None:
    words = words_and_pauses("Train G128, don't wait… 31 platforms!")
    assert [word for word, _ in words] == [
        "train", "g", "one", "two", "eight", "don't", "wait", "thirty", "one", "platforms",
    ]  # fmt: skip
    assert [word for word, pause_s in words if pause_s] == ["eight", "platforms"]


@pytest.mark.parametrize(
    "digits, words",
    [
        ("7", "seven"),
        ("15", "fifteen"),
        ("40", "forty"),
        ("99", "ninety nine"),
        ("05", "zero five"),
        ("0", "zero"),
    ],
)
def test_number_words(digits: str, words: str) -> None:
    assert " ".join(number_words(digits)) == words


def test_phonemes_follow_each_other_from_the_cue_on() -> None:
    timed = plan_speech("go now", "a man", FakeVoice(), start_s=1.0, clip_s=5.0)
    assert timed[0].start_s == 1.0
    assert [one.number for one in timed] == FakeVoice().pronounce("gonow")
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in itertools.pairwise(timed))


def test_words_that_do_not_fit_are_refused_with_the_length_that_would() -> None:
    with pytest.raises(Refused) as caught:
        plan_speech("word " * 100, "", FakeVoice(), start_s=None, clip_s=5.0)
    assert caught.value.code == "unsupported"
    assert caught.value.findings[0].field == "$.transcript"
    assert "duration_s at least" in caught.value.remedy


def test_pace_is_heard_in_the_caption() -> None:
    assert pace_of("a man speaking quickly") < pace_of("a man speaking") < pace_of("an old man, slowly")


@given(st.text(max_size=80), st.floats(0.5, 30))
def test_any_text_is_spoken_inside_the_clip_or_refused(text: str, clip_s: float) -> None:
    try:
        timed = plan_speech(text, "", FakeVoice(), start_s=None, clip_s=clip_s)
    except Refused:
        return
    assert all(0 <= one.start_s < one.end_s <= clip_s for one in timed)
