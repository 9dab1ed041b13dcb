"""How does a gradient come through a rectifier that is shut?

A unit that a clip does not excite at all has no slope, and nothing tells which way to go. Within a
block, rectifiers let a share of the gradient pass where they are shut; what they answer is the same
to the bit. It works on the calls themselves, whatever form they have: a module, a function, a
method, in place or not, one module called several times. No module is edited.

What torch calls out of sight, as in a scripted model, stays as it is.

Source: Mahendran and Vedaldi, "Visualizing deep convolutional neural networks using natural
pre-images", IJCV 2016, code of nnpreimage, whose leak is 0.05. The values are kept and only the
gradient is changed as in "redirected_relu" of lucid, 2018.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from kinetoscope.errors import ClipError


@contextmanager
def softened(leak: float) -> Iterator[None]:
    """Let a share of the gradient pass rectifiers that are shut, of calls within the block.

    Values are bit for bit those without. The backward pass may follow after the block, except for
    models that compute their forward pass again on the way back.

    Args:
        leak: the share, from 0 (nothing is changed) to 1 (as if there were no rectifiers).

    Raises:
        ClipError: it is no share.
    """
    if not 0 <= leak <= 1:
        raise ClipError(
            "a share of the gradient leaks through shut rectifiers",
            got=f"a leak of {leak}",
            expected="from 0 to 1",
        )
    if leak == 0:
        yield
    else:
        with _Softening(leak):
            yield


class _Softening(TorchFunctionMode):
    """Calls rectifiers in a form whose backward pass leaks."""

    def __init__(self, leak: float):
        super().__init__()
        self._leak = leak

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func not in RELU and func not in BOUNDED:
            return func(*args, **kwargs)
        args = args or (kwargs.pop("input"),)
        x = args[0]
        if not (torch.is_grad_enabled() and x.requires_grad):
            return func(*args, **kwargs)
        if func in RELU:
            in_place = func in _IN_PLACE or (*args[1:], *kwargs.values()) == (True,)
            return _Relu.apply(x, self._leak, in_place)
        return _bounded(self._leak, func, x, *args[1:], **kwargs)


_IN_PLACE = {torch.relu_, Tensor.relu_}
RELU = {F.relu, torch.relu, Tensor.relu, *_IN_PLACE}
BOUNDED = {
    *(F.relu6, F.hardtanh, F.threshold, torch.threshold, torch.threshold_),
    *(torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_),
    *(torch.clip, torch.clip_, Tensor.clip, Tensor.clip_),
    *(torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_),
}
"""Those that are rectifiers for some of their settings, in place or not."""


class _Relu(torch.autograd.Function):
    """max(x, 0), whose gradient is `leak` where that is zero. As fast as without."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, leak: float, in_place: bool) -> Tensor:
        ctx.leak = leak
        if in_place:
            ctx.mark_dirty(x)
        answer = x.relu_() if in_place else x.relu()
        ctx.save_for_backward(answer)
        return answer

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (answer,) = ctx.saved_tensors
        through = torch.ops.aten.leaky_relu_backward(gradients[0], answer, ctx.leak, False)
        return through, None, None


class _Beside(torch.autograd.Function):
    """The answer as it is; a share of the gradient goes to the input too, where that was shut."""

    @staticmethod
    def forward(ctx: Any, answer: Tensor, x: Tensor, shut: Tensor, leak: float) -> Tensor:
        ctx.leak = leak
        ctx.save_for_backward(shut)
        return answer.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        (shut,) = ctx.saved_tensors
        return gradients[0], ctx.leak * gradients[0] * shut, None, None


def _bounded(leak: float, func: Callable[..., Any], x: Tensor, *rest: Any, **named: Any) -> Tensor:
    """A function that may be a rectifier: it is where nothing above zero becomes zero."""
    before = x.clone()
    given = before.clone()
    answer = func(given, *rest, **named)
    shut = (x.detach() <= 0) & (answer.detach() == 0)
    leaking = _Beside.apply(answer, before, shut, leak)
    return x.copy_(leaking) if answer is given else leaking
