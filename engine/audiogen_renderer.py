"""The published model as a renderer: one request in, progress and a stem out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from engine.audio import STEM_CEILING_DB, Samples, gain_of, peak_db
from engine.checkpoint import Checkpoint, Variant
from engine.device import pick_device
from engine.from_take import begun, edged, joined, noise_seed
from engine.guidance import EVERYWHERE, GuidedRange, guided
from engine.kept_latents import Start, fitted, in_a_circle, part_way, part_way_sigmas, straight
from engine.models.audiogen import AudioGenConfig, PromptReader, decoder_config, encoder_config
from engine.models.dit import DiT
from engine.models.packed_linear import Precision
from engine.models.prepared_dit import PreparedDiT, Prompt
from engine.models.replay import cuda_graph
from engine.models.tokenizer import TokenizerEncoder
from engine.models.vocos import Vocos, decode_in_a_circle
from engine.models.weights import WeightsError, fetch_from, load_weights
from engine.precision import fastest_precision, has_tiles
from engine.published import PublishedModel, open_published
from engine.published_memory import check_before_loading
from engine.renderer import Old, Progress, Sound, latent_frames
from engine.sampling import Step, Velocity, in_step, sample, sway_sigmas, timestep_of
from engine.soft_masks import separate
from engine.splice import shortened
from engine.text_reader import TextReader
from engine.windows import blended, windows_of
from scene_schema.errors import Refused
from scene_schema.identity import identity
from scene_schema.origin import Mix
from scene_schema.prompt import compose_parts, compose_sound
from scene_schema.rendering import RenderRequest, StemReport

WINDOW_S: Final = 10.0  # the network learned from clips of this length; longer ones are made of windows
OVERLAP_S: Final = 3.0
MARGIN_FRAMES: Final = 25  # of a loop, shown once more at both ends: what the network does there is not used
LAYER_STRENGTH: Final = 0.7  # of the noise that a layer's own render puts over the mix that it starts from
NOT_HEARD: Final = {"view": "caption", "caption": "", "transcript": None, "seed": 0}
"""A request's own words: they are in the mix's parts too, and all stems of a mix are rendered together."""
TOGETHER: Final = 8  # layers as one batch on a GPU; a CPU is no quicker for it
HEARD: Final = 32  # prompts whose keys and values are kept

VARIANTS: Final[dict[Variant, tuple[Precision | None, GuidedRange]]] = {
    "": (None, EVERYWHERE),
    "int8": ("int8", EVERYWHERE),
    "fast": ("int8", GuidedRange(0.3, 0.9)),
}
"""The number type of the denoiser's products (None: the fastest that rounds no weights), and the noise levels
that are guided."""


class AudioGenRenderer:
    """A loaded published model on one device."""

    def __init__(
        self,
        found: Checkpoint,
        model: PublishedModel,
        text: TextReader,
        prompts: PromptReader,
        network: PreparedDiT,
        codec: Vocos,
        where: GuidedRange = EVERYWHERE,
    ) -> None:
        self.capabilities = found.capabilities
        self.device = str(network.device)
        self.usual_together = TOGETHER if network.device.type == "cuda" else 1
        self._model = model
        self._text = text
        self._prompts = prompts
        self._network = network
        self._codec = codec
        self._heard: OrderedDict[tuple[tuple[str, ...], tuple[str, ...]], Prompt] = OrderedDict()
        self._mixed: tuple[str, Samples, list[StemReport]] = ("", np.zeros((0, 0), np.float32), [])
        self._where = where

    @classmethod
    def load(cls, found: Checkpoint, *, threads: int, device: str = "auto") -> AudioGenRenderer:
        """Reads the weights. Raises `Refused` (`model_failed`) where they are not the right ones.

        `threads` on a CPU; 0 leaves torch's own choice. `device` as `pick_device` takes it; "auto" is a GPU
        where there is one. The denoiser multiplies in the fastest type of this machine that rounds no
        weights, or as the model's variant says; all else is float32.
        """
        if threads:
            torch.set_num_threads(threads)
        place = pick_device(device)
        rounded, where = VARIANTS[found.variant]
        if found.variant == "fast" and place.type == "cpu" and has_tiles():
            rounded = None
        native = place.type == "cuda" or fastest_precision() is torch.bfloat16
        precision: Precision = rounded or ("bfloat16" if native else "float32")
        model = open_published(found.folder)
        free_bytes = torch.cuda.mem_get_info(place)[0] if place.type == "cuda" else None
        check_before_loading(model, precision, gpu_free_bytes=free_bytes)
        max_tokens = model.generator_config["tokenizer_max_length"]
        text = TextReader.load(model.text_encoder, max_tokens=max_tokens).to(place)
        try:
            prompts, network = _generator(model, text.text_dim, precision, place)
            codec = _codec(model, place)
            _check_fit(prompts.config, codec)
        except (WeightsError, ValueError) as error:
            raise Refused(
                "model_failed", str(error), remedy=f"See what is there: stemscape models info {found.folder}"
            ) from error
        steps = {found.capabilities.steps, found.capabilities.draft_steps or found.capabilities.steps}
        for number in steps:
            network.prepare_times(timestep_of(sway_sigmas(number)[:-1]).tolist())
        return cls(found, model, text, prompts, network, codec, where)

    @torch.inference_mode()
    def render(self, request: RenderRequest, old: Old | None = None) -> Iterator[Progress | Sound]:
        """Yields progress after every step, then the stem."""
        if isinstance(request.origin, Mix):
            yield from self._take_apart(request, request.origin)
        elif old is None:
            for event in self.render_together([request]):
                yield event if isinstance(event, Progress) else event[0]
        else:
            yield from self._render_from(old, request)

    @torch.inference_mode()
    def render_together(self, requests: Sequence[RenderRequest]) -> Iterator[Progress | list[Sound]]:
        """Yields progress after every step, then n stems. The requests must be `alike`."""
        first = requests[0]
        prompt = self._listen([_text(one) for one in requests], [_unlike(one) for one in requests])
        yield Progress("text", 1, 1)

        config = self._prompts.config
        frames = latent_frames(first, config.latent_rate_hz)
        latent = torch.cat([self._noise(noise_seed(one), frames) for one in requests])  # (n, C, T)
        velocity = self._velocity(prompt, first)
        for step in self._steps(velocity, Start(latent, sway_sigmas(first.steps))):
            latent = step.latent
            yield Progress("sampling", step.step, step.steps)

        decoded = self._decoded(latent, first)  # (n, S)
        yield Progress("decoding", 1, 1)
        kept = latent.cpu().numpy().astype(np.float16)  # (n, C, T)
        stems = []
        for samples, its_latent in zip(decoded, kept, strict=True):
            stem: Samples = samples[:, None] * np.float32(gain_of(_plain_db(samples)))
            stem = stem if first.loop else edged(stem, config.rate_hz)
            stems.append(Sound(stem, config.rate_hz, its_latent, StemReport(route="independent")))
        yield stems

    def _render_from(self, old: Old, request: RenderRequest) -> Iterator[Progress | Sound]:
        prompt = self._listen([_text(request)], [_unlike(request)])
        yield Progress("text", 1, 1)

        config = self._prompts.config
        frames = latent_frames(request, config.latent_rate_hz)
        start = self._noise(noise_seed(request), frames)  # (1, C, T)
        before = fitted(self._latent_of(old), frames)  # (1, C, T)
        old_s = len(old.samples) / config.rate_hz
        place, velocity = begun(
            self._velocity(prompt, request), before, start, request, config.latent_rate_hz, old_s
        )
        latent = place.latent
        for step in self._steps(velocity, place):
            latent = step.latent
            yield Progress("sampling", step.step, step.steps)

        samples = self._decoded(latent, request)[0]  # (S,)
        yield Progress("decoding", 1, 1)
        stem = joined(
            samples,
            old,
            lambda: self._decoded(before, request)[0],
            request,
            config.rate_hz,
            frame_samples=config.samples_per_frame,
            plain_db=_plain_db(samples),
        )
        kept_latent = latent[0].cpu().numpy().astype(np.float16)  # (C, T)
        yield Sound(stem, config.rate_hz, kept_latent, StemReport(route="independent"))

    def _take_apart(self, request: RenderRequest, mix: Mix) -> Iterator[Progress | Sound]:
        """One of the stems of a mix. All are made together, and kept until another mix is asked for."""
        key = identity(
            request.model_copy(update={"origin": mix.model_copy(update={"place": 0}), **NOT_HEARD})
        )
        if self._mixed[0] != key:
            whole = self._listen([compose_parts(mix)])
            words = [compose_sound(part.view, part.caption, part.transcript).text() for part in mix.parts]
            others = [
                f"<|caption|> {', '.join(part.caption for part in mix.parts if part is not one)}"
                for one in mix.parts
            ]
            alone = self._listen(words, others if len(words) > 1 else ())
            yield Progress("text", 1, 1)

            frames = latent_frames(request, self._prompts.config.latent_rate_hz)
            latent = self._noise(mix.seed, frames)  # (1, C, T)
            own = torch.cat([self._noise(part.seed, frames) for part in mix.parts])  # (N, C, T)
            sigmas = sway_sigmas(request.steps)
            later = part_way_sigmas(LAYER_STRENGTH, request.steps)
            steps = len(sigmas) + len(later) - 2
            for step in self._steps(self._velocity(whole, request), Start(latent, sigmas)):
                latent = step.latent
                yield Progress("sampling", step.step, steps)
            place = part_way(latent.expand_as(own), own, LAYER_STRENGTH, request.steps)
            layers = place.latent
            for step in self._steps(self._velocity(alone, request), place):
                layers = step.latent
                yield Progress("sampling", len(sigmas) - 1 + step.step, steps)
            mixed, renders = self._decoded(latent, request), self._decoded(layers, request)  # (1, S), (N, S)
            parts = separate(torch.from_numpy(mixed[0]), torch.from_numpy(renders))
            stems = finished_together(parts.stems.numpy(), mixed[0])
            reports = [
                StemReport(route="coherent", sum_error=parts.sum_error, leakage=leakage)
                for leakage in parts.leakage
            ]
            self._mixed = (key, stems, reports)
        yield Progress("decoding", 1, 1)
        _, stems, reports = self._mixed
        stem = stems[mix.place][:, None]
        rate_hz = self._prompts.config.rate_hz
        yield Sound(stem if request.loop else edged(stem, rate_hz), rate_hz, report=reports[mix.place])

    @torch.inference_mode()
    def expected_s(self, text: str) -> float:
        """How long the model itself would make a clip under this tagged prompt, in seconds."""
        states, mask = self._text.read([text])
        frames = self._prompts.frames(self._prompts.read(states.float(), mask))
        return float(frames[0]) / self._prompts.config.latent_rate_hz

    def _steps(self, velocity: Velocity, place: Start) -> Iterator[Step]:
        """Walks down from a place, its times worked out in one pass over the weights that make them."""
        self._network.prepare_times(timestep_of(place.sigmas[:-1]).tolist())
        yield from in_step(sample(velocity, place.latent, place.sigmas), self._network.device)

    def _velocity(self, prompt: Prompt, request: RenderRequest) -> Velocity:
        """The guided velocity of clips in windows, in a circle where they loop."""
        rate_hz = self._prompts.config.latent_rate_hz
        longest, overlap = round(WINDOW_S * rate_hz), round(OVERLAP_S * rate_hz)
        one = guided(self._network, prompt, request.guidance, self._where)

        def shown(latent: Tensor, sigma: Tensor, _places: Tensor) -> Tensor:
            windows = windows_of(latent.shape[-1], longest=longest, overlap=overlap)
            return blended(lambda window: one(latent[..., window], sigma), windows)  # (n, C, T)

        return in_a_circle(shown, MARGIN_FRAMES) if request.loop else straight(shown)

    def _decoded(self, latent: Tensor, request: RenderRequest) -> Samples:
        """Latents (n, C, T) as samples (n, S) of the clip's length."""
        rate_hz = self._prompts.config.rate_hz
        length = round(request.duration_s * rate_hz)
        if not request.loop:
            return np.asarray(self._codec(latent).cpu().numpy()[:, :length])
        circle = decode_in_a_circle(self._codec, latent).cpu().numpy()
        return np.ascontiguousarray(shortened(circle.T, length, rate_hz).T)

    def _latent_of(self, old: Old) -> Tensor:
        """The latent (1, C, T) of a take: as it was kept, or read out of the sound."""
        if old.latent is not None:
            return torch.from_numpy(old.latent.astype(np.float32))[None].to(self._network.device)
        # Rarely needed and 0.6 G parameters: loaded for this take alone.
        with torch.device("meta"):
            encoder = TokenizerEncoder(encoder_config(self._model.codec_config))
        load_weights(encoder, self._model.codec_weights, prefix="encoder.", dtype=torch.float32)
        mono = torch.from_numpy(old.samples.mean(axis=1))
        missing = -len(mono) % self._prompts.config.samples_per_frame
        latent: Tensor = encoder.eval()(torch.nn.functional.pad(mono, (0, missing))[None])  # (1, C, T)
        return latent.to(self._network.device)

    def _noise(self, seed: int, frames: int) -> Tensor:
        # drawn on the CPU, so that a seed means the same noise on every device
        drawn = torch.Generator().manual_seed(seed)
        shape = (1, self._prompts.config.dit.latent_dim, frames)
        return torch.randn(shape, generator=drawn).to(self._network.device)  # (1, C, T)

    def _listen(self, texts: list[str], unlike: Sequence[str] = ()) -> Prompt:
        """n prompts as the denoiser hears them, kept for the next edit; behind them as many to sound unlike,
        or where these are none or empty, as many empty items."""
        unlike = [words for words in unlike if words]
        assert len(unlike) in (0, len(texts)), (
            "some of the prompts have words to sound unlike, some have none"
        )
        key = (tuple(texts), tuple(unlike))
        if key in self._heard:
            self._heard.move_to_end(key)
            return self._heard[key]
        states, mask = self._text.read([*texts, *unlike])  # (B, L, W), (B, L)
        given = self._prompts.condition(
            self._prompts.read(states.float(), mask), mask, torch.ones_like(mask[:, 0], dtype=torch.int64)
        )
        prompt = self._network.listen(
            given.context,
            given.context_mask,
            given.frame_context[:, :1],
            empty=0 if unlike else len(texts),
        )
        self._heard[key] = prompt
        while len(self._heard) > HEARD:
            self._heard.popitem(last=False)
        return prompt


def _text(request: RenderRequest) -> str:
    return compose_sound(request.view, request.caption, request.transcript).text()


def _unlike(request: RenderRequest) -> str:
    """The words to sound unlike as a prompt; empty: there are none."""
    return f"<|caption|> {', '.join(request.apart_from)}" if request.apart_from else ""


def _plain_db(samples: Samples) -> float:
    """The gain, in dB, that brings a stem under its ceiling."""
    return -max(0.0, peak_db(samples) - STEM_CEILING_DB)


def finished_together(stems: Samples, mix: Samples) -> Samples:
    """Stems (N, S) of one mix (S,), all at one gain, so that they still add up: no peak over −3 dBFS."""
    loudest_db = max(peak_db(stems), peak_db(mix))
    together: Samples = stems * np.float32(gain_of(-max(0.0, loudest_db - STEM_CEILING_DB)))
    return together


def _generator(
    model: PublishedModel, text_dim: int, precision: Precision, device: torch.device
) -> tuple[PromptReader, PreparedDiT]:
    config = AudioGenConfig.from_published(model.generator_config, text_dim=text_dim)
    weights = model.generator_weights
    with torch.device("meta"):
        prompts, shapes = PromptReader(config), DiT(config.dit)
    load_weights(prompts, weights, other_pieces=("backbone.",), dtype=torch.float32)
    fetch = fetch_from(weights, shapes, prefix="backbone.")
    record = cuda_graph if device.type == "cuda" else None
    network = PreparedDiT(config.dit, fetch, precision=precision, device=device, record=record)
    return prompts.to(device).eval(), network


def _check_fit(config: AudioGenConfig, codec: Vocos) -> None:
    """Raises ValueError where this codec does not speak of the generator's latents."""
    found = (codec.config.latent_dim, codec.config.samples_per_frame)
    wanted = (config.dit.latent_dim, config.samples_per_frame)
    if found != wanted:
        raise ValueError(
            "codec: expected {} latent channels and {} samples a frame, as the generator has, "
            "got {} and {}; this codec belongs to another model".format(*wanted, *found)
        )


def _codec(model: PublishedModel, device: torch.device) -> Vocos:
    with torch.device("meta"):
        codec = Vocos(decoder_config(model.codec_config))
    load_weights(codec, model.codec_weights, other_pieces=("encoder.",), dtype=torch.float32)
    # float32 whatever the denoiser's type: an inverse transform of bfloat16 spectra is noise
    return codec.to(device).eval()
