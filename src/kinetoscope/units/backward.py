"""What does a neuron's answer owe to the clip, led back through rectifiers by one of three rules?

    gradient      g 1[x > 0]             what a small change of the clip would do to the answer
    deconvolved   g 1[g > 0]             the deconvnet: what goes back is rectified in turn
    guided        g 1[g > 0] 1[x > 0]    both

where g is what comes back to a rectifier and x what it was given. Everything else goes back as its
own gradient: a convolution by its transpose, a max-pool to where its maximum was, which are the
deconvnet's switches. Without rectifiers all three are the same. As in `softening.py` the calls
themselves are caught, whatever form they have: a module, a function, a method, in place or not, one
module called several times. No module is edited.

A deconvnet is made for rectified convolutions. What was computed is therefore looked through,
operation by operation, and what is neither linear, nor a choice of the largest, nor a rectifier
that was caught is refused by name: smooth activations, gates, attention, rectifiers that are
written out, or out of sight as in a scripted model. A gradient never passes for something else.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 2.1; Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity: The All
Convolutional Net", ICLR 2015 workshop, section 3.4 and figure 1. Local response normalization is
skipped, as in the deconvnet. A rectifier with a ceiling, such as ReLU6, is taken for one without,
but that guided backpropagation also stops at the ceiling.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from kinetoscope.errors import ClipError, unknown_name
from kinetoscope.units.softening import BOUNDED, RELU

Rule = Literal["gradient", "deconvolved", "guided"]
RULES: tuple[Rule, ...] = get_args(Rule)

_Call = Callable[[Tensor], Tensor]


@contextmanager
def backward_rule(rule: str) -> Iterator[None]:
    """Give rectifiers that are called within the block one way back; values stay what they are.

    The backward pass may follow after the block. `check_led_back` tells whether all was caught.

    Args:
        rule: one of `RULES`; "gradient" changes nothing.

    Raises:
        UnknownNameError: there is no such rule.
    """
    if rule not in RULES:
        raise unknown_name("way back through rectifiers", rule, list(RULES))
    if rule == "gradient":
        yield
    else:
        with _Leading(guided=rule == "guided"):
            yield


def check_led_back(answer: Tensor, rule: str) -> None:
    """Refuse an answer that the rule has no meaning for.

    Args:
        answer: computed within the rule's block, of inputs that have gradients and weights that
            have none.
        rule: "gradient" always has a meaning.

    Raises:
        ClipError: on the way there is more than what is linear, chosen, or rectified and caught.
    """
    if rule == "gradient":
        return
    if strange := sorted({name for node in _nodes(answer) if (name := _strange(node))}):
        raise ClipError(
            f"this network has no {rule} view: that leads back through convolutions, pools and "
            "rectifiers, and here is something else",
            got=", ".join(strange),
            expected="operations that are linear, choose the largest, or rectify",
            hint="the view that fits any network is gradient",
        )


class _Leading(TorchFunctionMode):
    """Calls rectifiers in a form with another way back."""

    def __init__(self, *, guided: bool):
        super().__init__()
        self._guided = guided

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func not in RELU and func not in BOUNDED and func is not F.local_response_norm:
            return func(*args, **kwargs)
        args = args or (kwargs.pop("input"),)
        x, rest = args[0], args[1:]

        def call(given: Tensor) -> Tensor:
            return func(given, *rest, **kwargs)

        if not (torch.is_grad_enabled() and x.requires_grad):
            return call(x)
        if func is F.local_response_norm:
            return _Skipped.apply(x, call)
        return _Rectified.apply(x, call, self._guided) if _rectifies(call, x) else call(x)


def _rectifies(call: _Call, like: Tensor) -> bool:
    """Whether a function with these settings takes what is below zero for zero, and small for x."""
    probe = torch.tensor([-1.0, -1e-3, 1e-3], device=like.device)
    try:
        with torch.no_grad():
            found = call(probe.clone())
    except RuntimeError:  # its bounds are tensors of another shape
        return False
    return torch.equal(found, probe.clamp(min=0))


class _Rectified(torch.autograd.Function):
    """A rectifier that lets back only what is positive; guided, only where it was open."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, call: _Call, guided: bool) -> Tensor:
        before = x.clone() if guided else None
        answer = call(x)
        if answer is x:
            ctx.mark_dirty(x)
        if before is not None:
            ctx.save_for_backward((before > 0) & (answer == before))
        return answer

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        through = gradients[0].relu()
        for was_open in ctx.saved_tensors:
            through = through * was_open
        return through, None, None


class _Skipped(torch.autograd.Function):
    """A function that is passed over on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, call: _Call) -> Tensor:
        return call(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


# What was computed, looked through


def _nodes(answer: Tensor) -> Iterator[Any]:
    """Every operation between the answer and what it was computed of."""
    waiting, seen = [answer.grad_fn], {None, answer.grad_fn}
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        yield node
        for before, _ in node.next_functions:
            if before not in seen:
                seen.add(before)
                waiting.append(before)


def operation(node: Any) -> str:
    """What an operation is called, as autograd names it: `Convolution`, `Relu`."""
    return node.name().rsplit("::", 1)[-1].rstrip("0123456789").removesuffix("Backward")


def _strange(node: Any) -> str | None:
    """What an operation is called that has no place in a deconvnet; None for one that has."""
    if getattr(node, "_forward_cls", None) in (_Rectified, _Skipped):
        return None
    name = operation(node)
    signals = sum(before is not None for before, _ in node.next_functions)
    if name in OF_ONE_SIGNAL and signals > 1:
        return f"{name} of two signals"
    if name == "Mul" and _masks(node):
        return "Mul by a mask"
    if name in ("Maximum", "Minimum") and signals < 2:
        return f"{name} with a constant"
    known = name in LINEAR or name in CHOOSING or name in OF_ONE_SIGNAL
    return None if known else name


def _masks(node: Any) -> bool:
    """Whether a product is with zeros and ones of its own for each value, as x * (x > 0)."""
    for factor in (node._saved_self, node._saved_other):
        if factor is not None and factor.ndim > 1 and min(factor.shape[:2]) >= 1:
            whole = tuple(factor.shape) == _shape_of(node)
            if whole and bool(((factor == 0) | (factor == 1)).all()) and not bool(factor.all()):
                return True
    return False


def _shape_of(node: Any) -> tuple[int, ...]:
    return tuple(node._input_metadata[0].shape)


OF_ONE_SIGNAL = set(
    """Mul Div Mm Bmm Baddbmm Mv Dot Addmm Linear Convolution MkldnnConvolution CudnnConvolution
    MiopenConvolution NativeBatchNorm CudnnBatchNorm MiopenBatchNorm""".split()  # noqa: SIM905 - names are read as words
)
"""Linear where one operand is a constant, such as weights; a gate or attention where neither is."""

LINEAR = set(
    """Add Sub Rsub Neg Sum Mean Cumsum AccumulateGrad NativeDropout
    View ReshapeAlias UnsafeView Reshape Alias Permute Transpose T Expand Repeat Clone ToCopy Copy
    CopySlices AsStrided Slice Select Index IndexSelect IndexAdd Gather Unsqueeze Squeeze Cat Stack
    Split SplitWithSizes Unbind Unfold Flip Roll Diagonal ConstantPadNd PixelShuffle Im2Col
    AvgPool2D AvgPool3D AdaptiveAvgPool2D AdaptiveAvgPool3D MkldnnAdaptiveAvgPool2D
    UpsampleNearest2D UpsampleNearest3D UpsampleBilinear2D UpsampleTrilinear3D ReplicationPad1D
    ReplicationPad2D ReplicationPad3D ReflectionPad1D ReflectionPad2D ReflectionPad3D""".split()  # noqa: SIM905 - names are read as words
)

CHOOSING = set(
    """MaxPool1DWithIndices MaxPool2DWithIndices MaxPool3DWithIndices MaxPool2D AdaptiveMaxPool2D
    AdaptiveMaxPool3D Max Amax Maximum Min Amin Minimum""".split()  # noqa: SIM905 - names are read as words
)
