"""Whether words can be understood: a recogniser and a phoneme reader, on our speech and the voices'."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.conditions import Wave, rows, sentences
from benchmarks.findings import Findings, NotMeasured
from benchmarks.stems import Bench, planned, stem
from engine.evaluation.artefact import load_phoneme_reader
from engine.evaluation.words import Recogniser, word_errors, words_of


def measure_speech(bench: Bench) -> Findings:
    """wer_generated, wer_voices and phoneme_drop over the same sentences with the same captions."""
    found = Findings()
    try:
        recogniser = Recogniser(sentences())
    except ImportError as error:
        recogniser = None
        found.missing(f"{error}; pip install -e '.[bench]'", "wer_generated", "wer_voices")
    try:
        reader = load_phoneme_reader(bench.judges)
    except FileNotFoundError as error:
        reader = None
        found.missing(str(error), "phoneme_drop")
    errors = {"generated": 0, "voices": 0}
    shares: dict[str, list[float]] = {"generated": [], "voices": []}
    words = 0
    reason = ""
    wanted = rows("speech", bench.count)
    if not wanted:
        raise NotMeasured("no held-out sentences: `python -m benchmarks.conditions` draws them")
    for seed, row in enumerate(wanted):
        bench.tell(f"speech of {row['label']}")
        sounds: dict[str, Wave] = {"generated": stem(bench, row, seed)}
        try:
            sounds["voices"] = bench.held_out.audio(row)
        except NotMeasured as error:
            reason = str(error)
        said = words_of(row["transcript"])
        words += len(said)
        for who, audio in sounds.items():
            if recogniser is not None:
                errors[who] += word_errors(recogniser.hear(audio, bench.rate_hz), said)
            if reader is not None:
                spoken = planned(bench, row) if who == "generated" else row["phonemes"]
                share = reader.accuracy(audio, spoken)
                shares[who] += [] if math.isnan(share) else [share]
    if recogniser is not None:
        found.values["wer_generated"] = round(errors["generated"] / words, 4)
        found.values["wer_voices"] = round(errors["voices"] / words, 4)
    if reader is not None:
        found.values["phoneme_accuracy_generated"] = round(float(np.mean(shares["generated"])), 4)
        found.values["phoneme_accuracy_voices"] = round(float(np.mean(shares["voices"] or [math.nan])), 4)
        drop = float(np.mean(shares["voices"] or [math.nan])) - float(np.mean(shares["generated"]))
        found.values["phoneme_drop"] = round(100 * drop, 2)
    if reason:
        found.missing(reason, "wer_voices", "phoneme_drop", "phoneme_accuracy_voices")
    found.notes["sentences"] = len(wanted)
    found.notes["words"] = words
    return found
