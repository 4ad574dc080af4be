"""The ear learns to tell latents apart, and asks nothing of what was told nothing."""

from pathlib import Path

import numpy as np
import torch

from engine.frame_features import NO_CHORD
from engine.models.compact import compact_config
from engine.models.ear import Ear, chord_errors
from engine.training.ear import disturbed, mistaken, train_ear, trained_ear
from scene_schema.scene import VIEWS

CONFIG = compact_config(list(VIEWS), ["a", "b"])
DIM = CONFIG.dit.latent_dim


FRAMES = 20


def draw(rng: np.random.Generator, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise, and in each class another channel that is three louder; in the second half of the frames, where
    there is a chord, another one for each of two."""
    labels = torch.from_numpy(rng.integers(3, size=count))
    latent = torch.from_numpy(rng.standard_normal((count, DIM, FRAMES)).astype(np.float32))
    latent[torch.arange(count), labels] += 3.0
    chords = torch.full((count, FRAMES), NO_CHORD)
    chords[:, FRAMES // 2 :] = torch.from_numpy(rng.integers(2, size=(count, 1)))
    latent[:, 10] += 3.0 * (chords == 1)
    return latent, labels, chords


def test_it_learns_and_its_mistakes_point_the_way(tmp_path: Path) -> None:
    train_ear(tmp_path, draw, CONFIG, classes=3, steps=40, seed=0)
    ear = trained_ear(tmp_path, CONFIG, classes=3)
    latent, labels, chords = draw(np.random.default_rng(99), 60)
    heard = ear(latent)
    assert (heard.classes.argmax(1) == labels).float().mean() > 0.9
    assert (heard.chords.argmax(2) == chords)[chords != NO_CHORD].float().mean() > 0.9
    told = torch.ones(60, dtype=torch.bool)
    wrong = mistaken(ear, latent, (labels + 1) % 3, told)
    assert (wrong > mistaken(ear, latent, labels, told)).float().mean() > 0.9
    guess = latent.clone().requires_grad_()
    mistaken(ear, guess, (labels + 1) % 3, told).mean().backward()
    assert guess.grad is not None and guess.grad.abs().max() > 0
    assert all(one.grad is None for one in ear.parameters())


def test_what_was_told_nothing_may_be_anything() -> None:
    torch.manual_seed(0)
    ear = Ear(CONFIG, 3)
    told = torch.tensor([True, False])
    wrong = mistaken(ear, torch.randn(2, DIM, 20), torch.tensor([0, 1]), told)
    assert wrong[0] > 0 and wrong[1] == 0


def test_a_disturbed_latent_keeps_its_shape_and_its_mean() -> None:
    torch.manual_seed(0)
    latent = torch.full((64, 4, 30), 2.0)
    out = disturbed(latent)
    assert out.shape == latent.shape
    assert abs(out[..., 1:-1].mean().item() - 2.0) < 0.05


def test_frames_without_a_chord_are_not_counted() -> None:
    scores = torch.randn(2, FRAMES, 24, requires_grad=True)
    nowhere = torch.full((2, FRAMES), NO_CHORD)
    assert chord_errors(scores, nowhere) == 0
    once = nowhere.clone()
    once[1, 3] = 7
    assert torch.isclose(chord_errors(scores, once), -scores[1, 3].log_softmax(0)[7])
