"""Renders the corpus to disk, resumable and in parallel: `python -m engine.training.corpus.shards --out DIR`.

DIR/<view>.npy is (clips, samples) int16, full scale 32767, open with np.load(..., mmap_mode="r"); row i is
described by line i of DIR/<view>.jsonl. DIR/corpus.json says what was asked for. "part" is like a view: its
clips are single parts of ensembles, and row i of DIR/part_context.npy is the sum of the other parts.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from engine.training.corpus.clip import PART, VIEWS, Clip, render_clip, render_pair

BLOCK_CLIPS = 50
FULL_SCALE = 32767.0
CONTEXT = "part_context"


@dataclass(frozen=True)
class Block:
    """A run of clips of one view that one process renders at a time."""

    out: Path
    view: str
    first: int
    stop: int
    seed: int
    rate_hz: int
    length_s: float

    @property
    def part(self) -> Path:
        """The metadata of this block; it exists once the block's audio is on disk."""
        return self.out / "parts" / f"{self.view}-{self.first:07d}.jsonl"


def metadata(clip: Clip, index: int) -> dict[str, Any]:
    """A clip's JSON object without its audio; times rounded to 0.1 ms, phonemes as [symbol, start, end]."""

    def seconds(value: float) -> float:
        return round(value, 4)

    audio = clip.audio.astype(np.float64)
    level = 20.0 * np.log10(np.sqrt(np.mean(audio**2)) + 1e-9)
    return {
        "index": index,
        "view": clip.view,
        "label": clip.label,
        "caption": clip.caption,
        "traits": list(clip.traits),
        "rms_dbfs": round(float(level), 2),
        "cues_s": [seconds(c) for c in clip.cues_s],
        "bpm": clip.bpm,
        "beat_offset_s": seconds(clip.beat_offset_s),
        "beats_per_bar": clip.beats_per_bar,
        "chords": [[c.root, c.minor, seconds(c.start_s), seconds(c.end_s)] for c in clip.chords],
        "transcript": clip.transcript,
        "phonemes": [[p.symbol, seconds(p.start_s), seconds(p.end_s)] for p in clip.phonemes],
        "word_starts": list(clip.word_starts),
        "words": list(clip.words),
    }


def _arrays(view: str) -> tuple[str, ...]:
    """The arrays that a view fills, its clips' first."""
    return (PART, CONTEXT) if view == PART else (view,)


def render_block(block: Block) -> int:
    """Render a block into its view's array and write its metadata; returns the number of clips."""
    audio, *context = (np.load(block.out / f"{name}.npy", mmap_mode="r+") for name in _arrays(block.view))
    lines = []
    for index in range(block.first, block.stop):
        if block.view == PART:
            clip, rest = render_pair(block.seed, index, rate_hz=block.rate_hz, length_s=block.length_s)
            context[0][index] = np.round(rest * FULL_SCALE).astype(np.int16)
        else:
            clip = render_clip(block.seed, index, block.view, rate_hz=block.rate_hz, length_s=block.length_s)
        audio[index] = np.round(clip.audio * FULL_SCALE).astype(np.int16)
        lines.append(json.dumps(metadata(clip, index), ensure_ascii=False))
    for array in (audio, *context):
        array.flush()
    partial = block.part.with_suffix(".partial")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(block.part)
    return block.stop - block.first


def parse_counts(text: str) -> dict[str, int]:
    """ "env=10,sfx=20" as a dict. Raises ValueError naming what is wrong."""
    counts: dict[str, int] = {}
    for item in text.split(","):
        view, _, number = item.partition("=")
        if view not in (*VIEWS, PART) or not number.isdigit():
            raise ValueError(
                f"clips-per-view: expected view=number with views {', '.join((*VIEWS, PART))}, got {item!r}"
            )
        counts[view] = int(number)
    return counts


def _blocks(out: Path, counts: dict[str, int], seed: int, rate_hz: int, length_s: float) -> Iterator[Block]:
    for view, count in counts.items():
        for first in range(0, count, BLOCK_CLIPS):
            yield Block(out, view, first, min(count, first + BLOCK_CLIPS), seed, rate_hz, length_s)


def render_corpus(
    out: Path,
    counts: dict[str, int],
    *,
    seed: int = 0,
    rate_hz: int = 24000,
    length_s: float = 5.0,
    jobs: int | None = None,
) -> None:
    """Render a corpus into a folder; what an earlier run with the same settings finished is kept.

    Raises ValueError when the folder holds a corpus of other settings.
    """
    asked = {"seed": seed, "rate_hz": rate_hz, "length_s": length_s, "clips": counts}
    (out / "parts").mkdir(parents=True, exist_ok=True)
    manifest = out / "corpus.json"
    if manifest.exists() and json.loads(manifest.read_text()) != asked:
        raise ValueError(f"out: {out} holds a corpus of other settings ({manifest}); choose another folder")
    manifest.write_text(json.dumps(asked))
    samples = round(rate_hz * length_s)
    for name, count in ((name, count) for view, count in counts.items() for name in _arrays(view)):
        path = out / f"{name}.npy"
        if not path.exists():
            np.lib.format.open_memmap(path, mode="w+", dtype=np.int16, shape=(count, samples)).flush()
    blocks = list(_blocks(out, counts, seed, rate_hz, length_s))
    todo = [b for b in blocks if not b.part.exists()]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        bars = {v: progress.add_task(v, total=n, completed=n) for v, n in counts.items()}
        for view in counts:
            left = sum(b.stop - b.first for b in todo if b.view == view)
            progress.update(bars[view], completed=counts[view] - left)
        with ProcessPoolExecutor(jobs or os.cpu_count() or 1, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(render_block, b): b for b in todo}
            for future in as_completed(futures):
                progress.advance(bars[futures[future].view], future.result())
    for view in counts:
        text = "".join(b.part.read_text(encoding="utf-8") for b in blocks if b.view == view)
        (out / f"{view}.jsonl").write_text(text, encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.training.corpus.shards", description="Render the training corpus."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write into (made if missing)")
    parser.add_argument(
        "--clips-per-view", default="env=3000,sfx=4000,music=3000,speech=5500", help="clips a view"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed gives other clips, e.g. a held-out set"
    )
    parser.add_argument("--rate-hz", type=int, default=24000)
    parser.add_argument("--length-s", type=float, default=5.0)
    parser.add_argument("--jobs", type=int, default=None, help="processes (default: one a core)")
    given = parser.parse_args()
    try:
        counts = parse_counts(given.clips_per_view)
        render_corpus(
            given.out,
            counts,
            seed=given.seed,
            rate_hz=given.rate_hz,
            length_s=given.length_s,
            jobs=given.jobs,
        )
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
