"""Files for a host: aligned, adding up, readable by a reader that is not ours."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio import balance, gain_of
from engine.cut import Cut, samples_of_bars, whole
from engine.deliver import Delivered, File, Form, Stem, deliver
from engine.file_tags import FileTags
from engine.loudness import Loudness, measure
from scene_schema.scene import TempoGrid
from tests.engine.riff import chunk_of, chunks_of

RATE_HZ = 24_000
STEP = 2.0**-15  # one 16-bit step


def stem(name: str, seed: int, level: float = 0.1, length_s: float = 1.0, **place: object) -> Stem:
    rng = np.random.default_rng(seed)
    samples = (level * rng.uniform(-1, 1, (round(length_s * RATE_HZ), 1))).astype(np.float32)
    placed = {"gain_db": 0.0, "pan": 0.0, "audible": True, **place}
    return Stem(layer_id=name, samples=samples, rate_hz=RATE_HZ, **placed)  # type: ignore[arg-type]


def delivered(
    stems: list[Stem], rate_hz: int = RATE_HZ, channels: int = 1, bit_depth: int = 24, **more: object
) -> Delivered:
    form = Form(rate_hz, channels, bit_depth, more.pop("container", "wav"))  # type: ignore[arg-type]
    cut = more.pop("cut", whole(1.0, rate_hz))
    return deliver(stems, form, cut, **{"mix": FileTags(), **more})  # type: ignore[arg-type]


def read(file: File) -> np.ndarray:
    return soundfile.read(io.BytesIO(file.data), always_2d=True)[0]


@pytest.mark.parametrize("container", ["wav", "flac"])
@pytest.mark.parametrize("bit_depth", [16, 24, 32])
@pytest.mark.parametrize("rate_hz", [24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_mix_is_the_weighted_sum_of_the_files(
    bit_depth: int, rate_hz: int, channels: int, container: str
) -> None:
    if (container, bit_depth) == ("flac", 32):
        return
    stems = [
        stem("a", 1, gain_db=-3.0, pan=-0.5),
        stem("b", 2, gain_db=2.0, pan=0.25),
        stem("c", 3, audible=False),
    ]
    out = delivered(stems, rate_hz, channels, bit_depth, container=container)
    files = {file.name: read(file) for file in out.files}
    assert [file.name for file in out.files] == [f"{name}.{container}" for name in ("a", "b", "c", "mix")]
    assert {audio.shape for audio in files.values()} == {(rate_hz, channels)}
    wanted = np.zeros((rate_hz, channels))
    for one in stems[:2]:
        weights = np.array(balance(one.pan)) if channels == 2 else 1.0
        wanted += files[f"{one.layer_id}.{container}"] * gain_of(one.gain_db) * weights
    assert out.master_gain_db == 0.0
    assert np.abs(files[f"mix.{container}"] - wanted).max() <= STEP
    assert 10 ** (out.sum_error_db / 20) <= 2.0 ** (1 - min(bit_depth, 24))


@pytest.mark.parametrize("bit_depth", [16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_mix_of_loops_is_the_sum_of_loops(bit_depth: int, channels: int) -> None:
    stems = [stem("a", 1, gain_db=-3.0), stem("b", 2, pan=0.5)]
    out = delivered(stems, 48_000, channels, bit_depth, cut=Cut(2_000, 40_000, 4_000, 48_000))
    a, b, mix = (read(file) for file in out.files)
    right = np.array(balance(0.5)) if channels == 2 else 1.0
    assert np.abs(mix - (a * gain_of(-3.0) + b * right)).max() <= STEP


def test_a_hot_mix_comes_down_to_its_ceiling_and_says_so() -> None:
    stems = [stem(name, 1, level=0.7) for name in "abc"]
    out = delivered(stems)
    mix = read(out.files[-1])
    assert out.master_gain_db < 0
    assert 20 * np.log10(np.abs(mix).max()) == pytest.approx(-1.0, abs=0.01)
    summed = sum(read(file) for file in out.files[:-1]) * gain_of(out.master_gain_db)
    assert np.abs(mix - summed).max() <= STEP


@pytest.mark.parametrize("channels", [1, 2])
def test_a_mix_is_brought_to_a_loudness(channels: int) -> None:
    out = delivered([stem("a", 1), stem("b", 2, level=0.02)], channels=channels, target_lufs=-23.0)
    assert out.files[-1].loudness.integrated_lufs == pytest.approx(-23.0, abs=0.01)
    assert measure(read(out.files[-1]), RATE_HZ).integrated_lufs == pytest.approx(-23.0, abs=0.01)
    summed = sum(read(file) for file in out.files[:-1]) * gain_of(out.master_gain_db)
    assert np.abs(read(out.files[-1]) - summed).max() <= STEP


def test_a_loudness_beyond_the_peak_ceiling_is_not_reached_and_said() -> None:
    spiky = stem("a", 1, level=0.02)
    spiky.samples[12_000] = 0.5
    out = delivered([spiky], target_lufs=-12.0)
    mix = out.files[-1]
    assert mix.peak_db == pytest.approx(-1.0, abs=0.01)
    assert mix.loudness.integrated_lufs is not None
    assert mix.loudness.integrated_lufs < -15.0


def test_silence_stays_silent_whatever_its_target() -> None:
    out = delivered([stem("a", 1, level=0.0)], target_lufs=-23.0)
    assert (out.master_gain_db, out.files[-1].loudness.integrated_lufs) == (0.0, None)


@pytest.mark.parametrize("bit_depth", [16, 24, 32])
@pytest.mark.parametrize("container", ["wav", "flac"])
def test_the_same_stem_gives_the_same_bytes_whenever_and_whatever_is_beside_it(
    bit_depth: int, container: str
) -> None:
    if (container, bit_depth) == ("flac", 32):
        return
    alone = delivered([stem("a", 1)], 48_000, bit_depth=bit_depth, container=container)
    time.sleep(1.01)  # libsndfile would write the second into a file of floats
    beside = delivered([stem("a", 1), stem("b", 9)], 48_000, bit_depth=bit_depth, container=container)
    assert alone.files[0].data == beside.files[0].data


@pytest.mark.parametrize("bit_depth", [16, 24, 32])
def test_mono_in_a_stereo_file_is_the_same_on_both_sides(bit_depth: int) -> None:
    one = read(delivered([stem("a", 1)], channels=1, bit_depth=bit_depth).files[0])
    two = read(delivered([stem("a", 1)], channels=2, bit_depth=bit_depth).files[0])
    assert np.array_equal(two, np.repeat(one, 2, axis=1))


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 2.0), st.sampled_from([22_050, 44_100, 48_000, 96_000]))
def test_length_follows_the_scene(length_s: float, rate_hz: int) -> None:
    out = delivered([stem("a", 1)], rate_hz, bit_depth=16, cut=whole(length_s, rate_hz))
    assert {len(read(file)) for file in out.files} == {round(length_s * rate_hz)}


def test_four_bars_are_four_bars_to_the_sample() -> None:
    tempo = TempoGrid(bpm=97.0)
    for rate_hz, wanted in ((44_100, 436_454), (48_000, 475_052), (96_000, 950_103)):
        length = samples_of_bars(4, tempo, rate_hz)
        cut = Cut(round(0.25 * rate_hz), length, 0, round(11.0 * rate_hz))
        (file,) = delivered([stem("a", 1, length_s=11.0)], rate_hz, cut=cut, mix=None).files
        assert (length, len(read(file))) == (wanted, wanted)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("at", [1_000, 12_345, 20_001])
@pytest.mark.parametrize("start_s", [0.0, 0.025])
def test_a_click_is_found_where_its_time_is(rate_hz: int, at: int, start_s: float) -> None:
    samples = np.zeros((RATE_HZ, 1), np.float32)
    samples[at] = 0.5
    one = Stem("a", samples, RATE_HZ, gain_db=0.0, pan=0.0, audible=True)
    start = round(start_s * rate_hz)
    cut = Cut(start, rate_hz - start, 0, rate_hz)
    sound = np.abs(read(delivered([one], rate_hz, cut=cut).files[0])[:, 0])
    top = int(np.argmax(sound))
    a, b, c = sound[top - 1 : top + 2]
    found = top + 0.5 * (a - c) / (a - 2 * b + c)  # the peak between samples, by a parabola
    assert abs(found - (at / RATE_HZ * rate_hz - start)) <= 0.5


def test_twenty_four_bits_are_kept_exactly() -> None:
    rng = np.random.default_rng(0)
    samples = (rng.integers(-(2**23), 2**23, (RATE_HZ, 1)) / 2.0**23).astype(np.float32)
    one = Stem("a", samples, RATE_HZ, gain_db=0.0, pan=0.0, audible=True)
    for channels in (1, 2):
        assert np.array_equal(read(delivered([one], channels=channels).files[0])[:, :1], samples)


def test_only_what_is_wanted_is_made_and_the_mix_hears_the_rest() -> None:
    stems = [stem("a", 1), stem("b", 2)]
    both = delivered(stems)
    some = delivered(stems, wanted={"b"})
    assert [file.layer_id for file in some.files] == ["b", None]
    assert [file.data for file in some.files] == [file.data for file in both.files[1:]]
    assert [file.layer_id for file in delivered(stems, mix=None).files] == ["a", "b"]


def test_loudness_is_the_takes_own_where_the_file_holds_just_that() -> None:
    known = Loudness(-12.0, -3.0)
    one = stem("a", 1, loudness=known)
    assert delivered([one]).files[0].loudness == known
    two = delivered([one], channels=2).files[0].loudness
    assert two.integrated_lufs == pytest.approx(-12.0 + 3.01, abs=0.01)
    part = delivered([one], cut=Cut(0, 20_000, 0, RATE_HZ)).files[0].loudness
    assert part.integrated_lufs not in (known.integrated_lufs, None)
    longer = delivered([one], cut=whole(2.0, RATE_HZ)).files[0].loudness
    assert longer.integrated_lufs != known.integrated_lufs


@pytest.mark.parametrize("channels", [1, 2])
def test_measured_loudness_is_that_of_the_file(channels: int) -> None:
    for file in delivered([stem("a", 1, pan=0.5)], channels=channels).files:
        found = measure(read(file), RATE_HZ)
        assert file.loudness.integrated_lufs == pytest.approx(found.integrated_lufs, abs=0.01)
        assert file.loudness.true_peak_db == pytest.approx(found.true_peak_db, abs=0.01)


@pytest.mark.parametrize("bit_depth", [16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_files_are_whole_riff(bit_depth: int, channels: int) -> None:
    odd = Cut(0, 23_999, 0, RATE_HZ)
    tags = FileTags(title="a", loops=True)
    file = delivered([stem("a", 1, tags=tags)], channels=channels, bit_depth=bit_depth, cut=odd).files[0]
    assert len(chunks_of(file.data)[-1].content) == 23_999 * channels * bit_depth // 8
    assert chunk_of(file.data, b"smpl") is not None
