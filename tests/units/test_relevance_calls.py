"""Linear layers, however they are called, and batch norm behind them."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kinetoscope.units.relevance import relevance_led
from tests.units.relevance_led import ALL, PLAIN, Net, X, led, rules


@rules
@pytest.mark.parametrize("form", ["functions", "in place"])
def test_every_form_of_call_gives_the_same(form, rule):
    expected, value = led(Net(), X, ALL[rule])
    found, same = led(Net(form), X, ALL[rule])
    assert same == pytest.approx(value, rel=1e-5)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_answers_stay_as_they_are():
    with relevance_led():
        answer = Net()(X.clone().requires_grad_())
    assert torch.equal(answer, Net()(X))


def test_what_does_not_come_from_the_clip_is_called_as_it_is():
    weight = torch.ones(3, 2, 1, 1, 1)
    with relevance_led():
        answer = F.conv3d(X, weight=weight, bias=None, padding=1)
    assert torch.equal(answer, F.conv3d(X, weight, padding=1))


# Batch norm


def normal(channels, seed=2):
    """In eval mode, some channels turned over."""
    chance = torch.Generator().manual_seed(seed)
    norm = nn.BatchNorm3d(channels).eval().requires_grad_(False)
    norm.weight.copy_(torch.randn(channels, generator=chance))
    norm.bias.copy_(torch.randn(channels, generator=chance))
    norm.running_mean.copy_(torch.randn(channels, generator=chance))
    norm.running_var.copy_(torch.rand(channels, generator=chance) + 0.2)
    return norm


@rules
@pytest.mark.parametrize("bias", [True, False], ids=["biased", "without bias"])
def test_batch_norm_behind_a_layer_is_one_layer_with_it(bias, rule):
    torch.manual_seed(0)
    conv, norm = nn.Conv3d(2, 5, 3, bias=bias).requires_grad_(False), normal(5)
    folded = copy.deepcopy(conv)
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded.weight *= scale[:, None, None, None, None]
    before = conv.bias if bias else 0
    folded.bias = nn.Parameter((before - norm.running_mean) * scale + norm.bias, False)
    found, value = led(nn.Sequential(conv, norm, nn.ReLU(inplace=True)), X, ALL[rule])
    expected, same = led(nn.Sequential(folded, nn.ReLU()), X, ALL[rule])
    assert value == pytest.approx(same, rel=1e-4)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_batch_norm_alone_is_shared_between_value_and_shift():
    norm = normal(2)
    found, _ = led(norm, X, PLAIN)
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    torch.testing.assert_close(found, X * scale[:, None, None, None])


def test_batch_norm_behind_what_changed_the_answer_in_place_is_not_part_of_the_layer():
    conv = nn.Conv3d(2, 2, 1, bias=False).requires_grad_(False)
    found, _ = led(nn.Sequential(conv, nn.ReLU(inplace=True), normal(2)), X, PLAIN)
    expected, _ = led(nn.Sequential(conv, nn.ReLU(), normal(2)), X, PLAIN)
    torch.testing.assert_close(found, expected)
