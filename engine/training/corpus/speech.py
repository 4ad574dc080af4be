"""Speech: sentences spoken by espeak-ng and flite voices, with every phoneme's time and every word's first
phoneme.

Knows the voices and how sentences are drawn; the words themselves are in the lexicon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from scipy import signal

from engine.training.corpus import captions, espeak, flite
from engine.training.corpus.clip import Clip, Phoneme, finish
from engine.training.corpus.espeak import Utterance
from engine.training.corpus.lexicon import SHORT, SLOTS, TEMPLATES
from engine.training.corpus.noise import Rng, Wave, db, white
from engine.training.corpus.phonemes import canonical
from engine.training.corpus.resonator import bandpass, highpass, lowpass
from engine.training.corpus.rooms import reverberate

DICTIONARY = Path("/usr/share/dict/american-english")
FLITE_SHARE = 0.4
CHARS_PER_S = 18.0  # of the fastest talker at 165 words a minute; a longer text is not worth speaking


@dataclass(frozen=True)
class Voice:
    """An engine's voice, how captions call its speaker, and the pitch, range and speed it is used at.

    A size of 1.2 is the voice of a throat that much smaller: its sound played faster, spoken slower.
    """

    name: str
    who: tuple[str, ...]
    pitch: tuple[int, int] = (25, 75)
    pitch_range: tuple[int, int] = (35, 70)
    words_per_min: tuple[int, int] = (135, 215)
    traits: tuple[str, ...] = ()
    engine: Literal["espeak", "flite"] = "espeak"
    size: tuple[float, float] = (1.0, 1.0)


VOICES: dict[str, Voice] = {
    "woman": Voice("en-us+f2", ("woman", "female voice", "lady", "female speaker", "adult woman")),
    "woman 2": Voice("en-us+f4", ("woman", "female voice", "lady", "female speaker")),
    "soft woman": Voice(
        "en-us+linda", ("soft female voice", "woman", "woman with a soft voice", "calm woman"), (35, 55)
    ),
    "man": Voice("en-us+m3", ("man", "male voice", "male speaker", "guy", "adult man")),
    "man 2": Voice("en-us+m7", ("man", "male voice", "male speaker", "guy")),
    "deep man": Voice(
        "en-us+m5",
        ("deep male voice", "man with a deep voice", "deep-voiced man", "deep voice"),
        (5, 22),
        (30, 60),
        (120, 180),
    ),
    "old man": Voice(
        "en-us+grandpa",
        ("old man", "elderly man", "grandfather", "old male voice", "aged man"),
        (25, 45),
        (40, 70),
        (110, 155),
    ),
    "old woman": Voice(
        "en-us+grandma",
        ("old woman", "elderly woman", "grandmother", "old lady"),
        (40, 60),
        (40, 70),
        (110, 155),
    ),
    "child": Voice(
        "en-us+f5",
        ("child", "young child", "kid", "little girl", "childlike voice"),
        (88, 99),
        (55, 85),
        (150, 210),
    ),
    "robot": Voice(
        "en-us+klatt4",
        ("robot", "robotic voice", "computer voice", "machine voice", "android"),
        (35, 55),
        (0, 3),
        (130, 180),
        ("monotone",),
    ),
    "whispering woman": Voice(
        "en-us+whisperf",
        ("whispering woman", "woman whispering", "whisper", "female whisper"),
        (45, 55),
        (40, 60),
        (130, 180),
    ),
    "whispering man": Voice(
        "en-us+whisper",
        ("whispering man", "man whispering", "whisper", "male whisper"),
        (40, 55),
        (40, 60),
        (130, 180),
    ),
    "hoarse man": Voice(
        "en-us+croak",
        ("hoarse man", "croaky voice", "raspy voice", "man with a raspy voice"),
        (25, 50),
        (40, 60),
        (125, 185),
    ),
    "natural woman": Voice(
        "slt",
        ("woman", "female voice", "lady", "natural female voice", "young woman", "female speaker"),
        (25, 75),
        engine="flite",
        size=(0.95, 1.05),
    ),
    "natural man": Voice(
        "rms",
        ("man", "male voice", "male speaker", "natural male voice", "guy", "adult man"),
        (50, 51),
        (35, 60),
        engine="flite",
        size=(0.96, 1.1),
    ),
    "natural deep man": Voice(
        "rms",
        ("deep male voice", "man with a deep voice", "deep-voiced man", "bass voice", "big man"),
        (50, 51),
        (35, 60),
        (120, 180),
        engine="flite",
        size=(0.8, 0.88),
    ),
    "Scottish man": Voice(
        "awb",
        (
            "Scottish man",
            "man with a Scottish accent",
            "Scotsman",
            "Scottish male voice",
            "man",
            "male voice",
        ),
        (25, 75),
        engine="flite",
        size=(0.95, 1.04),
    ),
    "announcer man": Voice(
        "kal16",
        ("announcer", "male announcer", "synthetic male voice", "automated male voice", "computer announcer"),
        (25, 75),
        engine="flite",
        size=(0.95, 1.05),
    ),
    "natural child": Voice(
        "slt",
        ("child", "young child", "kid", "little girl", "young girl", "childlike voice", "small child"),
        (50, 85),
        engine="flite",
        size=(1.22, 1.38),
    ),
}
ENGINES: dict[str, tuple[str, ...]] = {
    engine: tuple(label for label, voice in VOICES.items() if voice.engine == engine)
    for engine in ("espeak", "flite")
}


# --- sentences --------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def dictionary() -> tuple[str, ...]:
    """Sorted lower-case words of 3 to 11 letters, from the system's list or, without it, the lexicon."""
    if DICTIONARY.is_file():
        lines = DICTIONARY.read_text(encoding="utf-8").splitlines()
        return tuple(sorted({w for w in lines if re.fullmatch(r"[a-z]{3,11}", w)}))
    return vocabulary()


@lru_cache(maxsize=1)
def vocabulary() -> tuple[str, ...]:
    """Every word that a template sentence can hold, sorted."""
    words = {w.lower() for slot in SLOTS.values() for w in slot}
    for text in (*TEMPLATES, *SHORT):
        words |= set(re.findall(r"[a-z]+", re.sub(r"\{\w+\}", " ", text.lower())))
    return tuple(sorted(words))


def _pick(rng: Rng, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def sentence(rng: Rng, *, short: bool = False, full_stop: bool = False) -> str:
    """A random sentence: mostly from templates, a quarter plain word sequences, some set phrases."""
    draw = rng.random()
    stop = "." if full_stop or rng.random() < 0.7 else ""
    if short or draw < 0.06:
        return _pick(rng, SHORT) + (stop if full_stop else "")
    if draw < 0.30:
        words = [
            _pick(rng, dictionary() if rng.random() < 0.8 else vocabulary())
            for _ in range(int(rng.integers(1, 7)))
        ]
        return " ".join(words) + (stop if full_stop else "")
    text = _pick(rng, TEMPLATES)

    def fill(match: re.Match[str]) -> str:
        return _pick(rng, SLOTS[match.group(1)])

    text = re.sub(r"\{(\w+)\}", fill, text)
    text = re.sub(
        r"\b([Aa]) (?=[aeio]|honest|hourglass|ugly|urgent|umbrella|uncle|umpire|usher)", r"\1n ", text
    )
    return text[0].upper() + text[1:] + ("" if text[-1] in "?!" else stop)


# --- rendering --------------------------------------------------------------------------------


def _resample(audio: Wave, from_hz: int, to_hz: int) -> Wave:
    if from_hz == to_hz:
        return audio
    divisor = int(np.gcd(from_hz, to_hz))
    return np.asarray(signal.resample_poly(audio, to_hz // divisor, from_hz // divisor))


def _pace_and_pitch(voice: Voice, words_per_min: int, pitch: int, pitch_range: int) -> tuple[str, ...]:
    """What is heard of a voice's settings, against that voice's middle."""
    traits = list(voice.traits)
    low, high = voice.words_per_min
    share = (words_per_min - low) / (high - low)
    if words_per_min >= 185 or (share > 0.85 and words_per_min >= 170):
        traits.append("fast")
    elif words_per_min <= 145:
        traits.append("slow")
    low, high = voice.pitch
    edge = (high - low) // 6
    if high - low >= 40 and pitch > high - edge:
        traits.append("high")
    elif high - low >= 40 and pitch < low + edge:
        traits.append("low")
    if pitch_range >= 65 and "monotone" not in traits:
        traits.append("lively")
    return tuple(traits)


class Speak(Protocol):
    """A voice that is ready to speak."""

    def __call__(self, text: str, *, words_per_min: int, pitch: int, pitch_range: int) -> Utterance: ...


@contextmanager
def _speaking(voice: Voice, size: float) -> Iterator[Speak]:
    """The voice, of a given size, on its engine."""
    if voice.engine == "espeak":
        with espeak.engine() as engine:

            def by_espeak(text: str, *, words_per_min: int, pitch: int, pitch_range: int) -> Utterance:
                return engine.speak(
                    text, voice.name, words_per_min=words_per_min, pitch=pitch, pitch_range=pitch_range
                )

            yield by_espeak
        return

    def by_flite(text: str, *, words_per_min: int, pitch: int, pitch_range: int) -> Utterance:
        spoken = flite.speak(
            text, voice.name, words_per_min=words_per_min / size, pitch=pitch, pitch_range=pitch_range
        )
        return replace(spoken, rate_hz=round(spoken.rate_hz * size))

    yield by_flite


def _telephone(audio: Wave, rate_hz: int) -> Wave:
    narrow = bandpass(audio, rate_hz, 380, 3200, 2)
    return np.asarray(np.tanh(3.0 * narrow / (np.max(np.abs(audio)) + 1e-9)))


def _radio(audio: Wave, rng: Rng, rate_hz: int, start: int, stop: int) -> Wave:
    """As a walkie-talkie has it: narrow, driven hard, hissing from the first word to just after the last."""
    narrow = bandpass(audio, rate_hz, 500, 2600, 3)
    driven = np.tanh(rng.uniform(5.0, 10.0) * narrow / (np.max(np.abs(narrow)) + 1e-9))
    hiss = bandpass(white(rng, len(audio)), rate_hz, 600, 3400, 1)
    hiss *= rng.uniform(0.03, 0.09) / (np.sqrt(np.mean(hiss**2)) + 1e-9)
    keyed = np.zeros(len(audio))
    keyed[start : stop + round(rng.uniform(0.05, 0.25) * rate_hz)] = 1.0
    return np.asarray(driven + hiss * lowpass(keyed, rate_hz, 200.0, 1))


def _announcement(audio: Wave, rng: Rng, rate_hz: int) -> Wave:
    """As horn loudspeakers have it: band-limited, echoed once or twice off a far wall, in a large room."""
    horn = bandpass(audio, rate_hz, 320, 4200, 2)
    out = horn.copy()
    delay = round(rng.uniform(0.09, 0.2) * rate_hz)
    for number in (1, 2):
        out[number * delay :] += rng.uniform(0.3, 0.45) ** number * horn[: -number * delay]
    return reverberate(out, rng, rate_hz, rng.uniform(0.8, 1.8), rng.uniform(0.2, 0.4))


def render_class(label: str, rng: Rng, rate_hz: int, samples: int, *, text: str = "") -> Clip:
    """One speech clip of a given voice: silence, some sentences or the text given, silence.

    A text too long for the clip is cut off where the clip ends.
    """
    voice = VOICES[label]
    length_s = samples / rate_hz
    lead_s = float(rng.uniform(0.05, min(1.0, 0.25 * length_s)))
    words_per_min = int(rng.integers(*voice.words_per_min))
    pitch = int(rng.integers(*voice.pitch))
    pitch_range = int(rng.integers(*voice.pitch_range))
    size = round(float(rng.uniform(*voice.size)), 2)
    with _speaking(voice, size) as speak:
        several = int(rng.choice([1, 2, 3], p=[0.35, 0.4, 0.25]))
        if text:
            spoken = speak(text, words_per_min=words_per_min, pitch=pitch, pitch_range=pitch_range)
        for attempt in range(0 if text else 12):
            count = max(1, several - attempt // 2)
            text = " ".join(sentence(rng, short=attempt > 8, full_stop=count > 1) for _ in range(count))
            shortest_s = len(text) / CHARS_PER_S * 165 / words_per_min
            if attempt < 11 and shortest_s > length_s - lead_s:
                continue
            spoken = speak(text, words_per_min=words_per_min, pitch=pitch, pitch_range=pitch_range)
            if spoken.symbols and spoken.stops[-1] / spoken.rate_hz < length_s - lead_s - 0.12:
                break
    traits = _pace_and_pitch(voice, words_per_min, pitch, pitch_range)
    if text.endswith("?"):
        traits = (*traits, "question")
    dry = _resample(spoken.audio.astype(np.float64), spoken.rate_hz, rate_hz)
    dry = highpass(dry, rate_hz, 40.0, 1)
    audio = np.zeros(samples)
    start = round(lead_s * rate_hz)
    heard = min(len(dry), samples - start)
    audio[start : start + heard] = dry[:heard]
    stop = start + max(1, round(spoken.stops[-1] / spoken.rate_hz * rate_hz))
    draw = rng.random()
    if draw < 0.05:
        audio, traits = _telephone(audio, rate_hz), (*traits, "telephone")
    elif draw < 0.09:
        audio, traits = _radio(audio, rng, rate_hz, start, stop), (*traits, "radio")
    elif draw < 0.13:
        audio, traits = _announcement(audio, rng, rate_hz), (*traits, "announcement")
    elif draw < 0.19:
        audio = reverberate(audio, rng, rate_hz, rng.uniform(1.2, 2.4), rng.uniform(0.35, 0.6))
        traits = (*traits, "reverberant")
    elif draw < 0.37:
        audio = reverberate(audio, rng, rate_hz, rng.uniform(0.2, 0.45), rng.uniform(0.08, 0.2))
    level = rng.uniform(-24.5, -21.5)
    loudness = rng.random()
    if "whisper" not in label and loudness < 0.06:
        level, traits = -20.2, (*traits, "loud")
    elif "whisper" in label or loudness < 0.12:
        level = rng.uniform(-27.5, -26.0)
        traits = traits if "whisper" in label else (*traits, "quiet")
    active = audio[start:stop]
    audio = audio * (db(level) / (np.sqrt(np.mean(active**2)) + 1e-9))

    first = start / rate_hz
    phonemes = tuple(
        Phoneme(canonical(symbol), first + begin / spoken.rate_hz, first + end / spoken.rate_hz)
        for symbol, begin, end in zip(spoken.symbols, spoken.starts, spoken.stops, strict=True)
    )
    places = [*(p - 1 for p in spoken.word_chars), len(text)]
    words = tuple(text[a:b].strip(" .,?!") for a, b in pairwise(places))
    caption = captions.speech_caption(rng, captions.Speaking(voice.who, "", traits))
    return Clip(
        "speech",
        label,
        caption,
        finish(audio, samples),
        transcript=text,
        phonemes=phonemes,
        word_starts=spoken.word_starts,
        words=words,
        traits=traits,
    )


def render(rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One speech clip (samples,) of a random voice, in FLITE_SHARE of clips one of flite's."""
    labels = ENGINES["flite" if rng.random() < FLITE_SHARE else "espeak"]
    return render_class(labels[int(rng.integers(len(labels)))], rng, rate_hz, samples)


@dataclass(frozen=True)
class Spoken:
    """Phoneme symbols with their durations in seconds."""

    symbols: tuple[str, ...]
    durations_s: tuple[float, ...]


def pronounce(text: str, *, words_per_min: int = 170) -> Spoken:
    """Phonemes of a word or sentence with the durations that a plain voice gives them; pauses are "_"."""
    with espeak.engine() as engine:
        spoken = engine.speak(text, "en-us+m3", words_per_min=words_per_min)
    durations = tuple((b - a) / spoken.rate_hz for a, b in zip(spoken.starts, spoken.stops, strict=True))
    return Spoken(tuple(canonical(s) for s in spoken.symbols), durations)


def phonemise(word: str) -> list[str]:
    """Phoneme symbols of one word spoken by itself."""
    return list(pronounce(word).symbols)
