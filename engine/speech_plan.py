"""When each phoneme of a transcript sounds: words, their phonemes, their durations, and the pauses between.

Pure but for the two small networks that it asks. Knows nothing of audio.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Protocol

from engine.frame_features import TimedPhoneme
from scene_schema.errors import Finding, Refused, shown

START_S: Final = 0.15  # a breath before the first word, where no cue says otherwise
END_S: Final = 0.1  # room behind the last word
PAUSE_S: Final = {",": 0.18, ";": 0.25, ":": 0.25, ".": 0.35, "!": 0.35, "?": 0.35}
FASTEST: Final = 0.65  # of the usual seconds a phoneme; faster cannot be understood
_PIECE: Final = re.compile(r"[a-z']+|[0-9]+|[,;:.!?]")
_FAST: Final = re.compile(r"\b(fast|quick|quickly|rapid|hurried|excited)\b")
_SLOW: Final = re.compile(r"\b(slow|slowly|calm|calmly|tired|old)\b")
_UNITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
          "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
          "eighteen", "nineteen")  # fmt: skip
_TENS: Final = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


class Voice(Protocol):
    """What the plan asks of the networks."""

    usual_phoneme_s: float

    def pronounce(self, word: str) -> list[int]:
        """Phoneme numbers of one word of a–z and apostrophes."""
        ...

    def durations_s(self, phonemes: list[int], word_starts: list[bool], mean_s: float) -> list[float]:
        """Seconds of each phoneme in its sentence, for a speaker whose phonemes last `mean_s` on average."""
        ...


@dataclass(frozen=True)
class _Piece:
    phonemes: list[int]
    pause_s: float


def plan_speech(
    transcript: str, caption: str, voice: Voice, *, start_s: float | None, clip_s: float
) -> list[TimedPhoneme]:
    """Timed phonemes of a transcript that fits into the clip, faster than usual where it must be.

    Raises `Refused` (`unsupported`) where even the fastest speech does not fit.
    """
    pieces = [_Piece(voice.pronounce(word), pause_s) for word, pause_s in words_and_pauses(transcript)]
    pieces = [piece for piece in pieces if piece.phonemes]
    if not pieces:
        return []
    phonemes = [number for piece in pieces for number in piece.phonemes]
    starts = [place == 0 for piece in pieces for place in range(len(piece.phonemes))]
    seconds = voice.durations_s(phonemes, starts, voice.usual_phoneme_s * pace_of(caption))
    pauses_s = sum(piece.pause_s for piece in pieces[:-1])

    first_s = START_S if start_s is None else start_s
    room_s = clip_s - first_s - END_S
    needed_s = sum(seconds) + pauses_s
    factor = min(1.0, room_s / needed_s)
    if factor < FASTEST:
        finding = Finding(
            field="$.transcript",
            expected=f"words for at most {max(0.0, room_s) / FASTEST:.1f} s at an easy pace",
            got=f"{shown(transcript)}, about {needed_s:.1f} s",
        )
        raise Refused(
            "unsupported",
            "these words do not fit into the clip",
            findings=[finding],
            remedy=f"Make duration_s at least {math.ceil(first_s + END_S + needed_s)}, or say less.",
        )

    timed, now_s, place = [], first_s, 0
    for piece in pieces:
        for number in piece.phonemes:
            end_s = now_s + seconds[place] * factor
            timed.append(TimedPhoneme(number, now_s, end_s))
            now_s, place = end_s, place + 1
        now_s += piece.pause_s * factor
    return timed


def words_and_pauses(text: str) -> list[tuple[str, float]]:
    """Spoken words in lower case, each with the pause behind it in seconds."""
    words: list[tuple[str, float]] = []
    for piece in _PIECE.findall(text.lower().replace("’", "'")):
        if piece in PAUSE_S:
            if words:
                words[-1] = (words[-1][0], max(words[-1][1], PAUSE_S[piece]))
        elif piece[0].isdigit():
            words += [(word, 0.0) for word in number_words(piece)]
        elif piece.strip("'"):
            words.append((piece.strip("'"), 0.0))
    return words


def number_words(digits: str) -> list[str]:
    """Up to two digits as a number ("thirty one"), more of them one by one ("one two eight")."""
    if len(digits) > 2 or (len(digits) == 2 and digits[0] == "0"):
        return [_UNITS[int(digit)] for digit in digits]
    number = int(digits)
    if number < len(_UNITS):
        return [_UNITS[number]]
    tens, unit = divmod(number, 10)
    return [_TENS[tens], *([_UNITS[unit]] if unit else [])]


def pace_of(caption: str) -> float:
    """Seconds a phoneme against the usual, by what the caption says of the speaker."""
    if _FAST.search(caption.lower()):
        return 0.82
    return 1.2 if _SLOW.search(caption.lower()) else 1.0
