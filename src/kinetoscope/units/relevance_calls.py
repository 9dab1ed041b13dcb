"""How are calls of linear layers caught, and each given a way back of its own?

Whatever form a call has: a module, a function, one module called several times. What is answered is
what the call answers; only the way back is another. Batch norm directly behind a layer becomes one
linear layer with it; local response norm is taken for a division by constants.

Source: Binder et al., "Layer-Wise Relevance Propagation for Deep Neural Network Architectures",
ICISA 2016 (batch and response norm, whose first-order rule for the latter is not taken); Pahde et
al., "Optimizing Explanations by Network Canonization and Hyperparameter Search", CVPR 2023
workshop, section 3 (batch norm made a part of its layer).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from kinetoscope.units.relevance_rules import LinearLayer, Sharing


class Leading(TorchFunctionMode):
    """Calls linear layers in a form with another way back."""

    def __init__(self, begun: list[float]):
        super().__init__()
        self._begun = begun

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if not torch.is_grad_enabled():
            return func(*args, **kwargs)
        if func in _LOG_SOFTMAX:
            (x,), rest = _named(args, kwargs, ("input",))
            return func(Begun.apply(x, self._begun), *rest, **kwargs)
        caught = _CAUGHT.get(func)
        return caught(func, args, kwargs) if caught else func(*args, **kwargs)


class LinearCall(torch.autograd.Function):
    """A linear layer that leads relevance back; `sharing` is set when its depth is known.

    The layer comes as a function, so that weights with a batch norm in them are made and let go
    one after the other, on the way back.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, layer: Callable[[], LinearLayer], compute: Callable[[Tensor], Tensor]
    ) -> Tensor:
        ctx.layer = layer
        ctx.save_for_backward(x)
        return compute(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        sharing: Sharing = ctx.sharing
        return sharing.led_back(ctx.layer(), x, gradients[0]), None, None


def is_of(node: Any, kind: type[torch.autograd.Function]) -> bool:
    """Whether an operation that autograd noted is one of these."""
    return getattr(node, "_forward_cls", None) is kind


def _linear(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    how = dict(kwargs)
    (x, weight, bias), rest = _named(args, how, ("input", "weight", "bias"))
    if not x.requires_grad or _are_signals(weight, bias):
        return func(*args, **kwargs)

    def call(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return func(x, weight, bias, *rest, **how)

    layer = LinearLayer(call, weight, bias)
    return LinearCall.apply(x, lambda: layer, layer)


_NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")


def _batch_norm(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Batch norm directly behind a layer: both are one layer of what the first was given."""
    (y, mean, variance, weight, bias, training, _, eps), _ = _named(args, dict(kwargs), _NORM)
    node = y.grad_fn
    if training or _are_signals(weight, bias) or not is_of(node, LinearCall):
        return func(*args, **kwargs)
    if y.ndim != node.layer().weight.ndim:  # a linear layer's channels are not where these are
        return func(*args, **kwargs)
    before = node.layer

    def layer() -> LinearLayer:
        scale = (variance + eps).rsqrt() * (1 if weight is None else weight)
        return before().scaled(scale, (0 if bias is None else bias) - mean * scale)

    return LinearCall.apply(node.saved_tensors[0], layer, lambda _: func(*args, **kwargs))


class Begun(torch.autograd.Function):
    """Writes down the relevance that comes to x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, begun: list[float]) -> Tensor:
        ctx.begun = begun
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        ctx.begun.append(float((x * gradients[0]).sum()))
        return gradients[0], None


class Divided(torch.autograd.Function):
    """A function of x that is taken for x divided by constants."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        answer = compute(x)
        ctx.save_for_backward(torch.where(x == 0, 0, answer / x))
        return answer

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (part,) = ctx.saved_tensors
        return gradients[0] * part, None


def _response_norm(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Tensor:
    (x,), rest = _named(args, kwargs, ("input",))
    return Divided.apply(x, lambda x: func(x, *rest, **kwargs))


_LOG_SOFTMAX = {F.log_softmax, torch.log_softmax, Tensor.log_softmax}
_CAUGHT: dict[Callable[..., Any], Callable[..., Tensor]] = {
    **dict.fromkeys([F.conv1d, F.conv2d, F.conv3d, F.linear], _linear),
    F.batch_norm: _batch_norm,
    F.local_response_norm: _response_norm,
}


def _named(
    args: tuple[Any, ...], kwargs: dict[str, Any], names: Sequence[str]
) -> tuple[list[Any], tuple[Any, ...]]:
    """The first arguments, which are taken out of `kwargs` where they stand there; and the rest."""
    by_name = [kwargs.pop(name, None) for name in names[len(args) :]]
    return [*args[: len(names)], *by_name], args[len(names) :]


def _are_signals(*weights: Tensor | None) -> bool:
    """Whether weights are computed from the clip themselves, which is refused."""
    return any(weight is not None and weight.requires_grad for weight in weights)
