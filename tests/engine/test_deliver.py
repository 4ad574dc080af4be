"""Files for a host: aligned, adding up, readable by a reader that is not ours."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio import balance, gain_of
from engine.deliver import MIX_NAME, Stem, deliver

RATE_HZ = 24_000
STEP = 2.0**-15  # one 16-bit step


def stem(name: str, seed: int, level: float = 0.1, **place: object) -> Stem:
    rng = np.random.default_rng(seed)
    samples = (level * rng.uniform(-1, 1, (RATE_HZ, 1))).astype(np.float32)
    placed = {"gain_db": 0.0, "pan": 0.0, "audible": True, **place}
    return Stem(layer_id=name, samples=samples, rate_hz=RATE_HZ, **placed)  # type: ignore[arg-type]


def read(wav: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(wav), always_2d=True)[0]


@pytest.mark.parametrize("bit_depth", [16, 24, 32])
@pytest.mark.parametrize("rate_hz", [24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_mix_is_the_weighted_sum_of_the_files(bit_depth: int, rate_hz: int, channels: int) -> None:
    stems = [
        stem("a", 1, gain_db=-3.0, pan=-0.5),
        stem("b", 2, gain_db=2.0, pan=0.25),
        stem("c", 3, audible=False),
    ]
    out = deliver(stems, rate_hz=rate_hz, channels=channels, bit_depth=bit_depth, length_s=1.0)
    files = {file.name: read(file.wav) for file in out.files}
    assert [file.name for file in out.files] == ["a.wav", "b.wav", "c.wav", MIX_NAME]
    assert {audio.shape for audio in files.values()} == {(rate_hz, channels)}
    wanted = np.zeros((rate_hz, channels))
    for one in stems[:2]:
        weights = np.array(balance(one.pan)) if channels == 2 else 1.0
        wanted += files[f"{one.layer_id}.wav"] * gain_of(one.gain_db) * weights
    assert out.master_gain_db == 0.0
    assert np.abs(files[MIX_NAME] - wanted).max() <= STEP
    assert 10 ** (out.sum_error_db / 20) <= 2.0 ** (1 - min(bit_depth, 24))


def test_a_hot_mix_comes_down_to_its_ceiling_and_says_so() -> None:
    stems = [stem(name, 1, level=0.7) for name in "abc"]
    out = deliver(stems, rate_hz=RATE_HZ, channels=1, bit_depth=24, length_s=1.0)
    mix = read(out.files[-1].wav)
    assert out.master_gain_db < 0
    assert 20 * np.log10(np.abs(mix).max()) == pytest.approx(-1.0, abs=0.01)
    summed = sum(read(file.wav) for file in out.files[:-1]) * gain_of(out.master_gain_db)
    assert np.abs(mix - summed).max() <= STEP


@pytest.mark.parametrize("bit_depth", [16, 24, 32])
def test_the_same_stem_gives_the_same_bytes_whatever_is_beside_it(bit_depth: int) -> None:
    alone = deliver([stem("a", 1)], rate_hz=48_000, channels=1, bit_depth=bit_depth, length_s=1.0)
    beside = deliver(
        [stem("a", 1), stem("b", 9)], rate_hz=48_000, channels=1, bit_depth=bit_depth, length_s=1.0
    )
    assert alone.files[0].wav == beside.files[0].wav


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 2.0), st.sampled_from([22_050, 44_100, 48_000, 96_000]))
def test_length_follows_the_scene(length_s: float, rate_hz: int) -> None:
    out = deliver([stem("a", 1)], rate_hz=rate_hz, channels=1, bit_depth=16, length_s=length_s)
    assert {len(read(file.wav)) for file in out.files} == {round(length_s * rate_hz)}


def test_twenty_four_bits_are_kept_exactly() -> None:
    rng = np.random.default_rng(0)
    samples = (rng.integers(-(2**23), 2**23, (1000, 1)) / 2.0**23 * 0.5).astype(np.float32)
    one = Stem("a", samples, RATE_HZ, gain_db=0.0, pan=0.0, audible=True)
    out = deliver([one], rate_hz=RATE_HZ, channels=1, bit_depth=24, length_s=1000 / RATE_HZ)
    assert np.abs(read(out.files[0].wav) - samples).max() <= 2.0**-24
