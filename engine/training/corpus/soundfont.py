"""A General MIDI soundfont as a player of notes at exact samples.

Knows nothing of beats or harmony.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.training.corpus.noise import (
    Wave,
)

SOUNDFONT_ENV = "STEMSCAPE_SOUNDFONT"


SOUNDFONT_DEFAULT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"


DRUM_CHANNEL = 9


DRUM_BANK = 128


@dataclass
class Player:
    """A loaded soundfont; one a process and rate."""

    synth: Any
    sfid: int
    rate_hz: int

    def reset(self, program: int, drums: bool) -> int:
        """Silence everything and select a program; returns its channel."""
        channel = DRUM_CHANNEL if drums else 0
        self.synth.sounds_off()
        self.synth.generate_simple(2048)
        self.synth.sounds_off()
        self.synth.program_select(channel, self.sfid, DRUM_BANK if drums else 0, program, drums)
        return channel

    def play(self, notes: list[tuple[int, int, int, int]], program: int, drums: bool, samples: int) -> Wave:
        """Render (start sample, stop sample, key, velocity) notes to mono (samples,)."""
        channel = self.reset(program, drums)
        events = [(stop, 0, key, 0) for _, stop, key, _ in notes]
        events += [(start, 1, key, velocity) for start, _, key, velocity in notes]
        out = np.zeros((samples, 2), np.float32)
        where = 0
        for at, on, key, velocity in sorted(events):
            at = min(at, samples)
            if at > where:
                out[where:at] = self._generate(at - where)
                where = at
            if at >= samples:
                break
            if on:
                self.synth.noteon(channel, key, velocity)
            else:
                self.synth.noteoff(channel, key)
        if where < samples:
            out[where:] = self._generate(samples - where)
        self.reset(program, drums)
        return np.asarray(out.mean(axis=1))

    def _generate(self, samples: int) -> Wave:
        return np.frombuffer(
            self.synth.generate_simple(samples, memoryview(bytearray(samples * 8))), np.float32
        ).reshape(-1, 2)


def soundfont_path() -> Path:
    """Where the soundfont lies: $STEMSCAPE_SOUNDFONT or Debian's FluidR3_GM."""
    return Path(os.environ.get(SOUNDFONT_ENV, SOUNDFONT_DEFAULT))


def available() -> bool:
    """Whether music can be rendered here."""
    try:
        import tinysoundfont  # noqa: F401
    except ImportError:
        return False
    return soundfont_path().is_file()


@lru_cache(maxsize=2)
def player(rate_hz: int) -> Player:
    """The process's player at a rate. Raises RuntimeError when tinysoundfont or the soundfont is missing."""
    try:
        import tinysoundfont
    except ImportError as error:
        raise RuntimeError("music: needs tinysoundfont; `pip install --no-deps tinysoundfont`") from error
    path = soundfont_path()
    if not path.is_file():
        raise RuntimeError(
            f"music: no soundfont at {path}; install fluid-soundfont-gm or set {SOUNDFONT_ENV}"
        )
    synth = tinysoundfont.Synth(gain=-8, samplerate=rate_hz)
    return Player(synth, synth.sfload(str(path)), rate_hz)


@lru_cache(maxsize=4096)
def latency_s(rate_hz: int, program: int, key: int, drums: bool) -> float:
    """How long after note-on a key sounds: when its level first passes a quarter of its early maximum.

    Slow attacks (strings, pads) count at most 40 ms, as players anticipate by about so much.
    """
    wave = player(rate_hz).play([(0, rate_hz, key, 96)], program, drums, round(0.3 * rate_hz))
    size = max(1, round(0.002 * rate_hz))
    level = np.sqrt(np.convolve(wave.astype(np.float64) ** 2, np.ones(size) / size)[: len(wave)])
    top = float(level.max())
    if top <= 1e-7:
        return 0.0
    return min(float(np.argmax(level > 0.25 * top)) / rate_hz, 0.04)


def key_latency_s(rate_hz: int, program: int, key: int, drums: bool) -> float:
    return latency_s(rate_hz, program, key if drums else 6 * round(key / 6), drums)
