"""What an objective owes to a layer is its gradient there, whatever form the layer answers in."""

import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.methods.owed import owed_to, without
from tests.evidence.attribution.methods.pooled import (
    BOTH,
    Late,
    Tower,
    asked,
    mean_then_linear,
    network_of,
)


class Boxed(nn.Module):
    """Answers its maps in a box."""

    def __init__(self, box):
        super().__init__()
        self.tower, self.box = Tower(), box

    def forward(self, frames):
        return self.box(self.tower(frames))


class Unboxed(nn.Module):
    """Takes them out again, and changes them in place."""

    def __init__(self, box):
        super().__init__()
        self.boxed, self.label = Boxed(box), nn.Linear(6, 3)

    def forward(self, frames):
        answer = self.boxed(frames)
        x = answer["maps"] if isinstance(answer, dict) else answer[0]
        return self.label(x.mul_(2).mean((2, 3, 4)))


def slope_of(head, times=1.0):
    weights = head.weight[1].detach() * times / (3 * 6 * 6)
    return weights[None, :, None, None, None].expand(1, 6, 3, 6, 6)


@pytest.mark.parametrize(
    "box",
    [lambda x: {"maps": x}, lambda x: (x, None), lambda x: [x]],
    ids=["dict", "tuple", "list"],
)
def test_an_answer_in_a_box_is_cut_off_inside_it(box):
    question = asked(network_of(Unboxed(box)))
    value, owed = owed_to(question, ["boxed"])
    torch.testing.assert_close(owed["boxed"].slope, slope_of(question.network.model.label, 2))
    assert value == pytest.approx(question.value, rel=1e-6)


def test_two_towers_are_cut_off_at_once():
    question = asked(network_of(Late(), BOTH))
    _, owed = owed_to(question, ["appearance", "motion"])
    for name, head in zip(("appearance", "motion"), question.network.model.labels, strict=True):
        torch.testing.assert_close(owed[name].slope, slope_of(head, 0.5))


def test_without_its_maps_a_score_is_its_bias():
    question = asked(network_of(mean_then_linear()))
    bias = question.network.model.ending[3].bias[1].item()
    assert without(question, ["tower"]) == pytest.approx(bias)


def test_a_layer_that_the_objective_does_not_hear_is_refused():
    network = network_of(mean_then_linear())
    network.model.ending[3].weight.data[:] = 0
    _, owed = owed_to(asked(network), ["tower"])
    assert owed["tower"].slope.count_nonzero() == 0  # heard, and counts for nothing
    network.model.ending[0].forward = lambda x: x.detach().mean((2, 3, 4), keepdim=True)
    with pytest.raises(ClipError, match="nothing leads back"):
        owed_to(asked(network), ["tower"])
