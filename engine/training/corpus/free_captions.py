"""Captions written by hand, in anybody's words: `free_captions/<view>.txt`, a class in brackets, then lines.

A line of an effect may begin with "1: " (one hit) or "n: " (several); it then fits such clips only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("free_captions")


@dataclass(frozen=True)
class FreeCaption:
    """One line: its text, and whether it speaks of one hit (True), of several (False) or of either (None)."""

    text: str
    single: bool | None = None

    def fits(self, hits: int) -> bool:
        """Whether a clip of so many hits may be described so."""
        return self.single is None or self.single == (hits == 1)


@lru_cache(maxsize=8)
def free_captions(view: str) -> dict[str, tuple[FreeCaption, ...]]:
    """Captions by class. Raises ValueError, naming the line, where a caption stands before any class."""
    found: dict[str, list[FreeCaption]] = {}
    label = ""
    for number, line in enumerate((FOLDER / f"{view}.txt").read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if text.startswith("[") and text.endswith("]"):
            label = text[1:-1]
        elif text and not label:
            raise ValueError(f"{view}.txt:{number}: expected a class in brackets first, got {text!r}")
        elif text.startswith(("1: ", "n: ")):
            found.setdefault(label, []).append(FreeCaption(text[3:], single=text[0] == "1"))
        elif text:
            found.setdefault(label, []).append(FreeCaption(text))
    return {one: tuple(captions) for one, captions in found.items()}
