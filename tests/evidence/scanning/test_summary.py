import numpy as np
import pytest
import torch

from kinetoscope.evidence.scanning.histogram import bins_of, counted_places
from kinetoscope.evidence.scanning.summary import EPSILON, join, summarize

NAMES = ("maximum", "mean", "at", "above", "bins")


def answer(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).relu()


def test_agrees_with_the_definition_written_out():
    given = answer(3, 4, 2, 9, 8)
    found = summarize(given, [5, 6, 9])
    for clip, number in enumerate([5, 6, 9]):
        for channel in range(4):
            line = given[clip, channel].flatten()
            assert found.maximum[clip, channel] == line.max()
            assert found.at[clip, channel] == line.argmax()
            assert found.mean[clip, channel] == pytest.approx(line.mean().item())
            counted = line[counted_places([number], line.numel())[0]]
            assert found.above[clip, channel] == (counted > EPSILON).sum()
            assert found.bins[clip, channel].tolist() == bins_of(counted.numpy()).tolist()


def test_of_equals_the_first_is_the_largest():
    given = torch.zeros(1, 1, 1, 2, 2)
    given[0, 0, 0, 1] = 1.0
    assert summarize(given, [0]).at.item() == 2


def test_a_layer_without_places_has_one():
    given = answer(2, 5) - 0.5
    found = summarize(given, [0, 1])
    np.testing.assert_array_equal(found.maximum, given.numpy())
    np.testing.assert_array_equal(found.mean, given.numpy())
    assert not found.at.any()
    np.testing.assert_array_equal(found.above, given > 0)
    assert found.bins.shape == (2, 5, 1)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_summed_up_in_single(kind):
    given = answer(2, 3, 2, 4, 4).to(kind)
    found, expected = summarize(given, [0, 1]), summarize(given.float(), [0, 1])
    for name in NAMES:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("steps", [1000, 2])
@pytest.mark.parametrize("channels", [3, 16, 70])
@pytest.mark.parametrize("places", [(2, 4, 4), (1, 7, 1), (3, 5, 7)])
def test_how_memory_is_laid_out_does_not_matter(places, channels, steps):
    given = (steps * answer(2, channels, *places)).round() / steps  # two steps: many are equal
    turned = given.contiguous(memory_format=torch.channels_last_3d)
    found, expected = summarize(turned, [0, 1]), summarize(given, [0, 1])
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-6)
    for name in ("maximum", "at", "above", "bins"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_of_equals_the_first_is_the_largest_however_memory_is_laid_out():
    given = torch.zeros(1, 70, 4, 4, 4)
    given[0, 1, 1, 2:] = 1.0
    turned = given.contiguous(memory_format=torch.channels_last_3d)
    assert summarize(turned, [0]).at.tolist() == [[0, 24, *[0] * 68]]


def test_groups_of_clips_are_joined_as_if_they_were_one():
    given = answer(5, 3, 2, 4, 4)
    whole = summarize(given, range(5))
    joined = join([summarize(given[:2], [0, 1]), summarize(given[2:], [2, 3, 4])])
    for name in NAMES:
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
