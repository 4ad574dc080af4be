"""A guess goes towards what is wished for, by no more than it should, and only where something is missing."""

import pytest
import torch

from engine.frame_features import NO_CHORD
from engine.listening import SURE, Wish, meant, named
from engine.models.compact import compact_config
from engine.models.ear import Ear
from scene_schema.scene import VIEWS

CONFIG = compact_config(list(VIEWS), ["a", "b"])
NAMES = ["env/rain", "env/wind", "sfx/bell"]
SHAPE = (1, CONFIG.dit.latent_dim, 30)


@pytest.fixture
def ear() -> Ear:
    torch.manual_seed(0)
    return Ear(CONFIG, len(NAMES)).eval().requires_grad_(False)


def surely(number: int) -> torch.Tensor:
    """Only this class."""
    out = torch.full((1, len(NAMES)), -torch.inf)
    out[0, number] = 0.0
    return out


@pytest.mark.parametrize("inference", [False, True])
def test_a_guess_is_heard_as_more_like_the_wish(ear: Ear, inference: bool) -> None:
    with torch.inference_mode(inference):
        guess = torch.randn(SHAPE)
        chords = torch.tensor([[NO_CHORD] * 10 + [3] * 20])
        for wish in (Wish(ear, surely(1)), Wish(ear, None, chords), Wish(ear, surely(0), chords)):
            before = guess.clone()
            nearer = wish.nearer(guess)
            assert wish.agreement(ear(nearer)) > wish.agreement(ear(guess))
            assert torch.equal(guess, before), "the guess itself is another's"
            assert (nearer - guess).square().mean().sqrt() <= wish.push + 1e-6


def test_what_is_heard_already_stays(ear: Ear) -> None:
    guess = torch.randn(SHAPE)
    ear.classes.bias[0] += 100.0
    assert torch.allclose(Wish(ear, surely(0)).nearer(guess), guess, atol=1e-6)
    nowhere = torch.full((1, SHAPE[2]), NO_CHORD)
    assert torch.equal(Wish(ear, None, nowhere).nearer(guess), guess), "no chord is wished for anywhere"


def test_a_velocity_leads_to_the_nearer_guess(ear: Ear) -> None:
    latent, velocity, sigma = torch.randn(SHAPE), torch.randn(SHAPE), torch.tensor(0.7)
    wish = Wish(ear, surely(2))
    led = wish.led(velocity, latent, sigma)
    assert torch.allclose(latent - sigma * led, wish.nearer(latent - sigma * velocity), atol=1e-5)


def test_chords_follow_their_frames(ear: Ear) -> None:
    wish = Wish(ear, None, torch.arange(30)[None])
    turned = wish.at(torch.tensor([29, 0, 1]))
    assert turned.chords is not None and turned.chords.tolist() == [[29, 0, 1]]
    assert Wish(ear, surely(0)).at(torch.tensor([1])).chords is None


def test_a_caption_means_a_class_of_its_own_view(ear: Ear) -> None:
    found = meant(ear, torch.randn(1, CONFIG.text.width), "env", NAMES)
    assert found[0, 2] == -torch.inf
    assert torch.isclose(found[0, :2].exp().sum(), torch.tensor(1.0))


@pytest.mark.parametrize("sure", [SURE + 0.01, SURE - 0.01])
def test_a_class_is_told_by_its_plain_name_where_it_is_sure(sure: float) -> None:
    classes = torch.tensor([[sure, (1.0 - sure) / 2, (1.0 - sure) / 2]]).log()
    told = named("it pours", classes, ["rain", "wind", ""])
    assert told == ("rain, it pours" if sure > SURE else "it pours")
    assert named("it pours", classes, []) == "it pours", "a checkpoint without plain names"


def test_a_class_without_a_plain_name_is_not_told() -> None:
    assert named("a bell", surely(2), ["rain", "wind", ""]) == "a bell"
