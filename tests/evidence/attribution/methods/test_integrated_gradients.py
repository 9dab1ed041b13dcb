"""Integrated gradients: complete, equal to captum's, and to a sum that is written out."""

import logging
from dataclasses import replace

import pytest
import torch
from captum.attr import IntegratedGradients as OfCaptum
from torch import nn

from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.methods.gradients import GradientTimesInput
from kinetoscope.evidence.attribution.methods.integrated_gradients import (
    IntegratedGradients,
    integrated,
    nodes,
)
from kinetoscope.evidence.attribution.removal import FILLINGS, Removal
from kinetoscope.networks.network import frozen
from kinetoscope.units.objective import label
from tests.evidence.attribution.methods.rectified import BOTH, asked, network_of

PART = "completeness gap, part of the difference"


class Cube(nn.Module):
    """The sum of third powers, so that gradients are of the second degree."""

    def forward(self, frames):
        return (frames**3).flatten(1).sum(1, keepdim=True).expand(-1, 3)


# Known answer


def test_of_third_powers_two_steps_find_what_each_value_adds():
    question = asked(("frames",), model=Cube())
    found = IntegratedGradients(steps=2).answer(question)
    expected = (question.streams["frames"][0] ** 3).sum(0)
    torch.testing.assert_close(found.heat["frames"], expected)
    assert abs(found.facts[PART]) < 1e-5


def test_of_a_linear_network_it_is_the_gradient_times_the_input():
    question = asked(("frames",), model=nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 144, 3)))
    found = IntegratedGradients(steps=1).answer(question)
    assert torch.equal(found.whole, GradientTimesInput().answer(question).whole)


@pytest.mark.parametrize("steps", [1, 2, 5, 8])
def test_nodes_are_exact_for_polynomials_below_twice_their_count(steps):
    at, weights = (
        torch.tensor(each, dtype=torch.float64) for each in nodes(steps, "gauss-legendre")
    )
    for degree in range(2 * steps):
        found = float((weights * at**degree).sum())
        assert found == pytest.approx(1 / (degree + 1), rel=1e-10)


def test_midpoints_are_the_middles_of_equal_steps():
    assert nodes(4, "midpoint") == ([0.125, 0.375, 0.625, 0.875], [0.25] * 4)


# Equality with captum, and with the definition written out


@pytest.mark.parametrize("filling", ["grey", "blur"])
@pytest.mark.parametrize("streams", [("frames",), ("flow",), BOTH], ids="+".join)
def test_each_value_is_captums(streams, filling):
    question = asked(streams)
    begin = Removal.of(question, filling).all()
    with frozen(question.network):
        expected = OfCaptum(question.network.model).attribute(
            tuple(question.streams.values()),
            tuple(begin.values()),
            target=1,
            n_steps=6,
            method="gausslegendre",
        )
    found = integrated(question, begin, *nodes(6, "gauss-legendre"))
    for one, other in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(one, other.float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("filling", FILLINGS)
def test_midpoints_agree_with_the_definition_written_out(filling):
    question = asked()
    begin = Removal.of(question, filling).all()
    total = {name: torch.zeros_like(x) for name, x in begin.items()}
    with frozen(question.network):
        for step in range(3):
            at = (step + 0.5) / 3
            here = {name: b + at * (question.streams[name] - b) for name, b in begin.items()}
            for name, slope in question.gradients(here)[1].items():
                total[name] += slope * (question.streams[name] - begin[name]) / 3
    method = IntegratedGradients(steps=3, filling=filling, quadrature="midpoint")
    heat = method.answer(question).heat
    torch.testing.assert_close(heat, {name: x[0].sum(0) for name, x in total.items()})


# Promise


@pytest.mark.parametrize("filling", FILLINGS)
def test_heat_adds_up_to_the_difference_but_for_the_gap(filling):
    question = asked()
    found = IntegratedGradients(steps=5, filling=filling).answer(question)
    with torch.no_grad():
        begin = float(question.values(Removal.of(question, filling).all())[0])
    assert found.facts["difference"] == pytest.approx(question.value - begin, abs=1e-6)
    both = float(found.whole.double().sum()) + found.facts["completeness gap"]
    assert both == pytest.approx(found.facts["difference"], abs=1e-5)


def test_more_steps_leave_less_of_a_gap():
    few, many = (IntegratedGradients(steps=steps).answer(asked()).facts[PART] for steps in (1, 32))
    assert many < 0.1 * few
    assert many < 1e-3


def test_a_large_gap_is_warned_of(caplog):
    question = asked(("frames",), model=Cube())
    with caplog.at_level(logging.WARNING):
        IntegratedGradients(steps=2).answer(question)
        assert not caplog.records
        IntegratedGradients(steps=1).answer(question)
    assert "misses 25 % of the difference; take more steps than 1" in caplog.text


def test_a_clip_that_is_where_the_way_begins_has_no_heat():
    question = asked()
    still = replace(question.clip, frames=question.clip.frames[:, :1].expand(-1, 4, -1, -1))
    still = replace(still, flow=torch.zeros_like(question.clip.flow))
    found = IntegratedGradients(steps=2, filling="freeze").answer(question.of(still))
    assert torch.equal(found.whole, torch.zeros(question.extent))
    assert PART not in found.facts


# Refusal


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"steps": 0}, ClipError),
        ({"quadrature": "simpson"}, UnknownNameError),
        ({"filling": "noise"}, UnknownNameError),
    ],
    ids=["no steps", "quadrature", "filling"],
)
def test_settings_without_meaning_are_refused(settings, error):
    with pytest.raises(error):
        IntegratedGradients(**settings).check(network_of(), label("a"))


def test_swapping_wants_another_clip():
    with pytest.raises(ClipError, match="nothing can be swapped"):
        IntegratedGradients(filling="swap").answer(replace(asked(), other=None))
