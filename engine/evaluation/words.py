"""What an offline recogniser understands of speech, and how many words of it are wrong.

The recogniser is pocketsphinx with its own English acoustic model and dictionary. It hears nothing but the
sentences' language: a bigram model over all of them, so that each word may be followed by any that follows it
somewhere, and by any word at all at a price. `pocketsphinx` is loaded when a recogniser is made.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

RATE_HZ: Final = 16_000
DISCOUNT: Final = 0.5  # taken from every count, for pairs that were not seen
SILENCE_S: Final = 0.25  # put before and behind a sound, for the recogniser to settle
PEAK: Final = 0.5
_WORD: Final = re.compile(r"[a-z']+")


def words_of(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return _WORD.findall(text.lower().replace("’", "'"))


def word_errors(heard: Sequence[str], said: Sequence[str]) -> int:
    """The fewest words to put in, leave out or change (Levenshtein)."""
    row = list(range(len(said) + 1))
    for i, one in enumerate(heard, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(said, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def bigram_model(sentences: Sequence[Sequence[str]]) -> str:
    """Sentences of words as a back-off bigram model in ARPA format, with absolute discounting."""
    framed = [["<s>", *words, "</s>"] for words in sentences]
    ones = Counter(word for words in framed for word in words[1:])
    twos = Counter(pair for words in framed for pair in pairwise(words))
    firsts = Counter(first for words in framed for first in words[:-1])
    followers = Counter(first for first, _ in twos)
    total = sum(ones.values())
    shares = {word: count / total for word, count in ones.items()} | {"<s>": 1e-99}
    seen: dict[str, float] = defaultdict(float)
    for first, second in twos:
        seen[first] += shares[second]

    def log(share: float) -> str:
        return f"{max(-99.0, math.log10(share)) if share > 0 else -99.0:.4f}"

    lines = ["\\data\\", f"ngram 1={len(shares)}", f"ngram 2={len(twos)}", "", "\\1-grams:"]
    for word, share in sorted(shares.items()):
        left = DISCOUNT * followers[word] / firsts[word] if firsts[word] else 1.0
        lines.append(f"{log(share)} {word} {log(left / max(1e-9, 1.0 - seen[word]))}")
    lines += ["", "\\2-grams:"]
    lines += [
        f"{log((count - DISCOUNT) / firsts[first])} {first} {second}"
        for (first, second), count in sorted(twos.items())
    ]
    return "\n".join([*lines, "", "\\end\\", ""])


class Recogniser:
    """pocketsphinx that knows the words of some sentences, and how they follow one another.

    Raises ImportError where pocketsphinx is not installed, ValueError where a word has no pronunciation.
    """

    def __init__(self, sentences: Sequence[str]) -> None:
        from pocketsphinx import Decoder

        split = [words_of(sentence) for sentence in sentences]
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "sentences.lm"
            model.write_text(bigram_model(split), encoding="utf-8")
            self._decoder: Any = Decoder(lm=str(model), samprate=RATE_HZ, cmn="batch", loglevel="FATAL")
        unknown = sorted(
            {word for words in split for word in words if self._decoder.lookup_word(word) is None}
        )
        if unknown:
            raise ValueError(f"sentences: words without a pronunciation: {', '.join(unknown)}")

    def hear(self, audio: NDArray[np.floating], rate_hz: int) -> list[str]:
        """The words of one sound (S,); of silence none, where a recogniser would guess."""
        if np.abs(audio).max(initial=0.0) < 1e-4:
            return []
        narrow = soxr.resample(audio.astype(np.float32), rate_hz, RATE_HZ)
        narrow = np.pad(narrow, round(SILENCE_S * RATE_HZ))
        samples = (narrow * (PEAK * 32767 / (np.abs(narrow).max() + 1e-9))).astype("<i2")
        self._decoder.start_utt()
        self._decoder.process_raw(samples.tobytes(), full_utt=True)
        self._decoder.end_utt()
        heard = self._decoder.hyp()
        return words_of(heard.hypstr) if heard else []
