"""A rendered corpus: audio as int16, held in memory (3.7 GB at full size), one line of JSON a clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

VIEWS: Final = ("env", "sfx", "music", "speech")


class Clips:
    """Clips by view and number. Written by `engine.training.corpus.shards`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._audio: dict[str, NDArray[np.int16]] = {}  # read when it is first asked for: some need no sound
        self.about: dict[str, list[dict[str, Any]]] = {
            view: [json.loads(line) for line in (folder / f"{view}.jsonl").read_text().splitlines()]
            for view in VIEWS
        }

    def count(self, view: str) -> int:
        return len(self.about[view])

    def audio(self, view: str, number: int) -> NDArray[np.float32]:
        """Samples (S,), full scale ±1."""
        if view not in self._audio:
            self._audio[view] = np.load(self._folder / f"{view}.npy")
        audio: NDArray[np.float32] = self._audio[view][number].astype(np.float32) / 32768.0
        return audio
