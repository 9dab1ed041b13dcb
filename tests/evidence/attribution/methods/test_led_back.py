"""Guided backpropagation and deconvnets: right for every form of rectifier, or refused."""

import pytest
import torch
from captum.attr import Deconvolution
from captum.attr import GuidedBackprop as OfCaptum
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribute import attribute, method_of
from kinetoscope.evidence.attribution.methods.gradients import Gradient
from kinetoscope.evidence.attribution.methods.led_back import (
    Deconvnet,
    GuidedBackprop,
    led_back_by,
)
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit
from tests.evidence.attribution.by_hand import FORMS
from tests.evidence.attribution.methods.rectified import BOTH, asked, network_of
from tests.evidence.attribution.methods.test_gradients import of_captum
from tests.evidence.attribution.planted import attended

RULES = {"guided": (GuidedBackprop(), OfCaptum), "deconvolved": (Deconvnet(), Deconvolution)}
rules = pytest.mark.parametrize("rule", RULES)


@rules
@pytest.mark.parametrize("streams", [("frames",), ("flow",), BOTH], ids="+".join)
@pytest.mark.filterwarnings("ignore:Setting (forward|backward|forward, backward) hooks")
def test_each_value_is_captums_where_rectifiers_are_modules(streams, rule):
    question = asked(streams)
    expected = of_captum(RULES[rule][1], question)
    _, found = led_back_by(question, rule)
    for name, x in expected.items():
        torch.testing.assert_close(found[name], x.detach())


@rules
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_rectifier_is_the_same(form, rule):
    expected, found = (led_back_by(asked(form=each), rule)[1] for each in ("module", form))
    torch.testing.assert_close(found, expected)
    _, plain = led_back_by(asked(form=form), "gradient")
    assert not torch.allclose(found["frames"], plain["frames"])


@rules
def test_without_rectifiers_it_is_the_gradient(rule):
    network = network_of(act=nn.Identity())
    for tower in (network.model.body.frames, network.model.body.flow):
        tower.rectifiers = nn.ModuleList([nn.Identity()])
    question = asked(network=network)
    found, plain = RULES[rule][0].answer(question), Gradient().answer(question)
    torch.testing.assert_close(found.heat, plain.heat)


class Gated(nn.Module):
    def forward(self, x):
        return x * x.sigmoid()


@rules
@pytest.mark.parametrize(
    ("act", "name"),
    [(nn.GELU(), "Gelu"), (nn.SiLU(), "Silu"), (Gated(), "Mul of two signals, Sigmoid")],
    ids=["GELU", "SiLU", "written out"],
)
def test_what_is_smooth_is_refused_by_name_before_anything_is_computed(act, name, rule):
    network = network_of(act=act)
    with pytest.raises(ClipError, match=f"no {rule} view") as refused:
        RULES[rule][0].check(network, label("a"))
    assert refused.value.got == name
    assert "a unit of a layer before that" in refused.value.hint


@rules
def test_below_what_is_smooth_it_fits(rule):
    unit = activation(Unit("body.frames.stages.0", 1))
    method = RULES[rule][0]
    network = network_of(act=nn.GELU())
    method.check(network, unit)
    assert method.answer(asked(network=network, objective=unit)).heat["frames"].max() > 0


@rules
def test_a_transformer_is_refused_and_told_what_fits(rule):
    case = attended()
    method = method_of(RULES[rule][0].name)
    with pytest.raises(ClipError, match="Softmax") as refused:
        attribute(case.network, case.clip, case.objective, method=method)
    assert "integrated-gradients" in str(refused.value)
    assert method.name not in str(refused.value.hint)


class Sometimes(nn.Module):
    def forward(self, x):
        return nn.functional.gelu(x) if float(x.detach().std()) > 0.1 else x.relu()


@rules
def test_what_only_the_clip_shows_is_refused_as_well(rule):
    network = network_of(act=Sometimes())
    method = RULES[rule][0]
    method.check(network, label("a"))  # a blank clip does not show it
    with pytest.raises(ClipError, match="something else") as refused:
        method.answer(asked(network=network))
    assert refused.value.got == "Gelu"
