"""The head of a WAV file: RIFF chunks with a file's format and tags, in the order that hosts want them.

Our own because soundfile writes none of them, and libsndfile puts the time of day into files of floats.
Knows no samples: whoever writes the file puts `data_bytes` of them behind the head.
"""

from __future__ import annotations

import struct
import unicodedata
from typing import Final

from engine.file_tags import ORIGINATOR, FileTags

BEXT_VERSION: Final = 2
NO_LOUDNESS: Final = 0x7FFF  # "not used" in each loudness field of a version 2 `bext`
ROOT_NOTE: Final = 60  # middle C: played there, a sampler leaves the pitch as it is
ACID_ONE_SHOT: Final = 0x01
ACID_STRETCHES: Final = 0x04


def head(tags: FileTags, *, rate_hz: int, channels: int, bit_depth: int, data_bytes: int) -> bytes:
    """Everything before the samples: `bext` first, `data`'s own header last.

    After the samples comes one zero byte where `data_bytes` is odd (`padding`). 32 bits are floats.
    """
    chunks = [
        bext(tags, rate_hz, channels, bit_depth),
        fmt(rate_hz, channels, bit_depth),
    ]
    if bit_depth == 32:
        chunks.append(chunk(b"fact", struct.pack("<I", tags.length_samples)))
    if tags.loops:
        chunks.append(smpl(0, tags.length_samples - 1, rate_hz))
    if tags.markers:
        chunks += [cue(tags), labels(tags)]
    if tags.tempo is not None:
        chunks.append(acid(tags, rate_hz))
    chunks.append(info(tags))
    before = b"".join(chunks)
    size = 4 + len(before) + 8 + data_bytes + len(padding(data_bytes))
    return struct.pack("<4sI4s", b"RIFF", size, b"WAVE") + before + struct.pack("<4sI", b"data", data_bytes)


def padding(size_bytes: int) -> bytes:
    """What makes a chunk even; its size does not count it."""
    return b"\0" * (size_bytes % 2)


def chunk(name: bytes, content: bytes) -> bytes:
    """Name, size, content, padding."""
    return struct.pack("<4sI", name, len(content)) + content + padding(len(content))


def fmt(rate_hz: int, channels: int, bit_depth: int) -> bytes:
    """Format: whole numbers (tag 1), or floats (tag 3), which need the size of an extension, 0."""
    frame_bytes = channels * bit_depth // 8
    tag = 3 if bit_depth == 32 else 1
    content = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, bit_depth)
    return chunk(b"fmt ", content + (struct.pack("<H", 0) if tag == 3 else b""))


def bext(tags: FileTags, rate_hz: int, channels: int, bit_depth: int) -> bytes:
    """Broadcast extension, version 2: description, originator, time reference, loudness.

    Date and time stay empty, and the loudness fields that we do not measure say so. The coding history is
    one line after EBU R 98. Source: EBU Tech 3285 v2 (2011).
    """
    mode = "mono" if channels == 1 else "stereo"
    history = f"A=PCM,F={rate_hz},W={bit_depth},M={mode},T={ORIGINATOR}\r\n"
    content = struct.pack(
        "<256s32s32s10s8sQH64sHHHHH180s",
        as_ascii(tags.description, 256),
        as_ascii(ORIGINATOR, 32),
        as_ascii(tags.reference, 32),
        b"",  # date
        b"",  # time
        tags.time_samples,
        BEXT_VERSION,
        b"",  # UMID
        hundredths(tags.loudness_lufs),
        NO_LOUDNESS,  # range
        hundredths(tags.true_peak_db),
        NO_LOUDNESS,  # loudest moment
        NO_LOUDNESS,  # loudest 3 s
        b"",
    )
    return chunk(b"bext", content + history.encode("ascii"))


def hundredths(value_db: float | None) -> int:
    """A loudness as `bext` has it: hundredths, two's complement in 16 bits, at most ±99.99."""
    if value_db is None:
        return NO_LOUDNESS
    return round(100.0 * min(max(value_db, -99.99), 99.99)) & 0xFFFF


def smpl(first_samples: int, last_samples: int, rate_hz: int) -> bytes:
    """Sampler chunk with one forward loop that never ends; both samples belong to it.

    Source: Microsoft, "Multimedia Data Standards Update" (1994), Sampler Chunk.
    """
    head = struct.pack("<9I", 0, 0, round(1e9 / rate_hz), ROOT_NOTE, 0, 0, 0, 1, 0)
    return chunk(b"smpl", head + struct.pack("<6I", 0, 0, first_samples, last_samples, 0, 0))


def cue(tags: FileTags) -> bytes:
    """Cue points, numbered from 1. Source: IBM and Microsoft, "Multimedia Programming Interface" (1991)."""
    points = [
        struct.pack("<II4sIII", number, marker.at_samples, b"data", 0, 0, marker.at_samples)
        for number, marker in enumerate(tags.markers, 1)
    ]
    return chunk(b"cue ", struct.pack("<I", len(points)) + b"".join(points))


def labels(tags: FileTags) -> bytes:
    """The cue points' texts, as a list of `labl`, in UTF-8. Source: as `cue`."""
    named = [
        chunk(b"labl", struct.pack("<I", number) + marker.text.encode() + b"\0")
        for number, marker in enumerate(tags.markers, 1)
    ]
    return chunk(b"LIST", b"adtl" + b"".join(named))


def acid(tags: FileTags, rate_hz: int) -> bytes:
    """Tempo, metre and number of beats, so that hosts which follow a tempo can stretch the file.

    Only a file of whole bars is marked as a loop of its beats; others keep their own speed (one-shot).
    Source: the layout that libsndfile reads (`wav_read_acid_chunk` in its wav.c); there is no published one.
    """
    assert tags.tempo is not None
    beats = tags.length_samples * tags.tempo.bpm / (60.0 * rate_hz)
    flags = ACID_ONE_SHOT if tags.bars is None else ACID_STRETCHES
    content = struct.pack(
        "<IHHfIHHf",
        flags,
        ROOT_NOTE,
        0x8000,  # as hosts write it
        0.0,
        round(beats),
        4,
        tags.tempo.beats_per_bar,
        tags.tempo.bpm,
    )
    return chunk(b"acid", content)


def info(tags: FileTags) -> bytes:
    """Title, software and comment as hosts show them, in UTF-8. Source: as `cue`, LIST of type INFO."""
    words = ((b"INAM", tags.title), (b"ISFT", tags.software), (b"ICMT", tags.comment))
    said = [chunk(name, text.encode() + b"\0") for name, text in words if text]
    return chunk(b"LIST", b"INFO" + b"".join(said))


def as_ascii(text: str, size_bytes: int) -> bytes:
    """Text for a field of ASCII: accents dropped, anything else that has no such letter a question mark."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return plain.encode("ascii", "replace")[:size_bytes]
