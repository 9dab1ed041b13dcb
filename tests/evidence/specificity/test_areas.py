import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import roc_auc_score

from kinetoscope.evidence.specificity import areas as module
from kinetoscope.evidence.specificity.areas import area_between, areas

MADE = np.random.default_rng(0)
MAXIMA = MADE.integers(0, 6, (50, 7)).astype(float)  # with many ties
MAXIMA[:, 6] = 1.0
LABELS = MADE.integers(0, 4, 50)


def test_areas_are_those_of_scikit_learn():
    found = areas(MAXIMA, LABELS, 4).area
    expected = [[roc_auc_score(np.equal(LABELS, k), each) for each in MAXIMA.T] for k in range(4)]
    np.testing.assert_allclose(found, expected)


def test_p_values_are_those_of_scipy():
    found = areas(MAXIMA, LABELS, 4).p
    for label in range(4):
        own = np.equal(LABELS, label)
        test = stats.mannwhitneyu(MAXIMA[own], MAXIMA[~own], axis=0, method="asymptotic")
        np.testing.assert_allclose(found[label], test.pvalue)


def test_an_area_is_how_often_a_clip_of_the_label_wins():
    """By hand: 3 wins against 1 and 2, 2 wins against 1 and ties with 2: 3.5 of 4."""
    answers = np.array([[3.0], [2.0], [1.0], [2.0]])
    found = areas(answers, np.array([0, 0, 1, 1]), 2)
    np.testing.assert_allclose(found.area[:, 0], [3.5 / 4, 0.5 / 4])
    np.testing.assert_allclose(area_between(answers[:2], answers[2:]).area, [[3.5 / 4]])


def test_channels_are_ranked_in_parts(monkeypatch):
    whole = areas(MAXIMA, LABELS, 4)
    monkeypatch.setattr(module, "_AT_ONCE", 100)
    np.testing.assert_array_equal(areas(MAXIMA, LABELS, 4).area, whole.area)


def test_clips_that_were_not_seen_or_have_no_label_count_for_nothing():
    seen = np.concatenate([MAXIMA, MAXIMA[:2], np.full((1, 7), np.nan)])
    labels = np.concatenate([LABELS, [-1, -1, 2]])
    np.testing.assert_array_equal(areas(seen, labels, 4).area, areas(MAXIMA, LABELS, 4).area)


def test_a_label_with_one_clip_has_an_area_and_no_test_and_one_without_clips_has_neither():
    found = areas(np.array([[3.0], [1.0], [2.0]]), np.array([0, 1, 1]), 3)
    np.testing.assert_allclose(found.area[:, 0], [1.0, 0.0, np.nan])
    assert np.isnan(found.p[:, 0]).tolist() == [True, False, True]


def test_with_a_single_label_there_is_nothing_to_tell_apart():
    assert np.isnan(areas(MAXIMA, np.zeros(50, dtype=int), 1).area).all()


@pytest.mark.slow  # hypothesis
@given(arrays(float, (8, 2), elements=st.floats(-100, 100)))
def test_the_areas_of_two_labels_add_up_to_one(maxima):
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(areas(maxima, labels, 2).area.sum(axis=0), 1.0)
    np.testing.assert_allclose(areas(-maxima, labels, 2).area, 1 - areas(maxima, labels, 2).area)
