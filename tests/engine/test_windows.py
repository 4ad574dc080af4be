"""Windows over long clips: they cover everything, share what they should, and blend without a seam."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.windows import blended, windows_of

SIZES = st.tuples(st.integers(1, 2000), st.integers(20, 300), st.integers(0, 19))


@given(SIZES)
def test_windows_cover_every_frame_and_overlap(sizes: tuple[int, int, int]) -> None:
    frames, longest, overlap = sizes
    windows = windows_of(frames, longest=longest, overlap=overlap)
    assert windows[0].start == 0 and windows[-1].stop == frames
    assert len({one.stop - one.start for one in windows}) == 1
    for left, right in pairwise(windows):
        assert left.stop - right.start >= overlap


@given(SIZES)
def test_a_blend_of_pieces_of_one_whole_is_the_whole(sizes: tuple[int, int, int]) -> None:
    frames, longest, overlap = sizes
    whole = torch.sin(torch.arange(2 * 3 * frames, dtype=torch.float32)).reshape(2, 3, frames)
    joined = blended(lambda window: whole[..., window], windows_of(frames, longest=longest, overlap=overlap))
    torch.testing.assert_close(joined, whole)


def test_two_pieces_that_differ_meet_in_a_ramp() -> None:
    windows = windows_of(150, longest=100, overlap=50)
    joined = blended(lambda window: torch.full((1, 1, 100), float(window.start > 0)), windows)[0, 0]
    assert joined[:50].eq(0).all() and joined[100:].eq(1).all()
    assert joined.diff().abs().max() < 0.03


def test_windows_shorter_than_what_they_share_are_refused() -> None:
    with pytest.raises(ValueError, match="longest: expected more than overlap 10"):
        windows_of(50, longest=10, overlap=10)
