"""The procedural corpus: clips of one layer each, rendered from random parameters with captions that fit.

Used in training only; needs scipy, and for music and speech a soundfont, libespeak-ng and flite.
"""

from engine.training.corpus.clip import VIEWS, Chord, Clip, Phoneme, render_clip

__all__ = ["Chord", "Clip", "Phoneme", "VIEWS", "render_clip"]
