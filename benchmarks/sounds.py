"""What env and sfx stems are heard as, when their hits come, and whether they hold their level."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.conditions import Row, Wave, rows, sentences, spread
from benchmarks.findings import Findings, NotMeasured
from benchmarks.stems import Bench, stem
from engine.evaluation.artefact import load_beat_reader, load_judge
from engine.evaluation.calibration import FILE, Calibration
from engine.evaluation.judge import Judge
from engine.evaluation.kinds import is_right
from engine.evaluation.level import drift_db, rms_dbfs
from engine.evaluation.onsets import match_cues, rises_db
from engine.evaluation.tempo import same_tempo
from engine.evaluation.words import Recogniser, word_errors, words_of

VIEWS: Final = ("env", "sfx")
MISTAKES: Final = 20  # named in the notes


@dataclass
class Hits:
    """Cues asked for, and what became of them, over many clips."""

    errors_ms: list[float] = field(default_factory=list)
    raw_ms: list[float] = field(default_factory=list)
    asked: int = 0
    missed: int = 0
    extra: int = 0

    def hear(self, audio: Wave, rate_hz: int, row: Row, calibration: Calibration) -> None:
        """Takes in one clip of a class that the detector can read."""
        label, cues_s = row["label"], row["cues_s"]
        lag_s = calibration.lags_s[label]
        found = match_cues(rises_db(audio, rate_hz), cues_s, lag_s)
        self.asked += len(cues_s)
        self.missed += found.missed
        self.extra += found.extra if label in calibration.single else 0
        self.errors_ms += [1000 * abs(error_s) for error_s in found.errors_s]
        self.raw_ms += [1000 * abs(error_s + lag_s) for error_s in found.errors_s]

    def findings(self, suffix: str = "") -> Findings:
        found = Findings()
        errors = self.errors_ms or [float("nan")]
        found.values = {
            f"cue_median_ms{suffix}": round(float(np.median(errors)), 2) if self.errors_ms else None,
            f"cue_p90_ms{suffix}": round(float(np.percentile(errors, 90)), 2) if self.errors_ms else None,
            f"cues_missed{suffix}": self.missed,
            f"cues_extra{suffix}": self.extra,
            f"cues_asked{suffix}": self.asked,
            f"cue_median_raw_ms{suffix}": round(float(np.median(self.raw_ms)), 2) if self.raw_ms else None,
        }
        return found


def calibration_of(bench: Bench) -> Calibration:
    """How the detectors read originals. Raises FileNotFoundError where it was never made."""
    return Calibration.from_json((bench.judges / FILE).read_text("utf-8"))


def measure_sounds(bench: Bench) -> Findings:
    """sound_accuracy, the cues and level_drift_db; and the same for the corpus clips themselves."""
    judge, calibration = load_judge(bench.judges), calibration_of(bench)
    found = Findings()
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    mistakes: Counter[str] = Counter()
    ours, originals = Hits(), Hits()
    drifts: dict[str, list[float]] = {"": [], "_corpus": []}
    offsets: list[float] = []
    corpus_reason = ""
    for view in VIEWS:
        for seed, row in enumerate(rows(view, bench.count)):
            bench.tell(f"{view} {row['label']}")
            sounds: dict[str, Wave] = {"": stem(bench, row, seed)}
            try:
                sounds["_corpus"] = bench.held_out.audio(row)
            except NotMeasured as reason:
                corpus_reason = str(reason)
            for suffix, audio in sounds.items():
                named = judge.name(audio, view)
                asked[view + suffix] += 1
                right[view + suffix] += named == row["label"]
                if named != row["label"]:
                    mistakes[f"{view}{suffix}: {row['label']} heard as {named}"] += 1
                if view == "sfx" and row["label"] in calibration.lags_s:
                    hits = originals if suffix else ours
                    hits.hear(audio, bench.rate_hz, row, calibration)
                if view == "env" and row["label"] in calibration.stationary:
                    drifts[suffix].append(drift_db(audio, bench.rate_hz))
            offsets.append(abs(rms_dbfs(sounds[""]) - row["rms_dbfs"]))
    found.values["sound_accuracy"] = _share(right, asked, "env", "sfx")
    for view in VIEWS:
        found.values[f"{view}_accuracy"] = _share(right, asked, view)
    found.take(ours.findings())
    found.values["level_drift_db"] = _median(drifts[""])
    found.values["level_offset_db"] = _median(offsets)
    names = ("judge_accuracy", "level_drift_db_corpus", *originals.findings("_corpus").values)
    if corpus_reason:
        found.missing(corpus_reason, *names)
    else:
        found.values["judge_accuracy"] = _share(right, asked, "env_corpus", "sfx_corpus")
        found.values["level_drift_db_corpus"] = _median(drifts["_corpus"])
        found.take(originals.findings("_corpus"))
    found.notes["mistakes"] = dict(mistakes.most_common(MISTAKES))
    found.notes["cue_classes"] = len(calibration.lags_s)
    return found


def measure_prompts(bench: Bench) -> Findings:
    """paraphrase_accuracy: captions in anybody's words; bpm and transcripts are judged where given."""
    judge, calibration = load_judge(bench.judges), calibration_of(bench)
    lines = [json.loads(line) for line in bench.prompts.read_text("utf-8").splitlines() if line.strip()]
    right: Counter[str] = Counter()
    strictly: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    mistakes: Counter[str] = Counter()
    hits = Hits()
    tempos: list[bool] = []
    spoken: list[tuple[Row, Wave]] = []
    reader = load_beat_reader(bench.judges) if any(line.get("bpm") for line in lines) else None
    for seed, line in enumerate(spread(lines, bench.count)):
        bench.tell(f"prompt: {line['caption']}")
        row = {**line, "cues_s": line.get("cues", []), "label": line.get("expected")}
        audio = stem(bench, row, seed)
        view, expected = line["view"], line.get("expected")
        if expected is not None:
            _check_known(judge, view, expected)
            named = judge.name(audio, view)
            asked[view] += 1
            strictly[view] += named == expected
            right[view] += is_right(view, named, expected)
            if not is_right(view, named, expected):
                mistakes[f"{view}: {expected} heard as {named}"] += 1
        if row["cues_s"] and row["label"] in calibration.lags_s:
            hits.hear(audio, bench.rate_hz, row, calibration)
        if line.get("bpm") and reader is not None:
            tempos.append(same_tempo(reader.read(audio), line["bpm"]))
        if line.get("transcript"):
            spoken.append((row, audio))
    views = tuple(asked)
    found = Findings()
    found.values["paraphrase_accuracy"] = _share(right, asked, *views)
    found.values["paraphrase_accuracy_strict"] = _share(strictly, asked, *views)
    for view in views:
        found.values[f"paraphrase_accuracy_{view}"] = _share(right, asked, view)
    found.take(hits.findings("_prompts"))
    if tempos:
        found.values["tempo_ok_prompts"] = round(float(np.mean(tempos)), 4)
    if spoken:
        found.take(_words_of_prompts(bench, spoken))
    found.notes["prompts"] = len(spread(lines, bench.count))
    found.notes["prompt_mistakes"] = dict(mistakes.most_common(MISTAKES))
    return found


def _words_of_prompts(bench: Bench, spoken: list[tuple[Row, Wave]]) -> Findings:
    found = Findings()
    try:
        recogniser = Recogniser([*sentences(), *(row["transcript"] for row, _ in spoken)])
    except (ImportError, ValueError) as error:
        found.missing(str(error), "wer_prompts")
        return found
    errors = total = 0
    for row, audio in spoken:
        said = words_of(row["transcript"])
        errors += word_errors(recogniser.hear(audio, bench.rate_hz), said)
        total += len(said)
    found.values["wer_prompts"] = round(errors / max(1, total), 4)
    return found


def _check_known(judge: Judge, view: str, expected: str) -> None:
    if f"{view}/{expected}" not in judge.classes:
        known = ", ".join(name.split("/")[1] for name in judge.classes if name.startswith(f"{view}/"))
        raise ValueError(f"expected: the judge knows no class '{expected}' of view {view}, but: {known}")


def _share(right: Counter[str], asked: Counter[str], *names: str) -> float | None:
    total = sum(asked[name] for name in names)
    return round(sum(right[name] for name in names) / total, 4) if total else None


def _median(numbers: list[float]) -> float | None:
    return round(float(np.median(numbers)), 3) if numbers else None
