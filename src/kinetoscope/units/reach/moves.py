"""Where does an operation get each element from that only moves elements?

The reach is moved by the very same operation. What is written to a view of a tensor is put back
into the tensor by the opposite one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from kinetoscope.units.reach.call import Call, dims_of, enumerates, tensors_in
from kinetoscope.units.reach.trace import Axis, Reach, Trace, join, nothing


class NeedsValuesError(Exception):
    """Which elements are taken depends on values, which a rehearsal does not have."""


def moved_view(call: Call) -> list[Trace]:
    """Take the same view of the reach, whose axes of length 1 are spread without being stored."""
    tensor, trace = call.only
    reaches: list[dict[Axis, Reach]] = [{} for _ in call.answers]
    for axis, reach in trace.reaches.items():
        bounds = [
            tensors_in(call.func(bound.expand(tensor.shape), *call.args[1:], **call.kwargs))
            for bound in (reach.low, reach.high)
        ]
        factor = 1
        if call.name == "slice" and enumerates(reach, tensor, call.given["dim"], axis[1]):
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


def reshaped(call: Call) -> Trace:
    """View, reshape, flatten: the elements stay in their order."""
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
    return _squeezed(bound.expand(spread).reshape(target))


def moved_along(call: Call) -> Trace:
    """Do the same to the reach, spread along the dimensions that it is done along."""
    tensor, trace = call.only
    if any(isinstance(index, FakeTensor) for index in tensors_in(list(call.args[1:]))):
        raise NeedsValuesError(call.name)
    along = None if call.name == "gather" else call.given.get("dims", call.given.get("dim"))
    dims = dims_of(along, tensor.ndim)

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


def concatenated(call: Call) -> Trace:
    """Cat and stack."""
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
