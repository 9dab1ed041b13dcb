import pytest
import torch

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.belief.segments import Segments


@pytest.mark.parametrize("extent", [(10, 64, 64), (16, 112, 112), (3, 5, 7), (1, 1, 1)])
def test_every_pixel_lies_in_one_of_blocks_that_are_even(extent):
    segments = Segments.of(extent)
    pixels = segments.owner.flatten().bincount(minlength=len(segments))
    assert pixels.sum() == segments.owner.numel()
    longest, shortest = 1, 1
    for length, parts in zip(extent, segments.parts, strict=True):
        longest *= -(-length // parts)
        shortest *= length // parts
    assert shortest <= pixels.min() <= pixels.max() <= longest


def test_heat_of_a_segment_is_the_sum_of_its_pixels():
    segments = Segments((2, 2, 4), (1, 2, 2))
    heat = torch.arange(16.0).reshape(2, 2, 4)
    assert segments.sums(heat).tolist() == [18, 26, 34, 42]


def test_masks_cover_what_is_taken():
    segments = Segments((2, 2, 2), (2, 1, 1))
    masks = segments.masks(torch.tensor([[True, False], [True, True]]))
    assert masks.shape == (2, 1, 2, 2, 2)
    assert masks.flatten(2).sum(2).flatten().tolist() == [4, 8]
    assert masks[0, 0, 0].all()


def test_hottest_comes_first_and_chance_decides_between_equals():
    segments = Segments((1, 1, 4), (1, 1, 4))
    heat = torch.tensor([[[0.0, 3.0, 0.0, -1.0]]])
    orders = {tuple(segments.by_heat(heat, seed).tolist()) for seed in range(8)}
    assert orders == {(1, 0, 2, 3), (1, 2, 0, 3)}


def test_the_centre_comes_first():
    segments = Segments((3, 3, 3), (3, 3, 3))
    order = segments.from_the_centre()
    assert order[0] == 13
    assert set(order[-8:].tolist()) == {0, 2, 6, 8, 18, 20, 24, 26}


def test_refuses_more_blocks_than_frames_and_heat_of_another_clip():
    with pytest.raises(ClipError, match="can't be cut"):
        Segments((2, 4, 4), (3, 1, 1))
    with pytest.raises(ClipError, match="not of this clip"):
        Segments.of((2, 4, 4)).sums(torch.zeros(2, 4, 5))
