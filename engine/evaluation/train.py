"""`python -m engine.evaluation.train --corpus DIR --run DIR`: trains what the benchmarks judge with.

Three small networks (`judge`: classes, `phonemes`, `beats`) learn from corpus audio alone, and `calibration`
notes how the detectors read the corpus's own clips. Stop it whenever you like; the same command goes on
where it was.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.evaluation.artefact import store
from engine.evaluation.calibration import FILE, Calibration, EnvReading, SfxReading, calibrated
from engine.evaluation.judge import RATE_HZ, Judge
from engine.evaluation.level import drift_db
from engine.evaluation.onsets import match_cues, rises_db
from engine.evaluation.phonemes import SILENCE, PhonemeReader, frame_labels
from engine.evaluation.tempo import BeatReader, phase_track
from engine.precision import mixed
from engine.training.corpus.phonemes import INVENTORY
from engine.training.progress import Stage

JUDGED: Final = {"env": 0.34, "sfx": 0.42, "music": 0.2, "speech": 0.04}
VOICE: Final = "voice"  # all speech is one class to the judge
STEPS: Final = {"judge": 9000, "phonemes": 2500, "beats": 4000}
CROP_S: Final = 4.0
SINGLE: Final = 20  # clips of a batch that sound alone
MIXED: Final = 12  # and that have another view's clip mixed in
CALIBRATED_CLIPS: Final = 16  # a class


@dataclass(frozen=True)
class Shelf:
    """One view of a corpus: a dict a clip, and the sound, read as it is needed."""

    about: list[dict[str, Any]]
    audio: NDArray[np.int16]

    def sound(self, number: int) -> NDArray[np.float32]:
        """Samples (S,), full scale ±1."""
        out: NDArray[np.float32] = self.audio[number].astype(np.float32) / 32768.0
        return out


def shelf(corpus: Path, view: str) -> Shelf:
    """A view of the corpus. Raises FileNotFoundError where it was not rendered."""
    lines = (corpus / f"{view}.jsonl").read_text("utf-8").splitlines()
    return Shelf([json.loads(line) for line in lines], np.load(corpus / f"{view}.npy", mmap_mode="r"))


def class_of(about: dict[str, Any]) -> str:
    """A clip's class as the judge calls it, "view/label"."""
    return f"{about['view']}/{VOICE if about['view'] == 'speech' else about['label']}"


def train_judge(corpus: Path, run: Path, out: Path, steps: int, seed: int) -> None:
    """One class of each single clip (cross-entropy), and every class of each mixture (binary)."""
    torch.manual_seed(seed)
    shelves = {view: shelf(corpus, view) for view in JUDGED if (corpus / f"{view}.jsonl").exists()}
    classes = sorted({class_of(about) for one in shelves.values() for about in one.about})
    number_of = {name: number for number, name in enumerate(classes)}
    shares = np.array([JUDGED[view] for view in shelves])
    judge = Judge(classes)
    # With bfloat16, a third off each step on a CPU.
    nn.utils.convert_conv2d_weight_memory_format(judge.body, torch.channels_last)
    stage, optimiser, schedule = _stage(run, "judge", judge, steps, peak=2e-3)
    for step in stage:
        rng = np.random.default_rng([seed, 77, step])
        views = [str(v) for v in rng.choice(list(shelves), size=SINGLE + MIXED, p=shares / shares.sum())]
        audio = np.empty((SINGLE + MIXED, round(CROP_S * RATE_HZ)), np.float32)
        heard = np.zeros((SINGLE + MIXED, len(classes)), np.float32)
        which = np.zeros(SINGLE, np.int64)
        for row, view in enumerate(views):
            number = int(rng.integers(len(shelves[view].about)))
            about = shelves[view].about[number]
            audio[row] = crop(shelves[view].sound(number), about["cues_s"], rng)
            heard[row, number_of[class_of(about)]] = 1.0
            if row < SINGLE:
                which[row] = number_of[class_of(about)]
            else:
                other = str(rng.choice([one for one in shelves if one != view]))
                number = int(rng.integers(len(shelves[other].about)))
                about = shelves[other].about[number]
                second = crop(shelves[other].sound(number), about["cues_s"], rng)
                audio[row] += second * (_rms(audio[row]) / _rms(second) * 10 ** (rng.uniform(-24, 0) / 20))
                heard[row, number_of[class_of(about)]] = 1.0
        with mixed():
            scores, logits = judge(torch.from_numpy(disguised(audio, rng)))
        scores, logits = scores.float(), logits.float()
        naming = F.cross_entropy(scores[:SINGLE], torch.from_numpy(which), label_smoothing=0.05)
        hearing = F.binary_cross_entropy_with_logits(logits, torch.from_numpy(heard), reduction="sum")
        _learn(naming + 0.1 * hearing / len(audio), judge, optimiser, schedule)
        if step % 50 == 49:
            right = (scores[:SINGLE].argmax(1) == torch.from_numpy(which)).float().mean()
            stage.log(naming=naming.item(), hearing=hearing.item() / len(audio), right=right.item())
    store(judge.eval(), out / "judge.safetensors", classes=classes, steps=steps)


def train_phonemes(corpus: Path, run: Path, out: Path, steps: int, seed: int) -> None:
    """The phoneme at each frame of corpus speech."""
    torch.manual_seed(seed + 1)
    speech = shelf(corpus, "speech")
    symbols = [SILENCE, *(symbol for symbol in INVENTORY if symbol != SILENCE)]
    reader = PhonemeReader(symbols)
    stage, optimiser, schedule = _stage(run, "phonemes", reader, steps, peak=4e-3)
    for step in stage:
        rng = np.random.default_rng([seed, 78, step])
        numbers = rng.integers(len(speech.about), size=16)
        audio = np.stack([speech.sound(int(number)) for number in numbers])
        scores = reader(torch.from_numpy(disguised(audio, rng)))  # (B, K, N)
        labels = np.stack(
            [frame_labels(speech.about[int(n)]["phonemes"], symbols, scores.shape[2]) for n in numbers]
        )
        _learn(F.cross_entropy(scores, torch.from_numpy(labels)), reader, optimiser, schedule)
        if step % 50 == 49:
            said = labels > 0
            stage.log(right=float((scores.argmax(1).numpy()[said] == labels[said]).mean()))
    store(reader.eval(), out / "phonemes.safetensors", symbols=symbols, steps=steps)


def train_beats(corpus: Path, run: Path, out: Path, steps: int, seed: int) -> None:
    """The beat's phase at each frame of corpus music."""
    torch.manual_seed(seed + 2)
    music = shelf(corpus, "music")
    reader = BeatReader()
    stage, optimiser, schedule = _stage(run, "beats", reader, steps, peak=2e-3)
    for step in stage:
        rng = np.random.default_rng([seed, 79, step])
        numbers = [int(number) for number in rng.integers(len(music.about), size=16)]
        audio = np.stack([music.sound(number) for number in numbers])
        predicted = reader(torch.from_numpy(disguised(audio, rng)))  # (B, 2, N)
        tracks = np.stack(
            [
                phase_track(about["bpm"], about["beat_offset_s"], predicted.shape[2])
                for about in (music.about[number] for number in numbers)
            ]
        )
        wanted = torch.from_numpy(np.stack([tracks.real, tracks.imag], axis=1)).float()
        loss = (predicted - wanted).square().mean()
        _learn(loss, reader, optimiser, schedule)
        if step % 50 == 49:
            stage.log(phase=loss.item())
    store(reader.eval(), out / "beats.safetensors", steps=steps)


def calibrate(corpus: Path, out: Path) -> None:
    """Reads some corpus clips of every class with the detectors, and writes what they make of originals."""
    sfx: dict[str, list[SfxReading]] = defaultdict(list)
    env: dict[str, list[EnvReading]] = defaultdict(list)
    effects, places = shelf(corpus, "sfx"), shelf(corpus, "env")
    for number, about in enumerate(effects.about):
        if len(sfx[about["label"]]) < CALIBRATED_CLIPS:
            rises = rises_db(effects.sound(number), RATE_HZ)
            found = match_cues(rises, about["cues_s"])
            sfx[about["label"]].append(SfxReading(found, tuple(about["cues_s"]), rises))
    for number, about in enumerate(places.about):
        if len(env[about["label"]]) < CALIBRATED_CLIPS:
            env[about["label"]].append(EnvReading(drift_db(places.sound(number), RATE_HZ)))
    found_all: Calibration = calibrated(sfx, env)
    (out / FILE).write_text(found_all.as_json() + "\n", encoding="utf-8")


def crop(audio: NDArray[np.float32], cues_s: list[float], rng: np.random.Generator) -> NDArray[np.float32]:
    """CROP_S of a clip; of one with cues, a piece that holds the beginning of a hit."""
    size = round(CROP_S * RATE_HZ)
    low, high = 0, len(audio) - size
    if cues_s:
        cue = round(float(rng.choice(cues_s)) * RATE_HZ)
        low, high = max(low, cue + RATE_HZ // 2 - size), min(high, cue)
        low = min(low, high)
    start = int(rng.integers(low, high + 1))
    return audio[start : start + size]


def disguised(audio: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Clips (B, S) at other levels, tilted in colour, with a little noise: none of which makes a class."""
    count = (len(audio), 1)
    tilt = rng.uniform(-0.3, 0.5, count).astype(np.float32)
    out = audio + tilt * np.diff(audio, axis=1, prepend=0.0)
    noise_db = np.where(rng.random(count) < 0.5, rng.uniform(-60, -35, count), -120.0)
    levels = np.sqrt(np.mean(np.square(audio), axis=1, keepdims=True)) + 1e-5
    noise = rng.standard_normal(audio.shape, dtype=np.float32)
    out += (levels * 10 ** (noise_db / 20)).astype(np.float32) * noise
    out *= 10 ** (rng.uniform(-8, 8, count) / 20).astype(np.float32)
    return np.asarray(out, np.float32)


def _rms(audio: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(audio)))) + 1e-5


def _stage(
    run: Path, name: str, network: nn.Module, steps: int, peak: float
) -> tuple[Stage, torch.optim.Optimizer, torch.optim.lr_scheduler.OneCycleLR]:
    optimiser = torch.optim.AdamW(network.parameters(), lr=peak, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=peak, total_steps=steps + 1, pct_start=0.1, cycle_momentum=False
    )
    parts = {"network": network, "optimiser": optimiser, "schedule": schedule}
    return Stage(run, name, steps, parts), optimiser, schedule


def _learn(
    loss: Tensor,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(network.parameters(), 2.0)
    optimiser.step()
    schedule.step()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.evaluation.train", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder that the corpus renderer wrote")
    parser.add_argument("--run", type=Path, required=True, help="where the state of the training is kept")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/judges"), help="where the results go")
    parser.add_argument("--only", help="judge, phonemes, beats, calibration: some of these, with commas")
    parser.add_argument("--scale", type=float, default=1.0, help="of all steps; 0.01 tries the commands")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    steps = {name: max(30, round(count * options.scale)) for name, count in STEPS.items()}
    given = (options.corpus, options.run, options.out)
    work: dict[str, Callable[[], None]] = {
        "calibration": lambda: calibrate(options.corpus, options.out),
        "beats": lambda: train_beats(*given, steps["beats"], options.seed),
        "phonemes": lambda: train_phonemes(*given, steps["phonemes"], options.seed),
        "judge": lambda: train_judge(*given, steps["judge"], options.seed),
    }
    wanted = options.only.split(",") if options.only else list(work)
    if unknown := set(wanted) - work.keys():
        parser.error(f"--only: expected some of {', '.join(work)}, got {', '.join(sorted(unknown))}")
    for name in wanted:
        work[name]()


if __name__ == "__main__":
    main()
