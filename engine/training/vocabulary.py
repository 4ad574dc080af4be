"""Stage `vocabulary`: the words that the caption encoder knows, each with a vector from the teacher.

The common words of English by SCOWL (Debian package `scowl`), and every word of the corpus's captions. A
word's vector is what the teacher makes of it alone, on its principal axes, stored in bytes. The idea is
Model2Vec's (Tulkens and van Dongen, 2024).

Letters: V known words, E width of the teacher's vectors, W width of a word's vector.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from engine.models.compact import CompactConfig
from engine.models.text_encoder import TextEncoder
from engine.text_features import Vocabulary, words_of
from engine.training.clips import VIEWS, Clips
from engine.training.phrases import by_hand, teach

SCOWL: Final = Path("/usr/share/dict/scowl")
TIERS: Final = ("10", "20", "35", "40", "50")  # the lower, the commoner
FILE: Final = "vocabulary.npz"


def write_vocabulary(run: Path, clips: Clips, config: CompactConfig) -> None:
    """Writes `vocabulary.npz`: words (V,), vectors (1 + V, W) int8 and scales (1 + V, 1), row 0 zeros."""
    if (run / FILE).exists():
        return
    run.mkdir(parents=True, exist_ok=True)
    words = chosen(clips, config.text.vocabulary)
    taught = teach(words).astype(np.float32)  # (V, E)
    turned = principal(taught, config.text.word_dim)  # (V, W)
    scales = np.abs(turned).max(axis=1, keepdims=True) / 127.0
    vectors = np.rint(turned / scales).astype(np.int8)
    np.savez_compressed(
        run / FILE,
        words=np.array(words),
        vectors=np.pad(vectors, ((1, 0), (0, 0))),
        scales=np.pad(scales, ((1, 0), (0, 0))).astype(np.float32),
    )


def chosen(clips: Clips, most: int) -> list[str]:
    """At most so many words: those of captions first, then the commonest of English."""
    captions = (about["caption"] for view in VIEWS for about in clips.about[view])
    told = Counter(word for text in (*captions, *by_hand()) for word in words_of(text))
    return list(dict.fromkeys([*(word for word, _ in told.most_common()), *common_words()]))[:most]


def common_words() -> Iterator[str]:
    """Words of a to z by how common they are, then by the alphabet.

    Raises FileNotFoundError, naming the package, where SCOWL is not installed.
    """
    if not SCOWL.is_dir():
        raise FileNotFoundError(f"{SCOWL} does not exist: install the package scowl")
    for tier in TIERS:
        for region in ("english", "american", "british"):
            path = SCOWL / f"{region}-words.{tier}"
            if path.is_file():
                words = path.read_text(encoding="latin-1").split()
                yield from (word for word in words if word.isascii() and word.isalpha() and word.islower())


def principal(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """The first `dim` principal axes of vectors (V, E), the whole with a mean square of 1: (V, dim)."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    turned = centred @ axes[:, ::-1][:, :dim]
    out: NDArray[np.float32] = (turned / np.sqrt(np.mean(turned**2))).astype(np.float32)
    return out


def vocabulary_of(run: Path) -> Vocabulary:
    """The words of the stage `vocabulary`."""
    return Vocabulary(str(word) for word in np.load(run / FILE)["words"])


def know(encoder: TextEncoder, run: Path) -> None:
    """Puts the words' vectors into an encoder, whose other rows stay zero."""
    found = np.load(run / FILE)
    count = len(found["vectors"])
    with torch.no_grad():
        encoder.known[:count] = torch.from_numpy(found["vectors"])
        encoder.known_scale[:count] = torch.from_numpy(found["scales"])
