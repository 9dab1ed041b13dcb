import numpy as np
import pytest

from kinetoscope.evidence.audit.suspects import find_suspects, judge, margins, softened


def test_confident_joint_as_counted_by_hand():
    probabilities = np.array(
        [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.6, 0.4], [0.3, 0.7]]
    )
    labels = np.array([0, 0, 0, 1, 1, 1])
    found = judge(probabilities, labels)
    # thresholds: mean of 0.9, 0.7, 0.2 and of 0.9, 0.4, 0.7
    np.testing.assert_allclose(found.thresholds, [0.6, 2 / 3])
    # 2 is confidently of 1 (0.8); 4 just of 0 (0.6)
    np.testing.assert_array_equal(found.joint, [[2, 1], [1, 2]])
    np.testing.assert_array_equal(found.places, [2, 4])
    np.testing.assert_array_equal(found.rather, [1, 0])
    assert found.accuracy == pytest.approx(4 / 6)


def test_a_clip_that_is_likely_of_nothing_is_not_counted():
    found = judge(np.array([[0.9, 0.1], [0.1, 0.9], [0.45, 0.55]]), np.array([0, 1, 1]))
    assert found.joint.sum() == 2
    assert len(found.places) == 0


def test_margin_is_from_the_likeliest_other_label():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    np.testing.assert_allclose(margins(probabilities, np.array([0, 2])), [0.2, -0.3])


def test_softened_probabilities_are_as_sure_as_they_are_right():
    labels = np.tile([0, 1], 50)
    right = np.arange(100) % 10 != 0  # nine in ten
    sure = np.where(right ^ (labels == 1), 0.0001, 0.9999)
    found = softened(np.stack([1 - sure, sure], axis=1), labels)
    assert found[np.arange(100), labels][right].mean() == pytest.approx(0.9, abs=0.01)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_finds_labels_that_were_swapped():
    numbers = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 50)
    features = np.eye(4)[truth] * 5 + numbers.normal(size=(200, 4))
    labels = truth.copy()
    swapped = numbers.choice(200, 8, replace=False)
    labels[swapped] = (labels[swapped] + 1) % 4
    found = find_suspects(features, labels, np.arange(200) % 5)
    assert set(found.places[:8]) == set(swapped)
    np.testing.assert_array_equal(found.rather[:8], truth[found.places[:8]])
    assert len(found.places) <= 10
