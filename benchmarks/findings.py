"""What a measurement found: numbers by name, and why a number is missing. And the targets beside them.

Knows nothing of models or sounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Value = float | int | None


class NotMeasured(Exception):  # noqa: N818  nothing went wrong
    """What a measurement needs is not here; the message says what, for people."""


@dataclass
class Findings:
    """Numbers by name in the order of their finding; `notes` are for a reader and no targets."""

    values: dict[str, Value] = field(default_factory=dict)
    not_measured: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def missing(self, reason: str, *names: str) -> None:
        """Says why numbers are null."""
        for name in names:
            self.values[name] = None
            self.not_measured[name] = reason

    def take(self, other: Findings) -> None:
        """Adds another's findings."""
        self.values |= other.values
        self.not_measured |= other.not_measured
        self.notes |= other.notes

    def as_data(self) -> dict[str, Any]:
        """One JSON object: every number by its name, then `not_measured` and `notes`."""
        return {**self.values, "not_measured": self.not_measured, "notes": self.notes}


@dataclass(frozen=True)
class Target:
    """What a number must reach: at least or at most `bound`, and its meaning in a few words."""

    meaning: str
    at_least: float | None = None
    at_most: float | None = None

    def __str__(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else ""

    def met(self, value: float) -> bool:
        """Whether a number reaches it; one without a bound always does."""
        if self.at_least is not None and value < self.at_least:
            return False
        return self.at_most is None or value <= self.at_most


def speech_target(values: Mapping[str, Value]) -> Target:
    """Generated speech is held to the training voices' own figure."""
    voices = values.get("wer_voices")
    bound = None if voices is None else round(voices + 0.05, 4)
    return Target("words wrong in generated speech: voices' + 0.05", at_most=bound)


TARGETS: Final[dict[str, Target]] = {
    "sound_accuracy": Target("generated env and sfx named right", at_least=0.9),
    "paraphrase_accuracy": Target("the same for free captions, kinds of a class allowed", at_least=0.75),
    "judge_accuracy": Target("the judge itself, on held-out corpus clips", at_least=0.95),
    "cue_median_ms": Target("onset error, median", at_most=15),
    "cue_p90_ms": Target("onset error, 90th percentile", at_most=30),
    "cues_missed": Target("cues without an onset", at_most=0),
    "cues_extra": Target("onsets without a cue", at_most=0),
    "tempo_ok": Target("tempo within 2 %, octaves wrong", at_least=0.95),
    "beat_median_ms": Target("beat phase error, median", at_most=10),
    "wer_generated": Target("words wrong in generated speech"),
    "wer_voices": Target("words wrong in the corpus voices' own speech"),
    "phoneme_drop": Target("points of phoneme frame accuracy below the voices'", at_most=3),
    "music_mel_l1": Target("log-mel error of reconstructed music, nats", at_most=0.4),
    "texture_db_error": Target("roughness of reconstructions against originals, dB", at_most=1),
    "level_drift_db": Target("drift of stationary sounds, dB", at_most=1.5),
    "diversity_ratio": Target("eight seeds against eight corpus clips", at_least=0.5),
    "leakage": Target("stems in which another layer's class is heard", at_most=0.03),
    "key_kept": Target("music renewed in its scene: key and grid stay", at_least=0.95),
    "layer_s": Target("seconds for a layer of 10 s, two threads", at_most=0.6),
    "draft_s": Target("seconds for its draft", at_most=0.25),
    "ready_s": Target("seconds until the engine's worker is ready", at_most=5),
    "worker_rss_mb": Target("memory of the worker at its highest, MB", at_most=1500),
}
