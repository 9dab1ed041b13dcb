"""How is the relevance of a linear layer's answers shared out among what it was given?

An answer is a sum of contributions, z_j = sum_i c_ij + b_j with c_ij = x_i w_ij, and its relevance
R_j is shared out in proportion to them:

    epsilon   R_i = sum_j  c_ij            R_j / (z_j + e sign z_j)
    gamma     R_i = sum_j (c_ij + g c*_ij) R_j / (z_j + g z*_j)
    z+        R_i = sum_j  c*_ij           R_j / z*_j

where c* are the contributions that have the sign of z_j, and z*_j is their sum. The bias is one of
the contributions; what falls to it goes no further. Epsilon lets small answers fade, gamma favours
what agrees with an answer, and z+ (alpha 1, beta 0) is gamma without end: nothing is taken from one
place to be given to another, so that the relevance of positive answers is positive everywhere.

Relevance is led back as a slope s with R = x s. Then epsilon is the gradient, damped; what is not a
layer needs no rule; and no division is by less than the value that it divides: as |z| is never more
than the divisor, nothing can overflow.

Source: Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise
Relevance Propagation", PLOS ONE 2015, "Pixel-wise decomposition for multilayer networks" (epsilon;
alpha and beta); Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019, section
10.2 (gamma). They give gamma and z+ for inputs and answers that are positive; taking what agrees
with the answer, whatever its sign, is the form for all others. Here e is a share of the size that
answers of the clip have in this layer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from kinetoscope.errors import unknown_name

Rule = Literal["epsilon", "gamma", "z+"]
RULES: tuple[Rule, ...] = get_args(Rule)


def check_rule(rule: str) -> Rule:
    """The name of a rule.

    Raises:
        UnknownNameError: there is none of this name.
    """
    for known in RULES:
        if rule == known:
            return known
    raise unknown_name("rule of relevance", rule, list(RULES))


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """A convolution or a product with a matrix.

    Args:
        call: takes an input, weights, and a bias or None.
        weight: its first axis is that of the answer's channels.
        bias: one value a channel.
    """

    call: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        return self.call(x, self.weight, self.bias)

    def scaled(self, scale: Tensor, shift: Tensor) -> "LinearLayer":
        """The same with every channel of the answer scaled and shifted, as batch norm does."""
        each = scale.reshape(-1, *[1] * (self.weight.ndim - 1))
        bias = shift if self.bias is None else self.bias * scale + shift
        return replace(self, weight=self.weight * each, bias=bias)

    def above_zero(self, x: Tensor) -> Tensor:
        """The sum of the contributions that are positive."""
        bias = None if self.bias is None else self.bias.clamp(min=0)
        found = self.call(x.clamp(min=0), self.weight.clamp(min=0), bias)
        if bool((x < 0).any()):
            found = found + self.call(x.clamp(max=0), self.weight.clamp(max=0), None)
        return found


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """A rule and its one number.

    Args:
        rule: one of `RULES`.
        amount: of epsilon, as a share of the root mean square of a clip's answers; or gamma.
    """

    rule: Rule
    amount: float = 0.0

    def led_back(self, layer: LinearLayer, x: Tensor, slope: Tensor) -> Tensor:
        """What of the relevance of a layer's answers is x's.

        Args:
            layer: the linear layer.
            x: what it was given, one clip or more.
            slope: relevance of each answer, divided by the answer.

        Returns:
            Relevance of each value of x, divided by that value.
        """
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            answer = layer(x)
            divisor = self._divisor(layer, x, answer)
            parts = torch.where(divisor == 0, 0, answer / divisor)
            return torch.autograd.grad(divisor, x, slope * parts.detach())[0]

    def _divisor(self, layer: LinearLayer, x: Tensor, answer: Tensor) -> Tensor:
        if self.rule == "epsilon":
            return answer + self.amount * _size(answer.detach()) * answer.detach().sign()
        positive = layer.above_zero(x)
        agreeing = torch.where(answer > 0, positive, answer - positive)
        return agreeing if self.rule == "z+" else answer + self.amount * agreeing


def _size(answer: Tensor) -> Tensor:
    """The root mean square of each clip's answers."""
    return answer.square().mean(dim=tuple(range(1, answer.ndim)), keepdim=True).sqrt()
