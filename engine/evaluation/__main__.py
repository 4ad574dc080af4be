"""`python -m engine.evaluation --run DIR --held-out CORPUS`: does the checkpoint do what it is told?

Renders stems for held-out captions and conditions, and has them judged by a network that was trained on
corpus audio alone. Beside each figure stands the same figure for the corpus clips themselves.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from engine.compact_renderer import CompactRenderer
from engine.evaluation.judge import VIEWS, Judge, train_judge
from engine.evaluation.onsets import onset_error_s
from engine.renderer import Sound
from engine.training.clips import Clips
from engine.worker import load
from scene_schema.rendering import request_for
from scene_schema.scene import check_scene

LENGTH_S = 5.0


def stem_for(renderer: CompactRenderer, view: str, about: dict[str, Any], seed: int) -> np.ndarray:
    """The checkpoint's own sound (S,) for the caption and conditions of one held-out clip."""
    layer = {"id": "layer", "view": view, "caption": about["caption"], "seed": seed}
    if view == "sfx":
        layer["cues"] = [{"at_s": cue_s} for cue_s in about["cues_s"]]
    tempo = None
    if about["bpm"]:
        tempo = {
            "bpm": about["bpm"],
            "beats_per_bar": about["beats_per_bar"],
            "bar_offset_s": about["beat_offset_s"],
        }
    scene = check_scene({"id": "held-out", "duration_s": LENGTH_S, "tempo": tempo, "layers": [layer]})
    *_, sound = renderer.render(request_for(scene, scene.layers[0], renderer.capabilities))
    assert isinstance(sound, Sound)
    return sound.samples[:, 0]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.evaluation", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("training_runs/v0"), help="where the judge is kept")
    parser.add_argument("--held-out", type=Path, required=True, help="a corpus of another seed")
    parser.add_argument(
        "--prompts", type=Path, help="JSONL of view, caption, expected, optional cues: judged too"
    )
    parser.add_argument("--model", default="compact")
    parser.add_argument("--count", type=int, default=80, help="clips a view")
    parser.add_argument("--judge-steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    renderer = load(options.model, 0)
    assert isinstance(renderer, CompactRenderer)
    rate_hz = renderer.capabilities.rate_hz
    judge = train_judge(
        options.run, Clips(options.run / "corpus"), rate_hz, options.judge_steps, options.seed
    )
    held_out = Clips(options.held_out)

    report: dict[str, Any] = {
        "model": renderer.capabilities.weights_sha256[:12],
        "clips_per_view": options.count,
    }
    for view in VIEWS:
        right = {"corpus": 0, "generated": 0}
        mistakes: Counter[str] = Counter()
        errors_ms: list[float] = []
        missed = cues = 0
        numbers = range(min(options.count, held_out.count(view)))
        for number in track(numbers, description=view):
            about = held_out.about[view][number]
            wanted = f"{view}/{about['label']}"
            ours = stem_for(renderer, view, about, seed=number)
            right["corpus"] += judge.name(held_out.audio(view, number), view) == wanted
            named = judge.name(ours, view)
            right["generated"] += named == wanted
            if named != wanted:
                mistakes[f"{wanted} heard as {named.split('/')[1]}"] += 1
            for cue_s in about["cues_s"] if view == "sfx" else ():
                cues += 1
                error_s = onset_error_s(ours, rate_hz, cue_s)
                if error_s is None:
                    missed += 1
                else:
                    errors_ms.append(1000 * abs(error_s))
        report[view] = {
            "accuracy_corpus": round(right["corpus"] / len(numbers), 3),
            "accuracy_generated": round(right["generated"] / len(numbers), 3),
            "mistakes": dict(mistakes.most_common(8)),
        }
        if cues:
            report[view] |= {
                "cues": cues,
                "cues_missed": missed,
                "cue_median_ms": round(float(np.median(errors_ms)), 1),
                "cue_p90_ms": round(float(np.percentile(errors_ms, 90)), 1),
            }
    if options.prompts:
        report["prompts"] = judge_prompts(renderer, judge, options.prompts)
    print(json.dumps(report, indent=1))


def judge_prompts(renderer: CompactRenderer, judge: Judge, prompts: Path) -> dict[str, Any]:
    """How many stems for captions in anybody's words are named as expected, by view."""
    rows = [json.loads(line) for line in prompts.read_text("utf-8").splitlines()]
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for seed, row in enumerate(track(rows, description="prompts")):
        about = {"caption": row["caption"], "cues_s": row.get("cues", []), "bpm": None}
        named = judge.name(stem_for(renderer, row["view"], about, seed), row["view"])
        asked[row["view"]] += 1
        right[row["view"]] += named == f"{row['view']}/{row['expected']}"
    return {view: {"count": asked[view], "accuracy": round(right[view] / asked[view], 3)} for view in asked}


if __name__ == "__main__":
    main()
