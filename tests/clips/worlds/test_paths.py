import math

import numpy as np
import pytest

from kinetoscope.clips.worlds.paths import DIRECTIONS, MOTIONS, TURNS, growth, heading, path


def walked(motion, **changed):
    settings = {"speed": 2.0, "direction": "right", "turn": "clockwise", "frames": 21} | changed
    return path(motion, **settings)


def test_a_line_moves_at_its_speed_in_its_direction():
    steps = np.diff(walked("line", direction="down_left", speed=1.5), axis=0)
    np.testing.assert_allclose(steps, np.full((20, 2), (-1, 1)) * 1.5 / math.sqrt(2))


def test_an_accelerating_shape_gets_faster_and_has_its_speed_on_average():
    steps = np.diff(walked("accelerating", direction="up"), axis=0)
    assert (np.diff(-steps[:, 1]) > 0.1).all()
    assert -steps[:, 1].mean() == pytest.approx(2.0)
    assert (-steps[:, 1] > 0).all()


def test_a_swing_goes_there_and_back():
    steps = np.diff(walked("swing", frames=13), axis=0)
    assert steps[0, 0] > 1
    assert (steps[:3, 0] > 0).all()
    assert (steps[4:8, 0] < 0).all()
    np.testing.assert_allclose(steps[:, 1], 0, atol=1e-9)


@pytest.mark.parametrize("turn", TURNS)
def test_a_circle_keeps_its_speed_and_its_turn(turn):
    steps = np.diff(walked("circle", turn=turn), axis=0)
    np.testing.assert_allclose(np.hypot(*steps.T), 2.0, rtol=0.01)
    turned = steps[:-1, 0] * steps[1:, 1] - steps[:-1, 1] * steps[1:, 0]
    assert (np.sign(turned) == (1 if turn == "clockwise" else -1)).all()


def test_a_circle_heads_in_its_direction_halfway():
    places = walked("circle", direction="left")
    middle = places[11] - places[9]
    assert middle[0] < -3
    assert abs(middle[1]) < 1e-9


@pytest.mark.parametrize("motion", ["still", "looming"])
def test_what_stands_still_stays_where_it_is(motion):
    assert (walked(motion) == 0).all()


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_where_a_shape_is_on_average_says_nothing(motion, direction):
    mean = walked(motion, direction=direction, frames=17).mean(axis=0)
    np.testing.assert_allclose(mean, 0, atol=1e-9)


def test_only_what_looms_grows():
    assert (growth("line", speed=2.0, size=10.0, frames=9) == 1).all()
    grown = growth("looming", speed=2.0, size=10.0, frames=9)
    assert grown[4] == 1
    np.testing.assert_allclose(grown[1:] / grown[:-1], math.exp(0.05))


def test_headings_are_one_pixel_long_and_all_around():
    found = np.array([heading(direction) for direction in DIRECTIONS])
    np.testing.assert_allclose(np.hypot(*found.T), 1)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-9)
    assert heading("up_right") == pytest.approx((math.sqrt(0.5), -math.sqrt(0.5)))
