"""Stage `latents`: the corpus through the encoder, once, and the axes that the generator works on.

The codec's channels are turned to their principal axes and half whitened: what carries more of the sound
stays louder, but nothing is so faint that the flow ignores it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.models.compact import CompactConfig
from engine.models.vocos import Vocos
from engine.training.clips import VIEWS, Clips
from engine.training.codec import trained_encoder

AXES = "latent_axes.npz"


def encode_corpus(run: Path, clips: Clips, config: CompactConfig) -> None:
    """Writes `latents_<view>.npy` (N, T, C) float16 on the generator's axes, and the axes."""
    if (run / AXES).exists():
        return
    encoder = trained_encoder(run, config)
    encoded: dict[str, NDArray[np.float32]] = {}
    for view in VIEWS:
        rows = []
        for start in range(0, clips.count(view), 16):
            stop = min(start + 16, clips.count(view))
            audio = np.stack([clips.audio(view, number) for number in range(start, stop)])
            with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
                rows.append(encoder(torch.from_numpy(audio)).transpose(1, 2).numpy())  # (16, T, C)
        encoded[view] = np.concatenate(rows)
        print(f"encoded {clips.count(view)} clips of {view}", flush=True)
    sample = np.concatenate([encoded[view][::3].reshape(-1, config.vocos.latent_dim) for view in VIEWS])
    # About zero, not about the mean (which is nearly zero): a turn without a shift folds into the decoder.
    values, vectors = np.linalg.eigh(sample.T @ sample / len(sample))
    values, vectors = values[::-1].copy(), vectors[:, ::-1].copy()
    scale = np.maximum(values, 1e-6) ** 0.25  # half whitening
    scale *= np.sqrt(np.mean(values / scale**2))  # and a mean square of 1
    for view in VIEWS:
        turned = encoded[view] @ vectors / scale
        np.save(run / f"latents_{view}.npy", turned.astype(np.float16))
    np.savez(run / AXES, vectors=vectors, scale=scale, values=values)


def turn_decoder(decoder: Vocos, run: Path) -> None:
    """Folds the way back from the generator's axes into the decoder's first layer, in place.

    codec = vectors · (scale · latent), and the upsampler is linear.
    """
    axes = np.load(run / AXES)
    back = torch.from_numpy((axes["vectors"] * axes["scale"]).astype(np.float32))  # (codec C, latent C)
    with torch.no_grad():
        turned = torch.einsum("ij,iok->jok", back, decoder.upsampler.weight)  # (latent C, C', upsample)
        decoder.upsampler.weight.copy_(turned)
