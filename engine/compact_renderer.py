"""The compact model as a renderer: one request in, progress and a stem out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from torch import Tensor

from engine import checkpoint
from engine.audio import STEM_CEILING_DB, Samples, gain_of, loudest_db, peak_db
from engine.checkpoint import Checkpoint
from engine.frame_features import FrameFeatures, frame_features
from engine.harmony import timed_chords
from engine.models.compact import CompactConfig, CompactModel, Conditioning
from engine.models.weights import WeightsError, load_weights
from engine.precision import fastest_precision
from engine.renderer import Progress, Sound
from engine.sampling import guide, sample, sway_sigmas, timestep_of
from engine.speech_plan import plan_speech
from engine.text_features import Vocabulary, caption_ids
from engine.windows import blended, windows_of
from scene_schema.errors import Refused
from scene_schema.rendering import RenderRequest

SPEAKING: Final = ("usual_phoneme_s", "lexicon", "vocabulary")  # in `model.json` beside the sizes
WINDOW_FRAMES: Final = 300  # of latent; longer clips are made of windows, for the network learned from 10 s
OVERLAP_FRAMES: Final = 75
SILENT_DB: Final = -70.0  # fainter than this is nothing, and is not made louder
MOST_DB: Final = 20.0  # that a stem is ever made louder
EDGE_S: Final = 0.002  # fade at both ends of a clip: no click, and too short to soften an attack at 0 s


class CompactRenderer:
    """A loaded compact model on one device."""

    def __init__(self, found: Checkpoint, model: CompactModel) -> None:
        self.capabilities = found.capabilities
        self.device = "cpu"
        self.usual_phoneme_s: float = found.config["usual_phoneme_s"]
        self._lexicon: dict[str, list[int]] = found.config["lexicon"]
        self._vocabulary = Vocabulary(found.config["vocabulary"].split())
        self._model = model
        self._precision = next(model.generator.backbone.parameters()).dtype

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
        model.generator.backbone.to(fastest_precision())
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
        windows = windows_of(frames, longest=WINDOW_FRAMES, overlap=OVERLAP_FRAMES)
        both = given.beside(given.without()).to(self._precision)

        def velocity(latent: Tensor, sigma: Tensor) -> Tensor:
            def part(window: slice) -> Tensor:
                pair = latent[..., window].repeat(2, 1, 1).to(self._precision)  # (2, C, W)
                answer = self._model.generator(pair, timestep_of(sigma), both.during(window)).float()
                conditional, unconditional = answer.chunk(2)  # (1, C, W)
                return guide(conditional, unconditional, request.guidance)

            return blended(part, windows)

        latent = start
        for step in sample(velocity, start, sway_sigmas(request.steps)):
            latent = step.latent
            yield Progress("sampling", step.step, step.steps)

        samples = self._model.decode(latent, noise)[0].numpy()  # (S,)
        yield Progress("decoding", 1, 1)
        length = round(request.duration_s * config.rate_hz)
        level_db = float(self._model.generator.expected_level_db(given))
        yield Sound(finished(samples[:length], config.rate_hz, level_db), config.rate_hz)

    def pronounce(self, word: str) -> list[int]:
        """Phoneme numbers of one word: as the training voices say it, or else as its letters suggest."""
        known = self._lexicon.get(word)
        return self._model.pronouncer.pronounce(word) if known is None else known

    @torch.inference_mode()
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
        ids = caption_ids(
            self._caption(request),
            self._vocabulary,
            buckets=config.text.buckets,
            tokens=config.text.tokens,
        )
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
        frames = math.ceil(request.duration_s * config.latent_rate_hz)
        chords = None
        if request.view == "music" and request.tempo is not None and request.chords:
            chords = timed_chords(request.chords, request.tempo, frames / config.latent_rate_hz)
        return frame_features(
            frames,
            config.latent_rate_hz,
            phonemes=plan_speech(words, request.caption, self, start_s=first_s, clip_s=request.duration_s)
            if words
            else None,
            cues_s=[cue.at_s for cue in request.cues] if request.view == "sfx" and request.cues else None,
            tempo=request.tempo if request.view == "music" else None,
            chords=chords,
        )


def finished(samples: Samples, rate_hz: int, level_db: float) -> Samples:
    """Samples (S,) at the level that their caption lets expect, edges faded, peak at most −3 dBFS: (S, 1).

    The network knows what a sound is like better than how loud it is: it shrinks what it is not sure of.
    """
    edge = round(EDGE_S * rate_hz)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)).astype(np.float32)
    found_db = loudest_db(samples, rate_hz)
    missing_db = level_db - found_db if found_db > SILENT_DB else 0.0
    over_db = peak_db(samples) + missing_db - STEM_CEILING_DB
    out: Samples = samples * np.float32(gain_of(min(MOST_DB, missing_db) - max(0.0, over_db)))
    out[:edge] *= ramp
    out[-edge:] *= ramp[::-1]
    return out[:, None]
