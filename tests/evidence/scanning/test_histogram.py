import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.evidence.scanning.histogram import (
    BINS,
    PLACES,
    Histogram,
    bins_of,
    count_bins,
    counted_places,
    edges,
)

MIDDLE = BINS // 2


@pytest.mark.parametrize(
    ("value", "bin_"),
    [
        (0.0, MIDDLE),
        (-0.0, MIDDLE),
        (2.0**-13, MIDDLE),
        (2.0**-12, MIDDLE + 1),
        (1.49 * 2.0**-12, MIDDLE + 1),
        (1.5 * 2.0**-12, MIDDLE + 2),
        (1.0, MIDDLE + 25),
        (1.25, MIDDLE + 25),
        (-1.25, MIDDLE - 25),
        (1.75, MIDDLE + 26),
        (4095.0, BINS - 2),
        (4096.0, BINS - 1),
        (np.inf, BINS - 1),
        (-np.inf, 0),
    ],
)
def test_values_whose_bin_is_known(value, bin_):
    assert bins_of(np.array([value], np.float32)).tolist() == [bin_]


def test_agrees_with_a_search_among_the_edges():
    chance = np.random.default_rng(0)
    values = chance.normal(size=20_000) * 2.0 ** chance.uniform(-16, 16, size=20_000)
    values = values.astype(np.float32)
    positive = edges().numpy()[MIDDLE + 1 : -1]
    distance = np.searchsorted(positive, np.abs(values), side="right")
    expected = MIDDLE + np.sign(values).astype(int) * distance
    np.testing.assert_array_equal(bins_of(values), expected)


def test_edges_rise_from_minus_to_plus_infinity_and_are_mirrored():
    found = edges()
    assert len(found) == BINS + 1
    assert (found.diff()[1:-1] > 0).all()
    assert torch.equal(found, -found.flip(0))
    assert found.isinf().sum() == 2
    assert (found[MIDDLE + 2 : -1] / found[MIDDLE + 1 : -2]).max() == 1.5


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=40), st.data())
def test_the_counts_of_parts_add_up_to_those_of_the_whole(values, data):
    cut = data.draw(st.integers(1, len(values) - 1))
    bins = bins_of(np.array(values, np.float32))[:, None, None]
    whole = count_bins(bins)
    np.testing.assert_array_equal(count_bins(bins[:cut]) + count_bins(bins[cut:]), whole)
    assert whole.sum() == len(values)


def test_channels_are_counted_apart():
    values = np.array([[[0.0, 1.0], [-1.0, -1.0]], [[1.0, 1.0], [-1.0, 0.0]]], np.float32)
    counts = count_bins(bins_of(values))
    assert counts[:, [MIDDLE - 25, MIDDLE, MIDDLE + 25]].tolist() == [[0, 1, 3], [3, 1, 0]]


def test_shares_of_each_channel_are_one_together():
    histogram = Histogram(counts=torch.tensor([[1, 3], [2, 0]]), edges=torch.tensor([0.0, 1, 2]))
    assert histogram.shares.tolist() == [[0.25, 0.75], [1.0, 0.0]]


def test_of_a_small_map_every_place_is_counted():
    assert counted_places([3, 9], PLACES).tolist() == [list(range(PLACES))] * 2


def test_which_places_are_counted_depends_on_the_number_of_the_clip_alone():
    together = counted_places(range(5), 1000)
    for clip in range(5):
        np.testing.assert_array_equal(counted_places([clip], 1000)[0], together[clip])
    assert len(np.unique(together, axis=0)) == 5


@pytest.mark.parametrize("places", [65, 784, 50_176])
def test_over_many_clips_all_places_are_counted_equally_often(places):
    found = counted_places(range(4000), places)
    assert found.min() >= 0
    assert found.max() < places
    often = np.bincount(found.reshape(-1), minlength=places)
    assert np.abs(often - 4000 * PLACES / places).max() <= 3
