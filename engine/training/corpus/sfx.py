"""Sound effects: the registry of every class, and how hits are set in time and place.

A class draws a source (this bell, this door), which is struck one to six times, each hit with its own exact
onset. Knows nothing of how a strike sounds nor of captions' words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.training.corpus import (
    captions,
    sfx_animals,
    sfx_blasts,
    sfx_electronic,
    sfx_household,
    sfx_impacts,
    sfx_instruments,
    sfx_motion,
    sfx_people,
    sfx_vehicles,
)
from engine.training.corpus.clip import Clip, finish
from engine.training.corpus.noise import (
    Rng,
    Wave,
    db,
    place,
)
from engine.training.corpus.resonator import (
    fade_tail,
    highpass,
)
from engine.training.corpus.rooms import far, muffle, reverberate
from engine.training.corpus.strike import Kind

SFX_CLASSES: dict[str, Kind] = {
    **sfx_animals.KINDS,
    **sfx_blasts.KINDS,
    **sfx_electronic.KINDS,
    **sfx_household.KINDS,
    **sfx_impacts.KINDS,
    **sfx_instruments.KINDS,
    **sfx_motion.KINDS,
    **sfx_people.KINDS,
    **sfx_vehicles.KINDS,
}


def _rhythm(rng: Rng, kind: Kind, length_s: float) -> tuple[list[float], tuple[str, ...]]:
    """Hit times in seconds, and the pace they have."""
    count = int(rng.integers(kind.least, kind.most + 1))
    count -= count % len(kind.cycle) if kind.cycle else 0
    gap = rng.uniform(*kind.gap_s)
    if rng.random() < kind.regular:
        gaps = gap * rng.uniform(0.985, 1.015, count - 1)
    else:
        gaps = np.clip(gap * rng.lognormal(0.0, 0.35, count - 1), kind.gap_s[0], 1.3 * kind.gap_s[1])
    if kind.cycle:
        gaps = gaps * np.resize(kind.cycle, count - 1)
    while gaps.sum() > length_s - 0.5:
        gaps = gaps[:-1]
    room = length_s - 0.4 - gaps.sum()
    first = rng.uniform(0.03, max(0.04, room if count > 1 or rng.random() < 0.3 else 0.75 * room))
    onsets = [float(first + part) for part in np.concatenate([[0.0], np.cumsum(gaps)])]
    pace: tuple[str, ...] = ()
    if len(gaps):
        pace = (
            ("pace fast",)
            if gaps.mean() < kind.fast_s
            else ("pace slow",)
            if gaps.mean() > kind.slow_s
            else ()
        )
    return onsets, pace


@dataclass(frozen=True)
class Setting:
    """Where the effect is heard: a treatment of the whole clip, its traits and its peak range in dBFS."""

    treat: Callable[[Wave], Wave]
    traits: tuple[str, ...]
    peak_dbfs: tuple[float, float]


def _place(rng: Rng, rate: int) -> Setting:
    draw = rng.random()
    if draw < 0.40:
        return Setting(lambda x: x, (), (-13.0, -6.0))
    if draw < 0.52:
        rt60 = rng.uniform(0.25, 0.6)
        return Setting(lambda x: reverberate(x, rng, rate, rt60, rng.uniform(0.12, 0.3)), (), (-13.0, -6.0))
    if draw < 0.66:
        return Setting(
            lambda x: reverberate(x, rng, rate, rng.uniform(1.6, 3.2), rng.uniform(0.45, 0.8)),
            ("reverberant",),
            (-13.0, -6.0),
        )
    if draw < 0.78:
        return Setting(lambda x: far(x, rng, rate, rng.uniform(0.6, 1.0)), ("distant",), (-24.0, -18.0))
    if draw < 0.86:
        return Setting(lambda x: muffle(x, rate, rng.uniform(350, 800)), ("muffled",), (-17.0, -11.0))
    if draw < 0.93:
        return Setting(lambda x: x, ("loud",), (-4.5, -2.5))
    return Setting(lambda x: x, ("quiet",), (-24.0, -19.0))


def render_class(label: str, rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One sound-effect clip of a given class."""
    kind = SFX_CLASSES[label]
    onsets_s, pace = _rhythm(rng, kind, samples / rate_hz)
    source = kind.source(rng, rate_hz)
    starts = [round(onset * rate_hz) for onset in onsets_s]
    out = np.zeros(samples)
    for start in starts:
        strike = source.strike()
        strike = highpass(strike, rate_hz, 22.0, 1)
        place(out, fade_tail(strike, rate_hz, 0.15 * len(strike) / rate_hz), start)
    where = _place(rng, rate_hz)
    heard = where.treat(out)
    heard[: starts[0]] = 0.0
    heard = heard / (np.max(np.abs(heard)) + 1e-12) * db(rng.uniform(*where.peak_dbfs))
    traits = tuple(t for t in (*source.traits, *pace, *where.traits) if t)
    caption = captions.sfx_caption(rng, label, traits, len(starts))
    cues = tuple(start / rate_hz for start in starts)
    return Clip("sfx", label, caption, finish(heard, samples), cues_s=cues, traits=traits)


def render(rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One sound-effect clip (samples,) of a random class."""
    labels = tuple(SFX_CLASSES)
    return render_class(labels[int(rng.integers(len(labels)))], rng, rate_hz, samples)
