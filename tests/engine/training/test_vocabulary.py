"""The words that the caption encoder knows: common ones, on axes that keep what tells them apart."""

import numpy as np
import pytest

from engine.training.vocabulary import SCOWL, common_words, principal


@pytest.mark.skipif(not SCOWL.is_dir(), reason="the package scowl is not installed")
def test_common_words_come_first() -> None:
    words = list(common_words())
    assert "rain" in words[:20_000] and all(word.isalpha() and word.islower() for word in words[:1000])


def test_principal_axes_keep_what_differs() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((300, 4)).astype(np.float32)
    vectors = hidden @ rng.standard_normal((4, 32)).astype(np.float32) + 3.0
    turned = principal(vectors, 4)
    assert np.mean(turned**2) == pytest.approx(1.0, rel=1e-3)
    distances = np.linalg.norm(vectors[:50, None] - vectors[None, 50:100], axis=2)
    kept = np.linalg.norm(turned[:50, None] - turned[None, 50:100], axis=2)
    assert np.corrcoef(distances.ravel(), kept.ravel())[0, 1] > 0.999
