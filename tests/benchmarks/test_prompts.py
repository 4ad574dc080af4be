"""The benchmark's files: sentences and held-out conditions as they are shipped."""

import json
import re

from benchmarks.conditions import CONDITIONS, SENTENCES, spread
from benchmarks.prompts.make_sentences import sentences


def test_sentences_are_those_that_the_program_writes() -> None:
    assert SENTENCES.read_text("utf-8").splitlines() == sentences()


def test_there_are_enough_sentences_and_words() -> None:
    lines = sentences()
    words = set(re.findall(r"[a-z']+", " ".join(lines).lower()))
    assert len(set(lines)) == len(lines) >= 500
    assert len(words) >= 1000


def test_some_words_are_in_no_training_sentence() -> None:
    from engine.training.corpus.lexicon import SHORT, SLOTS, TEMPLATES

    text = " ".join([*TEMPLATES, *SHORT, *(word for slot in SLOTS.values() for word in slot)]).lower()
    known = set(re.findall(r"[a-z']+", text))
    words = set(re.findall(r"[a-z']+", " ".join(sentences()).lower()))
    assert len(words - known) >= 300


def test_conditions_say_what_a_layer_needs() -> None:
    rows = [json.loads(line) for line in CONDITIONS.read_text("utf-8").splitlines()]
    views = {row["view"] for row in rows}
    assert views == {"env", "sfx", "music", "speech"}
    for row in rows:
        assert row["caption"]
        assert row["view"] != "sfx" or row["cues_s"]
        assert row["view"] != "music" or row["bpm"] > 0
        assert row["view"] != "speech" or (row["transcript"] and row["phonemes"])


def test_rows_are_taken_evenly() -> None:
    rows = [{"n": n} for n in range(10)]
    assert [row["n"] for row in spread(rows, 4)] == [0, 3, 6, 9]
    assert spread(rows, None) == rows
    assert spread(rows, 99) == rows
