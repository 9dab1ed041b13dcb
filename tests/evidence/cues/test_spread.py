import numpy as np
import pytest

from kinetoscope.evidence.cues import spread as module
from kinetoscope.evidence.cues.spread import ends, spread
from kinetoscope.evidence.intervals import interval


def ratio(one, other):
    return one / other


@pytest.fixture
def columns():
    numbers = np.random.default_rng(0)
    return [numbers.random((16, 5)) + 1, numbers.random((16, 5)) + 1]


def test_each_unit_has_the_interval_that_it_has_by_itself(columns):
    found = spread(ratio, columns, seed=3)
    for unit in range(5):
        alone = interval(
            (columns[0][:, unit], columns[1][:, unit]),
            lambda one, other, axis=-1: one.mean(axis=axis) / other.mean(axis=axis),
            seed=3,
        )
        each = found.at(unit)
        assert (each.value, each.low, each.high) == pytest.approx(
            (alone.value, alone.low, alone.high), rel=1e-12
        )


def test_units_may_be_worked_on_a_few_at_a_time(columns, monkeypatch):
    whole = spread(ratio, columns)
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    parts = spread(ratio, columns)
    np.testing.assert_allclose(parts.low, whole.low, rtol=1e-12)


def test_a_unit_without_a_value_has_none_and_disturbs_no_other(columns):
    def known(one, other):
        return np.where(one > 0, one / other, np.nan)

    whole = spread(known, columns)
    columns[0][:, 2] = -1
    found = spread(known, columns)
    assert np.isnan([found.value[2], found.low[2], found.high[2]]).all()
    np.testing.assert_allclose(found.low[[0, 1, 3, 4]], whole.low[[0, 1, 3, 4]])


def test_what_is_missing_to_one_has_its_ends_exchanged(columns):
    found = spread(ratio, columns)
    rest = found.rest()
    np.testing.assert_allclose(rest.low + found.high, 1)
    np.testing.assert_allclose(rest.value + found.value, 1)


def test_ends_are_percentiles_of_what_is_a_number():
    values = np.random.default_rng(1).random((1000, 4))
    np.testing.assert_allclose(ends(values), np.percentile(values, (2.5, 97.5), axis=0))
    np.testing.assert_allclose(ends(values[:, 0]), np.percentile(values[:, 0], (2.5, 97.5)))
    values[::3, 1] = np.nan
    np.testing.assert_allclose(ends(values), np.nanpercentile(values, (2.5, 97.5), axis=0))
    values[:, 2] = np.nan
    assert np.isnan(ends(values)[:, 2]).all()
