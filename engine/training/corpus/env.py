"""Environments: the registry of every class of texture, and how a clip is made of one.

Knows nothing of how a texture sounds nor of captions' words.
"""

from __future__ import annotations

import numpy as np

from engine.training.corpus import (
    captions,
    env_electronic,
    env_indoors,
    env_machines,
    env_people,
    env_traffic,
    env_water,
    env_weather,
    env_wildlife,
)
from engine.training.corpus.clip import Clip, finish
from engine.training.corpus.noise import (
    Rng,
    db,
    rms,
)
from engine.training.corpus.texture import Render

ENV_CLASSES: dict[str, Render] = {
    **env_weather.CLASSES,
    **env_water.CLASSES,
    **env_wildlife.CLASSES,
    **env_people.CLASSES,
    **env_traffic.CLASSES,
    **env_machines.CLASSES,
    **env_indoors.CLASSES,
    **env_electronic.CLASSES,
}


def render_class(label: str, rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One environment clip of a given class."""
    texture = ENV_CLASSES[label](rng, rate_hz, samples)
    audio = np.asarray(texture.audio, np.float64)
    audio = audio - np.mean(audio)
    audio = audio * (db(texture.level_dbfs) / rms(audio))
    caption = captions.env_caption(rng, label, texture.traits)
    return Clip("env", label, caption, finish(audio, samples), traits=texture.traits)


def render(rng: Rng, rate_hz: int, samples: int) -> Clip:
    """One environment clip (samples,) of a random class."""
    labels = tuple(ENV_CLASSES)
    return render_class(labels[int(rng.integers(len(labels)))], rng, rate_hz, samples)
