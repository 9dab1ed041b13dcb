import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from kinetoscope.evidence.stimuli.calming import restless, roughness_in_time
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.robustness import Robustness
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.evidence.stimuli.writings.fourier import Fourier
from kinetoscope.evidence.stimuli.writings.pixels import Pixels
from kinetoscope.units.objective import activation
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted

FRAMES, SIDE = 8, 8
ASKED = Maximizing(steps=80, gain=3000.0, travel=2.0, robustness=Robustness(shift=0), leak=0.0)


class FlickerOpensTheDoor(nn.Module):
    """Likes flicker a little and, once there is enough of it, a still pattern more.

    An ascent that chi keeps from ever flickering enough ends with nothing but flicker, though more
    could be had: it is rougher than one that was free.
    """

    def forward(self, flow):
        still = (flow[:, 0] * _pattern("still")).mean((1, 2, 3))
        flicker = (flow[:, 1] * _pattern("flicker")).mean((1, 2, 3))
        door = torch.sigmoid(20 * (flicker - 0.7))
        return (flicker + 3 * still * door)[:, None, None, None, None]


def _pattern(kind):
    along = torch.arange(SIDE) * (2 * math.pi / SIDE)
    pattern = along.cos().expand(FRAMES, SIDE, SIDE)
    return pattern if kind == "still" else pattern * (-1.0) ** torch.arange(FRAMES)[:, None, None]


def network():
    return planted(
        FlickerOpensTheDoor(), 1, streams=("flow",), frames=FRAMES, short_side=SIDE,
        size=(SIDE, SIDE), flow_scale=1.0,
    )  # fmt: skip


def made(asked=ASKED, slowness=(0.0, 1.0, 10.0)):
    return maximize(network(), [Unit("layer", 0)], slowness=slowness, settings=asked).stimuli


def rough(stimuli):
    return [roughness_in_time(each.flow) for each in stimuli]


def test_the_roughness_of_flicker_and_of_a_still_clip():
    flicker = torch.tensor([1.0, -1.0, 1.0, -1.0]).reshape(1, 4, 1, 1).expand(2, 4, 3, 3)
    assert roughness_in_time(flicker) == pytest.approx(3.0)  # three changes of 2, four squares of 1
    assert roughness_in_time(torch.ones(2, 4, 3, 3)) == 0.0
    assert math.isnan(roughness_in_time(torch.zeros(2, 4, 3, 3)))


def stimulus(slowness, flow):
    return Stimulus(
        objective=activation(Unit("layer", 0)), slowness=slowness, frames=None, flow=flow,
        activation=1.0, mean_activation=1.0, best_real=None, frames_velocity=None,
        flow_velocity=None, history={},
    )  # fmt: skip


def test_neighbours_in_chi_are_told_by_place_whatever_their_order():
    still, some, flicker = (
        torch.tensor([1.0, change, 1.0, change]).reshape(1, 4, 1, 1).expand(2, 4, 3, 3)
        for change in (1.0, 0.0, -1.0)
    )
    spec = network().expects
    asked = [stimulus(10.0, flicker), stimulus(0.0, flicker), stimulus(1.0, some)]
    assert restless(asked, spec, ["flow"]) == [(2, 0)]
    blank = stimulus(1.0, torch.zeros(2, 4, 3, 3))
    assert not restless([stimulus(0.0, some), blank, stimulus(10.0, still)], spec, ["flow"])


@pytest.mark.parametrize("writing", [Pixels(), Fourier()], ids=["pixels", "fourier"])
def test_a_slow_stimulus_that_is_not_calmer_goes_on(writing):
    asked = replace(ASKED, writing=writing)
    first, found = made(replace(asked, rounds=0)), made(asked)
    assert rough(first)[2] > rough(first)[1]
    assert rough(found) == sorted(rough(found), reverse=True)
    assert torch.equal(found[0].flow, first[0].flow)  # which was calm enough
    assert found[0].went_on == 0 < found[2].went_on
    for each in found:
        assert len(each.history["objective"]) == (1 + each.went_on) * ASKED.steps
    for before, after in zip(first[1:], found[1:], strict=True):
        assert after.history["objective"][-1] >= before.history["objective"][-1]


def test_none_gains_from_its_neighbours_clip():
    """So the change over time that the prior weighs falls with chi, whatever its share."""
    found = made()
    change = [float(each.flow.diff(dim=1).square().sum()) for each in found]
    assert change == sorted(change, reverse=True)


def test_what_goes_on_is_the_same_whatever_the_batch():
    for one, other in zip(made(), made(replace(ASKED, clips_at_once=1)), strict=True):
        torch.testing.assert_close(one.flow, other.flow, atol=1e-4, rtol=1e-4)
        assert len(one.history["objective"]) == len(other.history["objective"])


def test_what_is_made_alone_is_left_alone():
    (alone,) = made(slowness=(10.0,))
    assert len(alone.history["objective"]) == ASKED.steps
