"""Another caption for a clip that has one: drawn anew from its class and traits, or one written by hand.

A clip is heard many times in training, and each time somebody else describes it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, Final

import numpy as np

from engine.training.corpus.captions import env_caption, sfx_caption
from engine.training.corpus.free_captions import FreeCaption, free_captions

BY_HAND: Final = 0.4  # of all captions of a class that has captions written by hand
HELD_BACK: Final = 10  # every tenth caption written by hand is kept for validation


def retold(about: dict[str, Any], view: str, rng: np.random.Generator) -> str:
    """A caption that fits the clip described by a line of the corpus."""
    hits = len(about["cues_s"])
    free = [one.text for one in written(view).get(about["label"], []) if view != "sfx" or one.fits(hits)]
    if free and rng.random() < BY_HAND:
        return free[int(rng.integers(len(free)))]
    if view == "env":
        return env_caption(rng, about["label"], tuple(about["traits"]))
    if view == "sfx":
        return sfx_caption(rng, about["label"], tuple(about["traits"]), hits)
    caption: str = about["caption"]
    return caption


def written(view: str, *, held_back: bool = False) -> dict[str, list[FreeCaption]]:
    """Captions written by hand by class: those for training, or those kept for validation."""
    if view == "speech":  # there they are sorted by what a speaker is like, not by voice
        return {}
    return {
        label: [one for at, one in enumerate(captions) if (at % HELD_BACK == HELD_BACK - 1) == held_back]
        for label, captions in free_captions(view).items()
    }


Told = tuple[str, str, str]
"""A caption, its view and its label."""


def all_written(views: Iterable[str], known: Container[str], *, held_back: bool = False) -> list[Told]:
    """Every caption written by hand whose class ("env/rain") is known: a small corpus has not all of them."""
    return [
        (one.text, view, label)
        for view in views
        for label, captions in written(view, held_back=held_back).items()
        if f"{view}/{label}" in known
        for one in captions
    ]
