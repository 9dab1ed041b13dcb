import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kinetoscope.report.answers import (
    class_means,
    histogram,
    most_excited,
    plain,
    selectivity,
    shares_of_best,
)

MAXIMA = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [np.nan, np.nan]])
LABELS = np.array([0, 0, 1, 1])


def test_class_means_are_over_the_clips_that_were_seen():
    np.testing.assert_array_equal(
        class_means(MAXIMA, LABELS, 3), [[2.0, 0.0], [0.0, 2.0], [np.nan, np.nan]]
    )


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        pytest.param([5.0, 0.0, 0.0], 1.0, id="one class only"),
        pytest.param([2.0, 2.0, 2.0], 0.0, id="all alike"),
        pytest.param([3.0, 1.0, 1.0], 0.5, id="three times the others"),
        pytest.param([3.0, 1.0, np.nan], 0.5, id="a class without clips"),
        pytest.param([0.0, 0.0, 0.0], np.nan, id="never excited"),
        pytest.param([3.0, np.nan, np.nan], np.nan, id="a single class"),
        pytest.param([1.0, -5.0, -1.0], 1.0, id="negative answers count as none"),
    ],
)
def test_selectivity_is_the_best_class_against_the_others(means, expected):
    found = selectivity(np.array(means)[:, None])
    np.testing.assert_allclose(found, [expected])


@given(arrays(float, (5, 3), elements=st.floats(0.01, 100)), st.floats(0.1, 10))
def test_selectivity_lies_from_0_to_1_and_does_not_depend_on_scale(means, scale):
    found = selectivity(means)
    assert (found >= -1e-9).all()
    assert (found <= 1).all()
    np.testing.assert_allclose(found, selectivity(means * scale), atol=1e-9)


def test_a_histogram_counts_every_clip_that_was_seen():
    edges, counts = histogram(np.array([0.0, 1.0, 1.0, 4.0, np.nan]), bins=4)
    assert edges == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert counts == [1, 2, 0, 1]


@pytest.mark.parametrize("answers", [np.zeros(3), np.full(2, np.nan), np.array([])])
def test_there_is_no_histogram_of_nothing(answers):
    assert histogram(answers) == ([], [])


def test_the_most_excited_come_first_and_the_earlier_of_equals_first():
    assert most_excited(np.array([0.5, 1.0, 0.0, 1.0, np.nan]), 3) == [1, 3, 0]


def test_shares_are_of_the_best_clip_and_dead_channels_have_none():
    shares = shares_of_best(MAXIMA[:3], epsilon=2.5)
    np.testing.assert_allclose(shares, [[1 / 3, 0], [1, 0], [0, 0]])


def test_numbers_become_short_and_what_is_none_becomes_none():
    assert plain([1.23456, np.nan]) == [1.235, None]
