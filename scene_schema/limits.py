"""Every bound on what may be said, each with its reason. Pure data."""

from __future__ import annotations

from typing import Final, NamedTuple


class Bound(NamedTuple):
    """An inclusive range in the unit that the constant's name carries."""

    low: float
    high: float


GAIN_DB: Final = Bound(-60.0, 12.0)  # below -60 dB a layer is inaudible; above +12 dB any mix clips
PAN: Final = Bound(-1.0, 1.0)  # left to right
SEED: Final = Bound(0, 2**32 - 1)  # what every client language holds in one unsigned word
DURATION_S: Final = Bound(
    0.2, 600.0
)  # below: no room for an onset; above: not a clip. A model may allow less.
BPM: Final = Bound(20.0, 400.0)
BEATS_PER_BAR: Final = Bound(1, 32)
CHORDS: Final = 32  # bars; the longest form that songs repeat
STEPS: Final = Bound(1, 200)  # sampling steps; past 200 the result no longer changes
GUIDANCE: Final = Bound(0.0, 20.0)

RATE_HZ: Final = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000)

PATH_CHARS: Final = 4_096  # the longest path that the usual systems take
BARS: Final = 1_000  # more than the longest clip holds at the fastest tempo
CROSSFADE_S: Final = Bound(0.005, 5.0)  # below: a click; above: two clips at once
POSITION_S: Final = 360_000.0  # a timeline of 100 hours
TARGET_LUFS: Final = Bound(-60.0, -5.0)  # from a whisper to louder than any platform takes

TITLE_CHARS: Final = 200
CAPTION_CHARS: Final = 2_000  # the published text encoder reads 512 tokens, about 2,000 characters
TRANSCRIPT_CHARS: Final = 2_000
CUE_TEXT_CHARS: Final = 200
LAYERS: Final = 32
CUES: Final = 128

ARCHIVE_BYTES: Final = 2**30  # the engine holds one in memory while it writes it, as it does a delivery
ARCHIVE_FRAME_BYTES: Final = 60 * 2**20  # the ZeroMQ door takes messages of 64 MiB; a larger one goes by path
ARCHIVE_REVISIONS: Final = 10_000  # an evening at a fader; a longer history travels as its newest revision
ARCHIVE_TAKES: Final = 2_000  # more than a GiB holds of takes worth keeping

MESSAGE_BYTES: Final = (
    4 * 2**20
)  # a full scene is under 1 MiB; a field error is worth more than a closed door
FRAMES: Final = 80  # one message, then at most one binary frame a stem and a mix
SHOWN_CHARS: Final = 60  # how much of a wrong value an error repeats
