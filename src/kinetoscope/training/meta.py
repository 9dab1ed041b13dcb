"""How are weights that decide what others learn trained by what those others have learned?

Upstream weights decide what is computed, such as which neuron sees a clip; downstream weights are
all the others. An iteration takes two minibatches of the training split, and has three steps:

    simulated   a plain step of gradient descent of the downstream weights, on the first minibatch
    meta        a step of the upstream weights: down the gradient of the loss of the second
                minibatch after the simulated step, as far as that step depends on them
    actual      a step of the downstream weights, on the first minibatch, with the new upstream ones

With `d` the downstream and `u` the upstream weights, the meta-gradient is

    -rate * (d^2 loss_first / du dd)^T w,    w = d loss_second(u, d - rate * d loss_first / dd) / dd

exactly by differentiating twice, or as the difference of two gradients beside `d` along `w`. The
two agree but for hard choices: those have the gradient of soft ones, so that the exact form sees
them change with `d`, while a small step beside `d` leaves them as they are.

Source: Li et al., "Dynamic Spatio-Temporal Specialization Learning for Fine-Grained Action
Recognition", ECCV 2022, section 3.4; Liu et al., "DARTS", ICLR 2019, equation 8, for the form by
differences. Where this differs: only the simulated step is plain gradient descent, at the rate of
the step of training; the other two are steps of the recipe's optimizer. AdamW makes steps of the
same length of gradients of any length, so there the rate matters only by how far is looked ahead.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kinetoscope.errors import RecipeError

Weights = Mapping[str, Tensor]
Loss = Callable[[Weights], Tensor]
"""The loss of one minibatch, by the weights it is computed with."""

NEARNESS = 0.01
"""How far beside the weights the two gradients of the form by differences are taken, as a norm."""


def upstream_names(model: nn.Module) -> tuple[str, ...]:
    """The weights that any module of a model names by a method `upstream`, which lists them.

    >>> upstream_names(nn.Linear(2, 2))
    ()
    """
    found = []
    for path, module in model.named_modules():
        listed: Any = getattr(module, "upstream", None)
        if callable(listed):
            named: Any = listed()
            found += [f"{path}.{name}" if path else name for name in named]
    known = {name for name, weight in model.named_parameters() if weight.requires_grad}
    return tuple(name for name in dict.fromkeys(found) if name in known)


def downstream_names(model: nn.Module) -> tuple[str, ...]:
    """All other weights that are trained."""
    upstream = set(upstream_names(model))
    return tuple(
        name
        for name, weight in model.named_parameters()
        if weight.requires_grad and name not in upstream
    )


def check_upstream(model: nn.Module, name: str) -> None:
    """Refuse upstream-downstream learning of a network that has nothing upstream.

    Raises:
        RecipeError: none of its modules names upstream weights.
    """
    if not upstream_names(model):
        raise RecipeError(
            f"{name} can't be trained with optimizer.upstream",
            got="a network none of whose modules has a method upstream",
            expected="one that names the weights which decide what others learn, such as "
            "dsts_two_stream_small",
            hint='optimizer.upstream = "none"',
        )


def meta_gradient(
    first: Loss,
    second: Loss,
    weights: Weights,
    upstream: tuple[str, ...],
    *,
    rate: float,
    exact: bool = True,
    mean: Callable[[Tensor], Tensor] = lambda tensor: tensor,
) -> dict[str, Tensor]:
    """The gradient of the second loss after a simulated step, with respect to upstream weights.

    Only the way through the simulated step counts; that the second loss depends on the upstream
    weights itself does not.

    Args:
        first: the loss of one minibatch; the same weights must give the same loss.
        second: the loss of another one.
        weights: all that are trained, by name; they are left as they are.
        upstream: names of those that are upstream.
        rate: of the simulated step.
        exact: by differentiating twice; otherwise by differences.
        mean: of a tensor over all processes that share the minibatches.
    """
    up = {name: weights[name].detach().requires_grad_() for name in upstream}
    down = {
        name: weight.detach().requires_grad_() for name, weight in weights.items() if name not in up
    }
    slopes = _gradients(first({**up, **down}), down, keep=exact)
    moved = {
        name: (weight - rate * mean(slopes[name].detach())).detach().requires_grad_()
        for name, weight in down.items()
    }
    after = _gradients(second({**_detached(up), **moved}), moved)
    pull = {name: mean(slope) for name, slope in after.items()}
    if exact:
        both = sum((slopes[name] * pull[name]).sum() for name in down)
        assert isinstance(both, Tensor)
        found = _gradients(both, up)
    else:
        found = _by_differences(first, up, down, pull)
    return {name: -rate * mean(slope) for name, slope in found.items()}


def _by_differences(first: Loss, up: Weights, down: Weights, pull: Weights) -> dict[str, Tensor]:
    """How the upstream gradient changes along a direction of the downstream weights."""
    length = torch.stack([each.norm() for each in pull.values()]).norm().item()
    if not length:
        return {name: torch.zeros_like(weight) for name, weight in up.items()}
    step = NEARNESS / length
    beyond, before = (
        _gradients(
            first({**up, **{name: down[name].detach() + side * pull[name] for name in down}}), up
        )
        for side in (step, -step)
    )
    return {name: (beyond[name] - before[name]) / (2 * step) for name in up}


def _gradients(loss: Tensor, weights: Weights, *, keep: bool = False) -> dict[str, Tensor]:
    """By name; zeros where the loss does not depend on a weight."""
    if not loss.requires_grad:
        return {name: torch.zeros_like(weight) for name, weight in weights.items()}
    found = torch.autograd.grad(loss, list(weights.values()), create_graph=keep, allow_unused=True)
    return {
        name: torch.zeros_like(weight) if slope is None else slope
        for (name, weight), slope in zip(weights.items(), found, strict=True)
    }


def _detached(weights: Weights) -> dict[str, Tensor]:
    return {name: weight.detach() for name, weight in weights.items()}
