"""Captions written by hand: every class has them, hits tell them apart, no held-out prompt is among them."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.training.corpus.env import ENV_CLASSES
from engine.training.corpus.free_captions import FreeCaption, free_captions
from engine.training.corpus.sfx import SFX_CLASSES
from engine.training.retelling import retold, written

PROMPTS = Path(__file__).parents[3] / "benchmarks" / "prompts" / "free_english.jsonl"


@pytest.mark.parametrize(("view", "classes"), [("env", ENV_CLASSES), ("sfx", SFX_CLASSES)])
def test_every_class_has_captions_by_hand(view: str, classes: dict[str, object]) -> None:
    found = free_captions(view)
    assert found.keys() == classes.keys()
    assert min(len(captions) for captions in found.values()) >= 20


def test_a_caption_of_one_hit_is_not_told_of_three() -> None:
    assert FreeCaption("a knock", single=True).fits(1) and not FreeCaption("a knock", single=True).fits(3)
    assert not FreeCaption("knocks", single=False).fits(1) and FreeCaption("any").fits(1)
    rng = np.random.default_rng(0)
    about = {"label": "knock", "traits": [], "cues_s": [0.5, 1.0, 1.5], "caption": ""}
    single = {one.text for one in free_captions("sfx")["knock"] if one.single}
    assert single and not single & {retold(about, "sfx", rng) for _ in range(300)}


def test_captions_kept_for_validation_are_never_told() -> None:
    for view in ("env", "sfx", "music"):
        told = {one.text for captions in written(view).values() for one in captions}
        kept = {one.text for captions in written(view, held_back=True).values() for one in captions}
        assert kept and not told & kept


def test_no_held_out_prompt_is_among_them() -> None:
    prompts = {
        json.loads(line)["caption"].lower().strip(" .!") for line in PROMPTS.read_text("utf-8").splitlines()
    }
    by_hand = {
        one.text.lower().strip(" .!")
        for view in ("env", "sfx", "music", "speech")
        for captions in free_captions(view).values()
        for one in captions
    }
    assert not prompts & by_hand
