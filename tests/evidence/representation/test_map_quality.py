import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from kinetoscope.evidence.representation.map_quality import agreement, neighbours_of, trust

NUMBERS = np.random.default_rng(0)


# Known answers


def test_a_map_that_is_the_features_is_trusted():
    points = NUMBERS.normal(size=(30, 2))
    assert trust(points, points, 5).tolist() == [1] * 30


def test_a_false_neighbour_counts_by_how_far_it_is_in_truth():
    """By hand, k = 1: on the line 0 1 3 6 10, the map gives 0 the last one for its neighbour.

    It is the fourth in truth: 3 too far, of 5 clips, so 1 - 3 * 2 / (1 * (10 - 3 - 1)) = 0.
    """
    line = np.array([[0.0], [1], [3], [6], [10]])
    moved = np.array([[10.5], [1], [3], [6], [10]])
    found = trust(line, moved, 1)
    assert found[0] == pytest.approx(0)
    assert found[2] == 1


def test_agreement_by_hand():
    line = np.array([[0.0], [1], [2], [3], [10]])
    labels, groups = np.array([0, 0, 1, 1, -1]), np.array([0, 1, 2, 3, 4])
    assert agreement(line, labels, groups, 2).tolist()[:4] == [0.5, 0.5, 0.5, 0.5]
    assert np.isnan(agreement(line, labels, groups, 2)[4])
    of_one = np.array([0, 0, 2, 3, 4])  # the first two are of one group: no neighbours
    assert agreement(line, labels, of_one, 2).tolist()[:2] == [0, 0]


def test_a_clip_without_others_has_no_agreement():
    alone = agreement(np.zeros((3, 2)), np.array([0, 0, 0]), np.array([1, 1, 1]), 2)
    assert np.isnan(alone).all()
    assert np.isnan(agreement(np.zeros((1, 2)), np.array([0]), np.array([0]), 1)).all()


# As scikit-learn does it


@pytest.mark.parametrize("neighbours", [1, 5, 12])
def test_agrees_with_scikit_learn(neighbours):
    features, points = NUMBERS.normal(size=(40, 7)), NUMBERS.normal(size=(40, 2))
    expected = trustworthiness(features, points, n_neighbors=neighbours)
    assert trust(features, points, neighbours).mean() == pytest.approx(expected)


def test_agreement_is_that_of_the_nearest_neighbours():
    points, labels = NUMBERS.normal(size=(40, 3)), NUMBERS.integers(0, 3, 40)
    near = NearestNeighbors(n_neighbors=6).fit(points).kneighbors(return_distance=False)
    expected = (labels[near] == labels[:, None]).mean(axis=1)
    found = agreement(points, labels, np.arange(40), 6)
    np.testing.assert_allclose(found, expected)


# Promises


def test_points_at_random_are_trusted_by_half():
    features, points = NUMBERS.normal(size=(300, 7)), NUMBERS.normal(size=(300, 2))
    assert trust(features, points, 12).mean() == pytest.approx(0.5, abs=0.03)


def test_so_many_neighbours_count_as_can_be():
    assert [neighbours_of(clips) for clips in (1, 5, 24, 25, 2000)] == [1, 2, 11, 12, 12]
