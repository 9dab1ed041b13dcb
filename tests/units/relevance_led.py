"""Relevance that is led back through a small network."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kinetoscope.units.relevance import relevance_led, share_by_depth
from kinetoscope.units.relevance_rules import RULES, Sharing

ALL = {rule: Sharing(rule=rule, amount=0.3) for rule in RULES}
rules = pytest.mark.parametrize("rule", RULES)
PLAIN = Sharing(rule="epsilon")


def led(call, x, *sharings):
    """The relevance of x for the sum of what is answered, and that sum."""
    x = x.clone().requires_grad_()
    with relevance_led():
        value = call(x).sum()
    share_by_depth(value, sharings)
    (slope,) = torch.autograd.grad(value, x)
    return (slope * x).detach(), value.item()


class Net(nn.Module):
    """Two convolutions without biases and a linear layer, called as modules or as functions."""

    def __init__(self, form="modules"):
        super().__init__()
        torch.manual_seed(0)
        self.form = form
        self.first = nn.Conv3d(2, 3, 3, padding=1, bias=False)
        self.second = nn.Conv3d(3, 3, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.label = nn.Linear(3, 2, bias=False)
        self.relu = nn.ReLU(inplace=form == "in place")
        self.requires_grad_(False)

    def forward(self, x):
        if self.form == "functions":
            x = F.conv3d(x, padding=1, weight=self.first.weight).clamp(min=0)
            x = torch.conv3d(input=x, weight=self.second.weight, padding=(0, 1, 1))
            x = torch.where(x > 0, x, 0)
            return torch.nn.functional.linear(x.mean((2, 3, 4)), self.label.weight)
        x = self.relu(self.first(x))
        x = self.relu(self.second(x))
        return self.label(F.adaptive_avg_pool3d(x, 1).flatten(1))


X = torch.randn(1, 2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
