"""What an audio file says of itself, whatever its container: words, place in time, loop, tempo, loudness."""

from __future__ import annotations

from dataclasses import dataclass

from scene_schema.scene import TempoGrid

ORIGINATOR = "Stemscape"


@dataclass(frozen=True)
class Marker:
    """A cue: samples from the file's start, and what happens there."""

    at_samples: int
    text: str


@dataclass(frozen=True)
class FileTags:
    """Values only. Holds no date: the same delivery gives the same bytes on any day.

    Attributes:
        title: for the host's track.
        description: what is heard.
        reference: names the take; ASCII.
        software: what wrote the file, with its version.
        comment: that a machine made it.
        time_samples: where the first sample belongs on the host's timeline.
        length_samples: of the file.
        loops: all of the file is one loop.
        bars: how many bars it is long, where it was cut to bars.
        loudness_lufs: None where it is too short or silent to have one.
    """

    title: str = ""
    description: str = ""
    reference: str = ""
    software: str = ORIGINATOR
    comment: str = ""
    time_samples: int = 0
    length_samples: int = 0
    loops: bool = False
    bars: int | None = None
    tempo: TempoGrid | None = None
    markers: tuple[Marker, ...] = ()
    loudness_lufs: float | None = None
    true_peak_db: float | None = None
