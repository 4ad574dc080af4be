"""One picture of an edit: waveform and log-frequency spectrogram of every stem, before and after.

Draws delivered folders; needs no engine and no display. matplotlib is loaded when a picture is drawn.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from clients.python.deliver_files import MIX
from clients.python.promises import read_manifest, sha256_of, stem_files

WIDTH_IN: Final = 16.0
DOTS_PER_IN: Final = 100  # 1,600 px wide
ROW_IN: Final = 2.1
HEAD_IN: Final = 1.25
BANDS: Final = 160
LOW_HZ: Final = 60.0
HIGH_HZ: Final = 12_000.0
RANGE_DB: Final = 70.0
WINDOW_S: Final = 0.043
COLUMNS: Final = 700  # spectrogram frames a panel, about one for each pixel
EDITED: Final = "#d9480f"
SAME: Final = "#495057"
TICKS_HZ: Final = (100, 1_000, 10_000)

Wave = NDArray[np.float64]


@dataclass(frozen=True)
class _Row:
    """One line of the picture: a stem, or the mix, in both folders."""

    name: str
    colour: str
    paths: tuple[Path, Path]
    titles: tuple[str, str]


def draw_scene(before: Path, after: Path, edited: str, png: Path) -> None:
    """Draws both deliveries side by side, the edited layer's row highlighted."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    rows = _rows(before, after, edited)
    height_in = HEAD_IN + ROW_IN * len(rows)
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DOTS_PER_IN, facecolor="white")
    FigureCanvasAgg(figure)
    title = read_manifest(after)["scene_document"]["title"] or read_manifest(after)["scene"]
    figure.text(0.012, 1 - 0.30 / height_in, title, fontsize=17, weight="bold", va="center")
    subtitle = f"one edit, to the layer '{edited}'"
    figure.text(0.012, 1 - 0.62 / height_in, subtitle, fontsize=12, color=SAME, va="center")
    for column, word in enumerate(("before", "after")):
        left, _ = _column(column)
        figure.text(left, 1 - 0.97 / height_in, word, fontsize=14, weight="bold", va="center")
    for place, row in enumerate(rows):
        top = 1 - (HEAD_IN - 0.1 + ROW_IN * place) / height_in
        bottom = top - ROW_IN / height_in
        if row.name == edited:
            figure.add_artist(
                Rectangle(
                    (0.004, bottom + 0.02 / height_in),
                    0.992,
                    (ROW_IN - 0.04) / height_in,
                    facecolor="#fff4e6",
                    edgecolor=EDITED,
                    linewidth=2,
                    transform=figure.transFigure,
                    zorder=-1,
                )
            )
        figure.text(
            0.012,
            (top + bottom) / 2,
            row.name,
            fontsize=14,
            weight="bold",
            color=row.colour,
            va="center",
        )
        _draw_row(figure, row, top, height_in, last=place == len(rows) - 1)
    figure.savefig(png)


def spectrogram_db(wave: Wave, rate_hz: int) -> NDArray[np.float32]:
    """Levels (bands, frames) in dB of a mono wave (samples,), bands evenly spaced in log frequency."""
    size = max(256, 2 ** round(np.log2(WINDOW_S * rate_hz)))
    padded = np.pad(wave, size // 2)
    starts = np.linspace(0, max(0, len(wave) - 1), COLUMNS).astype(int)
    window = np.hanning(size)
    frames = np.stack([padded[start : start + size] * window for start in starts])
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2  # (frames, bins)
    edges_hz = np.geomspace(LOW_HZ, min(HIGH_HZ, rate_hz / 2), BANDS + 1)
    bins = edges_hz * size / rate_hz
    # a band is the mean of what it covers: the difference of the running integral at its edges
    integral = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, axis=1)], axis=1)
    grid = np.arange(integral.shape[1]) - 0.5
    at = np.stack([np.interp(bins, grid, line) for line in integral])  # (frames, bands + 1)
    mean = np.diff(at, axis=1) / np.diff(bins)
    levels_db: NDArray[np.float32] = (10.0 * np.log10(mean.T + 1e-12)).astype(np.float32)
    return levels_db


def _rows(before: Path, after: Path, edited: str) -> list[_Row]:
    old, new = stem_files(before), stem_files(after)
    captions = [
        {layer["id"]: layer for layer in read_manifest(folder)["scene_document"]["layers"]}
        for folder in (before, after)
    ]
    rows = []
    for name in old:
        if name not in new:
            continue
        same = sha256_of(old[name]) == sha256_of(new[name])
        colour = EDITED if name == edited else SAME
        titles = [_caption(layers[name]) for layers in captions]
        if same:
            titles[1] = "the same, byte for byte"
        rows.append(_Row(name, colour, (old[name], new[name]), (titles[0], titles[1])))
    rows.append(_Row("mix", SAME, (before / MIX, after / MIX), ("weighted sum of the stems",) * 2))
    return rows


def _caption(layer: dict[str, Any]) -> str:
    words = f" “{layer['transcript']}”" if layer.get("transcript") else ""
    return textwrap.shorten(f"{layer['view']}: {layer['caption']}{words}", 86, placeholder=" …")


def _column(column: int) -> tuple[float, float]:
    """Left edge and width of a column of panels, as fractions of the figure."""
    return 0.105 + column * 0.455, 0.428


def _draw_row(figure: Any, row: _Row, top: float, height_in: float, last: bool) -> None:
    waves = [_read_mono(path) for path in row.paths]
    pictures = [spectrogram_db(wave, rate_hz) for wave, rate_hz in waves]
    loudest_db = max(float(picture.max()) for picture in pictures)  # one scale for both sides
    highest = max(1e-4, *(float(np.abs(wave).max(initial=0.0)) for wave, _ in waves))
    for column, ((wave, rate_hz), picture) in enumerate(zip(waves, pictures, strict=True)):
        left, width = _column(column)
        length_s = len(wave) / rate_hz
        figure.text(
            left, top - 0.14 / height_in, row.titles[column], fontsize=10.5, color=row.colour, va="center"
        )
        above = figure.add_axes((left, top - 0.68 / height_in, width, 0.42 / height_in), facecolor="none")
        low, high = _outline(wave)
        along = np.linspace(0, length_s, len(low))
        above.fill_between(along, low, high, color=row.colour, linewidth=0)
        above.set(xlim=(0, length_s), ylim=(-highest, highest))
        above.axis("off")
        below = figure.add_axes((left, top - 1.88 / height_in, width, 1.18 / height_in))
        top_hz = min(HIGH_HZ, rate_hz / 2)
        below.imshow(
            picture,
            origin="lower",
            aspect="auto",
            cmap="magma",
            interpolation="nearest",
            extent=(0, length_s, np.log10(LOW_HZ), np.log10(top_hz)),
            vmin=loudest_db - RANGE_DB,
            vmax=loudest_db,
        )
        ticks = [hz for hz in TICKS_HZ if hz < top_hz]
        labels = [f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz" for hz in ticks]
        below.set_yticks(np.log10(ticks), labels if column == 0 else [""] * len(ticks), fontsize=9)
        below.tick_params(axis="x", labelsize=9, labelbottom=True, pad=1, length=2)
        if last:
            below.set_xlabel("seconds", fontsize=9, labelpad=0)


def _outline(wave: Wave) -> tuple[Wave, Wave]:
    """Lowest and highest sample under each pixel."""
    pieces = np.array_split(wave, min(COLUMNS, max(1, len(wave))))
    return np.array([piece.min() for piece in pieces]), np.array([piece.max() for piece in pieces])


def _read_mono(path: Path) -> tuple[Wave, int]:
    samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    return samples.mean(axis=1), rate_hz
