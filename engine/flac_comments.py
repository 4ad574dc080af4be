"""A FLAC file's tags as Vorbis comments: put in place of those that the encoder wrote.

FLAC has no `bext` or `smpl`; the names here are those that players and game engines look for.
Source: RFC 9639, section 8; for loops LOOPSTART and LOOPLENGTH as SDL_mixer and others read them.
"""

from __future__ import annotations

import struct
from typing import Final

from engine.file_tags import FileTags

VORBIS_COMMENT: Final = 4  # type of a metadata block
PADDING: Final = 1
LAST: Final = 0x80


def comments_of(tags: FileTags) -> dict[str, str]:
    """Name → value, in order."""
    words = {
        "TITLE": tags.title,
        "DESCRIPTION": tags.description,
        "COMMENT": tags.comment,
        "ENCODER": tags.software,
        "REFERENCE": tags.reference,
        "TIME_REFERENCE": str(tags.time_samples),
    }
    if tags.loops:
        words |= {"LOOPSTART": "0", "LOOPLENGTH": str(tags.length_samples)}
    if tags.tempo is not None:
        words |= {"BPM": f"{tags.tempo.bpm:g}"}
    return {name: text for name, text in words.items() if text}


def with_comments(flac: bytes, comments: dict[str, str]) -> bytes:
    """The same stream, with these comments and no others. Raises `ValueError` where it is not FLAC."""
    if flac[:4] != b"fLaC":
        raise ValueError(f"expected a FLAC stream, got {flac[:4]!r}")
    blocks = []
    place, last = 4, False
    while not last:
        kind, size = flac[place] & ~LAST, int.from_bytes(flac[place + 1 : place + 4], "big")
        last = bool(flac[place] & LAST)
        if kind not in (VORBIS_COMMENT, PADDING):
            blocks.append((kind, flac[place + 4 : place + 4 + size]))
        place += 4 + size
    blocks.append((VORBIS_COMMENT, _block(comments)))
    out = [b"fLaC"]
    for number, (kind, content) in enumerate(blocks, 1):
        out.append(bytes([kind | (LAST if number == len(blocks) else 0)]))
        out += [len(content).to_bytes(3, "big"), content]
    return b"".join([*out, flac[place:]])


def _block(comments: dict[str, str]) -> bytes:
    lines = [f"{name}={text}".encode() for name, text in comments.items()]
    sized = [struct.pack("<I", len(line)) + line for line in [b"Stemscape", *lines]]
    return sized[0] + struct.pack("<I", len(lines)) + b"".join(sized[1:])
