import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from kinetoscope.evidence.attribution.belief.agreement import agreement, alike


def test_alike_is_spearmans_correlation_also_with_ties():
    chance = np.random.default_rng(0)
    one, other = chance.integers(0, 5, (2, 40)).astype(float)
    assert alike(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert alike(one, -one) == pytest.approx(-1)
    assert math.isnan(alike(one, np.ones(40)))


def test_methods_are_held_against_each_other_on_clips_that_both_answered():
    rising = np.array([1.0, 2, 3])
    heats = {"a": {0: rising, 1: rising}, "b": {1: -rising, 2: rising}, "c": {3: rising}}
    found = agreement(heats)
    assert found["a"]["a"].value == pytest.approx(1)
    assert found["a"]["b"].value == pytest.approx(-1)
    assert math.isnan(found["a"]["c"].value)
