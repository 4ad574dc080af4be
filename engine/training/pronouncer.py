"""Stages `pronouncer` and `durations`: letters to phonemes from a word list, phonemes to seconds."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.models.compact import CompactConfig
from engine.models.pronouncer import PLACES, Durations, Pronouncer, letters_of
from engine.training.clips import Clips
from engine.training.progress import Stage, part_of_run

BATCH: Final = 64
HELD_OUT: Final = 20  # every twentieth word is never trained on


def train_pronouncer(run: Path, words_file: Path, config: CompactConfig, steps: int, seed: int) -> None:
    """Connectionist temporal classification over a list of words with their phonemes."""
    torch.manual_seed(seed + 3)
    words = read_words(words_file, config)
    trained = [word for index, word in enumerate(words) if index % HELD_OUT]
    held_out = [word for index, word in enumerate(words) if index % HELD_OUT == 0]
    network = Pronouncer(config.pronouncer)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=2e-3, total_steps=steps + 1, cycle_momentum=False
    )
    parts = {"network": network, "optimiser": optimiser, "schedule": schedule}
    stage = Stage(run, "pronouncer", steps, parts)
    for step in stage:
        rng = np.random.default_rng([seed + 3, step])
        chosen = [trained[index] for index in rng.integers(len(trained), size=BATCH)]
        letters = nn.utils.rnn.pad_sequence([letters for letters, _ in chosen], batch_first=True)
        targets = [torch.tensor(phonemes) for _, phonemes in chosen]
        loss = F.ctc_loss(
            network(letters).transpose(0, 1),
            torch.cat(targets),
            torch.tensor([PLACES * len(letters) for letters, _ in chosen]),
            torch.tensor([len(target) for target in targets]),
            zero_infinity=True,
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            stage.log(ctc=loss.item())
        if step == steps - 1:
            stage.log(held_out_phoneme_errors=phoneme_error_rate(network, held_out[:1000]))


def train_durations(run: Path, clips: Clips, config: CompactConfig, steps: int, seed: int) -> None:
    """Log-seconds of each phoneme in its sentence, given the sentence's mean."""
    torch.manual_seed(seed + 4)
    sentences = [one for about in clips.about["speech"] if (one := sentence_of(about, config)) is not None]
    network = Durations(config.pronouncer)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=2e-3, total_steps=steps + 1, cycle_momentum=False
    )
    parts = {"network": network, "optimiser": optimiser, "schedule": schedule}
    stage = Stage(run, "durations", steps, parts)
    for step in stage:
        rng = np.random.default_rng([seed + 4, step])
        chosen = [sentences[index] for index in rng.integers(len(sentences), size=32)]
        phonemes, starts, seconds = (
            nn.utils.rnn.pad_sequence([one[column] for one in chosen], batch_first=True)
            for column in range(3)
        )
        mask = phonemes != 0
        pace = torch.stack([one[2].mean().log() for one in chosen])
        predicted = network(phonemes, starts, pace, mask)
        loss = (predicted - seconds.clamp(min=0.01).log())[mask].abs().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            stage.log(log_seconds_error=loss.item())


def trained_pronouncer(run: Path, config: CompactConfig) -> Pronouncer:
    network = Pronouncer(config.pronouncer)
    network.load_state_dict(part_of_run(run, "pronouncer", "network"))
    return network.eval()


def trained_durations(run: Path, config: CompactConfig) -> Durations:
    network = Durations(config.pronouncer)
    network.load_state_dict(part_of_run(run, "durations", "network"))
    return network.eval()


def read_words(path: Path, config: CompactConfig) -> list[tuple[Tensor, list[int]]]:
    """Words whose phonemes fit on their letters, as letter and phoneme numbers."""
    number_of = config.phoneme_numbers
    words = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        letters = letters_of(row["word"])
        phonemes = [number_of[symbol] for symbol in row["phonemes"] if symbol in number_of]
        repeats = sum(a == b for a, b in itertools.pairwise(phonemes))
        if phonemes and len(phonemes) + repeats <= PLACES * len(letters):
            words.append((letters, phonemes))
    return words


def sentence_of(about: dict[str, Any], config: CompactConfig) -> tuple[Tensor, Tensor, Tensor] | None:
    """Phoneme numbers, word starts and seconds of one clip; None where it has too few phonemes."""
    number_of = config.phoneme_numbers
    starts_of_words = set(about["word_starts"])
    rows = [
        (number_of[symbol], int(index in starts_of_words), end_s - start_s)
        for index, (symbol, start_s, end_s) in enumerate(about["phonemes"])
        if symbol in number_of
    ]
    if len(rows) < 3:
        return None
    numbers, starts, seconds = zip(*rows, strict=True)
    return torch.tensor(numbers), torch.tensor(starts), torch.tensor(seconds)


@torch.no_grad()
def phoneme_error_rate(network: Pronouncer, words: list[tuple[Tensor, list[int]]]) -> float:
    """Edits between the network's phonemes and the right ones, over the number of right ones."""
    network.eval()
    edits = total = 0
    for letters, phonemes in words:
        path = network(letters[None])[0].argmax(-1)
        merged = torch.unique_consecutive(path)
        edits += distance(merged[merged != 0].tolist(), phonemes)
        total += len(phonemes)
    network.train()
    return edits / total


def distance(found: list[int], right: list[int]) -> int:
    """Levenshtein distance."""
    row = list(range(len(right) + 1))
    for i, one in enumerate(found, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(right, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]
