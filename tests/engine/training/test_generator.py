"""What the generator is trained on: known frames, levels of noise, and how captions are read."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.models.text_encoder import TextEncoder, TextEncoderConfig
from engine.text_features import COLUMNS
from engine.training.averaging import averaged
from engine.training.generator import known_frames, noise_levels


@given(st.integers(0, 500))
def test_known_frames_leave_something_to_make(seed: int) -> None:
    known = known_frames(125, np.random.default_rng(seed))
    assert set(np.unique(known)) <= {0.0, 1.0}
    assert (known == 0).sum() >= 5


def test_a_part_of_the_clips_is_partly_known() -> None:
    rng = np.random.default_rng(0)
    share = np.mean([known_frames(125, rng).any() for _ in range(2000)])
    assert 0.15 < share < 0.25


def test_noise_levels_lie_on_the_noisy_side() -> None:
    torch.manual_seed(0)
    levels = noise_levels(4000)
    assert levels.min() > 0 and levels.max() <= 1
    assert levels.median() > 0.6 and (levels > 0.95).float().mean() > 0.15


def test_a_known_word_has_its_vector_and_another_is_guessed_from_its_letters() -> None:
    torch.manual_seed(0)
    sizes = TextEncoderConfig(
        vocabulary=3, buckets=64, word_dim=8, width=16, depth=1, heads=2, tokens=4, views=2
    )
    encoder = TextEncoder(sizes).eval()
    encoder.known[2], encoder.known_scale[2] = 100, 0.01
    torch.testing.assert_close(
        encoder.looked_up(torch.tensor([0, 2])), torch.tensor([[0.0], [1.0]]).expand(2, 8)
    )

    def read(row: int, piece: int) -> torch.Tensor:
        ids = torch.zeros((1, 1, COLUMNS), dtype=torch.int64)
        ids[0, 0, 0], ids[0, 0, 1] = row, piece
        out: torch.Tensor = encoder(ids, torch.ones((1, 1), dtype=torch.bool), torch.zeros(1).long())
        return out

    torch.testing.assert_close(read(2, 5), read(2, 6))  # its letters are not needed
    assert (read(0, 5) - read(0, 6)).abs().max() > 1e-3


def test_a_young_average_forgets_its_beginning() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    mean = averaged(network)
    torch.nn.init.ones_(network.weight)
    for _ in range(100):
        mean.update_parameters(network)
    assert mean.module.weight.item() > 0.99
