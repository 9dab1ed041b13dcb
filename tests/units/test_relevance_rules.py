"""Relevance through one layer, against its definition written out."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kinetoscope.errors import UnknownNameError
from kinetoscope.units.relevance_rules import RULES, LinearLayer, Sharing, check_rule

rules = pytest.mark.parametrize("rule", RULES)


def layer_of(module):
    """A module's call and weights."""
    if isinstance(module, nn.Linear):
        return LinearLayer(F.linear, module.weight.detach(), _plain(module.bias))

    def call(x, weight, bias):
        return F.conv3d(x, weight, bias, module.stride, module.padding, groups=module.groups)

    return LinearLayer(call, module.weight.detach(), _plain(module.bias))


def _plain(bias):
    return None if bias is None else bias.detach()


def slowly(layer, x, relevance, sharing):
    """The rule as it is defined, of one clip: every answer's contributions, one by one."""
    basis = torch.eye(x.numel()).reshape(x.numel(), *x.shape[1:])
    weights = layer.call(basis, layer.weight, None).flatten(1).T.tolist()
    answers = layer(x)[0]
    biases = (answers.flatten() - layer.call(x, layer.weight, None).flatten()).tolist()
    size = math.sqrt(sum(z**2 for z in answers.flatten().tolist()) / answers.numel())
    found = [0.0] * x.numel()
    for row, bias, owed in zip(weights, biases, relevance.flatten().tolist(), strict=True):
        each = [w * value for w, value in zip(row, x.flatten().tolist(), strict=True)]
        z = sum(each) + bias
        if z == 0:
            continue
        agreeing = [c if c * z > 0 else 0.0 for c in (*each, bias)]
        if sharing.rule == "epsilon":
            shared, divisor = each, z + sharing.amount * size * math.copysign(1, z)
        elif sharing.rule == "gamma":
            shared = [c + sharing.amount * a for c, a in zip(each, agreeing[:-1], strict=True)]
            divisor = z + sharing.amount * sum(agreeing)
        else:
            shared, divisor = agreeing[:-1], sum(agreeing)
        found = [r + c / divisor * owed for r, c in zip(found, shared, strict=True)]
    return torch.tensor(found).reshape(x.shape)


MODULES = {
    "linear": lambda bias: nn.Linear(24, 5, bias=bias),
    "convolution": lambda bias: nn.Conv3d(2, 4, (1, 2, 2), (1, 1, 2), (0, 1, 0), bias=bias),
    "in groups": lambda bias: nn.Conv3d(2, 4, (2, 1, 2), groups=2, bias=bias),
}


@rules
@pytest.mark.parametrize("positive", [True, False], ids=["after a rectifier", "of both signs"])
@pytest.mark.parametrize("bias", [True, False], ids=["biased", "without bias"])
@pytest.mark.parametrize("module", MODULES)
def test_relevance_is_shared_out_as_defined(module, bias, positive, rule):
    torch.manual_seed(0)
    layer = layer_of(MODULES[module](bias))
    x = torch.randn(1, 24) if module == "linear" else torch.randn(1, 2, 2, 2, 3)
    x = x.relu() if positive else x
    answer = layer(x)
    slope = torch.randn_like(answer)
    sharing = Sharing(rule=rule, amount=0.3)
    found = sharing.led_back(layer, x, slope) * x
    expected = slowly(layer, x, slope * answer, sharing)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


BY_HAND = {("epsilon", 0.0): [13.0, -6.0], ("gamma", 1.0): [7.0, 0.0], ("z+", 0.0): [5.0, 2.0]}


@pytest.mark.parametrize(("rule", "amount"), BY_HAND)
def test_two_layers_computed_by_hand(rule, amount):
    x = torch.tensor([[1.0, 2.0]])
    first = LinearLayer(F.linear, torch.tensor([[3.0, -1.0], [1.0, 1.0]]), None)  # answers 1, 3
    second = LinearLayer(F.linear, torch.tensor([[4.0, 1.0]]), None)  # answers 7
    sharing = Sharing(rule=rule, amount=amount)
    slope = sharing.led_back(second, first(x), torch.ones(1, 1))
    torch.testing.assert_close(slope * first(x), torch.tensor([[4.0, 3.0]]))
    found = sharing.led_back(first, x, slope) * x
    torch.testing.assert_close(found[0], torch.tensor(BY_HAND[rule, amount]))


def test_gamma_without_end_is_z_plus():
    torch.manual_seed(0)
    layer, x = layer_of(nn.Linear(6, 4)), torch.randn(2, 6)
    found = [
        Sharing(rule=rule, amount=amount).led_back(layer, x, torch.ones(2, 4))
        for rule, amount in (("gamma", 1e6), ("z+", 0.0))
    ]
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


@rules
def test_a_clip_does_not_depend_on_those_beside_it(rule):
    torch.manual_seed(0)
    layer, x = layer_of(nn.Conv3d(2, 3, 2)), torch.randn(2, 2, 3, 4, 4)
    x[1] *= 100
    slope = torch.randn_like(layer(x))
    sharing = Sharing(rule=rule, amount=0.5)
    alone = sharing.led_back(layer, x[:1], slope[:1])
    torch.testing.assert_close(sharing.led_back(layer, x, slope)[:1], alone)


@rules
def test_an_answer_of_zero_owes_nothing(rule):
    layer = LinearLayer(F.linear, torch.tensor([[1.0, -1.0], [0.0, 0.0]]), None)
    x = torch.tensor([[2.0, 2.0]])
    found = Sharing(rule=rule, amount=0.0).led_back(layer, x, torch.ones(1, 2))
    assert not found.any()


def test_refuses_a_rule_that_is_not_there():
    with pytest.raises(UnknownNameError, match="z\\+"):
        check_rule("zplus")
