"""Half-widths, and whether they grow with depth."""

import numpy as np
import pytest
from scipy import stats

from kinetoscope.evidence.invariance.widths import (
    depths_of,
    half_widths,
    median,
    medians,
    spearman,
    trend,
)
from kinetoscope.units.receptive import ReceptiveField

SPEEDS = [-2.0, -1.0, 0.0, 1.0, 2.0]

CASES = {  # steps, curve, half-width, whether it is at least so much
    "falls to half on both sides": (SPEEDS, [0, 0.5, 1, 0.5, 0], 1.0, False),
    "falls on a line between two values": (SPEEDS, [0, 0.0, 1, 0.75, 0.25], (0.5 + 1.5) / 2, False),
    "never falls": (SPEEDS, [1, 1, 1, 1, 1], 2.0, True),
    "falls on one side": (SPEEDS, [0.9, 0.8, 1, 0.5, 0], (2 + 1) / 2, True),
    "peaks elsewhere": (SPEEDS, [0, 0, 1, 2, 0], (1 + 0.5) / 2, False),
    "comes again after it fell": (SPEEDS, [0.9, 0, 1, 0, 0.9], 0.5, False),
    "falls below zero": (SPEEDS, [0, -1, 1, -1, 0], 0.25, False),
    "has one side": ([0.0, 0.5, 1.0], [1, 0.75, 0.25], 0.75, False),
    "has the other side": ([-3.0, -1.0, 0.0], [0, 0.5, 1], 1.0, False),
    "has one side and never falls": ([0.0, 0.5, 1.0], [1, 1, 0.9], 1.0, True),
}


@pytest.mark.parametrize("case", CASES)
def test_half_width_by_hand(case):
    steps, curve, width, at_least = CASES[case]
    found = half_widths(steps, np.array(curve, dtype=float)[:, None])
    assert found.width[0] == pytest.approx(width)
    assert found.at_least[0] == at_least


def test_a_unit_without_a_curve_has_no_width_and_spoils_no_other():
    curves = np.array([[0, 0.5, 1, 0.5, 0], [np.nan] * 5, [0, -1, -1, 0, 0]]).T
    found = half_widths(SPEEDS, curves)
    np.testing.assert_allclose(found.width, [1, np.nan, np.nan])
    assert not found.at_least[1:].any()


def test_half_width_does_not_depend_on_how_much_a_unit_answers():
    chance = np.random.default_rng(0)
    curves = chance.random((5, 20))
    one, other = half_widths(SPEEDS, curves), half_widths(SPEEDS, 7 * curves)
    np.testing.assert_allclose(one.width, other.width)


def test_growing_widths_grow_and_the_control_does_not():
    chance = np.random.default_rng(0)
    depths = [1, 2, 3, 4]
    growing = [depth + chance.random(30) for depth in depths]
    flat = [chance.random(30) for _ in depths]
    found = trend(depths, growing, flat)
    assert found.trained.low > 0.8
    assert (found.verdict, found.against) == ("grows", "more")
    falling = trend(depths, growing[::-1], flat)
    assert (falling.verdict, falling.against) == ("falls", "less")
    neither = trend(depths, flat, flat)
    assert (neither.verdict, neither.against) == ("neither", "alike")


def test_widths_that_never_fall_are_no_trend():
    found = trend([1, 2], [np.full(5, 2.0)] * 2, [np.full(5, np.nan)] * 2)
    assert found.trained.value == 0
    assert np.isnan(found.control.value)
    assert (found.verdict, found.against) == ("neither", "alike")


def test_rank_correlation_equals_that_of_scipy():
    chance = np.random.default_rng(1)
    one, other = chance.integers(0, 5, 40), chance.random(40)
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)


def test_interval_of_a_median_equals_that_of_scipy():
    rows = np.random.default_rng(2).random((37, 2))
    rows[:5, 1] = np.nan
    for place, found in enumerate(medians(rows)):
        column = rows[~np.isnan(rows[:, place]), place]
        expected = stats.quantile_test(column, q=0.0, p=0.5).confidence_interval(0.95)
        assert found.value == np.median(column)
        assert (found.low, found.high) == (expected.low, expected.high)
    assert np.isnan(medians(np.full((3, 1), np.nan))[0].value)


def test_many_units_have_an_interval_of_some_of_them():
    units = np.random.default_rng(0).normal(3, 1, 30000)
    found = median(units)
    assert found.low < 3 < found.high
    assert found.high - found.low < 0.2


def field(*streams):
    one = ReceptiveField(size=(1, 1, 1), stride=(1, 1, 1), start=(0, 0, 0))
    return ReceptiveField(
        size=(1, 1, 1), stride=(1, 1, 1), start=(0, 0, 0), streams=dict.fromkeys(streams, one)
    )


def test_streams_that_have_not_met_do_not_lie_before_each_other():
    fields = {
        "a1": field("frames"),
        "a2": field("frames"),
        "b1": field("flow"),
        "b2": field("flow"),
        "both": field("frames", "flow"),
    }
    assert depths_of(list(fields), fields) == [1, 2, 1, 2, 5]
    assert depths_of(["x", "y"], {}) == [1, 2]
