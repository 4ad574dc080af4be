"""Whether eight seeds of one caption differ as eight corpus clips of it do."""

from __future__ import annotations

from typing import Final

import numpy as np
from torch import Tensor

from benchmarks.conditions import Wave, rows, spread
from benchmarks.findings import Findings, NotMeasured
from benchmarks.stems import Bench, stem
from engine.evaluation.texture import log_mel, mean_difference

LABELS: Final = {
    "env": ("rain", "waves", "fire", "wind", "crowd"),
    "sfx": ("bell", "glass", "bark", "explosion", "drum"),
}
TAKES: Final = 8
HIT_S: Final = 1.0  # of an effect, from its first cue


def measure_diversity(bench: Bench) -> Findings:
    """diversity_ratio: mean |difference| of log-mel among seeds, over the same among corpus clips.

    Effects are laid on one another at their first cue; the corpus clips have the row's label and traits.
    `diversity_ratio_mean` compares spectra averaged over time, in which noise of one colour is all alike.
    """
    found = Findings()
    ratios: list[float] = []
    averaged: list[float] = []
    by_caption: dict[str, float] = {}
    reason = ""
    for view, labels in LABELS.items():
        candidates = [row for row in rows(view) if row["label"] in labels]
        chosen = [next(row for row in candidates if row["label"] == label) for label in labels]
        for row in spread(chosen, bench.count):
            bench.tell(f"eight takes of {row['caption']}")
            try:
                clips = bench.held_out.alike(row, TAKES)
            except (NotMeasured, ImportError) as error:
                reason = str(error)
                continue
            cues_s = tuple(row.get("cues_s", ()))
            ours = [_picture(stem(bench, row, seed), cues_s, bench.rate_hz) for seed in range(TAKES)]
            theirs = [_picture(audio, cues, bench.rate_hz) for audio, cues in clips]
            ratio = mean_difference(ours) / mean_difference(theirs)
            ratios.append(ratio)
            averaged.append(
                mean_difference([one.mean(1) for one in ours])
                / mean_difference([one.mean(1) for one in theirs])
            )
            by_caption[row["caption"]] = round(ratio, 3)
    if not ratios:
        found.missing(reason, "diversity_ratio", "diversity_ratio_mean")
        return found
    found.values["diversity_ratio"] = round(float(np.mean(ratios)), 3)
    found.values["diversity_ratio_mean"] = round(float(np.mean(averaged)), 3)
    found.notes["diversity"] = by_caption
    return found


def _picture(audio: Wave, cues_s: tuple[float, ...], rate_hz: int) -> Tensor:
    if cues_s:
        start = round(cues_s[0] * rate_hz)
        length = round(HIT_S * rate_hz)
        audio = np.pad(audio, (0, length))[start : start + length]
    return log_mel(audio, rate_hz)
