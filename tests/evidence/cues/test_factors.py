import numpy as np
import pytest

from kinetoscope.evidence.cues.factors import KINDS, correlation, follow, kinds_of

CLIPS = 400


def column(*values):
    return np.array(values, dtype=float)[:, None]


def drawn(seed):
    return np.random.default_rng(seed).standard_normal(CLIPS)


@pytest.fixture
def partners():
    return np.roll(np.arange(CLIPS), 7)


def test_the_score_of_four_pairs_that_is_computed_by_hand():
    # mean 1; deviations a: 1, 1, -1, -1, b: 1, -1, -1, 1 and variance 1: 1 - 1 + 1 - 1 = 0
    assert correlation(column(2, 2, 0, 0), column(2, 0, 0, 2)).tolist() == [0]
    # mean 1; a: 1, 1, -1, -1, b: 1, 1, -1, 1 less 0.25 each: mean 1.25, written out
    mean = (1 + 1.5) / 2
    a, b = np.array([2, 2, 0, 0]) - mean, np.array([2, 2, 0, 2]) - mean
    expected = (a * b).mean() / np.concatenate([a, b]).var()
    assert correlation(column(2, 2, 0, 0), column(2, 2, 0, 2)) == pytest.approx(expected)
    assert expected == pytest.approx(0.4375 / 0.9375)


def test_units_follow_what_they_are_made_of(partners):
    look, move, chance = drawn(1), drawn(2), drawn(8)
    still = np.full(CLIPS, 3.0)
    own = np.stack([look, move, look * move, chance, still, look + move], axis=1)
    its = look[partners]  # the partner's look, with the clip's own motion
    mixed = np.stack([its, move, its * move, drawn(9), still, its + move], axis=1)
    again = np.stack([look, move, look * move, drawn(10), still, look + move], axis=1)
    found = follow(own, mixed, again, partners, seed=0)
    assert found.kinds[:5] == ("static", "dynamic", "joint", "none", "silent")
    assert found.static.value[:3] == pytest.approx([1, 0, 0], abs=0.12)
    assert found.dynamic.value[:3] == pytest.approx([0, 1, 0], abs=0.12)
    assert [found.static.value[5], found.dynamic.value[5]] == pytest.approx([0.5, 0.5], abs=0.12)
    assert found.static.low[5] < 0.5 < found.static.high[5]
    assert found.joint.value[:4] == pytest.approx([0, 0, 1, 0], abs=0.15)
    assert found.joint.value[5] == pytest.approx(0.5, abs=0.12)
    assert found.count() == {kind: found.kinds.count(kind) for kind in KINDS}


def test_scores_are_those_of_the_definition_written_out(partners):
    own = np.stack([drawn(3) + 5, drawn(4)], axis=1)
    mixed = 0.7 * own + 0.3 * np.stack([drawn(5), drawn(6)], axis=1)
    found = follow(own, mixed, 2 * own, partners, seed=0)
    np.testing.assert_allclose(found.dynamic.value, correlation(own, mixed))
    np.testing.assert_allclose(found.static.value, correlation(own[partners], mixed))
    np.testing.assert_allclose(found.both.value, correlation(own, 2 * own))


def test_the_score_of_a_layer_is_a_sum_over_its_channels(partners):
    own = np.stack([10 * drawn(3), drawn(4)], axis=1)
    mixed = np.stack([10 * drawn(5), own[:, 1]], axis=1)
    mean = (own.mean(axis=0) + mixed.mean(axis=0)) / 2
    together = ((own - mean) * (mixed - mean)).mean(axis=0).sum()
    variance = (((own - mean) ** 2).mean(axis=0) + ((mixed - mean) ** 2).mean(axis=0)).sum() / 2
    found = follow(own, mixed, own, partners, seed=0)
    assert found.layer_dynamic.value == pytest.approx(together / variance)
    assert found.layer_dynamic.value < 0.2  # the channel that varies most decides
    assert found.layer_dynamic.low < found.layer_dynamic.value < found.layer_dynamic.high


def test_a_score_must_be_above_the_threshold():
    static, dynamic = np.array([0.6, 0.6, 0.5, 0.5, 0.5]), np.array([0.6, 0.5, 0.6, 0.5, 0.5])
    both = np.array([0.9, 0.9, 0.9, 0.9, 0.5])
    assert kinds_of(static, dynamic, both) == ("joint", "static", "dynamic", "joint", "none")
