"""How the detectors read the corpus's own clips: what may be asked of a class, learned on originals alone.

Knows nothing of files or of generated sounds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.onsets import CueErrors, match_cues

FILE: Final = "calibration.json"
READABLE_P90_S: Final = 0.015  # of the originals' own errors, about their median lag
MISSED_SHARE: Final = 0.02  # of the originals' cues
EXTRAS_A_CLIP: Final = 0.1  # above this a class's hits have several attacks, and extras say nothing
STATIONARY_DB: Final = 1.0  # 80 % of a class's clips drift less


@dataclass(frozen=True)
class SfxReading:
    """One original effect: its cues as found, as they are, and its rises of energy."""

    found: CueErrors
    cues_s: tuple[float, ...]
    rises: NDArray[np.float64]


@dataclass(frozen=True)
class EnvReading:
    """One original environment: how far its level drifts, in dB."""

    drift_db: float


@dataclass(frozen=True)
class Calibration:
    """`lags_s`: how far behind the cue the steepest rise of an original lies, of the effects whose originals
    the detector can read. `single`: those of them where it also hears nothing extra.
    `stationary`: environments that hold their level.
    """

    lags_s: dict[str, float]
    single: list[str]
    stationary: list[str]

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        return cls(**json.loads(text))


def calibrated(
    sfx: Mapping[str, Sequence[SfxReading]], env: Mapping[str, Sequence[EnvReading]]
) -> Calibration:
    """What the detectors can be trusted with."""
    lags_s: dict[str, float] = {}
    single: list[str] = []
    for label, readings in sorted(sfx.items()):
        errors = [error for one in readings for error in one.found.errors_s]
        if not errors:
            continue
        lag_s = float(np.median(errors))
        again = [match_cues(one.rises, one.cues_s, lag_s) for one in readings]
        left = [abs(error) for one in again for error in one.errors_s]
        cues = sum(len(one.cues_s) for one in readings)
        missed = sum(one.missed for one in again)
        if missed > MISSED_SHARE * cues or np.percentile(left, 90) > READABLE_P90_S:
            continue
        lags_s[label] = round(lag_s, 4)
        if sum(one.extra for one in again) <= EXTRAS_A_CLIP * len(again):
            single.append(label)
    stationary = [
        label
        for label, places in sorted(env.items())
        if np.percentile([place.drift_db for place in places], 80) <= STATIONARY_DB
    ]
    return Calibration(lags_s, single, stationary)
