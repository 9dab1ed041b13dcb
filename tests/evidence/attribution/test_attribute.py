"""Which methods there are, which fit, and what is refused before anything is computed."""

from dataclasses import dataclass, is_dataclass
from typing import ClassVar

import pytest
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.attribute import (
    METHODS,
    attribute,
    check_method,
    fitting,
    method_of,
)
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit
from tests.evidence.attribution.planted import peephole, zeroed_stream


class Untouched(torch.nn.Module):
    """Must not be called."""

    def forward(self, *streams):
        raise AssertionError("computed before it was refused")


@dataclass(frozen=True, kw_only=True)
class ForOthers(Method):
    """Fits no network."""

    name: ClassVar[str] = "for others"
    source: ClassVar[str] = "nobody"

    def check(self, network, objective):
        raise ClipError("it needs heads", got="none", expected="heads", hint="take a transformer")

    def answer(self, question):
        raise AssertionError("computed before it was refused")


def untouched(case):
    """The network of a case, of which nothing may be computed."""
    network = case.network
    return Network(
        Untouched(), labels=network.labels, expects=network.expects, name="untouched"
    ).eval()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_tells_its_name_its_source_and_its_settings(name):
    method = method_of(name)
    assert is_dataclass(method)
    assert method.name == name
    assert method.source
    assert method.settings()["method"] == name
    assert method == method_of(name)


def test_a_method_that_is_not_there_is_refused_and_near_ones_are_named():
    with pytest.raises(UnknownNameError, match=r"near: .*\bgradient\b"):
        method_of("gradiant")


def test_a_setting_that_a_method_does_not_have_is_refused_and_those_it_has_are_named():
    with pytest.raises(UnknownNameError, match="over_channels"):
        method_of("gradient", over_chanels="sum")


def test_a_setting_that_it_has_is_set():
    assert method_of("gradient", over_channels="sum").settings()["over_channels"] == "sum"


def test_attributing_is_the_methods_answer():
    case = peephole()
    found = attribute(case.network, case.clip, case.objective, method=method_of("gradient"))
    assert found.method == "gradient"
    assert found.heat["frames"].shape == case.truth.shape


def test_a_method_that_does_not_fit_is_refused_and_those_that_do_are_named():
    case = peephole()
    with pytest.raises(ClipError, match=r"take a transformer; methods that fit: .*\bgradient\b"):
        attribute(case.network, case.clip, case.objective, method=ForOthers())


def test_where_only_the_settings_do_not_fit_no_other_method_is_named():
    case = peephole()
    with pytest.raises(ClipError) as refused:
        check_method(method_of("occlusion", box=(999, 1, 1)), case.network, case.objective)
    assert "that fit" not in str(refused.value)


def test_methods_that_fit_are_those_that_do_not_refuse():
    case = peephole()
    fit = fitting(case.network, case.objective)
    assert {"gradient", "occlusion", "grad-cam"} <= fit.keys() <= METHODS.keys()
    assert not {"cam", "attention-rollout"} & fit.keys()  # no mean before the head, and no tokens
    for method in fit.values():
        check_method(method, case.network, case.objective)


@pytest.mark.parametrize("make", [peephole, zeroed_stream])
@pytest.mark.parametrize(
    "objective", [label("archery"), activation(Unit("conv9", 0))], ids=["class", "layer"]
)
def test_what_the_network_does_not_have_is_refused_before_computing(objective, make):
    case = make()
    with pytest.raises(UnknownNameError):
        attribute(untouched(case), case.clip, objective, method=method_of("gradient"))


@pytest.mark.parametrize("name", METHODS)
def test_a_short_clip_is_refused_before_computing(name):
    case = peephole()
    short = Clip(frames=case.clip.frames[:, :4])
    with pytest.raises(ClipError, match="is not what untouched expects"):
        attribute(untouched(case), short, case.objective, method=method_of(name))


def test_the_whole_is_the_sum_of_the_parts():
    one, other = torch.rand(2, 3, 3), torch.rand(2, 3, 3)
    both = Attribution(method="by hand", heat={"frames": one, "flow": other}, value=1.0)
    torch.testing.assert_close(both.whole, one + other)
    assert both.of("flow") is other


def test_a_method_that_does_not_tell_streams_apart_says_the_same_of_each():
    heat = torch.rand(2, 3, 3)
    found = Attribution(method="by hand", heat={"both": heat}, value=1.0)
    assert found.of("frames") is heat
    assert found.of("flow") is heat
    assert found.whole.equal(heat)
