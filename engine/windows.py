"""Long clips in windows: at every step each window is denoised on its own, and where two meet they blend.

The network hears windows as long as the clips it learned from, whatever the clip's length, and the cost
grows with the length, not with its square. The idea is MultiDiffusion's (Bar-Tal et al., arXiv 2302.08113).

Letters: B batch, C latent channels, T latent frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def windows_of(frames: int, *, longest: int, overlap: int) -> list[slice]:
    """The fewest windows of equal length that cover all frames, each sharing `overlap` or more with the next.

    Raises ValueError where the windows are not longer than what they share.
    """
    if longest <= overlap:
        raise ValueError(f"longest: expected more than overlap {overlap}, got {longest}")
    if frames <= longest:
        return [slice(0, frames)]
    count = 1 + -(-(frames - longest) // (longest - overlap))
    starts = [round(number * (frames - longest) / (count - 1)) for number in range(count)]
    return [slice(start, start + longest) for start in starts]


def blended(part: Callable[[slice], Tensor], windows: Sequence[slice]) -> Tensor:
    """What `part` answers for every window (B, C, W) as one (B, C, T), cross-faded where windows meet."""
    if len(windows) == 1:
        return part(windows[0])
    frames = windows[-1].stop
    total: Tensor | None = None
    weights = torch.zeros(frames)
    for window in windows:
        length = window.stop - window.start
        ramp = torch.minimum(torch.arange(1, length + 1), torch.arange(length, 0, -1)).float()  # (length,)
        piece = part(window)  # (B, C, length)
        if total is None:
            total = piece.new_zeros((*piece.shape[:2], frames))
        total[..., window] += piece * ramp.to(piece)
        weights[window] += ramp
    assert total is not None, "there is at least one window"
    return total / weights.to(total)  # (B, C, T)
