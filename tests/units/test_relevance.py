"""Relevance through whole networks, whatever they are made of and however it is called."""

import pytest
import torch
from captum.attr import LRP
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule
from torch import nn
from torch.nn import functional as F

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError
from kinetoscope.networks.network import Network
from kinetoscope.units.relevance import check_relevance, relevance_led
from kinetoscope.units.relevance_rules import LinearLayer, Sharing
from tests.units.relevance_led import ALL, PLAIN, Net, X, led


def test_without_epsilon_and_biases_it_is_gradient_times_input():
    found, _ = led(Net(), X, PLAIN)
    x = X.clone().requires_grad_()
    (slope,) = torch.autograd.grad(Net()(x).sum(), x)
    torch.testing.assert_close(found, slope * X, rtol=1e-4, atol=1e-7)


class Parts(nn.Module):
    """A convolution, something after it, and a mean; without biases."""

    def __init__(self, part):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.part = nn.Conv3d(2, 4, 3, padding=1, bias=False), part
        self.requires_grad_(False)

    def forward(self, x):
        return self.part(F.relu(self.conv(x))).mean((2, 3, 4))


MIXING = nn.Conv3d(4, 4, 1, bias=False).requires_grad_(False)
PARTS = {
    "residual": lambda x: x + MIXING(x),
    "residual, in place": lambda x: MIXING(x).add_(x).relu_(),
    "max-pool": lambda x: F.max_pool3d(x, (1, 2, 2)),
    "average pool": lambda x: F.avg_pool3d(x, 2),
    "concatenation": lambda x: torch.cat([x, MIXING(x)], 1),
    "maximum": lambda x: torch.maximum(x, MIXING(x)),
    "one layer twice": lambda x: MIXING(MIXING(x)),
    "leaky": lambda x: F.leaky_relu(MIXING(x), 0.2),
    "response norm": lambda x: F.local_response_norm(x, 3, alpha=1.0),
    "cut and padded": lambda x: F.pad(x[:, :, 1:3], (1, 1)),
    "scaled": lambda x: 3 * x / 2,
}


@pytest.mark.parametrize("rule", ["gamma", "z+"])
@pytest.mark.parametrize("part", PARTS)
def test_without_biases_nothing_is_lost(part, rule):
    found, value = led(Parts(PARTS[part]), X, ALL[rule])
    assert found.sum().item() == pytest.approx(value, rel=1e-4)


def test_a_sum_is_shared_out_in_proportion():
    first, second = (torch.tensor([value]).requires_grad_() for value in (3.0, -1.0))
    with relevance_led():
        value = F.relu(first + second)
    found = torch.autograd.grad(value, (first, second))
    assert [(slope * x).item() for slope, x in zip(found, (3.0, -1.0), strict=True)] == [3.0, -1.0]


# Depth


def test_rules_go_by_depth_from_the_clip_up():
    torch.manual_seed(0)
    first, second, third = (nn.Linear(8, 8).requires_grad_(False) for _ in range(3))
    sharings = [ALL["z+"], ALL["gamma"], ALL["epsilon"]]
    x = torch.randn(1, 8)
    found, _ = led(nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third), x, *sharings)
    one = first(x).relu()
    two = second(one).relu()
    slope = torch.ones(1, 8)
    for layer, given, sharing in ((third, two, 2), (second, one, 1), (first, x, 0)):
        caught = LinearLayer(F.linear, layer.weight, layer.bias)
        slope = sharings[sharing].led_back(caught, given, slope) * ((given > 0) | (given is x))
    torch.testing.assert_close(found, slope * x, rtol=1e-4, atol=1e-6)


def test_both_towers_begin_at_the_clip():
    torch.manual_seed(0)
    towers = [nn.Sequential(*(nn.Linear(4, 4) for _ in range(2))) for _ in range(2)]
    head = nn.Linear(8, 1, bias=False)
    for each in (*towers, head):
        each.requires_grad_(False)
    x = torch.randn(1, 4)
    sharings = [ALL["z+"], ALL["gamma"], PLAIN]
    both, _ = led(lambda x: head(torch.cat([tower(x) for tower in towers], 1)), x, *sharings)
    parts = head.weight.split(4, 1)
    alone = [
        led(lambda x, tower=tower, part=part: F.linear(tower(x), part), x, *sharings)[0]
        for tower, part in zip(towers, parts, strict=True)
    ]
    torch.testing.assert_close(both, sum(alone), rtol=1e-4, atol=1e-6)


# Captum, where it has the rule


class Picture(nn.Module):
    """As captum wants it: each rectifier and pool a module."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.label = nn.Conv2d(2, 4, 3, bias=False), nn.Linear(16, 1, bias=False)
        self.relu, self.pool = nn.ReLU(), nn.MaxPool2d(2)
        self.label.weight.data.abs_()

    def forward(self, x):
        return self.label(self.pool(self.relu(self.conv(x))).flatten(1))


@pytest.mark.parametrize(
    ("rule", "theirs"),
    [("epsilon", lambda: EpsilonRule(1e-9)), ("z+", Alpha1_Beta0_Rule)],
    ids=["epsilon", "z+"],
)
def test_equals_captum_on_pictures(rule, theirs):
    net, x = Picture(), torch.rand(1, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    net.conv.rule, net.label.rule = theirs(), theirs()
    expected = LRP(net).attribute(x.clone().requires_grad_()).detach()
    found, _ = led(Picture().requires_grad_(False), x, Sharing(rule=rule))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)


# Refusal


class Odd(nn.Module):
    """Something between two layers."""

    def __init__(self, part):
        super().__init__()
        self.conv, self.part = nn.Conv3d(3, 4, 3), part
        self.label = nn.Linear(4, 2)
        self.weights = nn.Parameter(torch.ones(4, 4))

    def forward(self, x):
        x = self.part(self, self.conv(x).mean((2, 3, 4)))
        return self.label(x)


ODD = {
    "Sigmoid": lambda net, x: x.sigmoid(),
    "Gelu": lambda net, x: F.gelu(x),
    "Mul of two signals": lambda net, x: x * x.relu(),
    "Div of two signals": lambda net, x: x / (1 + x.relu()),
    "NativeLayerNorm": lambda net, x: F.layer_norm(x, (4,)),
    "Mm that is not called as a layer": lambda net, x: x @ net.weights,
    "LogSoftmax before a layer": lambda net, x: x.log_softmax(1),
    "BatchNorm by the statistics": lambda net, x: F.batch_norm(x, None, None, training=True),
}


def network_of(model):
    spec = ClipSpec(frames=4, short_side=8, size=(8, 8), mean=(0.5,) * 3, std=(0.25,) * 3)
    return Network(model, labels=["walk", "run"], expects=spec, name="odd", layers=["conv"])


@pytest.mark.parametrize("what", ODD)
def test_refuses_what_it_has_no_way_through(what):
    network = network_of(Odd(ODD[what]))
    with pytest.raises(ClipError, match=what):
        check_relevance(network, ["scores"])
    check_relevance(network, ["conv"])  # below, all is well


def test_looks_through_models_that_look_at_values():
    network = network_of(Odd(lambda net, x: x.relu() if float(x.sum()) > -1e9 else x.sigmoid()))
    check_relevance(network, ["scores"])


def test_refuses_a_model_that_fails():
    with pytest.raises(ClipError, match="fails on a blank clip"):
        check_relevance(network_of(nn.Linear(3, 2)), ["scores"])
