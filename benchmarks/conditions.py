"""Held-out conditions, and the corpus clips that they belong to, rendered when they are asked for.

`held_out/conditions.jsonl` holds captions, labels, cues, grids and phonemes of corpus clips of a seed that is
never trained on. `python -m benchmarks.conditions` writes it again, which a new corpus asks for.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from benchmarks.findings import NotMeasured

HERE: Final = Path(__file__).parent
CONDITIONS: Final = HERE / "held_out" / "conditions.jsonl"
SENTENCES: Final = HERE / "prompts" / "sentences.txt"
SEED: Final = 1
RATE_HZ: Final = 24_000
LENGTH_S: Final = {"env": 5.0, "sfx": 5.0, "music": 5.0, "speech": 7.0}
CLIPS_A_LABEL: Final = {"env": 3, "sfx": 3, "music": 3}
SPOKEN: Final = 64  # sentences
PLAIN: Final = {"fast", "slow", "high", "low", "lively", "monotone", "loud"}
"""Traits of speech that a recogniser may hear: rooms, telephones and whispers are left out."""
UNUSED: Final = {"words", "word_starts"}  # of a clip's metadata; empty lists are left out as well

Row = dict[str, Any]
Wave = NDArray[np.float32]


def rows(view: str, count: int | None = None) -> list[Row]:
    """The conditions of one view; a count takes as many, evenly over all of them."""
    if not CONDITIONS.is_file():
        raise NotMeasured(f"{CONDITIONS} is not there: `python -m benchmarks.conditions` writes it")
    found = [json.loads(line) for line in CONDITIONS.read_text("utf-8").splitlines()]
    mine = [row for row in found if row["view"] == view]
    return spread(mine, count)


def spread(all_of_them: list[Row], count: int | None) -> list[Row]:
    """At most `count` rows, evenly over all."""
    if count is None or count >= len(all_of_them):
        return all_of_them
    return [all_of_them[place] for place in np.linspace(0, len(all_of_them) - 1, count).round().astype(int)]


def sentences() -> list[str]:
    """Everyday sentences that a recogniser has to tell apart."""
    return SENTENCES.read_text("utf-8").splitlines()


class HeldOut:
    """Corpus clips as they are asked for, kept in a folder for the next time."""

    def __init__(self, data: Path) -> None:
        self._folder = data / corpus_digest()

    def audio(self, row: Row) -> Wave:
        """The clip of a row (S,). Raises `NotMeasured` where it cannot be rendered, or is not the row's."""
        return self._kept(
            f"{row['view']}-{row['index']}", lambda: np.asarray(_clip_of(row).audio, np.float32)
        )

    def alike(self, row: Row, count: int) -> list[tuple[Wave, tuple[float, ...]]]:
        """Other corpus clips with the label and traits of a row, each with its cues."""
        from engine.training.corpus import env, sfx

        render = {"env": env.render_class, "sfx": sfx.render_class}[row["view"]]
        samples = round(LENGTH_S[row["view"]] * RATE_HZ)
        found: list[tuple[Wave, tuple[float, ...]]] = []
        for attempt in range(40 * count):
            clip = render(row["label"], np.random.default_rng([SEED, 991, attempt]), RATE_HZ, samples)
            if set(clip.traits) == set(row.get("traits", [])):
                found.append((np.asarray(clip.audio, np.float32), clip.cues_s))
            if len(found) == count:
                return found
        raise NotMeasured(f"fewer than {count} corpus clips of {row['label']} are like that")

    def _kept(self, name: str, render: Callable[[], Wave]) -> Wave:
        path = self._folder / f"{name}.npy"
        if path.is_file():
            kept: Wave = np.load(path)
            return kept
        audio = render()
        self._folder.mkdir(parents=True, exist_ok=True)
        np.save(path, audio)
        return audio


def corpus_digest() -> str:
    """Names the corpus renderer as it is: kept clips of another one are not taken for its own."""
    digest = hashlib.sha256()
    for path in sorted((HERE.parent / "engine" / "training" / "corpus").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _clip_of(row: Row) -> Any:
    try:
        clip = _spoken(row) if row["view"] == "speech" else _rendered(row)
    except (ImportError, RuntimeError, OSError) as error:
        raise NotMeasured(f"corpus clips of view {row['view']} cannot be rendered here: {error}") from error
    if (clip.label, clip.caption) != (row["label"], row["caption"]):
        raise NotMeasured(
            f"{CONDITIONS.name} was made by another corpus: `python -m benchmarks.conditions` makes it again"
        )
    return clip


def _rendered(row: Row) -> Any:
    from engine.training.corpus.clip import render_clip

    return render_clip(SEED, row["index"], row["view"], rate_hz=RATE_HZ, length_s=LENGTH_S[row["view"]])


def _spoken(row: Row) -> Any:
    from engine.training.corpus import speech
    from engine.training.corpus.clip import generator

    say: Callable[..., Any] = speech.render_class
    if "text" not in inspect.signature(say).parameters:
        raise NotMeasured("the corpus's voices cannot be given a sentence: render_class takes no text")
    samples = round(LENGTH_S["speech"] * RATE_HZ)
    rng = generator(SEED, row["index"], "speech")
    return say(row["label"], rng, RATE_HZ, samples, text=row["transcript"])


def _drawn(view: str) -> list[Row]:
    """The first clips of each label, in the order of their index."""
    from engine.training.corpus.shards import metadata

    kept: list[Row] = []
    counts: Counter[str] = Counter()
    labels = _labels(view)
    wanted = CLIPS_A_LABEL[view]
    for index in track(range(60 * len(labels)), description=view):
        clip = _rendered({"index": index, "view": view})
        if counts[clip.label] < wanted:
            counts[clip.label] += 1
            kept.append(metadata(clip, index))
        if len(kept) == wanted * len(labels):
            break
    return sorted(kept, key=lambda row: (row["label"], row["index"]))


def _labels(view: str) -> list[str]:
    from engine.training.corpus import env, music, sfx

    labels = {
        "env": [*env.ENV_CLASSES],
        "sfx": [*sfx.SFX_CLASSES],
        "music": [*music.INSTRUMENTS, *music.STYLES],
    }
    return labels[view]


def _said() -> list[Row]:
    """Sentences for the voices in turn; a draw that is no plain speech is drawn again."""
    from engine.training.corpus import speech
    from engine.training.corpus.shards import metadata

    voices = [voice for voice in speech.VOICES if "whisper" not in voice]
    texts = sentences()
    kept: list[Row] = []
    for number in track(range(SPOKEN), description="speech"):
        text = texts[number * len(texts) // SPOKEN]
        for attempt in range(50):
            index = 50 * number + attempt
            row = {"index": index, "label": voices[number % len(voices)], "transcript": text}
            clip = _spoken(row)
            fits = bool(clip.phonemes) and clip.phonemes[-1].end_s < LENGTH_S["speech"] - 0.1
            if fits and set(clip.traits) <= PLAIN:
                kept.append(metadata(clip, index))
                break
    return kept


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.conditions", description=__doc__).parse_args()
    found = [*(row for view in CLIPS_A_LABEL for row in _drawn(view)), *_said()]
    lines = [
        json.dumps(
            {key: value for key, value in row.items() if value not in (None, []) and key not in UNUSED},
            ensure_ascii=False,
        )
        for row in found
    ]
    CONDITIONS.parent.mkdir(parents=True, exist_ok=True)
    CONDITIONS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    Console().print(f"{CONDITIONS}: {dict(Counter(row['view'] for row in found))}")


if __name__ == "__main__":
    main()
