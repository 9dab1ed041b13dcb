"""Random masks: hand-computed, against the definition written out, and a hole that is found."""

import math

import pytest
import torch

from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.methods.masks import RandomMasks
from kinetoscope.evidence.attribution.methods.rise import Rise, weighted
from kinetoscope.evidence.attribution.methods.room import version_bytes
from kinetoscope.evidence.attribution.removal import Removal
from tests.evidence.attribution.methods.peepholes import EXTENT, Peephole, asked, inside

TWO = ("frames", "flow")


def test_heat_is_the_mean_of_what_is_above_the_mean_times_the_mask():
    masks = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]).reshape(4, 1, 1, 1, 2)
    heat, error = weighted(torch.tensor([2.0, 0.0, 0.0, 0.0]), iter([masks[:3], masks[3:]]), 0.5)
    # above the mean: 1.5, -0.5, -0.5, -0.5; of the first pixel 1.5 - 0.5 are kept, of 4 * 0.5
    torch.testing.assert_close(heat, torch.tensor([[[0.5, 0.5]]]))
    deviation = torch.tensor([1.5, -0.5, 0.5, 0.5]).std() / math.sqrt(4)
    torch.testing.assert_close(error, torch.full((1, 1, 2), float(deviation)))


@pytest.mark.parametrize("filling", ["grey", "freeze"])
def test_agrees_with_the_definition_written_out(filling):
    question = asked(TWO, Peephole(flow=0.5))
    found = Rise(masks=7, grid=(2, 3, 3), share=0.4, filling=filling).answer(question)
    masks = torch.cat([*RandomMasks.drawn(7, (2, 3, 3), 0.4, 0, EXTENT).batches(7)])
    removal, values = Removal.of(question, filling), []
    for mask in masks:
        hidden = 1 - mask[None]
        values.append(float(question.values(removal.apply({"frames": hidden, "flow": hidden}))))
    mean = sum(values) / 7
    expected = sum((value - mean) * mask[0] for value, mask in zip(values, masks, strict=True)) / (
        7 * 0.4
    )
    torch.testing.assert_close(found.heat["both"], expected)


@pytest.mark.parametrize("streams", [("frames",), ("flow",), TWO])
def test_the_hole_is_found(streams):
    found = Rise(masks=200, grid=(3, 4, 4)).answer(asked(streams, Peephole(flow=1.0)))
    (heat,) = found.heat.values()
    assert inside().flatten()[heat.argmax()]
    assert heat[inside()].mean() > 3 * heat[~inside()].abs().mean()


def test_a_stream_that_is_not_looked_at_has_no_heat():
    found = Rise(masks=30, together=False).answer(asked(TWO, Peephole(flow=0.0)))
    assert not found.heat["flow"].any()
    assert found.facts["relative standard error of flow"] == 0
    assert inside().flatten()[found.heat["frames"].argmax()]


def test_an_offset_of_the_score_changes_nothing():
    plain, raised = (
        Rise(masks=20).answer(asked(model=Peephole(offset=by))).whole for by in (0.0, 100.0)
    )
    torch.testing.assert_close(plain, raised, rtol=1e-3, atol=1e-4)


def test_the_batch_changes_nothing():
    one = version_bytes(asked(), gradients=False)
    clip = 4 * 3 * math.prod(EXTENT)
    wide, narrow = (
        Rise(masks=20).answer(asked(memory=4 * clip + count * one)).whole for count in (30, 1)
    )
    torch.testing.assert_close(wide, narrow, rtol=1e-5, atol=1e-7)


def test_the_error_is_that_of_other_seeds():
    question = asked()
    settings = {"masks": 50, "grid": (2, 3, 3)}
    heats = torch.stack([Rise(**settings, seed=seed).answer(question).whole for seed in range(20)])
    masks = RandomMasks.drawn(50, (2, 3, 3), 0.5, 0, EXTENT)
    hidden = [1 - mask for mask in masks.batches(50)]
    values = question.values(Removal.of(question, "grey").apply({"frames": hidden[0]}))
    _, error = weighted(values, masks.batches(50), 0.5)
    assert float(error.mean()) == pytest.approx(float(heats.std(0).mean()), rel=0.2)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"masks": 1}, ClipError),
        ({"share": 0.0}, ClipError),
        ({"share": 1.0}, ClipError),
        ({"grid": (0, 7, 7)}, ClipError),
        ({"filling": "gray"}, UnknownNameError),
    ],
    ids=str,
)
def test_masks_that_make_no_sense_are_refused(settings, error):
    question = asked()
    with pytest.raises(error):
        Rise(**settings).check(question.network, question.objective)
