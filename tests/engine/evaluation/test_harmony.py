"""Chords of sines: their pitch classes, and keys that are the same or not."""

import numpy as np
import pytest

from engine.evaluation.harmony import chroma, same_key

RATE_HZ = 24_000


def scale_of(root: int, seed: int = 0) -> np.ndarray:
    """Notes of a major key in some order, half a second each."""
    rng = np.random.default_rng(seed)
    degrees = [0, 4, 7, 0, *rng.permutation([0, 2, 4, 5, 7, 9])]
    t = np.arange(RATE_HZ // 2) / RATE_HZ
    return np.concatenate(
        [0.3 * np.sin(2 * np.pi * 440 * 2 ** ((48 + root + degree - 57) / 12) * t) for degree in degrees]
    )


@pytest.mark.parametrize("root", range(12))
def test_a_tone_is_its_pitch_class(root: int) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((60 + root - 69) / 12) * np.arange(RATE_HZ) / RATE_HZ)
    assert chroma(tone, RATE_HZ).argmax() == root


def test_one_key_is_itself_and_no_other() -> None:
    here = chroma(scale_of(0), RATE_HZ)
    assert same_key(here, chroma(scale_of(0, seed=1), RATE_HZ))
    assert not same_key(here, chroma(scale_of(3, seed=1), RATE_HZ))
    assert not same_key(here, chroma(np.zeros(RATE_HZ), RATE_HZ))
