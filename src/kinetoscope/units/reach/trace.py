"""Which part of a clip can each element of a tensor depend on?

A reach is the first and the last place of the clip, along time, height or width, that each element
can depend on; a trace is all the reaches of one tensor. Reaches are small: an axis of the tensor
along which a reach does not change has length 1 in it.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

Axis = tuple[str, int]
"""A stream of the clip, and 0, 1 or 2 for time, height or width."""


@dataclass(frozen=True)
class Reach:
    """First and last place that each element depends on, along one axis of the clip.

    Where an element depends on nothing, `low` is infinite and `high` minus infinite.

    Args:
        low, high: as many dimensions as the tensor, each of its length or of length 1.
        step: from the reach of one place of the map to the next one's.
    """

    low: Tensor
    high: Tensor
    step: float = 1.0

    def __post_init__(self):
        if self.low.shape != self.high.shape:
            low, high = torch.broadcast_tensors(self.low, self.high)
            object.__setattr__(self, "low", low)
            object.__setattr__(self, "high", high)

    def both(self, change: Callable[[Tensor], Tensor]) -> "Reach":
        """The same change to both bounds."""
        return replace(self, low=change(self.low), high=change(self.high))

    def hull(self, dims: Iterable[int]) -> "Reach":
        """Joined over these dimensions, which stay with length 1."""
        wanted = tuple(dims)
        if not wanted:
            return self
        low, high = self.low.amin(wanted, keepdim=True), self.high.amax(wanted, keepdim=True)
        return Reach(low, high, self.step)

    def flat(self, ndim: int) -> "Reach":
        """Joined over all elements, for a tensor of another shape."""
        return self.hull(range(self.low.ndim)).both(lambda bound: bound.reshape([1] * ndim))

    def measured(self) -> "Reach":
        """With the step that the bounds show, where they show one."""
        varying = self.varying
        if len(varying) != 1:
            return self
        steps = self.low.diff(dim=varying[0]).unique()
        if len(steps) != 1 or not steps.isfinite().all() or steps[0] == 0:
            return self
        return replace(self, step=abs(steps.item()))

    @property
    def varying(self) -> list[int]:
        """The dimensions along which the reach changes."""
        return [dim for dim, length in enumerate(self.low.shape) if length > 1]


@dataclass(frozen=True)
class Trace:
    """What a tensor depends on.

    Args:
        reaches: along each axis of the clip that it depends on.
        exact: whether every operation on the way was known.
    """

    reaches: dict[Axis, Reach] = field(default_factory=dict)
    exact: bool = True

    def each(self, change: Callable[[Reach], Reach]) -> "Trace":
        """The same change to every reach."""
        return Trace({axis: change(reach) for axis, reach in self.reaches.items()}, self.exact)

    def hull(self, dims: Iterable[int]) -> "Trace":
        """Joined over these dimensions, which stay with length 1."""
        wanted = tuple(dims)
        return self.each(lambda reach: reach.hull(wanted))

    def flat(self, ndim: int) -> "Trace":
        """Joined over all elements, for a tensor of another shape."""
        return self.each(lambda reach: reach.flat(ndim))


def of_stream(name: str, stream: Tensor) -> Trace:
    """Of a clip itself: each element depends on its own place."""
    reaches = {}
    for axis in range(3):
        shape = [1] * stream.ndim
        shape[2 + axis] = stream.shape[2 + axis]
        place = torch.arange(stream.shape[2 + axis], dtype=torch.float32).reshape(shape)
        reaches[name, axis] = Reach(place, place)
    return Trace(reaches)


def nothing(ndim: int, step: float = 1.0) -> Reach:
    """Of a tensor that does not depend on the clip."""
    shape = [1] * ndim
    return Reach(torch.full(shape, math.inf), torch.full(shape, -math.inf), step)


def join(traces: Sequence[Trace], ndim: int) -> Trace:
    """Of what depends on all these, element by element, as arithmetic on tensors does."""
    reaches: dict[Axis, Reach] = {}
    for trace in traces:
        for axis, reach in trace.reaches.items():
            wide = reach.both(
                lambda bound: bound.reshape([1] * (ndim - bound.ndim) + [*bound.shape])
            )
            reaches[axis] = _union(reaches[axis], wide) if axis in reaches else wide
    return Trace(reaches, all(trace.exact for trace in traces))


def _union(one: Reach, other: Reach) -> Reach:
    return Reach(
        torch.minimum(one.low, other.low),
        torch.maximum(one.high, other.high),
        max(one.step, other.step),
    )
