"""How does each operation pass on what a tensor depends on?

Operations that only move elements move the reach by the very same operation; those that compute
join the reaches of what they read. Padding is treated as if the clip went on beyond its edges, so
that a receptive field is the same in the middle of a map and at its border. An operation without a
rule lets everything depend on all that it was given, and the trace is marked as not exact.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from kinetoscope.units.reach import Axis, Reach, Trace, join, nothing


class NeedsValuesError(Exception):
    """Which elements are taken depends on values, which a rehearsal does not have."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One operation that was called.

    Args:
        func: the operation.
        args, kwargs: as it was called.
        given: the same, by name, with defaults.
        answers: the tensors of its answer.
        trace_of: what a tensor given depends on; None where it does not depend on the clip.
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    given: dict[str, Any]
    answers: list[Tensor]
    trace_of: Callable[[Tensor], Trace | None]

    @property
    def name(self) -> str:
        """The same for an operation and its twin in place: `add` for `add_`."""
        return self.func._schema.name.removeprefix("aten::").rstrip("_")

    @property
    def inputs(self) -> list[tuple[Tensor, Trace]]:
        """The tensors given that depend on the clip."""
        tensors = [tensor for value in self.given.values() for tensor in tensors_in(value)]
        found = [(tensor, self.trace_of(tensor)) for tensor in tensors]
        return [(tensor, trace) for tensor, trace in found if trace is not None]

    @property
    def only(self) -> tuple[Tensor, Trace]:
        """The first of the inputs, of operations that have one."""
        return self.inputs[0]


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in an argument or an answer."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [tensor for item in value for tensor in tensors_in(item)]
    return []


def traces_after(call: Call) -> list[Trace]:
    """What each tensor of the answer depends on."""
    if not call.inputs:
        return [Trace() for _ in call.answers]
    if rule := _rule_of(call):
        trace = rule(call).each(Reach.measured)
        return [trace for _ in call.answers]
    if call.func.is_view:
        return _moved_view(call)
    return [_everything(call, answer.ndim) for answer in call.answers]


def _rule_of(call: Call) -> Callable[[Call], Trace] | None:
    if rule := _RULES.get(call.name):
        return rule
    if call.name.endswith("_like") or call.name.startswith("new_"):
        return _nothing
    if "keepdim" in call.given:
        return _reduced
    packet = getattr(torch.ops.aten, call.name, None)
    overloads = [getattr(packet, name) for name in packet.overloads()] if packet else []
    if any(torch.Tag.pointwise in overload.tags for overload in overloads):
        return _joined
    return None


# Whatever an operation reads


def _nothing(call: Call) -> Trace:
    return Trace()


def _joined(call: Call) -> Trace:
    return join([trace for _, trace in call.inputs], call.answers[0].ndim)


def _everything(call: Call, ndim: int) -> Trace:
    joined = join([trace.flat(ndim) for _, trace in call.inputs], ndim)
    return joined if ndim == 0 else replace(joined, exact=False)


def _copied(call: Call) -> Trace:
    """`copy_`: what was there before does not matter."""
    trace = call.trace_of(call.given["src"])
    return join([trace], call.answers[0].ndim) if trace else Trace()


# Joined along dimensions


def _reduced(call: Call) -> Trace:
    tensor, trace = call.only
    dims = _dims(call.given.get("dim"), tensor.ndim)
    reduced = trace.hull(dims)
    if call.given["keepdim"] or call.answers[0].ndim == tensor.ndim:
        return reduced
    keep = [dim for dim in range(tensor.ndim) if dim not in dims]
    return reduced.each(
        lambda reach: reach.both(lambda bound: bound.reshape([bound.shape[dim] for dim in keep]))
    )


def _along(call: Call) -> Trace:
    """Softmax and the like: the shape stays."""
    tensor, trace = call.only
    return trace.hull(_dims(call.given["dim"], tensor.ndim))


def _layer_norm(call: Call) -> Trace:
    tensor, trace = call.only
    return trace.hull(range(tensor.ndim - len(call.given["normalized_shape"]), tensor.ndim))


def _group_norm(call: Call) -> Trace:
    tensor, trace = call.only
    return trace.hull(range(1, tensor.ndim))


def _batch_norm(call: Call) -> Trace:
    """Fixed statistics, as in eval mode; without them it is instance normalization."""
    tensor, trace = call.only
    if call.given.get("running_mean") is not None:
        return trace
    return trace.hull(dim for dim in range(tensor.ndim) if dim != 1)


def _matrix_product(call: Call) -> Trace:
    """Rows of one with columns of the other; `linear` takes the last axis of the input."""
    ndim = call.answers[0].ndim
    left, right = {
        "mm": ("self", "mat2"),
        "bmm": ("self", "mat2"),
        "addmm": ("mat1", "mat2"),
        "baddbmm": ("batch1", "batch2"),
        "linear": ("input", "weight"),
    }[call.name]
    parts = []
    for name, dim in ((left, -1), (right, -2), ("self" if left != "self" else "", None)):
        trace = call.trace_of(call.given[name]) if name in call.given else None
        if trace is not None:
            parts.append(trace if dim is None else trace.hull([dim]))
    return join(parts, ndim)


def _attention(call: Call) -> Trace:
    """Each query with all keys and values of its batch and head."""
    ndim = call.answers[0].ndim
    parts = [trace.hull([-1]) for _, trace in call.inputs[:1]]
    parts += [trace.hull([-2, -1]) for _, trace in call.inputs[1:]]
    return join(parts, ndim)


# Windows that slide along the map


@dataclass(frozen=True)
class Window:
    """What slides along one dimension of a map."""

    size: int
    stride: int
    padding: int
    dilation: int


def _convolution(call: Call) -> Trace:
    given = call.given
    tensor, trace = call.only
    if given["transposed"]:
        return _everything(call, tensor.ndim)
    channels = trace.hull([1])
    if given["groups"] > 1 and any(1 in reach.varying for reach in trace.reaches.values()):
        channels = replace(channels, exact=False)
    size = given["weight"].shape[2:]
    return _slid(call, channels, size, given["stride"], given["padding"], given["dilation"])


def _pool(call: Call) -> Trace:
    given, (_, trace) = call.given, call.only
    size = given["kernel_size"]
    stride, dilation = given.get("stride") or size, given.get("dilation") or [1]
    return _slid(call, trace, size, stride, given["padding"], dilation)


def _slid(call: Call, trace: Trace, *settings: Sequence[int]) -> Trace:
    tensor, answer = call.only[0], call.answers[0]
    count = max(len(setting) for setting in settings)
    wide = [list(setting) * (count if len(setting) == 1 else 1) for setting in settings]
    reaches = dict(trace.reaches)
    for number, window in enumerate(map(Window, *wide)):
        dim = tensor.ndim - count + number
        for axis, reach in reaches.items():
            if _enumerates(reach, tensor, dim, axis):
                reaches[axis] = _slide(reach, dim, window, answer.shape[dim])
    return Trace(reaches, trace.exact)


def _enumerates(reach: Reach, tensor: Tensor, dim: int, axis: Axis) -> bool:
    """Whether going along this dimension of the tensor is going along this axis of the clip.

    Where a map has one place only, nothing shows it, and the order time, height, width is assumed.
    """
    if reach.varying:
        return dim in reach.varying
    if tensor.shape[dim] > 1:
        return False
    along = {3: (0,), 4: (1, 2), 5: (0, 1, 2)}.get(tensor.ndim, ())
    return tensor.ndim - dim <= len(along) and along[dim - tensor.ndim] == axis[1]


def _slide(reach: Reach, dim: int, window: Window, length: int) -> Reach:
    span = (window.size - 1) * window.dilation + 1
    after = (length - 1) * window.stride + span - window.padding - reach.low.shape[dim]

    def windows(bound: Tensor) -> Tensor:
        padded = _continued(bound, dim, window.padding, after, reach.step)
        return padded.unfold(dim, span, window.stride)[..., :: window.dilation]

    low, high = windows(reach.low).amin(-1), windows(reach.high).amax(-1)
    return Reach(low, high, reach.step * window.stride)


def _continued(bound: Tensor, dim: int, before: int, after: int, step: float) -> Tensor:
    """Gone on with beyond both ends at the slope it has there; cut where negative."""
    length = bound.shape[dim]
    if length > 1:
        slopes = bound.diff(dim=dim).nan_to_num(0, 0, 0)
        first, last = slopes.narrow(dim, 0, 1), slopes.narrow(dim, length - 2, 1)
    else:
        first = last = torch.full_like(bound, step)
    shape = [-1 if each == dim else 1 for each in range(bound.ndim)]
    left = torch.arange(-max(before, 0), 0).reshape(shape)
    right = torch.arange(1, max(after, 0) + 1).reshape(shape)
    ends = bound.narrow(dim, 0, 1), bound.narrow(dim, length - 1, 1)
    whole = torch.cat([ends[0] + first * left, bound, ends[1] + last * right], dim)
    cut = max(-before, 0)
    return whole.narrow(dim, cut, whole.shape[dim] - cut - max(-after, 0))


def _pad(call: Call) -> Trace:
    tensor, trace = call.only
    pad = call.given["pad" if "pad" in call.given else "padding"]
    reaches = dict(trace.reaches)
    for number in range(len(pad) // 2):
        dim, (before, after) = tensor.ndim - 1 - number, pad[2 * number : 2 * number + 2]
        for axis, reach in reaches.items():
            if _enumerates(reach, tensor, dim, axis):
                more = partial(_continued, dim=dim, before=before, after=after, step=reach.step)
                reaches[axis] = reach.both(more)
    return Trace(reaches, trace.exact)


def _adaptive_pool(call: Call) -> Trace:
    tensor, trace = call.only
    for dim in range(tensor.ndim - len(call.given["output_size"]), tensor.ndim):
        binned = partial(_binned, dim=dim, length=call.answers[0].shape[dim])
        trace = trace.each(lambda reach, binned=binned: binned(reach))
    return trace


def _binned(reach: Reach, dim: int, length: int) -> Reach:
    """Cut into bins that cover the dimension evenly, and may overlap by one."""
    n = reach.low.shape[dim]
    if n == 1:
        return reach
    bins = [(i * n // length, math.ceil((i + 1) * n / length)) for i in range(length)]
    parts = [reach.both(lambda bound, b=b: bound.narrow(dim, b[0], b[1] - b[0])) for b in bins]
    joined = [part.hull([dim]) for part in parts]
    low, high = ([getattr(part, name) for part in joined] for name in ("low", "high"))
    return Reach(torch.cat(low, dim), torch.cat(high, dim), reach.step * n / length)


# Elements that are moved


def _moved_view(call: Call) -> list[Trace]:
    """Take the same view of the reach, whose axes of length 1 are spread without being stored."""
    tensor, trace = call.only
    reaches: list[dict[Axis, Reach]] = [{} for _ in call.answers]
    for axis, reach in trace.reaches.items():
        bounds = [
            tensors_in(call.func(bound.expand(tensor.shape), *call.args[1:], **call.kwargs))
            for bound in (reach.low, reach.high)
        ]
        factor = 1
        if call.name == "slice" and _enumerates(reach, tensor, call.given["dim"], axis):
            factor = call.given["step"]
        for number, (low, high) in enumerate(zip(*bounds, strict=True)):
            seen = Reach(_unspread(low), _unspread(high), reach.step * factor)
            reaches[number][axis] = seen.measured()
    return [Trace(each, trace.exact) for each in reaches]


def _unspread(bound: Tensor) -> Tensor:
    for dim in range(bound.ndim):
        if bound.stride(dim) == 0 and bound.shape[dim] > 1:
            bound = bound.narrow(dim, 0, 1)
    return bound


def _reshaped(call: Call) -> Trace:
    tensor, trace = call.only
    shape = call.answers[0].shape
    return trace.each(lambda reach: reach.both(lambda bound: _reshape(bound, tensor.shape, shape)))


def _reshape(bound: Tensor, old: Sequence[int], new: Sequence[int]) -> Tensor:
    """Only the dimensions that melt into each other, and along which the bound changes, are spread.

    >>> _reshape(torch.arange(4.0)[None, None, :], (2, 3, 4), (6, 2, 2)).shape
    torch.Size([1, 2, 2])
    """
    spread: list[int] = []
    target: list[int] = []
    i = j = 0
    while i < len(old) or j < len(new):
        first, start = i, j
        i, j = min(i + 1, len(old)), min(j + 1, len(new))
        while math.prod(old[first:i]) != math.prod(new[start:j]):
            if math.prod(old[first:i]) < math.prod(new[start:j]):
                i += 1
            else:
                j += 1
        constant = math.prod(bound.shape[first:i]) == 1
        spread += [1] * (i - first) if constant else old[first:i]
        target += [1] * (j - start) if constant else new[start:j]
    return bound.expand(spread).reshape(target)


def _moved_along(call: Call) -> Trace:
    """Do the same to the reach, spread along the dimensions that it is done along."""
    tensor, trace = call.only
    if any(isinstance(index, FakeTensor) for index in tensors_in(list(call.args[1:]))):
        raise NeedsValuesError(call.name)
    dims = _dims(call.given.get("dims", call.given.get("dim")), tensor.ndim)

    def move(bound: Tensor) -> Tensor:
        shape = [
            tensor.shape[dim] if dim in dims else bound.shape[dim] for dim in range(bound.ndim)
        ]
        moved = call.func(bound.expand(shape), *call.args[1:], **call.kwargs)
        return _squeezed(moved)

    return trace.each(lambda reach: reach.both(move))


def _squeezed(bound: Tensor) -> Tensor:
    """With length 1 wherever nothing changes."""
    for dim in range(bound.ndim):
        one = bound.narrow(dim, 0, 1)
        if bound.shape[dim] > 1 and bool((bound == one).all()):
            bound = one
    return bound


def _concatenated(call: Call) -> Trace:
    tensors = call.given["tensors"]
    dim, ndim = call.given["dim"] % call.answers[0].ndim, call.answers[0].ndim
    traces = [call.trace_of(tensor) or Trace() for tensor in tensors]
    if call.name == "stack":
        unsqueeze = partial(torch.unsqueeze, dim=dim)
        traces = [trace.each(lambda reach: reach.both(unsqueeze)) for trace in traces]
    lengths = [1 if call.name == "stack" else tensor.shape[dim] for tensor in tensors]
    reaches = {}
    for axis in {axis: None for trace in traces for axis in trace.reaches}:
        parts = [trace.reaches.get(axis, nothing(ndim)) for trace in traces]
        step = max(trace.reaches[axis].step for trace in traces if axis in trace.reaches)
        low, high = (
            _cat([getattr(part, name) for part in parts], lengths, dim) for name in ("low", "high")
        )
        reaches[axis] = Reach(low, high, step)
    return Trace(reaches, all(trace.exact for trace in traces))


def _cat(bounds: list[Tensor], lengths: list[int], dim: int) -> Tensor:
    others = torch.broadcast_shapes(*[bound.select(dim, 0).shape for bound in bounds])
    shapes = [[*others[:dim], length, *others[dim:]] for length in lengths]
    spread = [bound.expand(shape) for bound, shape in zip(bounds, shapes, strict=True)]
    return _squeezed(torch.cat(spread, dim))


def _dims(dims: Any, ndim: int) -> list[int]:
    """Every dimension where none is given."""
    if dims is None or dims == []:
        return list(range(ndim))
    return [dim % ndim for dim in (dims if isinstance(dims, tuple | list) else [dims])]


# What was written to a view, seen from the tensor that it is a view of


def written_back(call: Call, before: Trace, view: Trace) -> Trace:
    """What a tensor depends on after its view, which this call took of it, was written to."""
    base, seen = call.args[0], call.answers[0]
    put_back = _PUT_BACK.get(call.name)
    if put_back is None:
        joined = join([before, view.flat(base.ndim)], base.ndim)
        return replace(joined, exact=False)
    reaches = {}
    for axis in before.reaches.keys() | view.reaches.keys():
        old = before.reaches.get(axis, nothing(base.ndim))
        new = view.reaches.get(axis, nothing(seen.ndim, old.step))
        low = _squeezed(put_back(call, old.low, new.low))
        reaches[axis] = Reach(low, _squeezed(put_back(call, old.high, new.high)), new.step)
    return Trace(reaches, before.exact and view.exact)


def _put_slice(call: Call, old: Tensor, new: Tensor) -> Tensor:
    given, dim = call.given, call.given["dim"] % old.ndim
    old, new = _side_by_side(call, old, new, dim)
    return torch.slice_scatter(old, new, dim, given["start"], given["end"], given["step"])


def _put_selected(call: Call, old: Tensor, new: Tensor) -> Tensor:
    dim = call.given["dim"] % old.ndim
    old, new = _side_by_side(call, old, new.unsqueeze(dim), dim)
    return torch.select_scatter(old, new.select(dim, 0), dim, call.given["index"])


def _side_by_side(call: Call, old: Tensor, new: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Spread along one dimension, and alike in all others."""
    others = torch.broadcast_shapes(old.select(dim, 0).shape, new.select(dim, 0).shape)
    seen = call.answers[0].shape[dim] if call.name == "slice" else 1
    lengths = call.args[0].shape[dim], seen
    shapes = [[*others[:dim], length, *others[dim:]] for length in lengths]
    return old.expand(shapes[0]), new.expand(shapes[1])


def _put_reshaped(call: Call, old: Tensor, new: Tensor) -> Tensor:
    return _reshape(new, call.answers[0].shape, call.args[0].shape)


def _put_permuted(call: Call, old: Tensor, new: Tensor) -> Tensor:
    order = [dim % new.ndim for dim in call.given["dims"]]
    return new.permute([order.index(dim) for dim in range(new.ndim)])


def _put_transposed(call: Call, old: Tensor, new: Tensor) -> Tensor:
    return new.transpose(call.given["dim0"], call.given["dim1"])


_PUT_BACK: dict[str, Callable[[Call, Tensor, Tensor], Tensor]] = {
    "slice": _put_slice,
    "select": _put_selected,
    "transpose": _put_transposed,
    "permute": _put_permuted,
    **dict.fromkeys(
        ("view", "_unsafe_view", "squeeze", "unsqueeze", "detach", "alias"), _put_reshaped
    ),
}

_RULES: dict[str, Callable[[Call], Trace]] = {
    "convolution": _convolution,
    "copy": _copied,
    **dict.fromkeys(("fill", "zero", "scalar_tensor"), _nothing),
    **dict.fromkeys(("_to_copy", "lift_fresh", "native_dropout", "bernoulli"), _joined),
    **dict.fromkeys(("view", "_unsafe_view", "_reshape_alias"), _reshaped),
    **dict.fromkeys(("cat", "stack"), _concatenated),
    **dict.fromkeys(("flip", "roll", "index_select", "index", "gather", "repeat"), _moved_along),
    **dict.fromkeys(("mm", "bmm", "addmm", "baddbmm", "linear"), _matrix_product),
    **dict.fromkeys(("_softmax", "_log_softmax", "cumsum", "sort", "topk"), _along),
    **dict.fromkeys(
        (
            "native_batch_norm",
            "_native_batch_norm_legit",
            "_native_batch_norm_legit_no_training",
            "cudnn_batch_norm",
            "miopen_batch_norm",
            "_batch_norm_with_update",
            "_batch_norm_no_update",
        ),
        _batch_norm,
    ),
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    **dict.fromkeys(
        (
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_efficient_attention",
            "_scaled_dot_product_cudnn_attention",
            "_scaled_dot_product_fused_attention_overrideable",
        ),
        _attention,
    ),
    **dict.fromkeys(
        (
            *(f"max_pool{n}d_with_indices" for n in (1, 2, 3)),
            *(f"avg_pool{n}d" for n in (1, 2, 3)),
        ),
        _pool,
    ),
    **dict.fromkeys(
        (
            *(f"_adaptive_avg_pool{n}d" for n in (2, 3)),
            *(f"adaptive_{kind}_pool{n}d" for n in (1, 2, 3) for kind in ("avg", "max")),
        ),
        _adaptive_pool,
    ),
    **dict.fromkeys(
        (
            "constant_pad_nd",
            *(f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)),
        ),
        _pad,
    ),
}
