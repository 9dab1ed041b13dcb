import math

import numpy as np
import pytest

from kinetoscope.clips.worlds.outlines import BAR_WIDTH, SHAPES, distance, reach_of


def grid(half=25.0, steps=1000):
    line = np.linspace(-half, half, steps)
    return np.meshgrid(line, line), (2 * half / (steps - 1)) ** 2


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_one_size_covers_the_same_area(shape):
    (x, y), area = grid()
    assert (distance(shape, x, y, 10.0) < 0).sum() * area == pytest.approx(314.16, rel=0.01)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_reaches_as_far_as_it_says(shape):
    (x, y), _ = grid()
    inside = distance(shape, x, y, 8.0) < 0
    corner = {"cross": math.hypot(1, 0.28), "bar": math.hypot(1, BAR_WIDTH)}.get(shape, 1.0)
    furthest = np.hypot(x, y)[inside].max()
    assert furthest == pytest.approx(8 * reach_of(shape) * corner, rel=0.02)


@pytest.mark.parametrize("shape", SHAPES)
def test_distance_near_an_edge_grows_by_one_a_pixel(shape):
    (x, y), area = grid()
    found = distance(shape, x, y, 10.0)
    steep = np.hypot(*np.gradient(found, math.sqrt(area)))[np.abs(found) < 0.3]
    assert np.median(steep) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_twice_as_large_is_the_same_shape(shape):
    (x, y), _ = grid(steps=60)
    twice = distance(shape, 2 * x, 2 * y, 14.0)
    np.testing.assert_allclose(twice, 2 * distance(shape, x, y, 7.0), atol=1e-9)


def test_distance_to_a_disc_and_a_ring_is_known():
    x, y = np.array([0.0, 3.0]), np.array([0.0, 4.0])
    np.testing.assert_allclose(distance("disc", x, y, 2.0), [-2.0, 3.0])
    outer = 2.0 * reach_of("ring")
    np.testing.assert_allclose(distance("ring", x, y, 2.0), [outer / 2, 5 - outer])
