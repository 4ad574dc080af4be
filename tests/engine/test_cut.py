"""What part of a clip a file holds, to the sample, and what its ends sound like."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from engine.cut import EDGE_S, Cut, bar_s, blended, cut_of, cut_out, place_in, samples_of_bars, whole
from scene_schema.errors import Refused
from scene_schema.limits import BEATS_PER_BAR, BPM, RATE_HZ
from scene_schema.scene import Scene, TempoGrid, check_scene

RATE_HZ_HERE = 24_000


def scene(duration_s: float = 10.0, tempo: dict[str, Any] | None = None) -> Scene:
    return check_scene({"id": "a", "duration_s": duration_s, "tempo": tempo})


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


TEMPOS = st.builds(
    TempoGrid,
    bpm=st.floats(BPM.low, BPM.high),
    beats_per_bar=st.integers(int(BEATS_PER_BAR.low), int(BEATS_PER_BAR.high)),
)


@pytest.mark.parametrize(("rate_hz", "wanted"), [(24_000, 237_526), (44_100, 436_454), (48_000, 475_052)])
def test_four_bars_at_97_bpm(rate_hz: int, wanted: int) -> None:
    assert samples_of_bars(4, TempoGrid(bpm=97.0), rate_hz) == wanted
    cut = cut_of(scene(12.0, {"bpm": 97.0, "bar_offset_s": 0.5}), rate_hz, length_bars=4)
    assert (cut.start_samples, cut.length_samples) == (round(0.5 * rate_hz), wanted)


@given(st.integers(1, 1_000), TEMPOS, st.sampled_from(RATE_HZ))
def test_bars_are_rounded_once(bars: int, tempo: TempoGrid, rate_hz: int) -> None:
    exact = Fraction(bars * tempo.beats_per_bar * 60 * rate_hz) / Fraction(tempo.bpm)
    assert abs(samples_of_bars(bars, tempo, rate_hz) - exact) <= Fraction(1, 2) + Fraction(1, 10**6)


@given(
    st.integers(1, 8),
    TEMPOS,
    st.sampled_from(RATE_HZ),
    st.booleans(),
    st.floats(0.0, 2.0),
    st.floats(0.005, 0.5),
)
@example(2, TempoGrid(bpm=121.0, beats_per_bar=1), 16_000, True, 0.0, 0.5)  # one bar is no loop of 0.5 s
def test_a_scene_is_long_enough_or_told_what_would_be(
    bars: int, tempo: TempoGrid, rate_hz: int, loop: bool, offset_s: float, crossfade_s: float
) -> None:
    assume(not loop or bars * bar_s(tempo) >= crossfade_s + 0.01)
    assume(bars * bar_s(tempo) > 0.22)  # or a shorter scene would still be long enough
    grid = {"bpm": tempo.bpm, "beats_per_bar": tempo.beats_per_bar, "bar_offset_s": offset_s}
    needed_s = offset_s + bars * bar_s(tempo) + (crossfade_s if loop else 0.0)
    assume(0.4 < needed_s < 590.0)
    ask = {"length_bars": bars, "loop": loop, "loop_crossfade_s": crossfade_s}
    cut = cut_of(scene(needed_s, grid), rate_hz, **ask)  # type: ignore[arg-type]
    assert cut.length_samples == samples_of_bars(bars, tempo, rate_hz)
    with pytest.raises(Refused) as refused:
        cut_of(scene(max(needed_s - 0.01, offset_s + 0.2), grid), rate_hz, **ask)  # type: ignore[arg-type]
    (finding,) = refused.value.findings
    assert (refused.value.code, finding.field) == ("invalid", "$.length_bars")
    told_s = float(refused.value.remedy.split("duration_s ≥ ")[1].split()[0])
    assert needed_s - 1e-3 <= told_s <= needed_s + 2e-3
    if (most := refused.value.remedy.partition("at most ")[2]) != "":
        fewer = int(most.rstrip("."))
        assert fewer < bars
        cut_of(scene(max(needed_s - 0.01, offset_s + 0.2), grid), rate_hz, **{**ask, "length_bars": fewer})  # type: ignore[arg-type]


def test_bars_without_a_tempo_grid_are_refused_by_name() -> None:
    with pytest.raises(Refused) as refused:
        cut_of(scene(), 48_000, length_bars=4)
    assert refused.value.findings[0].field == "$.length_bars"
    assert "tempo" in refused.value.findings[0].expected
    assert "scene.edit" in refused.value.remedy


def test_a_crossfade_longer_than_the_loop_is_refused_by_name() -> None:
    with pytest.raises(Refused) as refused:
        cut_of(scene(1.0), 48_000, loop=True, loop_crossfade_s=0.6)
    assert refused.value.findings[0].field == "$.loop_crossfade_s"


def test_a_loop_of_all_is_shorter_by_its_crossfade() -> None:
    assert cut_of(scene(10.0), 48_000, loop=True, loop_crossfade_s=0.05) == Cut(0, 477_600, 2_400, 480_000)


def test_cues_move_with_the_cut_and_those_outside_are_left_out() -> None:
    cut = cut_of(scene(10.0, {"bpm": 120.0, "bar_offset_s": 1.0}), 48_000, length_bars=2)
    assert [place_in(cut, at_s, 48_000) for at_s in (0.5, 1.0, 3.25, 4.999, 5.0)] == [
        None,
        0,
        108_000,
        191_952,
        None,
    ]


def test_a_whole_clip_is_untouched() -> None:
    clip = np.random.default_rng(0).standard_normal((1_000, 2)).astype(np.float32)
    assert np.array_equal(cut_out(clip, whole(1_000 / 24_000, 24_000), 24_000), clip)


def test_a_cut_through_sound_is_faded_and_an_attack_is_not() -> None:
    clip = np.full((24_000, 1), 0.5, np.float32)
    cut = Cut(6_000, 12_000, 0, 24_000)
    edge = round(EDGE_S * RATE_HZ_HERE)
    part = cut_out(clip, cut, RATE_HZ_HERE)[:, 0]
    assert abs(part[0]) < 0.001
    assert abs(part[-1]) < 0.001
    assert np.all(part[edge:-edge] == 0.5)
    clip[:6_000] = 0.0  # now the sound begins where the cut does
    assert cut_out(clip, cut, RATE_HZ_HERE)[0, 0] == 0.5


def looped(clip: np.ndarray, crossfade_s: float, start: int = 0) -> tuple[np.ndarray, int]:
    crossfade = round(crossfade_s * RATE_HZ_HERE)
    length = len(clip) - start - crossfade
    return cut_out(clip, Cut(start, length, crossfade, len(clip)), RATE_HZ_HERE), crossfade


def faded(samples: np.ndarray) -> np.ndarray:
    """As every stem comes: 2 ms of fade at the clip's very start and end."""
    edge = round(EDGE_S * RATE_HZ_HERE)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    samples = samples.copy()
    samples[:edge] *= ramp
    samples[-edge:] *= ramp[::-1]
    return samples[:, None].astype(np.float32)


@pytest.mark.parametrize("crossfade_s", [0.005, 0.05, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_the_seam_in_noise_is_as_loud_as_the_rest(crossfade_s: float, seed: int) -> None:
    clip = faded(0.1 * np.random.default_rng(seed).standard_normal(5 * RATE_HZ_HERE))
    loop, crossfade = looped(clip, crossfade_s)
    seam = rms(loop[:crossfade]) / rms(loop[crossfade:])
    allowed = 3.0 / np.sqrt(2 * crossfade)  # what noise of that length does by itself, three times over
    assert abs(seam - 1.0) < 0.02 + allowed


@pytest.mark.parametrize("pitch_hz", [110.0, 220.5, 333.3, 1_001.7])
@pytest.mark.parametrize("crossfade_s", [0.05, 0.2])
def test_the_seam_in_a_tone_is_no_louder_whatever_its_phase(pitch_hz: float, crossfade_s: float) -> None:
    for cut_off in range(0, 200, 23):
        times_s = np.arange(3 * RATE_HZ_HERE + cut_off) / RATE_HZ_HERE
        loop, crossfade = looped(faded(0.3 * np.sin(2 * np.pi * pitch_hz * times_s)), crossfade_s)
        assert 20 * np.log10(rms(loop[:crossfade]) / rms(loop[crossfade:])) < 0.6
        assert np.abs(loop[:crossfade]).max() <= np.abs(loop[crossfade:]).max() * 1.001


@pytest.mark.parametrize("start", [0, 4_000])
def test_a_loop_has_no_step_where_it_begins_again(start: int) -> None:
    times_s = np.arange(3 * RATE_HZ_HERE) / RATE_HZ_HERE
    clip = faded(0.3 * np.sin(2 * np.pi * 441.3 * times_s) + 0.1 * np.sin(2 * np.pi * 87.1 * times_s))
    loop, crossfade = looped(clip, 0.05, start)
    twice = np.concatenate([loop, loop])[:, 0].astype(np.float64)
    steps = np.abs(np.diff(twice))
    seam = steps[len(loop) - 50 : len(loop) + crossfade + 50]
    assert seam.max() <= steps[crossfade : len(loop) - 50].max() * 1.05


def test_what_repeats_every_bar_loops_as_if_it_never_ended() -> None:
    bar = 0.2 * np.random.default_rng(4).standard_normal(12_000)
    clip = np.tile(bar, 3)[:, None].astype(np.float32)
    loop = cut_out(clip, Cut(12_000, 12_000, 1_200, 36_000), RATE_HZ_HERE)
    assert np.abs(loop[:, 0] - bar).max() < 1e-6, "equal parts blend into themselves, not 3 dB louder"


@settings(max_examples=50)
@given(st.integers(2, 400), st.integers(0, 2**32 - 1), st.floats(-1.0, 1.0))
def test_a_blend_starts_as_one_and_never_peaks_above_the_clip(length: int, seed: int, alike: float) -> None:
    rng = np.random.default_rng(seed)
    first = rng.uniform(-1, 1, (length, 2)).astype(np.float32)
    second = (alike * first + (1 - abs(alike)) * rng.uniform(-1, 1, (length, 2))).astype(np.float32)
    clip = np.concatenate([first, second])
    mixed = blended(first, second, clip)
    assert np.array_equal(mixed[0], first[0])
    assert np.abs(mixed).max() <= np.abs(clip).max() * 1.000001
