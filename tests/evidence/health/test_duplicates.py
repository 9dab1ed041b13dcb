import numpy as np
import pytest
from scipy import stats

from kinetoscope.evidence.health.duplicates import alike, correlation_interval, shuffled


def table(clips=40, channels=6, seed=0):
    return np.random.default_rng(seed).gamma(1.0, size=(clips, channels))


def same(answers, **settings):
    return alike(answers, answers, **settings)


# Known answer


def test_planted_copies_are_found_also_scaled_and_shifted():
    answers = table()
    answers[:, 3] = answers[:, 1]
    answers[:, 4] = 7 * answers[:, 1] + 2
    found = same(answers)
    assert found.groups() == [[1, 3, 4]]
    np.testing.assert_allclose(found.group_correlation[[1, 3, 4]], 1.0)
    assert found.nearest[4] in (1, 3)
    assert found.group.tolist() == [-1, 1, -1, 1, 1, -1]


def test_the_correlation_is_the_smaller_of_two_by_hand():
    largest = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])  # r = 1
    mean = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 1.0]])  # r = 0.5
    assert alike(largest, mean).correlation.tolist() == pytest.approx([0.5, 0.5])
    assert alike(largest, mean).groups() == []
    assert alike(largest, largest).groups() == [[0, 1]]


def test_what_a_correlation_can_not_tell():
    answers = table()
    answers[:, 1] = 0.0  # dead
    answers[:, 2] = 3.0  # always the same
    answers[:, 3] = -answers[:, 0]
    answers[:, 4] = answers[:, 0] + answers[:, 5]
    found = same(answers)
    assert found.groups() == []
    assert found.nearest[1] == found.nearest[2] == -1
    assert np.isnan(found.correlation[[1, 2]]).all()


def test_every_member_is_like_the_first_of_its_group_and_no_chain_forms():
    turn = np.radians([0, 9, 18])  # neighbours correlate by 0.988, the ends by 0.951
    base = np.linalg.qr(table(30, 3) - table(30, 3).mean(axis=0))[0]
    base = base - base.mean(axis=0)
    one, other = np.linalg.qr(base)[0][:, :2].T
    answers = np.stack([np.cos(a) * one + np.sin(a) * other for a in turn], axis=1)
    assert same(answers, threshold=0.98).groups() == [[0, 1]]
    assert same(answers, threshold=0.95).groups() == [[0, 1, 2]]


# Slow twin, and equality with NumPy and SciPy


@pytest.mark.parametrize("block", [1, 3, 100])
def test_agrees_with_all_pairs_written_out_whatever_the_block(block):
    largest, mean = table(20, 12, 1), table(20, 12, 2)
    for copy, source in ((4, 0), (9, 0), (11, 5)):
        largest[:, copy], mean[:, copy] = 2 * largest[:, source], mean[:, source]
    found = alike(largest, mean, threshold=0.4, block=block)
    r = np.minimum(np.corrcoef(largest.T), np.corrcoef(mean.T))
    np.fill_diagonal(r, -np.inf)
    np.testing.assert_allclose(found.correlation, r.max(axis=1))
    leaders: list[int] = []
    for channel in range(12):
        joined = [leader for leader in leaders if r[channel, leader] >= 0.4]
        if joined:
            assert found.group[channel] == joined[0]
            assert found.group_correlation[channel] == pytest.approx(r[channel, joined[0]])
        else:
            leaders.append(channel)


def test_the_interval_is_that_of_scipy():
    one, other = table(25, 2).T
    expected = stats.pearsonr(one, other)
    low, high = correlation_interval(expected.statistic, 25)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


@pytest.mark.parametrize(
    ("r", "clips", "expected"), [(1.0, 10, (1.0, 1.0)), (0.9, 3, (-1.0, 1.0))], ids=str
)
def test_the_interval_where_there_is_nothing_to_tell(r, clips, expected):
    assert correlation_interval(r, clips) == expected


# Promises


def test_shuffled_clips_leave_nothing_alike():
    answers = table(60, 4)
    answers[:, 2] = answers[:, 0]
    order = np.random.default_rng(0).permuted(np.tile(np.arange(60)[:, None], (1, 4)), axis=0)
    assert same(answers).groups() == [[0, 2]]
    assert same(shuffled(answers, order)).groups() == []


def test_clips_that_were_not_seen_are_left_out():
    answers = table()
    with_hole = np.insert(answers, 3, np.nan, axis=0)
    np.testing.assert_allclose(same(with_hole).correlation, same(answers).correlation)
    nothing = same(np.full((2, 3), np.nan))
    assert nothing.groups() == []
    assert nothing.nearest.tolist() == [-1, -1, -1]


@pytest.mark.slow
def test_a_layer_of_many_thousand_channels_works():
    answers = np.random.default_rng(0).normal(size=(32, 8000))
    answers[:, 7999] = answers[:, 3]
    assert same(answers, threshold=0.99).groups() == [[3, 7999]]
