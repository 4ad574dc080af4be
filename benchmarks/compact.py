"""`python -m benchmarks.compact`: what the compact model does, beside what it must do.

Measures on held-out captions and conditions, and on captions in anybody's words (`--prompts`). What needs the
corpus's own sound renders it when it is asked for; where the tools for that are missing, the number is null
and the reason is told.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import platformdirs
from rich.console import Console
from rich.table import Table

from benchmarks.codec import measure_codec
from benchmarks.conditions import HeldOut
from benchmarks.diversity import measure_diversity
from benchmarks.findings import TARGETS, Findings, NotMeasured, Target, speech_target
from benchmarks.machine import measure_machine
from benchmarks.music import measure_scenes, measure_tempo
from benchmarks.pictures import draw
from benchmarks.sounds import measure_prompts, measure_sounds
from benchmarks.speech import measure_speech
from benchmarks.stems import Bench
from engine import checkpoint
from engine.compact_renderer import CompactRenderer
from engine.worker import load

HERE: Final = Path(__file__).parent
MEASURES: Final[dict[str, tuple[Callable[[Bench], Findings], tuple[str, ...]]]] = {
    "machine": (measure_machine, ("layer_s", "draft_s", "ready_s", "worker_rss_mb")),
    "sounds": (
        measure_sounds,
        (
            "sound_accuracy", "judge_accuracy", "cue_median_ms", "cue_p90_ms", "cues_missed", "cues_extra",
            "level_drift_db",
        ),
    ),
    "prompts": (measure_prompts, ("paraphrase_accuracy", "paraphrase_accuracy_strict")),
    "tempo": (measure_tempo, ("tempo_ok", "beat_median_ms")),
    "speech": (measure_speech, ("wer_generated", "wer_voices", "phoneme_drop")),
    "codec": (measure_codec, ("music_mel_l1", "texture_db_error")),
    "diversity": (measure_diversity, ("diversity_ratio",)),
    "scenes": (measure_scenes, ("leakage", "key_kept")),
}  # fmt: skip


def measure(bench: Bench, only: list[str]) -> Findings:
    """Runs the measurements that are asked for, by their own names or by the numbers that they give."""
    found = Findings()
    for name, (work, numbers) in MEASURES.items():
        if only and name not in only and not set(only) & set(numbers):
            continue
        try:
            found.take(work(bench))
        except (NotMeasured, FileNotFoundError) as reason:
            found.missing(str(reason), *numbers)
    return found


def table(found: Findings) -> Table:
    """Every number with its target, for people."""
    shown = Table(title="compact")
    for head in ("", "measured", "must be", "", "what"):
        shown.add_column(head, justify="right" if head in ("measured", "must be") else "left")
    for name, value in found.values.items():
        target = TARGETS.get(name, Target(""))
        if name == "wer_generated":
            target = speech_target(found.values)
        if value is None:
            shown.add_row(name, "–", str(target), "", found.not_measured.get(name, "not measured"))
        else:
            verdict = "" if not str(target) else "yes" if target.met(value) else "[bold red]no[/]"
            shown.add_row(name, f"{value:g}", str(target), verdict, target.meaning)
    return shown


def main() -> None:
    numbers = {number for _, many in MEASURES.values() for number in many}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compact", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument(
        "--prompts",
        type=Path,
        default=HERE / "prompts" / "free_english.jsonl",
        help="JSONL of view, caption, expected, and optionally cues, bpm, transcript",
    )
    parser.add_argument("--count", type=int, help="rows a measurement; default: all")
    parser.add_argument("--only", default="", help=f"with commas: {', '.join(MEASURES)}, or numbers of them")
    parser.add_argument(
        "--data",
        type=Path,
        default=platformdirs.user_cache_path("stemscape") / "held_out",
        help="where corpus clips are kept",
    )
    parser.add_argument("--model", default="compact", help="name of a shipped model, or its folder")
    parser.add_argument("--run", type=Path, help="training run with an encoder, for a checkpoint without one")
    parser.add_argument("--judges", type=Path, default=HERE / "judges")
    parser.add_argument("--pictures", type=Path, help="draw spectrogram pairs into this folder")
    options = parser.parse_args()
    only = [one.strip() for one in options.only.split(",") if one.strip()]
    if unknown := set(only) - numbers - MEASURES.keys():
        parser.error(f"--only: no such measurement: {', '.join(sorted(unknown))}")
    if options.count is not None and options.count < 1:
        parser.error(f"--count: expected at least 1, got {options.count}")

    console = Console(stderr=True)
    renderer = load(options.model, 0)
    if not isinstance(renderer, CompactRenderer):
        parser.error(f"--model: expected a compact model, got {options.model}")
    with console.status("measuring") as status:
        bench = Bench(
            model=options.model,
            renderer=renderer,
            phonemes=checkpoint.find(options.model).config["phonemes"],
            held_out=HeldOut(options.data),
            judges=options.judges,
            prompts=options.prompts,
            run=options.run,
            count=options.count,
            tell=lambda text: status.update(text),
        )
        found = measure(bench, only)
        if options.pictures:
            for reason in draw(bench, options.pictures):
                console.print(reason)
    found.notes["weights"] = renderer.capabilities.weights_sha256[:12]
    if options.json:
        sys.stdout.write(json.dumps(found.as_data(), ensure_ascii=False) + "\n")
    else:
        Console().print(table(found))


if __name__ == "__main__":
    main()
