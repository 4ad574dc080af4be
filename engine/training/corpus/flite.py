"""libflite through ctypes: text to 16-bit sound with the phonemes it speaks, in espeak-ng's mnemonics.

Knows the four American voices of the Debian package, and how flite's phones are written in the inventory.
Knows nothing of sentences or clips.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from engine.training.corpus.espeak import PAUSE, Utterance
from engine.training.corpus.noise import Wave
from engine.training.corpus.phonemes import VOWELS

LEAD_S = 0.015  # of the pause before the first phoneme; the rest is cut off
USUAL_WORDS_PER_MIN = 165


@dataclass(frozen=True)
class Own:
    """What a voice does of its own accord."""

    pitch_hz: float
    pitch_sd_hz: float
    stretch: float = 1.0


# rms (natural man) speaks at about 100 Hz whatever it is told.
VOICES: dict[str, Own] = {
    "slt": Own(167.0, 30.0),
    "rms": Own(100.0, 15.0),
    "awb": Own(125.0, 22.0),
    "kal16": Own(95.0, 11.0, 1.1),
}

# Phones that sound the same wherever they stand; the others are decided in `_symbol`.
PLAIN: dict[str, str] = {
    "ae": "a",
    "ah": "V",
    "ao": "O:",
    "aw": "aU",
    "ay": "aI",
    "b": "b",
    "ch": "tS",
    "d": "d",
    "dh": "D",
    "eh": "E",
    "ey": "eI",
    "f": "f",
    "g": "g",
    "hh": "h",
    "ih": "I",
    "jh": "dZ",
    "k": "k",
    "l": "l",
    "m": "m",
    "n": "n",
    "ng": "N",
    "ow": "oU",
    "oy": "OI",
    "p": "p",
    "r": "r",
    "s": "s",
    "sh": "S",
    "t": "t",
    "th": "T",
    "uh": "U",
    "uw": "u:",
    "v": "v",
    "w": "w",
    "y": "j",
    "z": "z",
    "zh": "Z",
}
# Two phones of one syllable that espeak-ng writes as one.
JOINED: dict[tuple[str, str], str] = {
    ("aa", "r"): "A@",
    ("ao", "r"): "o@",
    ("ow", "r"): "o@",
    ("eh", "r"): "e@",
    ("ih", "r"): "i@3",
    ("iy", "r"): "i@3",
    ("uh", "r"): "U@",
    ("ay", "r"): "aI3",
    ("ax", "l"): "@L",
}


_VOWEL_PHONES = {*("aa", "ax", "er", "iy"), *(phone for phone, symbol in PLAIN.items() if symbol in VOWELS)}
_SHORT_WORDS = ("he", "she", "we", "me", "be")  # without stress, yet with a full vowel


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("rate_hz", ctypes.c_int),
        ("samples", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("data", ctypes.POINTER(ctypes.c_short)),
    )


class _Voice(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


@dataclass(frozen=True)
class Phone:
    """One segment as flite tells it: a phone, where it ends, and where in its word it stands."""

    name: str
    end_s: float
    syllable: int | None = None  # an identity, None in pauses
    stressed: bool = False
    word: int | None = None
    spelling: str = ""
    token: int | None = None
    written: str = ""  # the token as it stands in the text


@cache
def _library() -> Any:
    """libflite with the types of what is called; one a process, it is never unloaded."""
    library = ctypes.CDLL("libflite.so.1")
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, arguments in (
        ("flite_synth_text", pointer, (text, pointer)),
        ("utt_wave", pointer, (pointer,)),
        ("utt_relation", pointer, (pointer, text)),
        ("relation_head", pointer, (pointer,)),
        ("item_next", pointer, (pointer,)),
        ("item_parent", pointer, (pointer,)),
        ("item_as", pointer, (pointer, text)),
        ("item_feat_string", text, (pointer, text)),
        ("item_feat_float", ctypes.c_float, (pointer, text)),
        ("delete_utterance", None, (pointer,)),
        ("feat_set_float", None, (pointer, text, ctypes.c_float)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.flite_init()
    return library


@cache
def _voice(name: str) -> Any:
    register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
    register.restype, register.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    return register(None)


def available() -> bool:
    """Whether libflite and its voices are installed. Loads them."""
    try:
        _library()
        for name in VOICES:
            _voice(name)
    except OSError:
        return False
    return True


def _phones(library: Any, utterance: Any) -> Iterator[Phone]:
    def name(item: Any) -> str:
        return str(library.item_feat_string(item, b"name").decode("utf-8", "replace"))

    item = library.relation_head(library.utt_relation(utterance, b"Segment"))
    while item:
        phone, end_s = name(item), float(library.item_feat_float(item, b"end"))
        leaf = library.item_as(item, b"SylStructure")
        syllable = library.item_parent(leaf) if leaf else None
        word = library.item_parent(syllable) if syllable else None
        if word is None:
            yield Phone(phone, end_s)
        else:
            token = library.item_parent(library.item_as(word, b"Token"))
            stressed = library.item_feat_string(syllable, b"stress") == b"1"
            yield Phone(phone, end_s, syllable, stressed, word, name(word), token, name(token))
        item = library.item_next(item)


def _symbol(before: str, phone: Phone, after: Phone | None, *, first: bool) -> str:
    """The mnemonic of a phone that is not joined with another; first: it begins a word."""
    if phone.name == "pau":
        return PAUSE
    if phone.name == "aa":
        return "0" if "o" in phone.spelling else "A:"
    if phone.name == "er":
        return "3:" if phone.stressed else "3"
    if phone.name == "iy":
        return "i:" if phone.stressed or first or phone.spelling in _SHORT_WORDS else "i"
    if phone.name == "ax":
        return "@2" if phone.spelling == "the" else "a#" if first else "@"
    if phone.name == "t" and after is not None and before in VOWELS and after.word == phone.word:
        return "t#" if after.name in _VOWEL_PHONES and not after.stressed else "t"
    return PLAIN.get(phone.name, "@")


def collect(phones: list[Phone], audio: Wave, rate_hz: int, text: str) -> Utterance:
    """The utterance of some phones; pauses at its ends are left out, with the sound of the first one."""
    symbols: list[str] = []
    stops: list[int] = []
    words: list[tuple[int, int]] = []
    cursor, token, number = 0, None, 0
    while number < len(phones):
        phone = phones[number]
        after = phones[number + 1] if number + 1 < len(phones) else None
        if phone.token is not None and phone.token != token:
            place = text.find(phone.written, cursor)
            place = cursor if place < 0 else place
            cursor = place + (len(phone.written) if text.startswith(phone.written, place) else 0)
            words.append((len(symbols), place + 1))
            token = phone.token
        joined = None
        if after is not None and after.syllable is not None and after.syllable == phone.syllable:
            joined = JOINED.get((phone.name, after.name))
        elif after is not None and after.word == phone.word and (phone.name, after.name) == ("ay", "er"):
            joined = "aI3"
        if joined is not None and after is not None:
            symbols.append(joined)
            stops.append(round(after.end_s * rate_hz))
            number += 2
            continue
        begins = number == 0 or phones[number - 1].word != phone.word
        symbol = _symbol(symbols[-1] if symbols else PAUSE, phone, after, first=begins)
        if symbol == PAUSE and symbols and symbols[-1] == PAUSE:
            stops[-1] = round(phone.end_s * rate_hz)
        else:
            symbols.append(symbol)
            stops.append(round(phone.end_s * rate_hz))
        number += 1
    return _trimmed(symbols, stops, words, audio, rate_hz)


def _trimmed(
    symbols: list[str], stops: list[int], words: list[tuple[int, int]], audio: Wave, rate_hz: int
) -> Utterance:
    lead = round(LEAD_S * rate_hz)
    starts = [0, *stops[:-1]]
    skipped = 1 if symbols[:1] == [PAUSE] else 0
    kept = len(symbols)
    while kept > skipped and symbols[kept - 1] == PAUSE:
        kept -= 1
    cut = max(0, starts[skipped] - lead) if kept > skipped else 0
    audio = audio[cut:].copy()
    fade = min(lead // 2, len(audio))
    audio[:fade] *= np.linspace(0.0, 1.0, fade, dtype=audio.dtype)
    size = len(audio)
    return Utterance(
        audio,
        rate_hz,
        tuple(symbols[skipped:kept]),
        tuple(min(size, s - cut) for s in starts[skipped:kept]),
        tuple(min(size, s - cut) for s in stops[skipped:kept]),
        tuple(at - skipped for at, _ in words),
        tuple(place for _, place in words),
    )


def speak(
    text: str, voice: str, *, words_per_min: float = 165, pitch: int = 50, pitch_range: int = 50
) -> Utterance:
    """Speak text with a voice of VOICES; pitch and range 0..99, 50 is the voice's own, as espeak has it.

    Pitch 0 is three quarters of the voice's own and 100 four thirds; a range of 0 is a monotone. The same
    words give the same sound whatever was spoken before.

    Raises ValueError for an unknown voice, RuntimeError when flite is not installed.
    """
    if voice not in VOICES:
        raise ValueError(f"voice: expected one of {', '.join(VOICES)}, got {voice!r}")
    try:
        library, spoken_by = _library(), _voice(voice)
    except OSError as error:
        raise RuntimeError("speech: libflite not found; install the package flite") from error
    own = VOICES[voice]
    features = ctypes.cast(spoken_by, ctypes.POINTER(_Voice)).contents.features
    for name, value in (
        (b"duration_stretch", own.stretch * USUAL_WORDS_PER_MIN / words_per_min),
        (b"int_f0_target_mean", own.pitch_hz * (4.0 / 3.0) ** ((pitch - 50) / 50.0)),
        (b"int_f0_target_stddev", own.pitch_sd_hz * pitch_range / 50.0),
    ):
        library.feat_set_float(features, name, value)
    ctypes.CDLL(None).srand(1)  # the breath in its sound comes from rand()
    utterance = library.flite_synth_text(text.encode(), spoken_by)
    try:
        wave = ctypes.cast(library.utt_wave(utterance), ctypes.POINTER(_Wave)).contents
        audio = np.ctypeslib.as_array(wave.data, (wave.samples,)).astype(np.float32) / 32768.0
        phones = list(_phones(library, utterance))
        rate_hz = int(wave.rate_hz)
    finally:
        library.delete_utterance(utterance)
    return collect(phones, audio, rate_hz, text)
