import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from kinetoscope.evidence.audit.area import area_of, shares_won


def drawn(seed, own=30, others=50, apart=0.8):
    numbers = np.random.default_rng(seed)
    return numbers.normal(apart, 1, own), numbers.normal(0, 1, others)


def test_counts_the_comparisons_that_are_won():
    own, others = np.array([3.0, 1.0]), np.array([0.0, 2.0, 1.0])
    won, lost = shares_won(own, others)  # 3 wins all; 1 beats 0 and ties with 1
    np.testing.assert_allclose(won, [1, 1.5 / 3])
    np.testing.assert_allclose(lost, [1, 0.5, 1.5 / 2])
    assert area_of(own, others).value == pytest.approx(0.75)


@pytest.mark.parametrize("seed", range(4))
def test_is_what_scikit_learn_has(seed):
    own, others = (each.round(1) for each in drawn(seed))  # with ties
    truth = np.repeat([1, 0], [len(own), len(others)])
    expected = roc_auc_score(truth, np.concatenate([own, others]))
    assert area_of(own, others).value == pytest.approx(expected)


def test_variance_is_that_of_delong_written_out():
    own, others = drawn(0)
    wins = (own[:, None] > others).astype(float)
    variance = wins.mean(1).var(ddof=1) / len(own) + wins.mean(0).var(ddof=1) / len(others)
    area = area_of(own, others)
    value = wins.mean()
    scale = 1.959964 * np.sqrt(variance) / (value * (1 - value))
    low = 1 / (1 + np.exp(-(np.log(value / (1 - value)) - scale)))
    assert area.low == pytest.approx(low)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    truth = 0.7142  # of normals 0.8 apart: P(N(0.8, 2) > 0)
    areas = [area_of(*drawn(seed)) for seed in range(200)]
    held = np.mean([area.low <= truth <= area.high for area in areas])
    assert 0.91 <= held <= 0.99


@pytest.mark.parametrize(
    ("own", "others", "value"),
    [([1.0, 1.0], [1.0, 1.0, 1.0], 0.5), ([2.0, 3.0], [0.0, 1.0], 1.0), ([1.0], [0.0], 1.0)],
    ids=["all equal", "never wrong", "a single one"],
)
def test_ends_between_0_and_1(own, others, value):
    area = area_of(np.array(own), np.array(others))
    assert area.value == value
    assert 0 <= area.low <= area.value <= area.high <= 1
    assert area.p > 0.1 or len(own) == 2


def test_of_a_hundred_all_won_the_share_may_be_a_little_less():
    from scipy.stats import binomtest

    area = area_of(np.arange(100) + 200.0, np.arange(150.0))
    expected = binomtest(100, 100).proportion_ci(method="wilson").low
    assert area.low == pytest.approx(expected, abs=1e-4)
