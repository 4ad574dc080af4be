"""Stems out of a mix by soft masks that sum to one, so that the stems sum to the mix. Pure torch.

The masks come from renders of each layer alone, which sound like the layers but not like this mix: in every
bin of the mix's spectrum each layer gets the share that its own render has of all renders' power there (the
generalised Wiener filter; Liutkus and Badeau, ICASSP 2015).
Letters: N layers, S samples, F frequency bins, U spectral frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

N_FFT: Final = 1024  # 64 ms at 16 kHz: partials apart, onsets not smeared much
HOP: Final = 256
FLOOR: Final = 1e-8  # of power beside the loudest bin: where no layer sounds, all share alike
SILENT: Final = 1e-12  # of power: what the loudest bin counts as at least, so that silence shares alike too


@dataclass(frozen=True)
class Separated:
    """The stems of a mix, and how well they are told apart."""

    stems: Tensor  # (N, S)
    sum_error: float
    """The largest difference between the stems' sum and the mix, of full scale."""
    leakage: list[float]
    """A layer: the share of its stem's power that lies where another layer's own render is the loudest."""


def separate(mix: Tensor, renders: Tensor) -> Separated:
    """The stems of `mix` (S,), one for each of `renders` (N, S), the layers alone."""
    samples = mix.shape[-1]
    window = torch.hann_window(N_FFT, device=mix.device)

    def spectrum(audio: Tensor) -> Tensor:
        # centred and padded with zeros, which a render shorter than a window allows too
        return torch.stft(audio, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True)

    whole = spectrum(mix)  # (F, U)
    power = spectrum(renders).abs().square()  # (N, F, U)
    power = power + FLOOR * power.amax().clamp_min(SILENT)
    masks = power / power.sum(dim=0)  # (N, F, U), summing to one
    parts = masks * whole  # (N, F, U)
    stems = torch.istft(parts, N_FFT, HOP, window=window, length=samples)  # (N, S)
    others = power.argmax(dim=0)[None] != torch.arange(len(power), device=mix.device)[:, None, None]
    heard = parts.abs().square()  # (N, F, U)
    total = heard.sum(dim=(1, 2)).clamp_min(torch.finfo(heard.dtype).tiny)  # (N,)
    leakage = (heard * others).sum(dim=(1, 2)) / total  # (N,)
    return Separated(stems, float((stems.sum(dim=0) - mix).abs().max()), leakage.tolist())
