"""The compact model as a renderer: one request in, progress and a stem out."""

from __future__ import annotations

import hashlib
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
from engine.kept_latents import Start, fitted, held_frames, holding, in_a_circle, part_way, straight
from engine.models.compact import CompactConfig, CompactModel, Conditioning
from engine.models.vocos import decode_in_a_circle
from engine.models.weights import WeightsError, load_weights
from engine.precision import fastest_precision
from engine.renderer import Old, Progress, Sound
from engine.sampling import guide, sample, sway_sigmas, timestep_of
from engine.speech_plan import plan_speech
from engine.splice import level_to, limited, missing_db, shortened, spliced
from engine.text_features import Vocabulary, caption_ids
from engine.windows import blended, windows_of
from scene_schema.errors import Refused
from scene_schema.origin import Continuation, Region, Variation, take_of
from scene_schema.rendering import RenderRequest

SPEAKING: Final = ("usual_phoneme_s", "lexicon", "vocabulary")  # in `model.json` beside the sizes
WINDOW_FRAMES: Final = 300  # of latent; longer clips are made of windows, for the network learned from 10 s
OVERLAP_FRAMES: Final = 75
SILENT_DB: Final = -70.0  # fainter than this is nothing, and is not made louder
MOST_DB: Final = 20.0  # that a stem is ever made louder
MARGIN_FRAMES: Final = 25  # of a loop, shown once more at both ends: what the network does there is not used
ENDING_FRAMES: Final = 8  # of a take that goes on, made anew: its sound there is that of an end
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
    def render(self, request: RenderRequest, old: Old | None = None) -> Iterator[Progress | Sound]:
        """Yields progress after every step, then the stem."""
        config, origin = self._model.config, request.origin
        frames = math.ceil(request.duration_s * config.latent_rate_hz - 1e-6)
        noise = torch.Generator().manual_seed(request.seed)
        start = self._noise(noise, frames)  # (1, C, T)
        before = None  # (1, C, T)
        if old is not None:
            was = self._latent_of(old)  # (1, C, T')
            noise.manual_seed(request.seed)
            self._noise(noise, was.shape[-1])  # the decoder's noise is then what it was in the old take
            start = self._noise(torch.Generator().manual_seed(noise_seed(request)), frames)
            before = fitted(was, frames)
        held = None  # (1, 1, T)
        if before is not None and isinstance(origin, Region | Continuation):
            assert old is not None
            held = self._held(origin, frames, len(old.samples))
        given = self._condition(request)
        yield Progress("text", 1, 1)

        begun = Start(start, sway_sigmas(request.steps))
        if before is not None and isinstance(origin, Variation):
            begun = part_way(before, start, origin.strength, request.steps)
        both = given.beside(given.without()).to(self._precision)

        def shown(latent: Tensor, sigma: Tensor, places: Tensor) -> Tensor:
            told = both.at(places)

            def part(window: slice) -> Tensor:
                pair = latent[..., window].repeat(2, 1, 1).to(self._precision)  # (2, C, W)
                answer = self._model.generator(pair, timestep_of(sigma), told.during(window)).float()
                conditional, unconditional = answer.chunk(2)  # (1, C, W)
                return guide(conditional, unconditional, request.guidance)

            return blended(part, windows_of(latent.shape[-1], longest=WINDOW_FRAMES, overlap=OVERLAP_FRAMES))

        velocity = in_a_circle(shown, MARGIN_FRAMES) if request.loop else straight(shown)
        if before is not None and held is not None:
            velocity = holding(velocity, before, start, held)
        latent = begun.latent
        for step in sample(velocity, begun.latent, begun.sigmas):
            latent = step.latent
            yield Progress("sampling", step.step, step.steps)

        samples = self._decoded(latent, noise, request)
        yield Progress("decoding", 1, 1)
        level_db = float(self._model.generator.expected_level_db(given))
        if old is None or before is None or origin is None:
            stem = finished(samples, config.rate_hz, level_db, edges=not request.loop)
        else:
            stem = self._joined(samples, old, before, request, level_db)
        kept = latent[0].numpy().astype(np.float16)  # (C, T)
        yield Sound(stem, config.rate_hz, kept)

    def _noise(self, generator: torch.Generator, frames: int) -> Tensor:
        return torch.randn((1, self._model.config.dit.latent_dim, frames), generator=generator)  # (1, C, T)

    def _decoded(self, latent: Tensor, noise: torch.Generator, request: RenderRequest) -> Samples:
        """Latents (1, C, T) as samples (S,) of the clip's length."""
        rate_hz = self._model.config.rate_hz
        length = round(request.duration_s * rate_hz)
        if not request.loop:
            return np.asarray(self._model.decode(latent, noise)[0].numpy()[:length])
        circle = decode_in_a_circle(self._model.codec, latent, noise)[0].numpy()[:, None]
        return shortened(circle, length, rate_hz)[:, 0]

    def _latent_of(self, old: Old) -> Tensor:
        """The latent (1, C, T) of a take: as it was kept, or read out of the sound."""
        if old.latent is not None:
            return torch.from_numpy(old.latent.astype(np.float32))[None]
        frame = self._model.config.vocos.samples_per_frame
        mono = torch.from_numpy(old.samples.mean(axis=1))
        missing = -len(mono) % frame
        return self._model.encode(torch.nn.functional.pad(mono, (0, missing))[None])

    def _held(self, origin: Region | Continuation, frames: int, old_samples: int) -> Tensor:
        """1 where a frame of the take is kept, (1, 1, frames)."""
        rate = self._model.config.latent_rate_hz
        if isinstance(origin, Region):
            return held_frames(frames, math.floor(origin.from_s * rate), math.ceil(origin.to_s * rate))
        kept = math.floor(old_samples / self._model.config.rate_hz * rate)
        return held_frames(frames, 0, 0, kept - min(ENDING_FRAMES, kept // 2))

    def _joined(
        self, samples: Samples, old: Old, before: Tensor, request: RenderRequest, level_db: float
    ) -> Samples:
        """New samples (S,) at the level of the take that they start from, and joined with it: (S, 1)."""
        rate_hz, origin = self._model.config.rate_hz, request.origin
        plain_db = gain_to(samples, rate_hz, level_db)
        if isinstance(origin, Variation):
            again = self._decoded(before, torch.Generator().manual_seed(request.seed), request)
            old_db = missing_db(old.samples, again[:, None], plain_db)
            gain_db = (1.0 - origin.strength) * old_db + origin.strength * plain_db
            loud = limited(samples[:, None] * np.float32(gain_of(gain_db)), rate_hz)
            return loud if request.loop else edged(loud, rate_hz)
        first, after = 0, len(samples)
        if isinstance(origin, Region):
            first, after = round(origin.from_s * rate_hz), round(origin.to_s * rate_hz)
        else:
            ending = ENDING_FRAMES * self._model.config.vocos.samples_per_frame
            first = len(old.samples) - min(ending, len(old.samples) // 2)
        new = level_to(old.samples, samples[:, None], first, after, rate_hz, plain_db)
        new = new if request.loop else edged(new, rate_hz)
        return spliced(old.samples, new, first, after, rate_hz).samples

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
        wrapped = min(MARGIN_FRAMES, len(features.numbers)) if request.loop else 0
        slots = wrapped * config.frame.slots
        phonemes, numbers = features.phonemes, features.numbers
        if wrapped:  # at a clip's ends the encoder of frames hears that it ends
            phonemes = np.concatenate([phonemes[-slots:], phonemes, phonemes[:slots]])
            numbers = np.concatenate([numbers[-wrapped:], numbers, numbers[:wrapped]])
        given: Conditioning = self._model.generator.condition(
            torch.from_numpy(ids)[None],
            torch.ones((1, len(ids)), dtype=torch.bool),
            torch.tensor([config.views.index("speech" if request.view == "asr" else request.view)]),
            torch.from_numpy(phonemes)[None],
            torch.from_numpy(numbers)[None],
        )
        return given.during(slice(wrapped, wrapped + len(features.numbers)))

    def _caption(self, request: RenderRequest) -> str:
        # A layer that gives only words is spoken by nobody in particular.
        return "a person speaking" if request.view == "asr" or not request.caption else request.caption

    def _features(self, request: RenderRequest) -> FrameFeatures:
        config = self._model.config
        words = request.caption if request.view == "asr" else request.transcript
        first_s = request.cues[0].at_s if request.cues else None
        frames = math.ceil(request.duration_s * config.latent_rate_hz - 1e-6)
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


def noise_seed(request: RenderRequest) -> int:
    """What the noise of a render is drawn from: the seed, and the take that it starts from.

    The take's own noise would lead back to the take.
    """
    take = take_of(request.origin)
    if take is None:
        return request.seed
    return int.from_bytes(hashlib.sha256(f"{request.seed} {take}".encode()).digest()[:4], "big")


def finished(samples: Samples, rate_hz: int, level_db: float, *, edges: bool = True) -> Samples:
    """Samples (S,) at the level that their caption lets expect, peak at most −3 dBFS: (S, 1).

    The network knows what a sound is like better than how loud it is: it shrinks what it is not sure of.
    The edges are faded, unless they run into each other.
    """
    out: Samples = samples[:, None] * np.float32(gain_of(gain_to(samples, rate_hz, level_db)))
    return edged(out, rate_hz) if edges else out


def gain_to(samples: Samples, rate_hz: int, level_db: float) -> float:
    """The gain in dB that brings samples (S,) to a level where they are loudest, and to no higher peak than a
    stem's."""
    found_db = loudest_db(samples, rate_hz)
    missing = level_db - found_db if found_db > SILENT_DB else 0.0
    over_db = peak_db(samples) + missing - STEM_CEILING_DB
    return min(MOST_DB, missing) - max(0.0, over_db)


def edged(samples: Samples, rate_hz: int) -> Samples:
    """Samples (S, channels), faded over `EDGE_S` at both ends."""
    edge = round(EDGE_S * rate_hz)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)).astype(np.float32)[:, None]
    out: Samples = samples.copy()
    out[:edge] *= ramp
    out[-edge:] *= ramp[::-1]
    return out
