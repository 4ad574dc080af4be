"""libespeak-ng through ctypes: text to 16-bit sound with the phonemes it speaks.

At most one engine at a time in a process (the library is global). Knows nothing of sentences or clips.
"""

from __future__ import annotations

import _ctypes
import ctypes
import ctypes.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from engine.training.corpus.noise import Wave

_SYNCHRONOUS = 2
_PHONEME_EVENTS = 1
_WORD, _PHONEME = 1, 7
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_UTF8 = 1
PAUSE = "_"


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Utterance:
    """Spoken text: audio (samples,) in −1..1 at rate_hz, its phonemes and where words begin.

    symbols[i] sounds from starts[i] to stops[i] (samples); pauses inside the utterance are symbols "_".
    word_starts[j] is the index into symbols at which the j-th spoken word begins; word_chars[j] is that
    word's place in the text, counted from 1.
    """

    audio: Wave
    rate_hz: int
    symbols: tuple[str, ...]
    starts: tuple[int, ...]
    stops: tuple[int, ...]
    word_starts: tuple[int, ...]
    word_chars: tuple[int, ...]


class Engine:
    """A loaded espeak-ng, its callback and its collected output."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._libc = ctypes.CDLL(None)
        self._chunks: list[Wave] = []
        self._events: list[tuple[int, int, int, str]] = []
        self.rate_hz = int(library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS))
        if self.rate_hz <= 0:
            raise RuntimeError("speech: espeak_Initialize failed; is espeak-ng-data installed?")
        self._callback = _CALLBACK(self._receive)
        library.espeak_SetSynthCallback(self._callback)

    def _receive(self, wave: Any, count: int, events: Any) -> int:
        if wave and count > 0:
            self._chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        number = 0
        while events[number].type != 0:
            event = events[number]
            symbol = ""
            if event.type == _PHONEME:
                symbol = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "replace")
            self._events.append((event.type, event.sample, event.text_position, symbol))
            number += 1
        return 0

    def speak(
        self, text: str, voice: str, *, words_per_min: int = 170, pitch: int = 50, pitch_range: int = 50
    ) -> Utterance:
        """Speak text with an espeak voice such as "en-us+f2"; pitch and range 0..99, 50 is the voice's own.

        The first call on an engine always gives the same sound; later ones depend on those before.
        Raises ValueError for an unknown voice.
        """
        library = self._library
        self._libc.srand(1)
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"voice: espeak-ng has no voice {voice!r}; see `espeak-ng --voices=variant`")
        for parameter, value in (
            (_RATE, words_per_min),
            (_VOLUME, 90),
            (_PITCH, pitch),
            (_RANGE, pitch_range),
        ):
            library.espeak_SetParameter(parameter, int(value), 0)
        self._chunks, self._events = [], []
        data = text.encode()
        library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        audio = np.concatenate(self._chunks) if self._chunks else np.zeros(1, np.int16)
        return self._collect(audio.astype(np.float32) / 32768.0)

    def _collect(self, audio: Wave) -> Utterance:
        symbols: list[str] = []
        starts: list[int] = []
        words: list[tuple[int, int]] = []
        pending: int | None = None
        for kind, sample, place, symbol in self._events:
            if kind == _WORD:
                pending = place
            elif kind == _PHONEME:
                if symbol.startswith(PAUSE) or not symbol:
                    symbol = PAUSE
                    if symbols and symbols[-1] == PAUSE:
                        continue
                elif pending is not None:
                    words.append((len(symbols), pending))
                    pending = None
                symbols.append(symbol)
                starts.append(sample)
        stops = [*starts[1:], len(audio)]
        while symbols and symbols[-1] == PAUSE:
            symbols.pop()
            starts.pop()
            stops.pop()
        return Utterance(
            audio,
            self.rate_hz,
            tuple(symbols),
            tuple(starts),
            tuple(stops[: len(symbols)]),
            tuple(w for w, _ in words if w < len(symbols)),
            tuple(p for w, p in words if w < len(symbols)),
        )


@lru_cache(maxsize=1)
def _library_name() -> str:
    return ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"


def _is_loaded() -> bool:
    try:
        handle = ctypes.CDLL(_library_name(), mode=os.RTLD_NOLOAD)
    except OSError:
        return False
    _ctypes.dlclose(handle._handle)
    return True


def available() -> bool:
    """Whether libespeak-ng is installed. Leaves it unloaded."""
    try:
        library = ctypes.CDLL(_library_name())
    except OSError:
        return False
    _ctypes.dlclose(library._handle)
    return True


@contextmanager
def engine() -> Iterator[Engine]:
    """A fresh engine, unloaded afterwards.

    espeak-ng keeps wave generator state from one utterance to the next, so that a voice's sound depends on
    what was spoken before. Unloading the library is the only way back; it costs about 5 ms. Started again
    without having been unloaded, it waits for ever, hence the check.

    Raises RuntimeError when libespeak-ng is missing, or is loaded in this process already.
    """
    if _is_loaded():
        raise RuntimeError("speech: libespeak-ng is already in use in this process; close that engine first")
    try:
        library = ctypes.CDLL(_library_name())
    except OSError as error:
        raise RuntimeError("speech: libespeak-ng not found; install the package libespeak-ng1") from error
    try:
        yield Engine(library)
    finally:
        library.espeak_Terminate()
        _ctypes.dlclose(library._handle)
