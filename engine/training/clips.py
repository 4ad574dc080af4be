"""A rendered corpus: audio as int16, held in memory (6.6 GB at full size), one line of JSON a clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

VIEWS: Final = ("env", "sfx", "music", "speech")
PART: Final = "part"  # one part of an ensemble
PART_CONTEXT: Final = "part_context"  # the sum of the ensemble's other parts, described by the part's line


class Clips:
    """Clips by view and number. Written by `engine.training.corpus.shards`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._audio: dict[str, NDArray[np.int16]] = {}  # read when it is first asked for: some need no sound
        self.about: dict[str, list[dict[str, Any]]] = {
            path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            for path in sorted(folder.glob("*.jsonl"), key=lambda path: _order(path.stem))
        }
        if PART in self.about:
            self.about[PART_CONTEXT] = self.about[PART]
        if not self.about:
            raise FileNotFoundError(f"{folder} holds no corpus: run the stage 'corpus' first")

    @property
    def arrays(self) -> list[str]:
        """The views that have sound, `PART` and `PART_CONTEXT` among them where parts were rendered."""
        return list(self.about)

    def count(self, view: str) -> int:
        return len(self.about[view])

    def samples(self, view: str) -> int:
        """Of each clip."""
        return int(self._array(view).shape[1])

    def audio(self, view: str, number: int) -> NDArray[np.float32]:
        """Samples (S,), full scale ±1."""
        audio: NDArray[np.float32] = self._array(view)[number].astype(np.float32) / 32768.0
        return audio

    def _array(self, view: str) -> NDArray[np.int16]:
        if view not in self._audio:
            self._audio[view] = np.load(self._folder / f"{view}.npy")
        return self._audio[view]


def _order(view: str) -> int:
    return VIEWS.index(view) if view in VIEWS else len(VIEWS)
