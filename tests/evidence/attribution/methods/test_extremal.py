"""Masks of given area: they lie on the hole, and their areas are kept."""

import pytest
import torch

from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.methods.extremal import Extremal
from kinetoscope.units.objective import label
from tests.evidence.attribution.methods.peepholes import Peephole, asked, inside

SHARP = {"grid": (6, 16, 16), "width": (0.5, 1.0), "filling": "grey", "steps": 30}


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
        assert found.facts[f"volume for {area}"] == pytest.approx(area, abs=0.02)
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
