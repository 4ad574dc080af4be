"""`python -m benchmarks.origins`: whether edits that start from what is there can be heard where they join.

A seam is looked for in the change of the log-mel spectrum about it: its rank is the share of places in the
untouched take where as much happens, so 0.5 is the usual and near 0 is out of the ordinary. `untouched` is
the same measure at the same places of the take itself, `hard_cut` with another seed's sound put there.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.findings import Findings
from engine import checkpoint
from engine.audio import rms_db
from engine.compact_renderer import CompactRenderer
from engine.evaluation.texture import HOP, log_mel, mean_difference
from engine.renderer import Old, Sound
from engine.splice import REACH_S
from scene_schema.rendering import request_for
from scene_schema.scene import check_scene

TAKE: Final = "0" * 64  # any name will do: the take is given with the request
LENGTH_S: Final = 8.0
REGIONS_S: Final = ((2.5, 5.0), (1.0, 2.0), (4.0, 7.0))
STRENGTHS: Final = (0.2, 0.5, 0.8, 1.0)
ENDING_S: Final = 0.4  # before a take's end: there a continuation's crossfade may lie
REACH: Final = 3  # spectra to either side of a seam
RARE: Final = 0.05
BESIDE_S: Final = 0.1  # over which levels at a seam are taken
_STEPS_S: Final = (0.5, 1.2, 1.9, 2.6, 3.3, 4.0, 4.7, 5.4, 6.1, 6.8)
CAPTIONS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("env", "heavy rain", {}),
    ("env", "a busy street with cars passing", {}),
    ("env", "birds singing in a forest", {}),
    ("env", "wind in the trees", {}),
    ("sfx", "footsteps on gravel", {"cues": [{"at_s": at_s} for at_s in _STEPS_S]}),
    ("sfx", "a dog barks twice", {"cues": [{"at_s": 1.0}, {"at_s": 3.0}]}),
    ("music", "calm piano", {}),
    ("music", "energetic drums and bass", {}),
)

Wave = NDArray[np.float32]


class Bench:
    """The renderer, and takes made once."""

    def __init__(self, renderer: CompactRenderer) -> None:
        self.renderer = renderer
        self.rate_hz = renderer.capabilities.rate_hz

    def render(
        self, caption: tuple[str, str, dict[str, Any]], old: Sound | None = None, **more: Any
    ) -> Sound:
        view, words, about = caption
        length_s = more.pop("duration_s", LENGTH_S)
        layer = {"id": "a", "view": view, "caption": words, **about, **more}
        tempo = {"bpm": 120.0} if view == "music" else None
        scene = check_scene({"id": "s", "duration_s": length_s, "tempo": tempo, "layers": [layer]})
        request = request_for(scene, scene.layers[0], self.renderer.capabilities)
        *_, sound = self.renderer.render(request, None if old is None else Old(old.samples, old.latent))
        assert isinstance(sound, Sound)
        return sound


def rank(sound: Wave, take: Wave, place: int, rate_hz: int) -> float:
    """The share of places in `take` (S,) where as much happens as in `sound` (S,) about `place`."""
    here = _happening(sound, rate_hz)
    usual = _happening(take, rate_hz)
    centre = round(place / HOP) - 1
    found = here[max(0, centre - REACH) : centre + REACH + 1].max()
    there = np.lib.stride_tricks.sliding_window_view(usual, 2 * REACH + 1).max(axis=1)
    return float((there >= found).mean())


def _happening(sound: Wave, rate_hz: int) -> NDArray[np.float32]:
    mels = log_mel(sound, rate_hz)  # (M, N)
    return np.asarray((mels[:, 2:] - mels[:, :-2]).abs().mean(dim=0).numpy())


def step_db(sound: Wave, place: int, rate_hz: int) -> float:
    """How far the level goes up or down at `place`, in dB; faint sound counts as silence."""
    beside = round(BESIDE_S * rate_hz)
    before, behind = rms_db(sound[place - beside : place]), rms_db(sound[place : place + beside])
    return abs(max(behind, -70.0) - max(before, -70.0))


class Seams:
    """Ranks and steps, gathered."""

    def __init__(self) -> None:
        self.ranks: list[float] = []
        self.steps_db: list[float] = []

    def add(self, sound: Wave, take: Wave, place: int, rate_hz: int) -> None:
        self.ranks.append(rank(sound, take, place, rate_hz))
        self.steps_db.append(step_db(sound, place, rate_hz))

    def tell(self, found: Findings, name: str) -> None:
        found.values[f"{name}_rank"] = round(float(np.mean(self.ranks)), 3)
        found.values[f"{name}_rare"] = round(float(np.mean(np.array(self.ranks) < RARE)), 3)
        found.values[f"{name}_step_db"] = round(float(np.median(self.steps_db)), 2)


def measure(bench: Bench, count: int | None) -> Findings:
    found, rate_hz = Findings(), bench.rate_hz
    redone, untouched, hard, onward, turns = Seams(), Seams(), Seams(), Seams(), Seams()
    outside = 0.0
    distances: dict[str, list[float]] = {name: [] for name in [*map(str, STRENGTHS), "seeds"]}
    for caption in CAPTIONS[:count]:
        take, other = bench.render(caption), bench.render(caption, seed=5)
        wave, strange = take.samples[:, 0], other.samples[:, 0]
        for from_s, to_s in REGIONS_S:
            origin = {"kind": "region", "take": TAKE, "from_s": from_s, "to_s": to_s}
            anew = bench.render(caption, take, origin=origin).samples[:, 0]
            first, after = round(from_s * rate_hz), round(to_s * rate_hz)
            reach = round(REACH_S * rate_hz) + 1
            apart = np.abs(anew - wave)
            outside = max(outside, float(apart[: first - reach].max()), float(apart[after + reach :].max()))
            cut = np.concatenate([wave[:first], strange[first:after], wave[after:]])
            for place in (first, after):
                redone.add(anew, wave, place, rate_hz)
                untouched.add(wave, wave, place, rate_hz)
                hard.add(cut, wave, place, rate_hz)
        longer = bench.render(
            caption, take, origin={"kind": "continuation", "take": TAKE}, duration_s=LENGTH_S + 4.0
        )
        onward.add(longer.samples[:, 0], wave, len(wave) - round(ENDING_S * rate_hz), rate_hz)
        loop = bench.render(caption, loop=True).samples[:, 0]
        turned = np.roll(loop, len(loop) // 2)
        turns.add(turned, turned, len(loop) // 2, rate_hz)
        mels = log_mel(wave, rate_hz)
        for strength in STRENGTHS:
            origin = {"kind": "variation", "take": TAKE, "strength": strength}
            varied = bench.render(caption, take, origin=origin).samples[:, 0]
            distances[str(strength)].append(mean_difference([mels, log_mel(varied, rate_hz)]))
        distances["seeds"].append(mean_difference([mels, log_mel(strange, rate_hz)]))
    found.values["region_outside_max"] = outside
    for seams, name in (
        (redone, "region"),
        (untouched, "untouched"),
        (hard, "hard_cut"),
        (onward, "continuation"),
        (turns, "loop"),
    ):
        seams.tell(found, name)
    for name, values in distances.items():
        found.values[f"variation_{name}"] = round(float(np.mean(values)), 3)
    ordered = [np.mean(distances[str(one)]) for one in STRENGTHS]
    found.values["variation_monotone"] = int(ordered == sorted(ordered))
    found.notes["variation_by_caption"] = {
        caption[1]: [round(distances[name][place], 3) for name in distances]
        for place, caption in enumerate(CAPTIONS[:count])
    }
    return found


def draw(bench: Bench, png: Path) -> None:
    """One take, and what was made from it, under each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from clients.python.picture import spectrogram_db

    rows = (CAPTIONS[2], CAPTIONS[6])
    figure = Figure(figsize=(14.0, 9.0), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(5, len(rows), squeeze=False)
    for column, caption in enumerate(rows):
        take = bench.render(caption)
        region = {"kind": "region", "take": TAKE, "from_s": 2.5, "to_s": 5.0}
        sounds = {
            "take": take,
            "variation 0.4": bench.render(
                caption, take, origin={"kind": "variation", "take": TAKE, "strength": 0.4}
            ),
            "region 2.5-5 s": bench.render(caption, take, origin=region),
            "continuation from 8 s": bench.render(
                caption, take, origin={"kind": "continuation", "take": TAKE}, duration_s=LENGTH_S + 4.0
            ),
            "loop, turned by half": bench.render(caption, loop=True),
        }
        for row, (name, sound) in enumerate(sounds.items()):
            wave = sound.samples[:, 0].astype(float)
            if name.startswith("loop"):
                wave = np.roll(wave, len(wave) // 2)
            picture = spectrogram_db(wave, bench.rate_hz)
            axis = axes[row][column]
            top = float(picture.max())
            axis.imshow(
                picture, origin="lower", aspect="auto", vmin=top - 80.0, vmax=top,
                extent=(0.0, len(wave) / bench.rate_hz, 0.0, 1.0),
            )  # fmt: skip
            axis.set_title(f"{caption[1]}: {name}", fontsize=9)
            axis.set_yticks([])
            for at_s in {"region": (2.5, 5.0), "contin": (8.0,), "loop, ": (4.0,)}.get(name[:6], ()):
                axis.axvline(at_s, color="white", linewidth=0.8, linestyle=":")
    figure.tight_layout()
    figure.savefig(png)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.origins", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--count", type=int, help="captions; default: all")
    parser.add_argument("--picture", type=Path, help="draw spectrograms into this PNG")
    parser.add_argument("--model", default="compact", help="name of a shipped model, or its folder")
    options = parser.parse_args()
    bench = Bench(CompactRenderer.load(checkpoint.find(options.model), threads=0))
    if options.picture:
        draw(bench, options.picture)
    found = measure(bench, options.count)
    found.notes["weights"] = bench.renderer.capabilities.weights_sha256[:12]
    if options.json:
        sys.stdout.write(json.dumps(found.as_data(), ensure_ascii=False) + "\n")
        return
    shown = Table(title="origins")
    shown.add_column("")
    shown.add_column("measured", justify="right")
    for name, value in found.values.items():
        shown.add_row(name, f"{value:g}")
    Console().print(shown)


if __name__ == "__main__":
    main()
