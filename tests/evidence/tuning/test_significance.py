from itertools import product

import numpy as np
import pytest

from kinetoscope.evidence.tuning.significance import axis_p, direction_p, orientation_p

ANGLES = np.radians(np.arange(0, 360, 45))
SHAPE = (3, 8, 4, 2)  # repetition, direction, speed, detail


def noise(units=200, seed=0):
    return np.random.default_rng(seed).normal(5, 1, (*SHAPE, units))


def along(values, axis):
    """Along one axis, the same elsewhere."""
    return np.reshape(values, [-1 if each == axis else 1 for each in range(5)])


@pytest.mark.parametrize(
    "test",
    [
        lambda x: direction_p(x, tries=199),
        lambda x: orientation_p(x, tries=199),
        lambda x: axis_p(x, 2, tries=199),
        lambda x: axis_p(x, 3, tries=199),
    ],
    ids=["direction", "orientation", "speed", "detail"],
)
def test_noise_is_called_tuned_as_often_as_the_level_says(test):
    p = test(noise(1000))
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.025)
    assert np.mean(p) == pytest.approx(0.5, abs=0.04)


def test_finds_what_is_planted_and_only_that():
    plain = noise(50)
    way = plain + along(np.cos(ANGLES - 1), 1)
    axis = plain + along(np.cos(2 * (ANGLES - 1)), 1)
    fast = plain + along([0, 0, 1, 2], 2)
    assert np.median(direction_p(way)) == 0.001
    assert np.median(direction_p(axis)) > 0.2
    assert np.median(orientation_p(axis)) == 0.001
    assert np.median(orientation_p(way)) > 0.2
    assert np.median(axis_p(fast, 2)) == 0.001
    assert np.median(axis_p(fast, 3)) > 0.2
    assert np.median(direction_p(fast)) > 0.2


def test_is_that_of_all_exchanges_where_these_can_be_counted():
    answers = np.random.default_rng(3).normal(size=(2, 4, 1, 1, 1))
    differences = (answers[:, :2] - answers[:, 2:]).reshape(4)
    ways = np.array([1, 1j, 1, 1j])
    signs = np.array(list(product([1, -1], repeat=4)))
    sums = abs(signs @ (ways * differences))
    exact = np.mean(sums >= sums[0] - 1e-9)
    assert direction_p(answers, tries=4000).item() == pytest.approx(exact, abs=0.03)


def test_a_unit_that_answers_to_all_alike_is_not_tuned():
    flat = np.full((*SHAPE, 2), 3.0) + 1e-7 * noise(2)  # no more than rounding
    for p in (direction_p(flat), orientation_p(flat), axis_p(flat, 2), axis_p(flat, 3)):
        assert (p == 1).all()


def test_what_was_not_shown_is_left_out():
    moving = noise(20) + along(np.cos(ANGLES), 1) + along([0, 0, 1, 2], 2)
    moving[:, :, 3, 1] = np.nan
    assert np.median(direction_p(moving)) == 0.001
    assert np.median(axis_p(moving, 2)) == 0.001


def test_the_seed_decides_and_nothing_else():
    moving = noise(20)
    assert np.array_equal(direction_p(moving, seed=1), direction_p(moving, seed=1))
    assert not np.array_equal(direction_p(moving, seed=1), direction_p(moving, seed=2))
    one = axis_p(moving[..., 3:4], 2, seed=1)
    assert axis_p(moving, 2, seed=1)[3] == one.item()


def test_one_repetition_tells_nothing_of_speed():
    assert (axis_p(noise(5)[:1], 2) == 1).all()
