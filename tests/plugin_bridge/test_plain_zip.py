"""ZIP files in one form: any program reads them, and every byte of them counts."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_bridge import plain_zip
from scene_schema.errors import Refused

NAMES = st.text("abc/.0", min_size=1, max_size=12)
CONTENT = st.dictionaries(NAMES, st.lists(st.binary(max_size=40), max_size=3), max_size=4)


def packed(content: dict[str, list[bytes]]) -> bytes:
    return b"".join(plain_zip.pack(content.items()))


def unpacked(data: bytes, most: int = 100) -> dict[str, bytes]:
    file = io.BytesIO(data)
    return {one.name: plain_zip.read(file, one) for one in plain_zip.entries_of(file, len(data), most)}


@given(CONTENT)
def test_what_goes_in_comes_out_here_and_in_other_programs(content: dict[str, list[bytes]]) -> None:
    data = packed(content)
    whole = {name: b"".join(parts) for name, parts in content.items()}
    assert unpacked(data) == whole
    assert packed({name: [part] for name, part in whole.items()}) == data
    with zipfile.ZipFile(io.BytesIO(data)) as other:
        assert other.testzip() is None
        assert {name: other.read(name) for name in other.namelist()} == whole


@given(CONTENT, st.data())
def test_every_byte_counts(content: dict[str, list[bytes]], data: st.DataObject) -> None:
    good = packed(content)
    place = data.draw(st.integers(0, len(good) - 1))
    mutations = [
        good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :],
        good[:place],
        good[:place] + data.draw(st.binary(min_size=1, max_size=9)) + good[place:],
    ]
    for bad in mutations:
        if bad == good:
            continue
        with pytest.raises(Refused) as refused:
            unpacked(bad)
        assert refused.value.code in ("malformed", "too_large")


def test_archives_of_other_programs_and_their_tricks_are_refused() -> None:
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as other:
            other.writestr("a", b"0" * 100_000)
        with pytest.raises(Refused):
            unpacked(buffer.getvalue())


def test_a_directory_that_lies_about_its_size_is_not_read() -> None:
    data = packed({"a": [b"x"]})
    ending = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, 2**31, 0, 0)
    with pytest.raises(Refused, match="not where it says"):
        unpacked(data[:-22] + ending)
    with pytest.raises(Refused, match="at most 1"):
        unpacked(packed({"a": [], "b": []}), most=1)
