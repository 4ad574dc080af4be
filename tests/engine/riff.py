"""Reads a WAV file's chunks back, by the RIFF rules alone: not our writer's code."""

from __future__ import annotations

import struct
from typing import NamedTuple


class Chunk(NamedTuple):
    name: bytes
    content: bytes


def chunks_of(wav: bytes) -> list[Chunk]:
    """All chunks, in order. Asserts that sizes and padding are right to the last byte."""
    name, size, kind = struct.unpack_from("<4sI4s", wav)
    assert (name, size, kind) == (b"RIFF", len(wav) - 8, b"WAVE")
    return walked(wav[12:])


def walked(content: bytes) -> list[Chunk]:
    """Chunks one behind another."""
    found = []
    place = 0
    while place < len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        assert place + 8 + size <= len(content), name
        found.append(Chunk(name, content[place + 8 : place + 8 + size]))
        if size % 2:
            assert content[place + 8 + size : place + 9 + size] == b"\0", name
        place += 8 + size + size % 2
    assert place == len(content)
    return found


def chunk_of(wav: bytes, name: bytes, kind: bytes = b"") -> bytes | None:
    """One chunk's content; of a LIST the one of this type, without the type."""
    for one in chunks_of(wav):
        if one.name == name and one.content[:4].startswith(kind):
            return one.content[len(kind) :]
    return None
