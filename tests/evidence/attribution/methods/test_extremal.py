"""Masks of given area: how they are made, that they lie on the hole, and that areas are kept."""

import math

import pytest
import torch

from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.methods.extremal import BumpGrid, Extremal, smooth_maximum
from kinetoscope.units.objective import label
from tests.evidence.attribution.methods.peepholes import EXTENT, Peephole, asked, inside

GRID = BumpGrid.of((3, 4, 4), EXTENT, (1.0, 1.5), torch.zeros(1))
SHARP = {"grid": (6, 16, 16), "width": (0.5, 1.0), "filling": "grey", "steps": 30}


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


@pytest.mark.parametrize(
    ("streams", "variant"),
    [(("frames",), "keep"), (("flow",), "keep"), (("frames", "flow"), "delete")],
    ids=["of frames", "of flow", "of both, deleted"],
)
def test_masks_lie_on_the_hole(streams, variant):
    question = asked(streams, Peephole(flow=1.0))
    found = Extremal(areas=(0.05, 0.1), variant=variant, **SHARP).answer(question)
    (heat,) = found.heat.values()
    assert heat[inside()].sum() > 0.9 * heat.sum()
    for area in (0.05, 0.1):
        assert found.facts[f"volume of {area}"] == pytest.approx(area, abs=0.02)
        # the hole is an eighth of the clip, and counts for as much as is kept of it
        named = f"reached within {area}" if variant == "keep" else f"left without {area}"
        reached = found.facts[named] if variant == "keep" else 1 - found.facts[named]
        assert reached == pytest.approx(area * 8, abs=0.2)


def test_the_smallest_area_that_is_enough_is_told():
    found = Extremal(areas=(0.05, 0.4, 0.6), **SHARP).answer(asked())
    assert found.facts["smallest area that is enough"] == 0.4
    few = Extremal(areas=(0.02,), **SHARP).answer(asked())
    assert "smallest area that is enough" not in few.facts


def test_areas_together_are_as_one_by_one():
    areas = (0.05, 0.1, 0.2)
    settings = {"grid": (3, 4, 4), "steps": 10, "filling": "grey"}
    together = Extremal(areas=areas, **settings).answer(asked()).whole
    alone = [Extremal(areas=(area,), **settings).answer(asked()).whole for area in areas]
    torch.testing.assert_close(together, torch.stack(alone).mean(0), rtol=1e-4, atol=1e-5)


def test_the_scale_of_the_objective_changes_nothing():
    settings = {"grid": (3, 4, 4), "steps": 10, "filling": "grey"}
    question = asked()
    plain = Extremal(**settings).answer(question).whole
    scaled = Extremal(**settings).answer(question.asking(1024.0 * label("box"))).whole
    torch.testing.assert_close(plain, scaled, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"areas": (0.0,)}, ClipError),
        ({"areas": (0.1, 1.0)}, ClipError),
        ({"areas": (-0.1,)}, ClipError),
        ({"areas": ()}, ClipError),
        ({"steps": 0}, ClipError),
        ({"grid": (8, 0, 16)}, ClipError),
        ({"width": (0.0, 1.0)}, ClipError),
        ({"learning_rate": 0.0}, ClipError),
        ({"filling": "blurr"}, UnknownNameError),
    ],
    ids=str,
)
def test_masks_that_make_no_sense_are_refused(settings, error):
    question = asked()
    with pytest.raises(error):
        Extremal(**settings).check(question.network, question.objective)


def test_an_objective_that_loses_nothing_is_refused():
    with pytest.raises(ClipError, match="needs nothing"):
        Extremal(filling="blur").answer(asked())  # white is white, however blurred
