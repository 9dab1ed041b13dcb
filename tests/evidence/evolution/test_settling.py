import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy import stats

from kinetoscope.evidence.evolution.settling import correlations, overlap, settled, top_places

NAN = np.nan


def columns(*lists):
    return np.array(lists, dtype=float).T


def test_correlation_is_that_of_scipy():
    numbers = np.random.default_rng(0)
    now, last = numbers.normal(size=(2, 20, 5))
    expected = [stats.pearsonr(now[:, unit], last[:, unit]).statistic for unit in range(5)]
    assert correlations(now, last) == pytest.approx(expected)


def test_correlation_by_hand():
    last = columns([0, 1, 2], [0, 1, 2], [0, 1, 2], [5, 5, 5])
    now = columns([7, 9, 11], [2, 1, 0], [3, 3, 3], [0, 1, 2])
    found = correlations(now, last)
    assert found[:3] == pytest.approx([1, -1, 0])  # one that does not vary yet is not alike
    assert np.isnan(found[3])  # one that does not vary in the end has no end


def test_a_unit_has_settled_where_it_stays():
    history = np.array([
        [0.95, 0.2, 0.95, 0.1, NAN],
        [0.95, 0.95, 0.5, 0.1, 0.3],
        [0.92, 0.97, 0.95, 0.1, 0.3],
        [1.00, 1.00, 1.00, 1.0, NAN],
    ])  # fmt: skip
    found = settled(history, np.array([0.0, 1, 4, 10]), 0.9)
    assert found[:4].tolist() == [0, 1, 4, 10]
    assert np.isnan(found[4])


@given(some.lists(some.floats(-1, 1), min_size=1, max_size=8), some.floats(0.01, 0.99))
def test_settling_is_the_slow_definition(history, above):
    history = [*history, 1.0]
    expected = next(t for t in range(len(history)) if all(each >= above for each in history[t:]))
    epochs = np.arange(len(history), dtype=float)
    assert settled(np.array(history)[:, None], epochs, above).item() == expected


def test_a_higher_bound_never_lets_units_settle_earlier():
    history = np.random.default_rng(1).uniform(-1, 1, (6, 50))
    epochs = np.arange(6.0)
    assert (settled(history, epochs, 0.9) >= settled(history, epochs, 0.5)).all()


def test_top_places_and_their_overlap_by_hand():
    answers = columns([3, 9, 9, 1], [0, 1, 2, 3])
    assert top_places(answers, 2).T.tolist() == [[1, 2], [3, 2]]
    last = np.array([[2, 0], [1, 1]])
    assert overlap(top_places(answers, 2), last).tolist() == [1.0, 0.0]
    assert overlap(np.array([[1], [2]]), np.array([[2], [3]])).tolist() == [0.5]
