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
from engine.checkpoint import EAR, Checkpoint
from engine.device import pick_device
from engine.frame_features import NO_CHORD, FrameFeatures, frame_features, triad_of
from engine.from_take import begun, edged, joined, noise_seed
from engine.harmony import timed_chords
from engine.kept_latents import Start, fitted, in_a_circle, straight
from engine.listening import CHORDS_PUSH, Wish, meant, named
from engine.models.compact import CompactConfig, CompactModel, Conditioning
from engine.models.ear import Ear
from engine.models.text_encoder import summary, with_view
from engine.models.vocos import decode_in_a_circle
from engine.models.weights import WeightsError, load_weights
from engine.precision import fastest_precision
from engine.renderer import Old, Progress, Sound, latent_frames
from engine.sampling import guide, sample, sway_sigmas, timestep_of
from engine.speech_plan import plan_speech
from engine.splice import shortened
from engine.text_features import Vocabulary, caption_ids
from engine.windows import blended, windows_of
from scene_schema.errors import Refused
from scene_schema.rendering import RenderRequest

BESIDE: Final = ("usual_phoneme_s", "lexicon", "vocabulary", "ear", "plain_names")  # sizes, in `model.json`
LISTENED: Final = ("env", "sfx")  # views whose captions name a class
WINDOW_FRAMES: Final = 300  # of latent; longer clips are made of windows, for the network learned from 10 s
OVERLAP_FRAMES: Final = 75
SILENT_DB: Final = -70.0  # fainter than this is nothing, and is not made louder
MOST_DB: Final = 20.0  # that a stem is ever made louder
MARGIN_FRAMES: Final = 25  # of a loop, shown once more at both ends: what the network does there is not used


class CompactRenderer:
    """A loaded compact model on one device."""

    def __init__(self, found: Checkpoint, model: CompactModel, ear: Ear | None = None) -> None:
        self.capabilities = found.capabilities
        self._place = next(model.generator.parameters()).device
        self.device = str(self._place)
        self.usual_phoneme_s: float = found.config["usual_phoneme_s"]
        self._lexicon: dict[str, list[int]] = found.config["lexicon"]
        self._vocabulary = Vocabulary(found.config["vocabulary"].split())
        self._model = model
        self._ear = ear
        self._heard_names: list[str] = found.config.get("ear", [])
        self._plain_names: list[str] = found.config.get("plain_names", [])
        self._precision = next(model.generator.backbone.parameters()).dtype

    @classmethod
    def load(cls, found: Checkpoint, *, threads: int, device: str = "auto") -> CompactRenderer:
        """Reads and checks the weights. Raises `Refused` (`model_failed`) where they are not the right ones.

        `threads` on a CPU; 0 leaves torch's own choice. `device` as `pick_device` takes it; "auto" is the
        CPU, for which this model was made.
        """
        place = pick_device(device, otherwise="cpu")
        if threads:
            torch.set_num_threads(threads)
        checkpoint.verify(found)
        config = sizes_of(found)
        names = found.config.get("ear", ())
        with torch.device("meta"):
            model = CompactModel(config)
            ear = Ear(config, len(names)) if names else None
        try:
            load_weights(model, found.weights, dtype=torch.float32)
            if ear is not None:
                load_weights(ear, found.files[EAR], dtype=torch.float32)
        except WeightsError as error:
            raise Refused("model_failed", str(error), remedy="Install the package again.") from error
        model.generator.backbone.to(torch.bfloat16 if place.type == "cuda" else fastest_precision())
        for part in (model.generator, model.encoder, model.turn, model.codec):
            part.to(place)  # what turns words into phonemes is small, and stays where words are
        if ear is not None:
            ear.to(place).eval().requires_grad_(False)
        return cls(found, model.eval(), ear)

    @torch.inference_mode()
    def render(self, request: RenderRequest, old: Old | None = None) -> Iterator[Progress | Sound]:
        """Yields progress after every step, then the stem."""
        config = self._model.config
        frames = latent_frames(request, config.latent_rate_hz)
        noise = torch.Generator().manual_seed(request.seed)
        start = self._noise(noise, frames)  # (1, C, T)
        before = None  # (1, C, T)
        if old is not None:
            was = self._latent_of(old)  # (1, C, T')
            noise.manual_seed(request.seed)
            self._noise(noise, was.shape[-1])  # the decoder's noise is then what it was in the old take
            start = self._noise(torch.Generator().manual_seed(noise_seed(request)), frames)
            before = fitted(was, frames)
        features = self._features(request)
        caption, classes = self._understood(request)
        given = self._condition(request, caption, features)
        yield Progress("text", 1, 1)

        both = given.beside(given.without()).to(self._precision)
        wish = self._wish(classes, features)

        def shown(latent: Tensor, sigma: Tensor, places: Tensor) -> Tensor:
            told = both.at(places)

            def part(window: slice) -> Tensor:
                pair = latent[..., window].repeat(2, 1, 1).to(self._precision)  # (2, C, W)
                answer = self._model.generator(pair, timestep_of(sigma), told.during(window)).float()
                conditional, unconditional = answer.chunk(2)  # (1, C, W)
                return guide(conditional, unconditional, request.guidance)

            windows = windows_of(latent.shape[-1], longest=WINDOW_FRAMES, overlap=OVERLAP_FRAMES)
            velocity = blended(part, windows)
            return velocity if wish is None else wish.at(places).led(velocity, latent, sigma)

        velocity = in_a_circle(shown, MARGIN_FRAMES) if request.loop else straight(shown)
        place = Start(start, sway_sigmas(request.steps))
        if old is not None and before is not None:
            old_s = len(old.samples) / config.rate_hz
            place, velocity = begun(velocity, before, start, request, config.latent_rate_hz, old_s)
        latent = place.latent
        for step in sample(velocity, place.latent, place.sigmas):
            latent = step.latent
            yield Progress("sampling", step.step, step.steps)

        samples = self._decoded(latent, noise, request)
        yield Progress("decoding", 1, 1)
        level_db = float(self._model.generator.expected_level_db(given))
        if old is None or before is None:
            stem = finished(samples, config.rate_hz, level_db, edges=not request.loop)
        else:
            took = before
            stem = joined(
                samples,
                old,
                lambda: self._decoded(took, torch.Generator().manual_seed(request.seed), request),
                request,
                config.rate_hz,
                frame_samples=config.vocos.samples_per_frame,
                plain_db=gain_to(samples, config.rate_hz, level_db),
            )
        kept = latent[0].cpu().numpy().astype(np.float16)  # (C, T)
        yield Sound(stem, config.rate_hz, kept)

    def _noise(self, generator: torch.Generator, frames: int) -> Tensor:
        # drawn on the CPU, so that a seed means the same noise on every device
        shape = (1, self._model.config.dit.latent_dim, frames)
        return torch.randn(shape, generator=generator).to(self._place)  # (1, C, T)

    def _decoded(self, latent: Tensor, noise: torch.Generator, request: RenderRequest) -> Samples:
        """Latents (1, C, T) as samples (S,) of the clip's length."""
        rate_hz = self._model.config.rate_hz
        length = round(request.duration_s * rate_hz)
        if not request.loop:
            return np.asarray(self._model.decode(latent, noise)[0].cpu().numpy()[:length])
        circle = decode_in_a_circle(self._model.codec, latent, noise)[0].cpu().numpy()[:, None]
        return shortened(circle, length, rate_hz)[:, 0]

    def _latent_of(self, old: Old) -> Tensor:
        """The latent (1, C, T) of a take: as it was kept, or read out of the sound."""
        if old.latent is not None:
            return torch.from_numpy(old.latent.astype(np.float32))[None].to(self._place)
        frame = self._model.config.vocos.samples_per_frame
        mono = torch.from_numpy(old.samples.mean(axis=1))
        missing = -len(mono) % frame
        return self._model.encode(torch.nn.functional.pad(mono, (0, missing))[None].to(self._place))

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

    def _understood(self, request: RenderRequest) -> tuple[str, Tensor | None]:
        """The caption as the generator is told it, and the classes (1, K) that it may mean: None where a
        layer's sound has no class, or the model no ear."""
        if request.view == "asr" or not request.caption:
            return "a person speaking", None  # who gives only words has nobody in particular speak them
        if self._ear is None or request.view not in LISTENED:
            return request.caption, None
        ids, mask, view = self._words(request, request.caption)
        whole = summary(self._model.generator.text(ids, mask, view), with_view(mask))  # (1, D)
        classes = meant(self._ear, whole, request.view, self._heard_names)
        return named(request.caption, classes, self._plain_names), classes

    def _words(self, request: RenderRequest, caption: str) -> tuple[Tensor, Tensor, Tensor]:
        """A caption as the text encoder takes it: words (1, L, 1 + P), which exist (1, L), its view (1,)."""
        config = self._model.config
        ids = caption_ids(caption, self._vocabulary, buckets=config.text.buckets, tokens=config.text.tokens)
        view = config.views.index("speech" if request.view == "asr" else request.view)
        return (
            torch.from_numpy(ids)[None].to(self._place),
            torch.ones((1, len(ids)), dtype=torch.bool, device=self._place),
            torch.tensor([view], device=self._place),
        )

    def _condition(self, request: RenderRequest, caption: str, features: FrameFeatures) -> Conditioning:
        wrapped = min(MARGIN_FRAMES, len(features.numbers)) if request.loop else 0
        slots = wrapped * self._model.config.frame.slots
        phonemes, numbers = features.phonemes, features.numbers
        if wrapped:  # at a clip's ends the encoder of frames hears that it ends
            phonemes = np.concatenate([phonemes[-slots:], phonemes, phonemes[:slots]])
            numbers = np.concatenate([numbers[-wrapped:], numbers, numbers[:wrapped]])
        given: Conditioning = self._model.generator.condition(
            *self._words(request, caption),
            torch.from_numpy(phonemes)[None].to(self._place),
            torch.from_numpy(numbers)[None].to(self._place),
        )
        return given.during(slice(wrapped, wrapped + len(features.numbers)))

    def _wish(self, classes: Tensor | None, features: FrameFeatures) -> Wish | None:
        """What the ear is to hear; None where nothing of it was said, or the model has no ear."""
        if self._ear is None:
            return None
        if classes is not None:
            return Wish(self._ear, classes)
        triads = triad_of(features.numbers)  # (T,)
        if (triads != NO_CHORD).any():
            chords = torch.from_numpy(triads)[None].to(self._place)  # (1, T)
            return Wish(self._ear, chords=chords, push=CHORDS_PUSH)
        return None

    def _features(self, request: RenderRequest) -> FrameFeatures:
        config = self._model.config
        words = request.caption if request.view == "asr" else request.transcript
        first_s = request.cues[0].at_s if request.cues else None
        frames = latent_frames(request, config.latent_rate_hz)
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


def sizes_of(found: Checkpoint) -> CompactConfig:
    """The sizes in a compact model's description. Raises TypeError where one is missing or unknown."""
    return CompactConfig.from_data({key: value for key, value in found.config.items() if key not in BESIDE})


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
