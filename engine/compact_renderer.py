"""The compact model as a renderer: one request in, progress and a stem out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from torch import Tensor

from engine import checkpoint
from engine.audio import STEM_CEILING_DB, Samples, gain_of, peak_db
from engine.checkpoint import Checkpoint
from engine.frame_features import FrameFeatures, frame_features
from engine.models.compact import CompactConfig, CompactModel, Conditioning
from engine.models.weights import WeightsError, load_weights
from engine.renderer import Progress, Sound
from engine.sampling import guide, sample, sway_sigmas, timestep_of
from engine.speech_plan import plan_speech
from engine.text_features import caption_ids
from scene_schema.errors import Refused
from scene_schema.rendering import RenderRequest

SPEAKING: Final = ("usual_phoneme_s", "lexicon")  # in `model.json` beside the sizes
EDGE_S: Final = 0.002  # fade at both ends of a clip: no click, and too short to soften an attack at 0 s


class CompactRenderer:
    """A loaded compact model on one device."""

    def __init__(self, found: Checkpoint, model: CompactModel) -> None:
        self.capabilities = found.capabilities
        self.device = "cpu"
        self.usual_phoneme_s: float = found.config["usual_phoneme_s"]
        self._lexicon: dict[str, list[int]] = found.config["lexicon"]
        self._model = model

    @classmethod
    def load(cls, found: Checkpoint, *, threads: int) -> CompactRenderer:
        """Reads and checks the weights. Raises `Refused` (`model_failed`) where they are not the right ones.

        `threads` on a CPU; 0 leaves torch's own choice.
        """
        if threads:
            torch.set_num_threads(threads)
        checkpoint.verify(found)
        sizes = {key: value for key, value in found.config.items() if key not in SPEAKING}
        with torch.device("meta"):
            model = CompactModel(CompactConfig.from_data(sizes))
        try:
            load_weights(model, found.weights, dtype=torch.float32)
        except WeightsError as error:
            raise Refused("model_failed", str(error), remedy="Install the package again.") from error
        return cls(found, model.eval())

    @torch.inference_mode()
    def render(self, request: RenderRequest) -> Iterator[Progress | Sound]:
        """Yields progress after every step, then the stem."""
        given = self._condition(request)
        yield Progress("text", 1, 1)

        noise = torch.Generator().manual_seed(request.seed)
        config = self._model.config
        frames = given.frames.shape[1]
        start = torch.randn((1, config.dit.latent_dim, frames), generator=noise)  # (1, C, T)
        nothing = given.without()
        generator = self._model.generator

        def velocity(latent: Tensor, sigma: Tensor) -> Tensor:
            timestep = timestep_of(sigma)
            conditional: Tensor = generator(latent, timestep, given)  # (1, C, T)
            if request.guidance == 1.0:
                return conditional
            return guide(conditional, generator(latent, timestep, nothing), request.guidance)

        latent = start
        for step in sample(velocity, start, sway_sigmas(request.steps)):
            latent = step.latent
            yield Progress("sampling", step.step, step.steps)

        samples = self._model.decode(latent, noise)[0].numpy()  # (S,)
        yield Progress("decoding", 1, 1)
        length = round(request.duration_s * config.rate_hz)
        yield Sound(finished(samples[:length], config.rate_hz), config.rate_hz)

    def pronounce(self, word: str) -> list[int]:
        """Phoneme numbers of one word: as the training voices say it, or else as its letters suggest."""
        known = self._lexicon.get(word)
        return self._model.pronouncer.pronounce(word) if known is None else known

    def durations_s(self, phonemes: list[int], word_starts: list[bool], mean_s: float) -> list[float]:
        """Seconds of each phoneme, scaled so that their mean is the one asked for."""
        numbers = torch.tensor([phonemes])
        pace = torch.tensor([math.log(mean_s)])
        starts = torch.tensor([word_starts]).long()
        seconds = self._model.durations(numbers, starts, pace, torch.ones_like(numbers, dtype=torch.bool))[
            0
        ].exp()
        return [float(one) for one in seconds * (mean_s / seconds.mean())]

    def _condition(self, request: RenderRequest) -> Conditioning:
        config = self._model.config
        ids = caption_ids(self._caption(request), buckets=config.text.buckets, tokens=config.text.tokens)
        features = self._features(request)
        given: Conditioning = self._model.generator.condition(
            torch.from_numpy(ids)[None],
            torch.ones((1, len(ids)), dtype=torch.bool),
            torch.tensor([config.views.index("speech" if request.view == "asr" else request.view)]),
            torch.from_numpy(features.phonemes)[None],
            torch.from_numpy(features.numbers)[None],
        )
        return given

    def _caption(self, request: RenderRequest) -> str:
        # A layer that gives only words is spoken by nobody in particular.
        return "a person speaking" if request.view == "asr" or not request.caption else request.caption

    def _features(self, request: RenderRequest) -> FrameFeatures:
        config = self._model.config
        words = request.caption if request.view == "asr" else request.transcript
        first_s = request.cues[0].at_s if request.cues else None
        return frame_features(
            math.ceil(request.duration_s * config.latent_rate_hz),
            config.latent_rate_hz,
            phonemes=plan_speech(words, request.caption, self, start_s=first_s, clip_s=request.duration_s)
            if words
            else None,
            cues_s=[cue.at_s for cue in request.cues] if request.view == "sfx" and request.cues else None,
            tempo=request.tempo if request.view == "music" else None,
        )


def finished(samples: Samples, rate_hz: int) -> Samples:
    """Samples (S,) with faded edges and a peak of at most −3 dBFS: (S, 1)."""
    edge = round(EDGE_S * rate_hz)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)).astype(np.float32)
    out = samples.astype(np.float32)  # a copy
    out[:edge] *= ramp
    out[-edge:] *= ramp[::-1]
    over_db = peak_db(out) - STEM_CEILING_DB
    if over_db > 0:
        out *= np.float32(gain_of(-over_db))
    return out[:, None]
