"""Heads of WAV files, read back by the RIFF rules and by libsndfile's own tool."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.file_tags import FileTags, Marker
from engine.wav_chunks import as_ascii, chunk, head, hundredths, padding
from scene_schema.scene import TempoGrid
from tests.engine.riff import chunk_of, chunks_of, walked

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
GRID = TempoGrid(bpm=97.0, beats_per_bar=3, bar_offset_s=0.25)
TAGS = st.builds(
    FileTags,
    title=TEXT,
    description=TEXT,
    reference=st.text("0123456789abcdef", max_size=40),
    software=TEXT,
    comment=TEXT,
    time_samples=st.integers(0, 2**40),
    length_samples=st.integers(1, 2**31),
    loops=st.booleans(),
    bars=st.none() | st.integers(1, 8),
    tempo=st.none() | st.just(GRID),
    markers=st.lists(st.builds(Marker, st.integers(0, 2**31), TEXT), max_size=5).map(tuple),
    loudness_lufs=st.none() | st.floats(-120, 20),
    true_peak_db=st.none() | st.floats(-240, 20),
)


def made(tags: FileTags, bit_depth: int = 24, channels: int = 1, data: bytes = b"abc") -> bytes:
    start = head(tags, rate_hz=48_000, channels=channels, bit_depth=bit_depth, data_bytes=len(data))
    return start + data + padding(len(data))


@given(TAGS, st.sampled_from([16, 24, 32]), st.sampled_from([1, 2]), st.binary(max_size=9))
def test_every_chunk_reads_back(tags: FileTags, bit_depth: int, channels: int, data: bytes) -> None:
    wav = made(tags, bit_depth, channels, data)
    chunks = chunks_of(wav)
    names = [one.name for one in chunks]
    assert (names[0], names[1], names[-1]) == (b"bext", b"fmt ", b"data")
    assert chunks[-1].content == data

    kind, came, rate_hz, per_s, frame, bits = struct.unpack_from("<HHIIHH", chunks[1].content)
    assert (kind, came, rate_hz, bits) == (3 if bit_depth == 32 else 1, channels, 48_000, bit_depth)
    assert (frame, per_s) == (channels * bit_depth // 8, 48_000 * channels * bit_depth // 8)
    if bit_depth == 32:
        assert chunk_of(wav, b"fact") == struct.pack("<I", tags.length_samples)

    bext = chunks[0].content
    assert len(bext) > 602
    assert struct.unpack_from("<QH", bext, 338) == (tags.time_samples, 2)
    loudness, loudness_range, peak, moment, short = struct.unpack_from("<5h", bext, 412)
    assert {loudness_range, moment, short} == {0x7FFF}
    for came_value, value in ((loudness, tags.loudness_lufs), (peak, tags.true_peak_db)):
        assert came_value == 0x7FFF if value is None else abs(came_value) <= 9999
    assert bext[320:338] == bytes(18), "no date, no time"

    smpl = chunk_of(wav, b"smpl")
    assert (smpl is not None) == tags.loops
    if smpl is not None:
        assert struct.unpack_from("<I", smpl, 28) == (1,)
        assert struct.unpack_from("<6I", smpl, 36) == (0, 0, 0, tags.length_samples - 1, 0, 0)
        assert len(smpl) == 60

    cue = chunk_of(wav, b"cue ")
    assert (cue is not None) == bool(tags.markers)
    if cue is not None:
        (count,) = struct.unpack_from("<I", cue)
        points = [struct.unpack_from("<II4sIII", cue, 4 + 24 * place) for place in range(count)]
        assert [point[1] for point in points] == [marker.at_samples for marker in tags.markers]
        assert [point[5] for point in points] == [marker.at_samples for marker in tags.markers]
        labels = walked(chunk_of(wav, b"LIST", b"adtl") or b"")
        assert [one.content[4:] for one in labels] == [m.text.encode() + b"\0" for m in tags.markers]
        assert [struct.unpack_from("<I", one.content)[0] for one in labels] == [point[0] for point in points]

    acid = chunk_of(wav, b"acid")
    assert (acid is not None) == (tags.tempo is not None)
    if acid is not None:
        flags, *_, low, high, bpm = struct.unpack("<IHHfIHHf", acid)
        assert (flags, low, high, bpm) == (1 if tags.bars is None else 4, 4, 3, 97.0)

    said = {one.name: one.content for one in walked(chunk_of(wav, b"LIST", b"INFO") or b"")}
    wanted = {b"INAM": tags.title, b"ISFT": tags.software, b"ICMT": tags.comment}
    assert said == {name: text.encode() + b"\0" for name, text in wanted.items() if text}


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=33))
def test_a_chunk_is_even_and_its_size_does_not_count_that(name: bytes, content: bytes) -> None:
    whole = chunk(name, content)
    assert len(whole) % 2 == 0
    assert walked(whole) == [(name, content)]


@given(st.floats(-99.99, 99.99))
def test_loudness_in_hundredths(value_db: float) -> None:
    (read,) = struct.unpack("<h", struct.pack("<H", hundredths(value_db)))
    assert abs(read / 100.0 - value_db) <= 0.005 + 1e-9


@given(TEXT, st.integers(0, 40))
def test_ascii_fields_never_overflow(text: str, size: int) -> None:
    assert len(as_ascii(text, size)) <= size
    assert as_ascii(text, size).isascii()


def test_accents_become_letters() -> None:
    assert as_ascii("Möwe à la plage – 雨", 40) == b"Mowe a la plage ? ?"


def test_another_reader_sees_the_same(tmp_path: Path) -> None:
    tool = shutil.which("sndfile-info")
    if tool is None:
        pytest.skip("sndfile-info is not installed (Debian: sndfile-programs)")
    tags = FileTags(
        title="Quay - music",
        description="a slow waltz",
        time_samples=2**33 + 5,
        length_samples=1_000,
        loops=True,
        bars=2,
        tempo=GRID,
        markers=(Marker(10, "slam"), Marker(500, "bell")),
        loudness_lufs=-23.4,
        true_peak_db=-3.2,
    )
    (tmp_path / "a.wav").write_bytes(made(tags, 24, 1, bytes(3_000)))
    said = ""
    for options in (["--broadcast"], []):
        command = [tool, *options, str(tmp_path / "a.wav")]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        said += " ".join(ran.stdout.split()) + " "
    assert "***" not in said, "libsndfile's mark for what it does not understand"
    for wanted in (
        "Originator : Stemscape",
        "Time ref : 0x200000005",
        "BWF version : 2",
        "Loudness value : -23.40 LUFS",
        "Max. true peak level : -3.20 dBTP",
        "Loop Count : 1 Cue ID : 0 Type : 0 Start : 0 End : 999",
        "labl : 1 : slam labl : 2 : bell",
        "Meter : 3/4 Tempo : 97.0",
        "INAM : Quay - music",
        "Frames : 1000",
    ):
        assert wanted in said, (wanted, said)
