"""Spectrogram pairs: originals beside reconstructions, corpus clips beside generated stems. One PNG each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benchmarks.codec import codec_of
from benchmarks.conditions import Wave, rows, spread
from benchmarks.findings import NotMeasured
from benchmarks.stems import Bench, stem
from clients.python.picture import HIGH_HZ, LOW_HZ, RANGE_DB, spectrogram_db

MUSIC: Final = 4
SOUNDS: Final = 6
WIDTH_IN: Final = 14.0
ROW_IN: Final = 2.0

Pair = tuple[str, Wave, Wave]


def draw(bench: Bench, folder: Path) -> list[str]:
    """Draws what can be drawn here into a folder; returns what could not, and why."""
    folder.mkdir(parents=True, exist_ok=True)
    reasons = []
    try:
        reconstruct = codec_of(bench)
        clips = [(row, bench.held_out.audio(row)) for row in spread(rows("music"), MUSIC)]
        pairs = [(_title(row), audio, reconstruct(audio)) for row, audio in clips]
        _draw_pairs(pairs, ("corpus", "through the codec"), bench.rate_hz, folder / "codec_music.png")
    except NotMeasured as reason:
        reasons.append(f"codec_music.png: {reason}")
    for view in ("env", "sfx"):
        try:
            chosen = list(enumerate(spread(rows(view), SOUNDS)))
            pairs = [(_title(row), bench.held_out.audio(row), stem(bench, row, seed)) for seed, row in chosen]
            _draw_pairs(pairs, ("corpus", "generated"), bench.rate_hz, folder / f"generated_{view}.png")
        except NotMeasured as reason:
            reasons.append(f"generated_{view}.png: {reason}")
    return reasons


def _title(row: dict[str, Any]) -> str:
    return f"{row['label']}: {row['caption']}"


def _draw_pairs(pairs: list[Pair], columns: tuple[str, str], rate_hz: int, png: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, ROW_IN * len(pairs) + 0.4), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(pairs), 2, squeeze=False)
    top_hz = min(HIGH_HZ, rate_hz / 2)
    for place, (title, *sounds) in enumerate(pairs):
        pictures = [spectrogram_db(audio.astype(float), rate_hz) for audio in sounds]
        loudest_db = max(float(picture.max()) for picture in pictures)
        for column, (picture, audio) in enumerate(zip(pictures, sounds, strict=True)):
            panel = axes[place][column]
            panel.imshow(
                picture,
                origin="lower",
                aspect="auto",
                cmap="magma",
                extent=(0, len(audio) / rate_hz, 0, len(picture)),
                vmin=loudest_db - RANGE_DB,
                vmax=loudest_db,
            )
            panel.set_title(title if column == 0 else columns[column], fontsize=9, loc="left")
            panel.set_yticks([])
    figure.text(0.5, 0.004, f"{columns[0]} | {columns[1]}; {LOW_HZ:g} to {top_hz:g} Hz, log", ha="center")
    figure.tight_layout()
    figure.savefig(png)
