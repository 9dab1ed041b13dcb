"""Smooth masks against their definitions written out."""

import math

import pytest
import torch
from torch.nn import functional as F

from kinetoscope.evidence.attribution.methods.masks import BumpGrid, RandomMasks, smooth_maximum
from tests.evidence.attribution.methods.peepholes import EXTENT

GRID = BumpGrid.of((3, 4, 4), EXTENT, (1.0, 1.5), torch.zeros(1))


def drawn(count=3, seed=0):
    return RandomMasks.drawn(count, (2, 3, 3), 0.5, seed, EXTENT)


def test_masks_go_straight_from_cell_to_cell_and_are_cut_out_where_they_were_moved():
    masks = drawn(5)
    cell = (3, 6, 6)
    larger = F.interpolate(
        masks.cells,
        size=[(n + 1) * side for n, side in zip((2, 3, 3), cell, strict=True)],
        mode="trilinear",
    )
    for mask, whole, (time, row, column) in zip(
        torch.cat([*masks.batches(2)]), larger, masks.shifts, strict=True
    ):
        assert max(time / 3, row / 6, column / 6) < 1
        cut = whole[:, time : time + 6, row : row + 16, column : column + 16]
        torch.testing.assert_close(mask, cut)


def test_the_first_masks_are_the_same_whatever_the_count():
    few, many = drawn(3), drawn(9)
    assert torch.equal(many.cells[:3], few.cells)
    assert many.shifts[:3] == few.shifts
    assert not torch.equal(drawn(3, seed=1).cells, few.cells)


def test_masks_keep_their_share_everywhere():
    made = torch.cat([*RandomMasks.drawn(1000, (2, 3, 3), 0.3, 0, EXTENT).batches(250)])
    assert made.min() >= 0
    assert made.max() <= 1
    torch.testing.assert_close(made.mean(0)[0], torch.full(EXTENT, 0.3), rtol=0, atol=0.05)


def test_the_smooth_maximum_is_the_mean_weighted_by_nearness_to_the_largest():
    values = [0.5, 0.4, 0.0]
    weights = [math.exp(20 * value) for value in values]
    expected = sum(value * weight for value, weight in zip(values, weights, strict=True))
    found = float(smooth_maximum(torch.tensor(values)))
    assert found == pytest.approx(expected / sum(weights))


def test_masks_are_the_smooth_maximum_of_bumps_along_each_axis():
    cells = torch.rand(1, 1, 3, 4, 4, generator=torch.Generator().manual_seed(0))

    def along(values, place, places, width):
        """One line of cells, as it is at one place."""
        at = (place + 0.5) * len(values) / places - 0.5
        away = [abs(at - cell) / width for cell in range(len(values))]
        bumps = torch.tensor([math.exp(-2 * max(0.0, each - 0.5) ** 2) for each in away])
        return smooth_maximum(torch.tensor(values) * bumps) / smooth_maximum(bumps)

    masks = GRID.coarse(cells)
    for time, row, column in ((0, 0, 0), (2, 3, 5), (5, 7, 1)):
        of_time = [
            [float(along(cells[0, 0, :, y, x].tolist(), time, 6, 1.0)) for x in range(4)]
            for y in range(4)
        ]
        of_rows = [float(along([line[x] for line in of_time], row, 8, 1.5)) for x in range(4)]
        expected = min(1.0, float(along(of_rows, column, 8, 1.5)))
        assert float(masks[0, 0, time, row, column]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("height", [0.0, 1.0])
def test_cells_that_are_all_open_or_all_shut_make_such_a_mask(height):
    masks = GRID.enlarged(GRID.coarse(torch.full((2, 1, 3, 4, 4), height)))
    torch.testing.assert_close(masks, torch.full((2, 1, *EXTENT), height))
