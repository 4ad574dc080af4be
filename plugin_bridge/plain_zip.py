"""ZIP files of entries that are stored as they are, in one form only: same entries, same bytes. Pure.

Any program opens them. Read is only what `pack` writes, so nothing in such a file can mean two things: no
compression to explode, no second directory, no entries that overlap, no bytes that nobody looks at. Our own
because the standard library reads all that, and writes other bytes in other versions.

Source: PKWARE's APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from scene_schema.errors import Refused

Part = bytes | memoryview

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20  # 2.0, the oldest that has folders in names
_NEW_YEAR_1980: Final = 0x21  # the first day that a ZIP can name
NAME_BYTES: Final = 100
ENTRIES: Final = 0xFFFF


@dataclass(frozen=True)
class Entry:
    """Where an entry's bytes lie in the file."""

    name: str
    offset: int
    size_bytes: int
    crc32: int


def pack(entries: Iterable[tuple[str, Sequence[Part]]]) -> list[Part]:
    """The file's bytes in parts; the entries' own are not copied. Names are ASCII, at most `NAME_BYTES`."""
    parts: list[Part] = []
    directory: list[bytes] = []
    place = 0
    for name, content in entries:
        crc32 = size_bytes = 0
        for part in content:
            crc32 = zlib.crc32(part, crc32)
            size_bytes += memoryview(part).nbytes
        head = _local(name, size_bytes, crc32)
        directory.append(_central(name, size_bytes, crc32, place))
        parts += [head, *content]
        place += len(head) + size_bytes
    central = b"".join(directory)
    return [*parts, central, _end(len(directory), len(central), place)]


def entries_of(file: BinaryIO, size_bytes: int, most: int) -> list[Entry]:
    """What a file holds, in order. Reads the directory and the entries' heads, never their bytes.

    Raises `Refused`: `malformed` where anything is not as `pack` writes it, `too_large` for over `most`.
    """
    if size_bytes < _END.size:
        raise _malformed("it is too short")
    file.seek(size_bytes - _END.size)
    ending = file.read(_END.size)
    *_, count, central_bytes, central_at, _comment = _END.unpack(ending)
    if ending != _end(count, central_bytes, central_at):
        raise _malformed("it does not end as such a file does")
    if count > most:
        raise Refused("too_large", f"an archive of {count} files; at most {most}")
    if central_at + central_bytes + _END.size != size_bytes:
        raise _malformed("its directory is not where it says")
    if central_bytes > count * (_CENTRAL.size + NAME_BYTES):
        raise _malformed("its directory is longer than its entries need")
    file.seek(central_at)
    entries = _read_directory(file.read(central_bytes), count)
    place = 0
    for entry in entries:
        head = _local(entry.name, entry.size_bytes, entry.crc32)
        file.seek(place)
        if entry.offset != place + len(head) or file.read(len(head)) != head:
            raise _malformed(f"its entry {entry.name!r} is not where the directory says")
        place = entry.offset + entry.size_bytes
    if place != central_at:
        raise _malformed("there are bytes that belong to no entry")
    return entries


def read(file: BinaryIO, entry: Entry) -> bytes:
    """An entry's bytes. Raises `Refused` (`malformed`) where they are not the ones that were written."""
    file.seek(entry.offset)
    data = file.read(entry.size_bytes)
    if len(data) != entry.size_bytes or zlib.crc32(data) != entry.crc32:
        raise _malformed(f"its entry {entry.name!r} is damaged")
    return data


def _read_directory(central: bytes, count: int) -> list[Entry]:
    entries = []
    place = 0
    for _ in range(count):
        fixed = central[place : place + _CENTRAL.size]
        if len(fixed) != _CENTRAL.size:
            raise _malformed("its directory ends too soon")
        crc32, size_bytes, _, name_bytes = _CENTRAL.unpack(fixed)[7:11]
        offset = _CENTRAL.unpack(fixed)[-1]
        raw = central[place + _CENTRAL.size : place + _CENTRAL.size + name_bytes]
        try:
            name = raw.decode("ascii")
        except UnicodeDecodeError as error:
            raise _malformed("it holds a name that is not ASCII") from error
        whole = _central(name, size_bytes, crc32, offset)
        if central[place : place + len(whole)] != whole:
            raise _malformed(f"its entry {name!r} is compressed, encrypted or has something beside it")
        entries.append(Entry(name, offset + _LOCAL.size + name_bytes, size_bytes, crc32))
        place += len(whole)
    if place != len(central):
        raise _malformed("its directory has more than its entries")
    return entries


def _local(name: str, size_bytes: int, crc32: int) -> bytes:
    raw = name.encode("ascii")
    fields = (_VERSION, 0, 0, 0, _NEW_YEAR_1980, crc32, size_bytes, size_bytes, len(raw), 0)
    return _LOCAL.pack(b"PK\x03\x04", *fields) + raw


def _central(name: str, size_bytes: int, crc32: int, offset: int) -> bytes:
    raw = name.encode("ascii")
    fields = (_VERSION, _VERSION, 0, 0, 0, _NEW_YEAR_1980, crc32, size_bytes, size_bytes, len(raw))
    return _CENTRAL.pack(b"PK\x01\x02", *fields, 0, 0, 0, 0, 0, offset) + raw


def _end(count: int, central_bytes: int, central_at: int) -> bytes:
    return _END.pack(b"PK\x05\x06", 0, 0, count, count, central_bytes, central_at, 0)


def _malformed(what: str) -> Refused:
    return Refused(
        "malformed",
        f"this is not an archive as an engine writes it: {what}",
        remedy="Export the scene again, and copy the file whole; archives that were packed anew are refused.",
    )
