import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.specificity.selectivity import class_means, most_selective, selectivity

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


def test_the_live_units_of_a_scan_are_ranked_and_the_dead_left_out(scanned):
    """One unit answers to light boxes more than to dark ones, one to dark; the last is dead."""
    found = most_selective(scanned, "relu")
    assert sorted(found) == [0, 1]
    labels = np.array([scanned.labels.index(label) for label in scanned.clips["label"]])
    specific = selectivity(class_means(scanned.maxima("relu").numpy(), labels, 2))
    assert specific[found[0]] >= specific[found[1]]


def test_refuses_a_layer_that_was_not_scanned(scanned):
    with pytest.raises(UnknownNameError, match="scanned layer"):
        most_selective(scanned, "pool")
