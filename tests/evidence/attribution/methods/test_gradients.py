"""The gradient, and what all methods of gradients keep."""

from dataclasses import replace

import pytest
import torch
from captum.attr import InputXGradient, Saliency
from torch import nn

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.attribution.methods.gradients import Gradient, GradientTimesInput
from kinetoscope.evidence.attribution.methods.integrated_gradients import IntegratedGradients
from kinetoscope.evidence.attribution.methods.led_back import Deconvnet, GuidedBackprop
from kinetoscope.evidence.attribution.methods.room import version_bytes
from kinetoscope.evidence.attribution.methods.smooth_grad import SmoothGrad
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import frozen
from kinetoscope.units.objective import activation, label, neuron
from kinetoscope.units.unit import Unit
from tests.evidence.attribution.methods.rectified import BOTH, asked, network_of
from tests.evidence.attribution.planted import zeroed_stream

METHODS = [
    Gradient(),
    Gradient(over_channels="sum"),
    GradientTimesInput(),
    SmoothGrad(samples=3),
    IntegratedGradients(steps=3),
    GuidedBackprop(),
    Deconvnet(),
]
methods = pytest.mark.parametrize("method", METHODS, ids=lambda each: each.name)
streams = pytest.mark.parametrize("streams", [("frames",), ("flow",), BOTH], ids="+".join)


def of_captum(kind, question, target=1, **settings):
    """What captum finds of each value, on the model itself."""
    inputs = tuple(x.clone().requires_grad_() for x in question.streams.values())
    with frozen(question.network):
        found = kind(question.network.model).attribute(inputs, target=target, **settings)
    return dict(zip(question.streams, found, strict=True))


# Known answer


def test_the_gradient_of_a_weighted_sum_is_its_weights():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 12 * 12, 3))
    question = asked(("frames",), model=model)
    weights = model[1].weight[1].detach().reshape(3, 4, 12, 12)
    torch.testing.assert_close(Gradient().answer(question).heat["frames"], weights.abs().amax(0))
    summed = Gradient(over_channels="sum").answer(question)
    torch.testing.assert_close(summed.heat["frames"], weights.sum(0))
    times = GradientTimesInput().answer(question)
    expected = (weights * question.streams["frames"][0]).sum(0)
    torch.testing.assert_close(times.heat["frames"], expected)
    assert summed.signed
    assert times.signed
    assert not Gradient().answer(question).signed


# Equality with captum


@streams
def test_each_value_is_captums_saliency(streams):
    question = asked(streams)
    expected = of_captum(Saliency, question, abs=False)
    with frozen(question.network):
        _, found = question.gradients(question.streams)
    torch.testing.assert_close(found, expected)
    heat = Gradient().answer(question).heat
    expected = of_captum(Saliency, question, abs=True)
    torch.testing.assert_close(heat, {name: x[0].amax(0) for name, x in expected.items()})


@streams
def test_times_the_input_is_captums(streams):
    question = asked(streams)
    expected = of_captum(InputXGradient, question)
    heat = GradientTimesInput().answer(question).heat
    torch.testing.assert_close(heat, {name: x[0].sum(0).detach() for name, x in expected.items()})


# Properties of the family


@methods
def test_doubling_the_objective_doubles_the_heat(method):
    question = asked()
    once = method.answer(question)
    twice = method.answer(question.asking(2.0 * question.objective))
    for name, heat in once.heat.items():
        torch.testing.assert_close(twice.heat[name], 2 * heat)


@methods
@pytest.mark.parametrize("gated", [False, True], ids=["by the head", "by a gate"])
def test_a_stream_that_is_multiplied_by_zero_has_no_heat(method, gated):
    case = zeroed_stream(gated=gated)
    question = Question.about(case.network, case.clip, case.objective)
    heat = method.answer(question).heat
    assert torch.equal(heat["frames"], torch.zeros(question.extent))
    assert heat["flow"].abs().max() > 0


@methods
def test_any_objective_can_be_asked_for(method):
    unit = Unit("body.joined.stages.0.0", 2)
    found = []
    for objective in (label("a") - 0.5 * label("c"), activation(unit), neuron(unit, (1, 2, 3))):
        question = asked(objective=objective)
        method.check(question.network, question.objective)
        found.append(method.answer(question).of("frames"))
        assert found[-1].abs().max() > 0
    reach = (found[2] != 0).nonzero()  # of one neuron: its receptive field, and no more
    assert reach.amin(0).tolist() >= [0, 1, 3]
    assert reach.amax(0).tolist() <= [3, 8, 10]


@methods
def test_the_value_is_that_of_the_clip(method):
    question = asked()
    assert method.answer(question).value == pytest.approx(question.value, rel=1e-5)


@pytest.mark.parametrize(
    ("method", "passes"),
    [(Gradient(), 1), (GradientTimesInput(), 1), (GuidedBackprop(), 1), (IntegratedGradients(), 2)],
    ids=lambda each: getattr(each, "name", None),
)
def test_no_pass_is_run_twice(method, passes):
    question = asked()
    method.answer(question)  # which looks at how much a pass takes
    calls = []
    question.network.model.register_forward_hook(lambda *_: calls.append(1))
    method.answer(replace(question))
    assert len(calls) == passes


@methods
def test_memory_changes_nothing(method):
    question = asked()
    clip = 4 * 5 * 4 * 12 * 12
    bound = 4 * clip + version_bytes(question, gradients=True)
    narrow = replace(question, memory=bound)
    wide, found = method.answer(question), method.answer(narrow)
    torch.testing.assert_close(found.heat, wide.heat)


@methods
def test_a_model_that_begins_in_place_changes_no_clip(method):
    linear = nn.Linear(3 * 4 * 12 * 12, 3)
    models = [nn.Sequential(nn.ReLU(inplace=way), nn.Flatten(), linear) for way in (True, False)]
    asked_, other = (asked(("frames",), model=model) for model in models)
    before = asked_.streams["frames"].clone()
    torch.testing.assert_close(method.answer(asked_).heat, method.answer(other).heat)
    assert torch.equal(asked_.streams["frames"], before)


@methods
def test_heat_is_on_the_cpu_in_single_precision_without_gradient(method):
    for heat in method.answer(asked()).heat.values():
        assert heat.dtype == torch.float32
        assert not heat.requires_grad


# Refusal


def test_an_unknown_way_over_channels_is_refused():
    network = network_of()
    for kind in (Gradient, SmoothGrad, GuidedBackprop, Deconvnet):
        with pytest.raises(UnknownNameError, match="channels"):
            kind(over_channels="mean").check(network, label("a"))
