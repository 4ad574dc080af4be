"""Writes a pronouncing word list: {"word", "phonemes", "durations_s"} a line, each word spoken by itself.

    python -m engine.training.corpus.words --out FILE --count 40000

All words of the sentence lexicon come first, then dictionary words in an order that the seed shuffles.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.progress import track

from engine.training.corpus import espeak, speech
from engine.training.corpus.phonemes import canonical

BLOCK_WORDS = 500


def pronounce_block(words: list[str]) -> list[str]:
    """JSON lines of some words; a word without a sound is left out."""
    lines = []
    with espeak.engine() as engine:
        for word in words:
            spoken = engine.speak(word, "en-us+m3")
            symbols = [canonical(s) for s in spoken.symbols]
            if not symbols:
                continue
            durations = [
                round((b - a) / spoken.rate_hz, 4) for a, b in zip(spoken.starts, spoken.stops, strict=True)
            ]
            lines.append(json.dumps({"word": word, "phonemes": symbols, "durations_s": durations}))
    return lines


def choose(count: int, seed: int) -> list[str]:
    """Up to count words, the lexicon's own first."""
    own = list(speech.vocabulary())
    others = sorted(set(speech.dictionary()) - set(own))
    order = np.random.default_rng(seed).permutation(len(others))
    return (own + [others[i] for i in order])[:count]


def write_words(out: Path, count: int, *, seed: int = 0, jobs: int | None = None) -> None:
    """Write the list of count words to a JSONL file; the file appears when it is complete."""
    words = choose(count, seed)
    blocks = [words[i : i + BLOCK_WORDS] for i in range(0, len(words), BLOCK_WORDS)]
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    with (
        ProcessPoolExecutor(jobs or os.cpu_count() or 1, mp_context=get_context("spawn")) as pool,
        partial.open("w", encoding="utf-8") as file,
    ):
        for lines in track(pool.map(pronounce_block, blocks), total=len(blocks), description="words"):
            file.writelines(line + "\n" for line in lines)
    partial.replace(out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.training.corpus.words", description="Write a pronouncing list."
    )
    parser.add_argument("--out", type=Path, required=True, help="JSONL file to write")
    parser.add_argument("--count", type=int, default=40000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=None, help="processes (default: one a core)")
    given = parser.parse_args()
    write_words(given.out, given.count, seed=given.seed, jobs=given.jobs)


if __name__ == "__main__":
    main()
