"""Stages `codec` and `texture`: the encoder and decoder, then the decoder's noise.

`codec` learns to reconstruct under a spectral distance that does not see phase, with noise on the latent
so that near latents sound alike, and to name in it what is heard: class and phonemes are read from single
frames by one linear map, so that what a sound means lies in the latent beside how it sounds. `texture`
keeps the encoder, and teaches the decoder to draw noise (energy distance): a spectral distance alone makes
rain too smooth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from engine.models.codec_encoder import CodecEncoder
from engine.models.compact import CompactConfig
from engine.models.vocos import ConvNeXt, Vocos
from engine.precision import mixed
from engine.training.averaging import averaged
from engine.training.clips import Clips
from engine.training.losses import SpectralDistance, energy_distance
from engine.training.meaning import Labels, Meaning
from engine.training.optimisers import Optimisers
from engine.training.progress import Stage, part_of_run

CROP_FRAMES: Final = 25  # latent frames: one second
BATCH: Final = 16
MIX: Final = {"env": 0.2, "sfx": 0.25, "music": 0.35, "speech": 0.2}
LATENT_NOISE: Final = 0.06  # mean; drawn per item between 0 and twice this
SPREAD: Final = 1.0  # weight of `correlation`
MEANING: Final = 0.1  # weight of the named class and phonemes
QUIET_RMS: Final = 2e-3


def train_codec(run: Path, clips: Clips, config: CompactConfig, steps: int, seed: int) -> None:
    """Trains encoder and decoder."""
    torch.manual_seed(seed)
    encoder, decoder = CodecEncoder(config.vocos, config.rate_hz), Vocos(config.vocos)
    decoder.initialise_for_training()
    measure = SpectralDistance(config.rate_hz)
    labels = Labels(clips, config)
    meaning = Meaning(config.vocos.latent_dim, len(labels.numbers), config.frame.phonemes)
    optimisers = Optimisers(
        [encoder, decoder, meaning],
        [one for network in (encoder, decoder) for one in network.modules() if isinstance(one, ConvNeXt)],
        steps, muon_rate=0.01, adam_rate=1e-3, betas=(0.8, 0.99), longest=2.0,
    )  # fmt: skip
    mean_encoder, mean_decoder = averaged(encoder), averaged(decoder)
    parts = {
        "encoder": encoder, "decoder": decoder, "meaning": meaning,
        "mean_encoder": mean_encoder, "mean_decoder": mean_decoder, **optimisers.parts(),
    }  # fmt: skip
    stage = Stage(run, "codec", steps, parts)
    for step in stage:
        audio, pieces = crops(clips, np.random.default_rng([seed, step]), config)
        with mixed():
            clean = encoder(audio)  # (B, C, T)
            latent = clean + torch.randn_like(clean) * 2 * LATENT_NOISE * torch.rand(len(clean), 1, 1)
            ours = decoder(latent)  # (B, S)
        distance = measure(ours, audio)
        named = meaning(clean, labels.heard(pieces, CROP_FRAMES))
        optimisers.step(distance.total().mean() + SPREAD * correlation(clean) + MEANING * named)
        mean_encoder.update_parameters(encoder)
        mean_decoder.update_parameters(decoder)
        if step % 50 == 49:
            stage.log(
                log=distance.log.mean().item(),
                convergence=distance.convergence.mean().item(),
                mel=distance.mel.mean().item(),
                correlation=correlation(clean).item(),
                named=named.item(),
            )


def train_texture(run: Path, clips: Clips, config: CompactConfig, steps: int, seed: int) -> None:
    """Goes on with the decoder alone; the latents stay what they are, so the generator is not touched."""
    torch.manual_seed(seed + 1)
    encoder = trained_encoder(run, config)
    decoder = trained_decoder(run, config, "codec")
    measure = SpectralDistance(config.rate_hz)
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=4e-4, betas=(0.8, 0.99), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=5e-4, total_steps=steps + 1, pct_start=0.05, cycle_momentum=False,
        final_div_factor=4.0,
    )  # fmt: skip
    mean_decoder = averaged(decoder)
    parts = {
        "decoder": decoder, "optimiser": optimiser, "schedule": schedule, "mean_decoder": mean_decoder,
    }  # fmt: skip
    stage = Stage(run, "texture", steps, parts)
    for step in stage:
        audio = crops(clips, np.random.default_rng([seed + 1, step]), config)[0][:12]
        with torch.no_grad(), mixed():
            latent = encoder(audio)
        latent = latent + torch.randn_like(latent) * 0.1 * torch.rand(len(latent), 1, 1)
        with mixed():
            first, second = decoder(latent.repeat(2, 1, 1)).chunk(2)  # two draws of the noise
        loss = energy_distance(measure, first, second, audio).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 2.0)
        optimiser.step()
        schedule.step()
        mean_decoder.update_parameters(decoder)
        if step % 50 == 49:
            stage.log(energy_distance=loss.item())


def trained_encoder(run: Path, config: CompactConfig) -> CodecEncoder:
    """The averaged encoder of the stage `codec`, in evaluation mode."""
    encoder = CodecEncoder(config.vocos, config.rate_hz)
    mean = averaged(encoder)
    mean.load_state_dict(part_of_run(run, "codec", "mean_encoder"))
    found = mean.module
    assert isinstance(found, CodecEncoder)
    # The averaged copy was never run itself: its statistics are those of the network it follows.
    trained = part_of_run(run, "codec", "encoder")
    found.unit.load_state_dict(
        {name.removeprefix("unit."): value for name, value in trained.items() if name.startswith("unit.")}
    )
    return found.eval()


def trained_decoder(run: Path, config: CompactConfig, stage: str) -> Vocos:
    """The averaged decoder of the stage `codec` or `texture`."""
    decoder = Vocos(config.vocos)
    mean = averaged(decoder)
    mean.load_state_dict(part_of_run(run, stage, "mean_decoder"))
    found = mean.module
    assert isinstance(found, Vocos)
    return found


def correlation(latent: Tensor) -> Tensor:
    """How much the channels of unit variance (B, C, T) repeat each other: mean over channels of the summed
    squares of their correlations with the others.

    Without it the encoder says the same few things in many channels, because that outwits the noise: all
    but half a dozen of 32 were copies. The term is that of VICReg (Bardes et al., arXiv 2105.04906).
    """
    rows = latent.float().transpose(1, 2).flatten(0, 1)  # (B·T, C)
    rows = rows - rows.mean(0)
    covariance = rows.T @ rows / len(rows)  # (C, C)
    others = covariance - torch.diag(covariance.diagonal())
    return others.square().sum() / latent.shape[1]


def crops(
    clips: Clips, rng: np.random.Generator, config: CompactConfig
) -> tuple[Tensor, list[tuple[str, int, int]]]:
    """A batch of one-second pieces (B, S), float32, and of each its view, clip and first latent frame.

    Nearly silent ones are drawn again up to three times.
    """
    hop = config.vocos.samples_per_frame
    samples = CROP_FRAMES * hop
    batch = np.empty((BATCH, samples), dtype=np.float32)
    pieces = []
    for row, view in enumerate(rng.choice(list(MIX), size=BATCH, p=list(MIX.values()))):
        for _ in range(4):
            number = int(rng.integers(clips.count(str(view))))
            audio = clips.audio(str(view), number)
            first = int(rng.integers(len(audio) // hop - CROP_FRAMES + 1))
            batch[row] = audio[first * hop : first * hop + samples]
            if np.sqrt(np.mean(batch[row] ** 2)) >= QUIET_RMS:
                break
        pieces.append((str(view), number, first))
    return torch.from_numpy(batch), pieces
