"""Whether music keeps the beat that it was given, and its key and grid when a layer is renewed."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from benchmarks.conditions import Row, Wave, rows, spread
from benchmarks.findings import Findings, NotMeasured
from benchmarks.stems import Bench, rendered, request_of, stem, stems, tempo_of
from engine.evaluation.artefact import load_beat_reader, load_judge
from engine.evaluation.harmony import chroma, same_key
from engine.evaluation.tempo import BeatReader, phase_error_s, same_tempo
from scene_schema.scene import check_scene

UNRHYTHMIC: Final = {"pad", "choir", "strings", "ambient", "orchestra"}
"""Labels whose corpus clips may hold a chord for bars: nobody could tell their beat in 5 s."""
HELD: Final = "chords"  # the pattern of which the same is true, whoever plays it
ALIKE_S: Final = 0.03  # two takes are on one grid when their beats lie nearer
SCENES: Final = 12
DURATION_S: Final = 7.0  # room for any of the sentences
HEARD: Final = 0.5  # probability at which the judge says that a class is there


def rhythmic(row: Row) -> bool:
    """Whether the beat of a row's music can be told from its sound, by the row alone."""
    return row["label"] not in UNRHYTHMIC and HELD not in row.get("traits", [])


def measure_tempo(bench: Bench) -> Findings:
    """tempo_ok and beat_median_ms, and the same for the corpus clips of the same conditions."""
    reader = load_beat_reader(bench.judges)
    found = Findings()
    wanted = [row for row in rows("music") if rhythmic(row)]
    ours: list[tuple[bool, float]] = []
    originals: list[tuple[bool, float]] = []
    reason = ""
    for seed, row in enumerate(spread(wanted, bench.count)):
        bench.tell(f"tempo of {row['label']}")
        ours.append(_kept(reader, stem(bench, row, seed), row))
        try:
            originals.append(_kept(reader, bench.held_out.audio(row), row))
        except NotMeasured as error:
            reason = str(error)
    _enter(found, "", ours)
    if reason:
        found.missing(reason, "tempo_ok_corpus", "beat_median_ms_corpus")
    else:
        _enter(found, "_corpus", originals)
    found.notes["tempo_clips"] = len(ours)
    return found


def _kept(reader: BeatReader, audio: Wave, row: Row) -> tuple[bool, float]:
    grid = reader.read(audio)
    return same_tempo(grid, row["bpm"]), 1000 * abs(phase_error_s(grid, row["bpm"], row["beat_offset_s"]))


def _enter(found: Findings, suffix: str, clips: list[tuple[bool, float]]) -> None:
    found.values[f"tempo_ok{suffix}"] = round(float(np.mean([ok for ok, _ in clips])), 4) if clips else None
    found.values[f"beat_median_ms{suffix}"] = (
        round(float(np.median([error_ms for _, error_ms in clips])), 2) if clips else None
    )


def measure_scenes(bench: Bench) -> Findings:
    """leakage: stems in which the judge hears the class of another layer of their scene, and key_kept."""
    judge, reader = load_judge(bench.judges), load_beat_reader(bench.judges)
    found = Findings()
    heard: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    leaks: Counter[str] = Counter()
    kept: list[bool] = []
    reason = ""
    for number, members in enumerate(_casts(SCENES if bench.count is None else min(SCENES, bench.count))):
        bench.tell(f"scene {number}")
        scene = _scene(number, members)
        ours = stems(bench, scene)
        for suffix in ("", "_corpus"):
            leaking = 0
            for view, row in members.items():
                try:
                    audio = bench.held_out.audio(row) if suffix else ours[view]
                except NotMeasured as error:
                    reason = str(error)
                    continue
                presence = judge.presence(audio)
                others = [_class_of(other) for other in members.values() if other is not row]
                found_there = [name for name in others if presence.get(name, 0.0) > HEARD]
                pairs["stems" + suffix] += 1
                leaking += bool(found_there)
                for name in found_there:
                    leaks[f"{name} in {_class_of(row)}{suffix}"] += 1
            heard["stems" + suffix] += leaking
        kept.append(_renewed_alike(bench, reader, scene, members["music"], ours["music"]))
    found.values["leakage"] = round(heard["stems"] / max(1, pairs["stems"]), 4)
    if reason:
        found.missing(reason, "leakage_corpus")
    else:
        found.values["leakage_corpus"] = round(heard["stems_corpus"] / max(1, pairs["stems_corpus"]), 4)
    found.values["key_kept"] = round(float(np.mean(kept)), 4)
    found.notes["leaks"] = dict(leaks.most_common(12))
    return found


def _casts(count: int) -> list[dict[str, Row]]:
    """Scenes of three or four layers, one of each view; every other one has a voice."""
    music = [row for row in rows("music") if rhythmic(row) and row["label"] != "drums"]
    views = {view: rows(view) for view in ("env", "sfx", "speech")}
    chosen = []
    for number in range(count):
        members = {
            "env": views["env"][(17 * number + 3) % len(views["env"])],
            "sfx": views["sfx"][(29 * number + 5) % len(views["sfx"])],
            "music": music[(7 * number) % len(music)],
        }
        if number % 2 and views["speech"]:
            members["speech"] = views["speech"][(5 * number) % len(views["speech"])]
        chosen.append(members)
    return chosen


def _scene(number: int, members: dict[str, Row], seeds: int = 0) -> Any:
    layers = []
    for view, row in members.items():
        layer: dict[str, Any] = {
            "id": view, "view": view, "caption": row["caption"], "seed": 100 * number + seeds,
        }  # fmt: skip
        if view == "sfx":
            layer["cues"] = [{"at_s": cue_s} for cue_s in row["cues_s"]]
        if view == "speech":
            layer["transcript"] = row["transcript"]
        layers.append(layer)
    return check_scene(
        {
            "id": f"scene-{number}",
            "duration_s": DURATION_S,
            "tempo": tempo_of(members["music"]),
            "layers": layers,
        }
    )


def _renewed_alike(bench: Bench, reader: BeatReader, scene: Any, row: Row, first: Wave) -> bool:
    """Whether the scene's music, with another seed, is in the first take's key and on its grid."""
    request = request_of(bench, scene, "music")
    second = rendered(bench.renderer, request.model_copy(update={"seed": request.seed + 7}))
    if not same_key(chroma(first, bench.rate_hz), chroma(second, bench.rate_hz)):
        return False
    one, other = reader.read(first), reader.read(second)
    apart_s = phase_error_s(other, one.bpm, one.beat_s)
    return same_tempo(other, one.bpm) and abs(apart_s) <= ALIKE_S and same_tempo(one, row["bpm"])


def _class_of(row: Row) -> str:
    return "speech/voice" if row["view"] == "speech" else f"{row['view']}/{row['label']}"
