import numpy as np
import pytest

from kinetoscope.evidence.intervals import interval
from kinetoscope.evidence.representation.grouped import mean_over_groups


def test_where_every_clip_is_a_group_it_is_the_plain_interval():
    values = np.random.default_rng(0).normal(size=40)
    found = mean_over_groups(values, np.arange(40))
    expected = interval(values, np.mean)
    assert found.value == pytest.approx(expected.value)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_clips_of_one_group_make_no_one_surer():
    of_group = np.random.default_rng(0).normal(size=10)
    groups = np.repeat(np.arange(10), 20)
    grouped = mean_over_groups(of_group[groups], groups)
    single = mean_over_groups(of_group, np.arange(10))
    assert (grouped.low, grouped.high) == pytest.approx((single.low, single.high))
    alone = mean_over_groups(of_group[groups], np.arange(200))
    assert alone.high - alone.low < (grouped.high - grouped.low) / 2


def test_what_is_not_a_number_is_left_out():
    found = mean_over_groups(np.array([1.0, np.nan, 3.0, np.nan]), np.array([0, 0, 1, 2]))
    assert found.value == 2
    assert np.isnan(mean_over_groups(np.array([np.nan]), np.array([0])).value)
