"""What sound effects share: a source that can be struck, and a class of sources.

A strike's attack starts at its first sample. Knows nothing of classes or captions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.training.corpus.noise import Rng, Wave, white
from engine.training.corpus.resonator import bandpass, decay


@dataclass(frozen=True)
class Source:
    """One thing that can be struck: every call gives a strike (samples,) with its attack at sample 0."""

    strike: Callable[[], Wave]
    traits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A class of effects: how to draw a source, how often it may sound and in what rhythm."""

    source: Callable[[Rng, int], Source]
    most: int  # hits in a clip, 1..6
    gap_s: tuple[float, float]  # from one hit to the next
    regular: float  # probability that all gaps are equal
    fast_s: float = 0.0  # gaps below this are called fast
    slow_s: float = 99.0  # gaps above this are called slow
    least: int = 1
    impulsive: bool = True  # the attack takes under 5 ms
    cycle: tuple[
        float, ...
    ] = ()  # factors of successive gaps that return, as in a gallop; hits come in full cycles


def drawn_size(rng: Rng, small: float, large: float) -> tuple[float, tuple[str, ...]]:
    """A size factor and its trait: the lowest third is "small", the highest "large"."""
    u = rng.uniform()
    trait = ("small",) if u < 0.33 else ("large",) if u > 0.67 else ()
    return float(small * (large / small) ** u), trait


def drawn_pitch(rng: Rng, low: float, high: float) -> tuple[float, tuple[str, ...]]:
    """A frequency in Hz and its trait: the lowest third is "low", the highest "high"."""
    u = rng.uniform()
    trait = ("low",) if u < 0.33 else ("high",) if u > 0.67 else ()
    return float(low * (high / low) ** u), trait


def burst(
    rng: Rng, rate: int, t: Wave, low_hz: float, high_hz: float, t60_s: float, attack_s: float = 0.0003
) -> Wave:
    """A decaying noise burst over times t: the contact of an impact."""
    return bandpass(white(rng, len(t)), rate, low_hz, high_hz) * decay(t, t60_s, attack_s)
