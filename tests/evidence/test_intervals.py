import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kinetoscope.evidence.intervals import Interval, false_discovery_rates, interval


def test_the_interval_of_a_mean_is_that_of_theory_where_theory_holds():
    sample = np.random.default_rng(0).normal(3.0, 2.0, 400)
    found = interval(sample, np.mean)
    half = 1.96 * sample.std(ddof=1) / 20
    assert found.value == pytest.approx(sample.mean())
    assert found.low == pytest.approx(sample.mean() - half, abs=0.03)
    assert found.high == pytest.approx(sample.mean() + half, abs=0.03)


def test_members_that_are_no_number_are_left_out_of_all_arrays_together():
    a, b = [1.0, 2.0, np.nan, 4.0], [1.0, np.nan, 3.0, 4.0]
    found = interval((a, b), lambda x, y: np.asarray(x).sum() + np.asarray(y).sum())
    assert found.value == 10.0


def test_arrays_are_drawn_together():
    numbers = np.random.default_rng(0).normal(size=50)
    found = interval((numbers, numbers), lambda x, y: stats.pearsonr(x, y).statistic)
    assert found.low == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("sample", "expected"),
    [([2.0], Interval(2.0, 2.0, 2.0)), ([3.0, 3.0, 3.0], Interval(3.0, 3.0, 3.0))],
)
def test_what_does_not_vary_has_no_width(sample, expected):
    assert interval(sample) == expected


def test_nothing_has_no_interval():
    assert all(np.isnan([*vars(interval([np.nan])).values()]))


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=12))
def test_the_value_of_a_median_lies_within(sample):
    found = interval(sample)
    assert found.low <= found.value <= found.high


def test_the_same_seed_gives_the_same_interval():
    sample = np.random.default_rng(1).normal(size=30)
    assert interval(sample, seed=3) == interval(sample, seed=3)


def test_false_discoveries_by_hand():
    p = np.array([[0.01, 0.04], [0.03, np.nan]])
    # of three tests in order 0.01, 0.03, 0.04: 0.03, 0.045 and 0.04, which also bounds the second
    assert false_discovery_rates(p) == pytest.approx(
        np.array([[0.03, 0.04], [0.04, np.nan]]), nan_ok=True
    )
