"""The published model as a renderer: one request in, progress and a stem out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from torch import Tensor

from engine.audio import STEM_CEILING_DB, Samples, gain_of, peak_db
from engine.checkpoint import Checkpoint, Variant
from engine.guidance import EVERYWHERE, GuidedRange, guided
from engine.models.audiogen import AudioGenConfig, PromptReader, decoder_config
from engine.models.dit import DiT
from engine.models.packed_linear import Precision
from engine.models.prepared_dit import PreparedDiT, Prompt
from engine.models.vocos import Vocos
from engine.models.weights import WeightsError, fetch_from, load_weights
from engine.precision import fastest_precision
from engine.published import PublishedModel, open_published
from engine.published_memory import check_before_loading
from engine.renderer import Old, Progress, Sound
from engine.sampling import Velocity, sample, sway_sigmas, timestep_of
from engine.text_reader import TextReader
from engine.windows import blended, windows_of
from scene_schema.errors import Refused
from scene_schema.prompt import compose_sound
from scene_schema.rendering import RenderRequest

WINDOW_S: Final = 10.0  # the network learned from clips of this length; longer ones are made of windows
OVERLAP_S: Final = 3.0
EDGE_S: Final = 0.002  # fade at both ends of a clip: no click, and too short to soften an attack at 0 s
HEARD: Final = 32  # prompts whose keys and values are kept

VARIANTS: Final[dict[Variant, tuple[Precision | None, GuidedRange]]] = {
    "": (None, EVERYWHERE),
    "int8": ("int8", EVERYWHERE),
    "fast": ("int8", GuidedRange(0.3, 0.9)),
}
"""The number type of the denoiser's products, and the noise levels that are guided."""


class AudioGenRenderer:
    """A loaded published model on one device."""

    def __init__(
        self,
        found: Checkpoint,
        text: TextReader,
        prompts: PromptReader,
        network: PreparedDiT,
        codec: Vocos,
        where: GuidedRange = EVERYWHERE,
    ) -> None:
        self.capabilities = found.capabilities
        self.device = network.device.type
        self._text = text
        self._prompts = prompts
        self._network = network
        self._codec = codec
        self._heard: OrderedDict[tuple[str, ...], Prompt] = OrderedDict()
        self._where = where

    @classmethod
    def load(cls, found: Checkpoint, *, threads: int) -> AudioGenRenderer:
        """Reads the weights. Raises `Refused` (`model_failed`) where they are not the right ones.

        `threads` on a CPU; 0 leaves torch's own choice. The denoiser multiplies in the fastest type of this
        machine that rounds no weights, or as the model's variant says; all else is float32.
        """
        if threads:
            torch.set_num_threads(threads)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        rounded, where = VARIANTS[found.variant]
        native = device.type == "cuda" or fastest_precision() is torch.bfloat16
        precision: Precision = rounded or ("bfloat16" if native else "float32")
        model = open_published(found.folder)
        free_bytes = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
        check_before_loading(model, precision, gpu_free_bytes=free_bytes)
        text = TextReader.load(model.text_encoder, max_tokens=model.generator_config["tokenizer_max_length"])
        try:
            prompts, network = _generator(model, text.text_dim, precision, device)
            codec = _codec(model, device)
            _check_fit(prompts.config, codec)
        except (WeightsError, ValueError) as error:
            raise Refused(
                "model_failed", str(error), remedy=f"See what is there: stemscape models info {found.folder}"
            ) from error
        steps = {found.capabilities.steps, found.capabilities.draft_steps or found.capabilities.steps}
        for number in steps:
            network.prepare_times(timestep_of(sway_sigmas(number)[:-1]).tolist())
        return cls(found, text, prompts, network, codec, where)

    @torch.inference_mode()
    def render(self, request: RenderRequest, old: Old | None = None) -> Iterator[Progress | Sound]:
        """Yields progress after every step, then the stem."""
        text = compose_sound(request.view, request.caption, request.transcript).text()
        prompt = self._listen(text)
        yield Progress("text", 1, 1)

        config = self._prompts.config
        frames = round(request.duration_s * config.latent_rate_hz + 0.499)
        latent = self._noise(request.seed, frames)  # (1, C, T)
        velocity = self._velocity(prompt, request.guidance, frames)
        for step in sample(velocity, latent, sway_sigmas(request.steps)):
            latent = step.latent
            yield Progress("sampling", step.step, step.steps)

        samples = self._codec(latent)[0].cpu().numpy()  # (S,)
        yield Progress("decoding", 1, 1)
        length = round(request.duration_s * config.rate_hz)
        yield Sound(finished(samples[:length], config.rate_hz), config.rate_hz)

    @torch.inference_mode()
    def expected_s(self, text: str) -> float:
        """How long the model itself would make a clip under this tagged prompt, in seconds."""
        states, mask = self._text.read([text])
        frames = self._prompts.frames(self._prompts.read(states.float(), mask))
        return float(frames[0]) / self._prompts.config.latent_rate_hz

    def _velocity(self, prompt: Prompt, guidance: float, frames: int) -> Velocity:
        rate_hz = self._prompts.config.latent_rate_hz
        windows = windows_of(frames, longest=round(WINDOW_S * rate_hz), overlap=round(OVERLAP_S * rate_hz))
        one = guided(self._network, prompt, guidance, self._where)

        def velocity(latent: Tensor, sigma: Tensor) -> Tensor:
            return blended(lambda window: one(latent[..., window], sigma), windows)  # (1, C, T)

        return velocity

    def _noise(self, seed: int, frames: int) -> Tensor:
        # drawn on the CPU, so that a seed means the same noise on every device
        drawn = torch.Generator().manual_seed(seed)
        shape = (1, self._prompts.config.dit.latent_dim, frames)
        return torch.randn(shape, generator=drawn).to(self._network.device)  # (1, C, T)

    def _listen(self, *texts: str) -> Prompt:
        """Prompts as the denoiser hears them, kept for the next edit; each with an empty item beside it."""
        if texts in self._heard:
            self._heard.move_to_end(texts)
            return self._heard[texts]
        states, mask = self._text.read(list(texts))  # (B, L, W), (B, L)
        given = self._prompts.condition(
            self._prompts.read(states.float(), mask), mask, torch.ones(len(texts), dtype=torch.int64)
        )
        prompt = self._network.listen(
            given.context, given.context_mask, given.frame_context[:, :1], empty=len(texts)
        )
        self._heard[texts] = prompt
        while len(self._heard) > HEARD:
            self._heard.popitem(last=False)
        return prompt


def finished(samples: Samples, rate_hz: int) -> Samples:
    """Samples (S,) at the level that the model gave them, edges faded, peak at most −3 dBFS: (S, 1)."""
    edge = round(EDGE_S * rate_hz)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)).astype(np.float32)
    over_db = max(0.0, peak_db(samples) - STEM_CEILING_DB)
    out: Samples = samples * np.float32(gain_of(-over_db))
    out[:edge] *= ramp
    out[-edge:] *= ramp[::-1]
    return out[:, None]


def _generator(
    model: PublishedModel, text_dim: int, precision: Precision, device: torch.device
) -> tuple[PromptReader, PreparedDiT]:
    config = AudioGenConfig.from_published(model.generator_config, text_dim=text_dim)
    weights = model.generator_weights
    with torch.device("meta"):
        prompts, shapes = PromptReader(config), DiT(config.dit)
    load_weights(prompts, weights, other_pieces=("backbone.",), dtype=torch.float32)
    fetch = fetch_from(weights, shapes, prefix="backbone.")
    return prompts.eval(), PreparedDiT(config.dit, fetch, precision=precision, device=device)


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
