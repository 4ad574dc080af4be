"""A rendered training clip of one layer and the door through which every view is rendered.

Knows which view is rendered by which module; knows nothing of shards or training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VIEWS: tuple[str, ...] = ("env", "sfx", "music", "speech")
PART = "part"  # not a view, but rendered like one: music whose accompaniment is known
PEAK_LIMIT = 0.9


@dataclass(frozen=True)
class Phoneme:
    """One spoken phoneme; times in seconds from the start of the clip."""

    symbol: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Chord:
    """One chord of the music's harmony; root is a pitch class (0 = C)."""

    root: int
    minor: bool
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Clip:
    """One layer's audio with everything its caption and time conditions say about it."""

    view: str  # "env" | "sfx" | "music" | "speech"
    label: str  # class, e.g. "rain", "bell", "piano"; for speech the voice id
    caption: str
    audio: npt.NDArray[np.float32]  # (samples,), peak <= 0.9
    cues_s: tuple[float, ...] = ()  # sfx: start of every hit's attack
    bpm: float | None = None  # music
    beat_offset_s: float = 0.0  # music: time of the first downbeat
    beats_per_bar: int = 4
    transcript: str | None = None  # speech
    phonemes: tuple[Phoneme, ...] = ()  # speech
    word_starts: tuple[int, ...] = ()  # speech: index into phonemes where every word begins
    words: tuple[str, ...] = ()  # speech: the word (or run of words spoken as one) at every word start
    traits: tuple[str, ...] = ()  # what is audible, as the caption words come from it
    chords: tuple[Chord, ...] = ()  # music


def generator(seed: int, index: int, view: str) -> np.random.Generator:
    """The random stream of one clip: the same (seed, index, view) always gives the same stream."""
    return np.random.default_rng([seed, index, (*VIEWS, PART).index(view)])


def finish(audio: npt.NDArray[np.floating], samples: int) -> npt.NDArray[np.float32]:
    """audio cut or padded to (samples,) float32 and scaled down if its peak passes 0.9."""
    out = np.zeros(samples, np.float32)
    stop = min(samples, len(audio))
    out[:stop] = audio[:stop]
    peak = float(np.max(np.abs(out))) if samples else 0.0
    if peak > PEAK_LIMIT:
        out *= np.float32(PEAK_LIMIT * 0.9999 / peak)
    return out


def render_clip(seed: int, index: int, view: str, *, rate_hz: int = 24000, length_s: float = 5.0) -> Clip:
    """Render one clip, deterministic in (seed, index, view, rate_hz, length_s).

    Raises ValueError for an unknown view, and RuntimeError when "music" or "speech" is asked for and the
    soundfont, libespeak-ng or flite is not installed (the message says what to install).
    """
    if view not in VIEWS:
        raise ValueError(f"view: expected one of {', '.join(VIEWS)}, got {view!r}")
    rng = generator(seed, index, view)
    samples = round(rate_hz * length_s)
    if view == "env":
        from engine.training.corpus import env

        return env.render(rng, rate_hz, samples)
    if view == "sfx":
        from engine.training.corpus import sfx

        return sfx.render(rng, rate_hz, samples)
    if view == "music":
        from engine.training.corpus import music

        return music.render(rng, rate_hz, samples)
    from engine.training.corpus import speech

    return speech.render(rng, rate_hz, samples)


def render_pair(
    seed: int, index: int, *, rate_hz: int = 24000, length_s: float = 5.0
) -> tuple[Clip, npt.NDArray[np.float32]]:
    """A clip of one part of an ensemble and the sum (samples,) of the ensemble's other parts.

    Deterministic in (seed, index, rate_hz, length_s). Raises RuntimeError when the soundfont is missing.
    """
    from engine.training.corpus import music

    rng = generator(seed, index, PART)
    labels = tuple(music.INSTRUMENTS)
    return music.render_part(labels[int(rng.integers(len(labels)))], rng, rate_hz, round(rate_hz * length_s))
