"""Old and new sound in one clip: what is kept is kept bit for bit, seams are where they cost least."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio import STEM_CEILING_DB, Samples, gain_of, peak_db, rms_db
from engine.splice import REACH_S, level_to, limited, shortened, spliced

RATE_HZ = 4_000
REACH = round(REACH_S * RATE_HZ) + 1


def noise(seed: int, length: int, channels: int = 1, level: float = 0.1) -> Samples:
    return (level * np.random.default_rng(seed).standard_normal((length, channels))).astype(np.float32)


def tone(length: int, hz: float = 50.0, level: float = 0.2) -> Samples:
    turns = 2.0 * np.pi * hz * np.arange(length) / RATE_HZ
    return (level * np.sin(turns)).astype(np.float32)[:, None]


@settings(deadline=None)
@given(
    length=st.integers(1, 3 * RATE_HZ),
    ends=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    channels=st.integers(1, 2),
    seed=st.integers(0, 9),
)
def test_outside_a_region_and_its_crossfades_nothing_changes(
    length: int, ends: tuple[float, float], channels: int, seed: int
) -> None:
    first, after = (round(end * length) for end in sorted(ends))
    old, new = noise(seed, length, channels), noise(seed + 100, length, channels)
    found = spliced(old, new, first, after, RATE_HZ)
    assert found.samples.shape == old.shape
    assert found.samples.dtype == np.float32
    assert np.array_equal(found.samples[: found.first], old[: found.first])
    assert np.array_equal(found.samples[found.after :], old[found.after :])
    assert np.array_equal(found.samples[first:after], new[first:after])
    assert first - REACH <= found.first <= first
    assert after <= found.after <= after + REACH


@settings(deadline=None)
@given(kept=st.integers(1, 2 * RATE_HZ), more=st.integers(1, RATE_HZ), seed=st.integers(0, 9))
def test_a_continuation_keeps_all_that_lies_before_its_seam(kept: int, more: int, seed: int) -> None:
    old, new = noise(seed, kept), noise(seed + 100, kept + more)
    found = spliced(old, new, kept, kept + more, RATE_HZ)
    assert found.samples.shape == new.shape
    assert np.array_equal(found.samples[: found.first], old[: found.first])
    assert found.first >= kept - REACH
    assert np.array_equal(found.samples[kept:], new[kept:])


def test_a_seam_lies_where_both_are_alike() -> None:
    old, new = noise(1, RATE_HZ), noise(2, RATE_HZ)
    alike = slice(2_000 - 500, 2_000 - 300)
    new[alike] = old[alike]
    found = spliced(old, new, 2_000, 3_000, RATE_HZ)
    assert alike.start <= found.first <= alike.stop - round(0.04 * RATE_HZ)


def test_the_same_sound_in_both_is_heard_without_a_seam() -> None:
    old = tone(RATE_HZ)
    np.testing.assert_allclose(spliced(old, old, 1_500, 2_500, RATE_HZ).samples, old, atol=1e-6)


def test_strangers_cross_at_the_level_of_both() -> None:
    joined = [
        spliced(noise(seed, RATE_HZ), noise(seed + 50, RATE_HZ), 2_000, 3_000, RATE_HZ) for seed in range(20)
    ]
    within = np.concatenate([one.samples[one.first : one.first + 160] for one in joined])
    assert rms_db(within) == pytest.approx(-20.0, abs=1.5)


@pytest.mark.parametrize("gain_db", [-9.0, 0.0, 7.0])
def test_the_new_part_has_the_level_of_what_was_kept(gain_db: float) -> None:
    old = noise(1, RATE_HZ)
    new = old * np.float32(gain_of(gain_db))
    np.testing.assert_allclose(level_to(old, new, 1_500, 2_500, RATE_HZ, 0.0), old, rtol=1e-3, atol=1e-5)


def test_a_level_that_changes_over_a_clip_is_met_at_both_seams() -> None:
    old = noise(1, 4 * RATE_HZ)
    new = old.copy()
    new[2 * RATE_HZ :] *= np.float32(gain_of(2.0))
    levelled = level_to(old, new, round(1.9 * RATE_HZ), round(2.1 * RATE_HZ), RATE_HZ, 0.0)
    before, behind = slice(RATE_HZ, 2 * RATE_HZ - 400), slice(2 * RATE_HZ + 400, 3 * RATE_HZ)
    assert rms_db(levelled[before]) == pytest.approx(rms_db(old[before]), abs=0.3)
    assert rms_db(levelled[behind]) == pytest.approx(rms_db(old[behind]), abs=0.3)


def test_next_to_silence_the_gain_is_the_other_one() -> None:
    old, new = np.zeros((RATE_HZ, 1), np.float32), noise(2, RATE_HZ)
    assert rms_db(level_to(old, new, 1_000, 2_000, RATE_HZ, -6.0)) == pytest.approx(
        rms_db(new) - 6.0, abs=0.1
    )


def test_peaks_are_held_at_the_ceiling_and_the_rest_stays() -> None:
    loud = noise(3, RATE_HZ, level=0.05)
    loud[2_000] = 3.0
    held = limited(loud, RATE_HZ)
    assert peak_db(held) <= STEM_CEILING_DB + 1e-3
    far = np.r_[0:1_800, 2_200:RATE_HZ]
    assert np.array_equal(held[far], loud[far])
    quiet = noise(3, RATE_HZ, level=0.05)
    assert limited(quiet, RATE_HZ) is quiet


@settings(deadline=None)
@given(length=st.integers(400, RATE_HZ), surplus=st.integers(0, 159))
def test_a_shortened_loop_still_runs_into_its_beginning(length: int, surplus: int) -> None:
    clip = noise(5, length + surplus)
    loop = shortened(clip, length, RATE_HZ)
    assert loop.shape == (length, 1)
    assert loop[-1] == clip[-1]  # behind which the clip goes on with its first sample
    assert np.array_equal(loop[: length // 4], clip[: length // 4])


def test_a_loop_that_is_long_enough_stays_as_it_is() -> None:
    clip = noise(5, 500)
    assert np.array_equal(shortened(clip, 500, RATE_HZ), clip)
