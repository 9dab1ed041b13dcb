"""What does an operation see that slides a window along a map?

Padding is treated as if the clip went on beyond its edges, so that a receptive field is the same in
the middle of a map and at its border.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from kinetoscope.units.reach.call import Call, enumerates
from kinetoscope.units.reach.trace import Reach, Trace


@dataclass(frozen=True)
class Window:
    """What slides along one dimension of a map."""

    size: int
    stride: int
    padding: int
    dilation: int


def convolution(call: Call) -> Trace:
    """All channels of a window; for groups too, which is then more than they see."""
    given = call.given
    tensor, trace = call.only
    if given["transposed"]:
        return replace(trace.flat(tensor.ndim), exact=False)
    channels = trace.hull([1])
    if given["groups"] > 1 and any(1 in reach.varying for reach in trace.reaches.values()):
        channels = replace(channels, exact=False)
    size = given["weight"].shape[2:]
    return _slid(call, channels, size, given["stride"], given["padding"], given["dilation"])


def pool(call: Call) -> Trace:
    """Average or maximum of a window."""
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
            if enumerates(reach, tensor, dim, axis[1]):
                reaches[axis] = _slide(reach, dim, window, answer.shape[dim])
    return Trace(reaches, trace.exact)


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


def pad(call: Call) -> Trace:
    """Padding that is an operation of its own, of whatever kind."""
    tensor, trace = call.only
    lengths = call.given["pad" if "pad" in call.given else "padding"]
    reaches = dict(trace.reaches)
    for number in range(len(lengths) // 2):
        dim, (before, after) = tensor.ndim - 1 - number, lengths[2 * number : 2 * number + 2]
        for axis, reach in reaches.items():
            if enumerates(reach, tensor, dim, axis[1]):
                more = partial(_continued, dim=dim, before=before, after=after, step=reach.step)
                reaches[axis] = reach.both(more)
    return Trace(reaches, trace.exact)


def adaptive_pool(call: Call) -> Trace:
    """Bins that cover the map, however large it is."""
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
