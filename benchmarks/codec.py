"""What the codec keeps of held-out sound: log-mel error of music, roughness of everything, and pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch

from benchmarks.conditions import Wave, rows, spread
from benchmarks.findings import Findings, NotMeasured
from benchmarks.stems import Bench, stem
from engine import checkpoint
from engine.compact_renderer import sizes_of
from engine.evaluation.texture import texture_db
from engine.models.compact import CompactModel
from engine.models.weights import load_weights
from engine.training.losses import FLOOR, SpectralDistance

MUSIC: Final = 31  # clips, where no count is given
TEXTURED: Final = 24  # clips a view
FINE_FLOOR: Final = 1e-4
VIEWS: Final = ("env", "music", "speech")

Reconstruct = Callable[[Wave], Wave]


def codec_of(bench: Bench) -> Reconstruct:
    """Sound (S,) through the codec and back. The encoder is the checkpoint's own, or that of a training run.

    Raises `NotMeasured` where there is neither.
    """
    found = checkpoint.find(bench.model)
    config = sizes_of(found)
    encode: Callable[[torch.Tensor], torch.Tensor]
    decode: Callable[[torch.Tensor, torch.Generator], torch.Tensor]
    if hasattr(CompactModel, "encode"):
        with torch.device("meta"):
            model: Any = CompactModel(config)
        load_weights(model, found.weights, dtype=torch.float32)
        model.eval()
        encode, decode = model.encode, model.decode
    elif bench.run is not None:
        from engine.training.codec import trained_decoder, trained_encoder

        encode, decode = trained_encoder(bench.run, config), trained_decoder(bench.run, config, "texture")
    else:
        raise NotMeasured("the checkpoint has no encoder; --run names the training run that has it")
    frame = config.vocos.samples_per_frame

    @torch.no_grad()
    def reconstruct(audio: Wave) -> Wave:
        whole = len(audio) // frame * frame
        latent = encode(torch.from_numpy(audio[:whole])[None])
        out: Wave = decode(latent, torch.Generator().manual_seed(0))[0].numpy()
        return out[:whole]

    return reconstruct


def measure_codec(bench: Bench) -> Findings:
    """music_mel_l1 and texture_db_error of reconstructions; the latter of generated stems as well."""
    found = Findings()
    reconstruct: Reconstruct | None = None
    try:
        reconstruct = codec_of(bench)
        _music(bench, reconstruct, found)
    except NotMeasured as reason:
        found.missing(str(reason), "music_mel_l1", "music_mel_l1_fine", "texture_db_error")
    try:
        _texture(bench, reconstruct, found)
    except NotMeasured as reason:
        found.missing(str(reason), "texture_db_error", "texture_db_error_generated")
    return found


def _music(bench: Bench, reconstruct: Reconstruct, found: Findings) -> None:
    mel = SpectralDistance(bench.rate_hz).mel
    errors: dict[float, list[float]] = {FLOOR: [], FINE_FLOOR: []}
    for row in spread(rows("music"), bench.count or MUSIC):
        bench.tell(f"reconstruction of {row['label']}")
        wanted = bench.held_out.audio(row)
        ours = reconstruct(wanted)
        with torch.no_grad():
            a, b = (mel(torch.from_numpy(one[: len(ours)])[None]) for one in (ours, wanted))
        for floor, listed in errors.items():
            listed.append(float((torch.log(a + floor) - torch.log(b + floor)).abs().mean()))
    found.values["music_mel_l1"] = round(float(np.mean(errors[FLOOR])), 4)
    found.values["music_mel_l1_fine"] = round(float(np.mean(errors[FINE_FLOOR])), 4)


def _texture(bench: Bench, reconstruct: Reconstruct | None, found: Findings) -> None:
    """By view: the mean roughness of ours less that of the originals; the views' errors are then averaged."""
    errors: dict[str, list[float]] = {"texture_db_error": [], "texture_db_error_generated": []}
    by_view: dict[str, dict[str, float]] = {}
    for view in VIEWS:
        original: list[float] = []
        rebuilt: list[float] = []
        generated: list[float] = []
        for seed, row in enumerate(spread(rows(view), min(bench.count or TEXTURED, TEXTURED))):
            bench.tell(f"texture of {row['label']}")
            audio = bench.held_out.audio(row)
            original.append(texture_db(audio))
            generated.append(texture_db(stem(bench, row, seed)))
            if reconstruct is not None:
                rebuilt.append(texture_db(reconstruct(audio)))
        by_view[view] = {"original": _mean(original), "generated": _mean(generated)}
        errors["texture_db_error_generated"].append(abs(_mean(generated) - _mean(original)))
        if rebuilt:
            by_view[view]["reconstruction"] = _mean(rebuilt)
            errors["texture_db_error"].append(abs(_mean(rebuilt) - _mean(original)))
    for name, listed in errors.items():
        if listed:
            found.values[name] = round(float(np.mean(listed)), 3)
    found.notes["texture_db"] = by_view


def _mean(numbers: list[float]) -> float:
    return round(float(np.nanmean(numbers)), 3)
