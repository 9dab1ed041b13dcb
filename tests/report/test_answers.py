import numpy as np
import pytest

from kinetoscope.report.answers import histogram, most_excited, plain, shares_of_best

MAXIMA = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [np.nan, np.nan]])
LABELS = np.array([0, 0, 1, 1])


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
