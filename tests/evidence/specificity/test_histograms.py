import numpy as np
import pytest

from kinetoscope.evidence.specificity.histograms import clips_counted, entropy, top_labels

LABELS = np.array([0, 0, 1, 1, 2, 2])


def test_the_labels_of_the_best_clips_are_counted():
    answers = np.array([[9.0, 1.0], [8.0, 9.0], [1.0, 8.0], [2.0, 2.0], [0.0, 3.0], [0.0, 0.0]])
    np.testing.assert_array_equal(top_labels(answers, LABELS, 3), [[2, 1], [0, 1], [0, 0]])


def test_clips_that_are_equal_share_the_places_that_are_left():
    """The first is in; five others share the one other place."""
    answers = np.array([[1.0], [0.0], [0.0], [0.0], [0.0], [0.0]])
    np.testing.assert_allclose(top_labels(answers, LABELS, 3)[:, 0], [1.2, 0.4, 0.4])


def test_as_many_clips_are_counted_as_a_label_has_and_no_more_than_asked():
    assert clips_counted(LABELS, 3) == 2
    assert clips_counted(np.repeat(np.arange(4), 300), 4) == 100
    assert clips_counted(np.array([0, 1, -1, -1]), 5) == 1


def test_clips_without_a_label_count_for_nothing():
    answers = np.array([[1.0], [0.0], [5.0], [np.nan]])
    found = top_labels(answers, np.array([0, 1, -1, 1]), 2)
    np.testing.assert_array_equal(found[:, 0], [1, 0])
    np.testing.assert_array_equal(top_labels(answers, np.full(4, -1), 2), np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("histogram", "bits"),
    [
        pytest.param([7.0, 0.0, 0.0, 0.0], 0.0, id="one label"),
        pytest.param([2.0, 2.0, 2.0, 2.0], 2.0, id="four alike"),
        pytest.param([2.0, 1.0, 1.0, 0.0], 1.5, id="a half and two quarters"),
        pytest.param([0.0, 0.0, 0.0, 0.0], np.nan, id="no clip"),
    ],
)
def test_entropy_is_in_bits(histogram, bits):
    np.testing.assert_allclose(entropy(np.array(histogram)[:, None]), [bits])
