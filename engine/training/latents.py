"""Stage `latents`: the corpus through the encoder, once, and the axes that the generator works on.

The codec's channels are turned to their principal axes and half whitened: what carries more of the sound
stays louder, but nothing is so faint that the flow ignores it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from engine.models.codec_encoder import CodecEncoder
from engine.models.compact import CompactConfig
from engine.models.vocos import Vocos
from engine.precision import mixed
from engine.training.clips import VIEWS, Clips
from engine.training.codec import trained_encoder

AXES: Final = "latent_axes.npz"
BATCH_S: Final = 80.0  # of sound encoded at a time


def encode_corpora(run: Path, corpora: dict[str, Clips], config: CompactConfig) -> None:
    """Writes `latents_<corpus>_<view>.npy` (N, T, C) float16 on the generator's axes, and the axes.

    The axes are those of the first corpus.
    """
    encoder = trained_encoder(run, config)
    for name, clips in corpora.items():
        missing = [view for view in clips.arrays if not latents_file(run, name, view).exists()]
        raw = {view: encoded(encoder, clips, view, config) for view in missing}
        if not (run / AXES).exists():
            write_axes(run, raw)
        for view, values in raw.items():
            np.save(latents_file(run, name, view), turned(values, run))


def latents_file(run: Path, corpus: str, view: str) -> Path:
    """Where the latents of one view of a corpus lie."""
    return run / f"latents_{corpus}_{view}.npy"


def encoded(encoder: CodecEncoder, clips: Clips, view: str, config: CompactConfig) -> NDArray[np.float16]:
    """All clips of a view on the codec's own channels: (N, T, C)."""
    count = clips.count(view)
    size = max(1, round(BATCH_S * config.rate_hz / clips.samples(view)))
    rows = []
    for start in track(range(0, count, size), description=f"encode {view}"):
        audio = np.stack([clips.audio(view, number) for number in range(start, min(start + size, count))])
        with torch.no_grad(), mixed():
            rows.append(encoder(torch.from_numpy(audio)).transpose(1, 2).numpy().astype(np.float16))
    return np.concatenate(rows)


def write_axes(run: Path, raw: dict[str, NDArray[np.float16]]) -> None:
    """Principal axes (C, C) and scales (C,) of latents on the codec's channels."""
    dim = raw[VIEWS[0]].shape[-1]
    sample = np.concatenate([raw[view][::3].reshape(-1, dim) for view in VIEWS]).astype(np.float32)
    # About zero, not about the mean (which is nearly zero): a turn without a shift folds into the decoder.
    values, vectors = np.linalg.eigh(sample.T @ sample / len(sample))
    values, vectors = values[::-1].copy(), vectors[:, ::-1].copy()
    scale = np.maximum(values, 1e-6) ** 0.25  # half whitening
    scale *= np.sqrt(np.mean(values / scale**2))  # and a mean square of 1
    np.savez(run / AXES, vectors=vectors, scale=scale, values=values)


def turned(raw: NDArray[np.float16], run: Path) -> NDArray[np.float16]:
    """From the codec's channels to the generator's axes."""
    axes = np.load(run / AXES)
    out: NDArray[np.float16] = (raw.astype(np.float32) @ axes["vectors"] / axes["scale"]).astype(np.float16)
    return out


def turn_decoder(decoder: Vocos, run: Path) -> None:
    """Folds the way back from the generator's axes into the decoder's first layer, in place.

    codec = vectors · (scale · latent), and the upsampler is linear.
    """
    axes = np.load(run / AXES)
    back = torch.from_numpy((axes["vectors"] * axes["scale"]).astype(np.float32))  # (codec C, latent C)
    with torch.no_grad():
        turned_weight = torch.einsum(
            "ij,iok->jok", back, decoder.upsampler.weight
        )  # (latent C, C', upsample)
        decoder.upsampler.weight.copy_(turned_weight)


def axes_of(run: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Principal axes (C, C) and scales (C,), for the encoder that ships."""
    axes = np.load(run / AXES)
    return torch.from_numpy(axes["vectors"].astype(np.float32)), torch.from_numpy(
        axes["scale"].astype(np.float32)
    )
