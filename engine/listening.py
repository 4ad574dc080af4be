"""A stem that is listened to while it is made: at every step, the guess of it goes a little towards the wish.

The denoiser's guess of the clean latent is heard by the ear (engine/models/ear.py), and moved on the way on
which the ear would name more surely what the caption means, and the chords of the clip's bars. This is
classifier guidance (Dhariwal and Nichol, arXiv 2105.05233) on the guess instead of the noisy latent: nothing
is differentiated but the ear, which is small, and it need not know of noise levels.

Before that, `meant` reads what a caption means, and `named` tells it in a word that the generator learned.

Letters: C latent channels, T latent frames, K classes, R triads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from engine.models.ear import Ear, Heard, chord_errors

PUSH: Final = 0.3  # towards a class
CHORDS_PUSH: Final = 0.7  # of 30 pairs of music with two seeds 30 were in one key; with 0.3, 29
SURE: Final = 0.4  # of a caption's class: half of the captions held back that are just so sure are read right
TINY: Final = 1e-8


@dataclass(frozen=True)
class Wish:
    """What a stem should be heard as, and the ear that hears it. What is None may be anything.

    Attributes:
        classes: log-probabilities of what the caption may mean (1, K).
        chords: the triad of each frame (1, T), `NO_CHORD` where there is none.
        push: root mean square of a move where nothing of the wish is heard; latents are about 1.
    """

    ear: Ear
    classes: Tensor | None = None
    chords: Tensor | None = None
    push: float = PUSH

    def at(self, places: Tensor) -> Wish:
        """The same for frames (W,) by number, in their order."""
        return self if self.chords is None else replace(self, chords=self.chords[:, places])

    def led(self, velocity: Tensor, latent: Tensor, sigma: Tensor) -> Tensor:
        """The velocity (1, C, T) at a latent (1, C, T) of noise level sigma, so that its guess is nearer."""
        return (latent - self.nearer(latent - sigma * velocity)) / sigma

    def nearer(self, guess: Tensor) -> Tensor:
        """A guess of the clean latent (1, C, T), moved; hardly, where what it should be is heard already."""
        with torch.inference_mode(False), torch.enable_grad():
            at = guess.clone().requires_grad_()  # (1, C, T)
            agreed = self.agreement(self.ear(at))
            (way,) = torch.autograd.grad(agreed, at)  # (1, C, T)
        missing = 1.0 - float(agreed.detach().exp())
        return guess + self.push * missing * way / way.square().mean().sqrt().clamp_min(TINY)

    def agreement(self, heard: Heard) -> Tensor:
        """Log-probability (a scalar, at most 0) that a stem is heard as wished: of its class, and of its
        chords in the mean over frames."""
        agreed = heard.classes.new_zeros(())
        if self.classes is not None:
            may_be = self.classes.clone()  # made where nothing is differentiated
            agreed = agreed + (may_be + heard.classes.log_softmax(1)).logsumexp(1).sum()
        if self.chords is not None:
            agreed = agreed - chord_errors(heard.chords, self.chords.clone())
        return agreed


def meant(ear: Ear, whole: Tensor, view: str, names: Sequence[str]) -> Tensor:
    """What a caption, as `text_encoder.summary` (1, D), may mean among the classes of its view: (1, K).

    `names` are the ear's classes, "env/rain" and so on.
    """
    other = torch.tensor([not name.startswith(f"{view}/") for name in names], device=whole.device)
    out: Tensor = ear.meant(whole).masked_fill(other, -torch.inf).log_softmax(1)  # (1, K)
    return out


def named(caption: str, classes: Tensor, plain_names: Sequence[str]) -> str:
    """The caption behind the name by which the generator knows its class best, where that is sure: "bark, the
    mutt next door making itself heard".

    `classes` are `meant`'s (1, K). Of K names an empty one is never told; a model may have no names at all.
    """
    surest, number = classes[0].max(dim=0)
    name = plain_names[int(number)] if plain_names and float(surest.exp()) >= SURE else ""
    return f"{name}, {caption}" if name else caption
