"""What does an objective owe to the answers of a layer?

A forward pass in which the layer's answer is cut off from what it was computed from: autograd
begins there, so that nothing below the layer is recorded and no gradient goes below it. That costs
one forward pass, and a backward pass of what lies above the layer.
"""

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network, frozen
from kinetoscope.tensors import Volume
from kinetoscope.units.axes import as_volume, habits_of, tensor_and_extent
from kinetoscope.units.reading import answers_again, does_not_answer


@dataclass(frozen=True, eq=False)
class Owed:
    """What a layer answers to the clip, and how the objective changes with it.

    Args:
        answer, slope: `1 channel time height width`.
        elsewhere: whether the layer also answers what has no place, such as a class token.
    """

    answer: Volume
    slope: Volume
    elsewhere: bool


def owed_to(question: Question, layers: Sequence[str]) -> tuple[float, dict[str, Owed]]:
    """The objective's value for the clip, and what it owes to layers, none of which feeds another.

    Raises:
        ClipError: nothing leads back from the objective to one of them.
    """
    network = question.network
    habits_of(network)  # rehearsed by itself, before this pass
    answers: dict[str, object] = {}
    begun: dict[str, Tensor] = {}

    def begin(name: str, answer: object, tensor: Tensor) -> Tensor:
        if name in begun:
            raise answers_again(name)
        answers[name], begun[name] = answer, tensor.detach().clone().requires_grad_()
        return begun[name].clone()  # the model may go on to change it in place

    with frozen(network), torch.enable_grad():
        with _replaced(network, layers, begin):
            value = question.values(question.streams)[0]
        if silent := [name for name in layers if name not in begun]:
            raise does_not_answer(silent[0])
        slopes = _led_back(value, begun)
    return float(value.detach()), {
        name: _owed(network, name, answers[name], begun[name].detach(), slopes[name])
        for name in layers
    }


def without(question: Question, layers: Sequence[str]) -> float:
    """The objective's value where these layers answer zeros."""
    with (
        frozen(question.network),
        torch.no_grad(),
        _replaced(question.network, layers, lambda name, answer, tensor: torch.zeros_like(tensor)),
    ):
        return float(question.values(question.streams)[0])


def _led_back(value: Tensor, begun: dict[str, Tensor]) -> dict[str, Tensor]:
    none: tuple[Tensor | None, ...] = (None,) * len(begun)
    found = (
        torch.autograd.grad(value, [*begun.values()], allow_unused=True)
        if value.requires_grad
        else none
    )
    slopes = dict(zip(begun, found, strict=True))
    for name, slope in slopes.items():
        if slope is None:
            raise not_heard(name)
    return {name: slope for name, slope in slopes.items() if slope is not None}


def not_heard(layer: str) -> ClipError:
    """The error for a layer to which nothing leads back."""
    return ClipError(
        f"nothing leads back from the objective to layer {layer}",
        got="an objective that does not depend on it, or not by a slope",
        expected="a layer that it is computed from",
    )


def _owed(network: Network, name: str, answer: object, tensor: Tensor, slope: Tensor) -> Owed:
    volumes = [as_volume(_with(answer, each), network, name, 1) for each in (tensor, slope)]
    return Owed(volumes[0], volumes[1], elsewhere=volumes[0].numel() < tensor.numel())


@contextmanager
def _replaced(
    network: Network, layers: Sequence[str], other: Callable[[str, object, Tensor], Tensor]
) -> Iterator[None]:
    """Let layers answer something else until the block ends, in this thread."""
    here = threading.get_ident()

    def hook_of(name: str) -> Callable[..., object]:
        def hook(module: nn.Module, given: object, answer: object) -> object:
            tensor, _ = tensor_and_extent(answer)
            if tensor is None or threading.get_ident() != here:
                return None
            return _with(answer, other(name, answer, tensor))

        return hook

    handles = []
    try:
        for name in layers:
            handles.append(network.layer(name).register_forward_hook(hook_of(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _with(answer: object, tensor: Tensor) -> object:
    """An answer with another tensor in the place of its one."""
    if isinstance(answer, Tensor):
        return tensor
    if isinstance(answer, dict):
        changed: Any = copy.copy(answer)
        for key, part in answer.items():
            changed[key] = tensor if isinstance(part, Tensor) else part
        return changed
    assert isinstance(answer, tuple | list)
    parts = [tensor if isinstance(part, Tensor) else part for part in answer]
    return tuple(parts) if isinstance(answer, tuple) else parts
