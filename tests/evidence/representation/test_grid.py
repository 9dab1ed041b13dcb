from itertools import permutations

import numpy as np
import pytest

from kinetoscope.evidence.representation.grid import on_grid


def centres(columns, rows):
    places = np.arange(columns * rows)
    return np.stack([(places % columns + 0.5) / columns, (places // columns + 0.5) / rows], axis=1)


def test_points_in_a_lattice_stay_as_they_are():
    places = np.arange(12)
    points = np.stack([places % 4, -(places // 4)], axis=1).astype(float)  # up is positive
    mixed = np.random.default_rng(0).permutation(12)
    found = on_grid(points[mixed])
    assert (found.columns, found.rows) == (4, 3)
    assert found.cells.tolist() == mixed.tolist()


def test_no_other_order_moves_clips_less():
    points = np.random.default_rng(1).normal(size=(6, 2))
    found = on_grid(points)
    inside = (points - points.min(axis=0)) / np.ptp(points, axis=0)
    inside[:, 1] = 1 - inside[:, 1]
    cells = centres(found.columns, found.rows)
    moved = lambda order: ((inside - cells[list(order)]) ** 2).sum()  # noqa: E731
    assert moved(found.cells) == pytest.approx(min(map(moved, permutations(range(len(cells)), 6))))


@pytest.mark.parametrize("clips", [1, 5, 37])
def test_every_clip_has_a_cell_of_its_own(clips):
    found = on_grid(np.random.default_rng(2).normal(size=(clips, 2)))
    assert len(set(found.cells.tolist())) == clips
    assert found.cells.max() < found.columns * found.rows
    assert found.columns * (found.rows - 1) < clips


def test_points_on_one_spot_are_spread_out():
    assert len(set(on_grid(np.zeros((9, 2))).cells.tolist())) == 9
