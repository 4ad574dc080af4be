"""Stage `export`: the trained parts as one checkpoint folder, `model.json` and `weights.safetensors`.

Stage `export_ear` adds the ear in a file of its own, and leaves the weights as they are.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.checkpoint import DESCRIPTION, EAR, WEIGHTS, files_sha256
from engine.models.compact import CompactConfig, CompactModel
from engine.models.weights import is_derived
from engine.training.clips import Clips
from engine.training.codec import trained_decoder, trained_encoder
from engine.training.corpus.captions import plain_name
from engine.training.ear import trained_ear
from engine.training.generator import trained_generator
from engine.training.latents import axes_of, turn_decoder
from engine.training.meaning import Labels
from engine.training.meant import trained_meant
from engine.training.progress import has_state
from engine.training.pronouncer import trained_durations, trained_pronouncer
from engine.training.vocabulary import vocabulary_of
from scene_schema.capabilities import Capabilities
from scene_schema.scene import View

VIEWS: list[View] = ["caption", "speech", "asr", "sfx", "music", "env"]


def export(run: Path, clips: Clips, config: CompactConfig, folder: Path) -> None:
    """Writes the folder. Weights are stored as float16 and computed with in float32."""
    model = CompactModel(config)
    model.generator = trained_generator(run, config)
    model.encoder = trained_encoder(run, config)
    vectors, scale = axes_of(run)
    model.turn.weight = torch.nn.Parameter(vectors.T / scale[:, None])
    # A run that began with a finished checkpoint may have left the decoder as it was.
    textured = has_state(run, "texture")
    model.codec = trained_decoder(run, config, "texture" if textured else "codec")
    turn_decoder(model.codec, run)
    model.pronouncer = trained_pronouncer(run, config)
    model.durations = trained_durations(run, config)

    folder.mkdir(parents=True, exist_ok=True)
    save_file(halved(model.state_dict()), folder / WEIGHTS, metadata={"format": "pt"})
    extras = {
        "usual_phoneme_s": usual_phoneme_s(clips),
        "lexicon": lexicon(clips, config),
        "vocabulary": " ".join(vocabulary_of(run).words),
    }
    capabilities = Capabilities(
        name="compact",
        title="Compact v2: 24 kHz mono, trained on rendered sound",
        weights_sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
        rate_hz=config.rate_hz,
        channels=1,
        latent_rate_hz=config.latent_rate_hz,
        shortest_s=0.5,
        longest_s=30.0,
        views=VIEWS,
        transcript=True,
        cues=True,
        tempo=True,
        chords=True,
        region=True,
        continuation=True,
        variation=True,
        loop=True,
        steps=8,
        draft_steps=3,
        guidance=2.5,
    )
    description = {
        "architecture": "compact",
        "capabilities": capabilities.model_dump(),
        "config": config.as_data() | extras,
    }
    write_description(folder, description)


def export_ear(run: Path, clips: Clips, config: CompactConfig, folder: Path) -> None:
    """Writes the ear beside the weights of a folder, and describes the two together."""
    names = list(Labels(clips, config).numbers)
    ear = trained_ear(run, config, len(names))
    ear.meant = trained_meant(run, config, len(names))
    save_file(halved(ear.state_dict()), folder / EAR, metadata={"format": "pt"})
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    description["config"]["ear"] = names
    description["config"]["plain_names"] = [plain_name(name) for name in names]
    files = {name: folder / name for name in (WEIGHTS, EAR)}
    description["capabilities"]["weights_sha256"] = files_sha256(files)
    write_description(folder, description)


def halved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as a file has them: floating-point ones in float16; what follows from sizes is left out."""
    return {
        name: (value.to(torch.float16) if value.is_floating_point() else value).contiguous()
        for name, value in state.items()
        if not is_derived(name)
    }


def write_description(folder: Path, description: dict[str, Any]) -> None:
    """`model.json`."""
    text = json.dumps(description, ensure_ascii=False, separators=(",", ":")) + "\n"
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")


def usual_phoneme_s(clips: Clips) -> float:
    """How long a phoneme lasts: the median over clips of each clip's mean, in seconds."""
    means = [
        statistics.fmean(end_s - start_s for _, start_s, end_s in about["phonemes"])
        for about in clips.about["speech"]
        if about["phonemes"]
    ]
    return round(statistics.median(means), 4)


def lexicon(clips: Clips, config: CompactConfig) -> dict[str, list[int]]:
    """Phoneme numbers of the corpus's own words as they sound in a sentence ("a" is a schwa there)."""
    number_of = config.phoneme_numbers
    heard: dict[str, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for about in clips.about["speech"]:
        bounds = [*about["word_starts"], len(about["phonemes"])]
        for word, start, stop in zip(about["words"], bounds, bounds[1:], strict=False):
            spoken = [symbol for symbol, _, _ in about["phonemes"][start:stop] if symbol in number_of]
            if word.isalpha() and spoken:  # a run of words that were merged has a space in it
                heard[word.lower()][tuple(number_of[symbol] for symbol in spoken)] += 1
    return {word: list(forms.most_common(1)[0][0]) for word, forms in sorted(heard.items())}
