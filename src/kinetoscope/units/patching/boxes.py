"""Where, in a tensor, do versions of a clip differ from the clip?

Each version differs within one box. The boxes of a batch have the same size, so that what is in
them fits in one tensor; one that would stick out is moved inward. Very many are made on the way,
and so they are tuples rather than dataclasses.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Place = tuple[int, ...]
Span = tuple[int, int]
"""First, and one past the last; nothing where they are in the other order."""


class Boxes(NamedTuple):
    """One box for each version, all of the same size, within a tensor.

    Args:
        corners: the first place of each, along every dimension.
        size: of all of them.
        within: the shape of the tensor.
    """

    corners: tuple[Place, ...]
    size: Place
    within: Place

    @classmethod
    def around(cls, spans: Sequence[Sequence[Span]], within: Sequence[int]) -> "Boxes":
        """Boxes of one size around all that is given.

        Args:
            spans: of each dimension, one for each version; cut at the ends of the tensor.
            within: the shape of the tensor.
        """
        fitted = [_fitted(each, length) for each, length in zip(spans, within, strict=True)]
        corners = zip(*[firsts for firsts, _ in fitted], strict=True)
        return cls(tuple(corners), tuple(size for _, size in fitted), tuple(within))

    @property
    def empty(self) -> bool:
        """Whether nothing is in them."""
        return 0 in self.size

    @property
    def whole(self) -> bool:
        """Whether they are as large as the tensor."""
        return self.size == self.within

    def spans(self, dim: int) -> list[Span]:
        """From where to where they go along a dimension, one for each version."""
        size = self.size[dim]
        return [(corner[dim], corner[dim] + size) for corner in self.corners]

    def whole_along(self, dims: Iterable[int]) -> "Boxes":
        """The same, and all there is along these dimensions."""
        found = self
        for dim in dims:
            length = self.within[dim]
            if found.size[dim] != length:
                found = found.slid(dim, [(0, length)] * len(self.corners), length)
        return found

    def slid(self, dim: int, spans: Sequence[Span], length: int) -> "Boxes":
        """The same with other spans along one dimension, of a tensor that is so long there."""
        firsts, size = _fitted(spans, length)
        dim %= len(self.size)
        corners = tuple(
            (*corner[:dim], first, *corner[dim + 1 :])
            for corner, first in zip(self.corners, firsts, strict=True)
        )
        before, after = slice(dim), slice(dim + 1, None)
        return Boxes(
            corners,
            (*self.size[before], size, *self.size[after]),
            (*self.within[before], length, *self.within[after]),
        )

    def permuted(self, order: Sequence[int]) -> "Boxes":
        """With the dimensions in another order."""
        corners, size, within = (
            tuple(tuple(each[dim] for dim in order) for each in values)
            for values in (self.corners, [self.size], [self.within])
        )
        return Boxes(corners, size[0], within[0])

    def spread(self, within: Sequence[int]) -> "Boxes":
        """In a tensor along which the lengths of 1 were repeated."""
        repeated = [dim for dim, length in enumerate(self.within) if length != within[dim]]
        return self._replace(within=tuple(within)).whole_along(repeated)


def _fitted(spans: Sequence[Span], length: int) -> tuple[list[int], int]:
    """Where boxes of one size begin that hold these spans, and that size."""
    cut = [(low if low > 0 else 0, high if high < length else length) for low, high in spans]
    size = max(0, max(high - low for low, high in cut))
    return [max(0, min(low, length - size)) for low, _ in cut], size


def joined(all_boxes: Sequence[Boxes]) -> Boxes:
    """Boxes around those of several tensors of one shape, version by version."""
    within = all_boxes[0].within
    if len(all_boxes) == 1:
        return all_boxes[0]
    spans = []
    for dim in range(len(within)):
        each = zip(*[boxes.spans(dim) for boxes in all_boxes], strict=True)
        spans.append([(min(low for low, _ in at), max(high for _, high in at)) for at in each])
    return Boxes.around(spans, within)


class Window(NamedTuple):
    """What slides along a dimension.

    Args:
        size: how many places it reads.
        stride: from one position to the next.
        padding: how far the first position sticks out; negative where it begins further in.
        dilation: from one place that it reads to the next.
    """

    size: int
    stride: int
    padding: int
    dilation: int = 1

    @property
    def span(self) -> int:
        """From the first place that it reads to one past the last."""
        return (self.size - 1) * self.dilation + 1

    def sees(self, span: Span) -> Span:
        """The positions at which it reads something of a span."""
        low = math.ceil((span[0] + self.padding - self.span + 1) / self.stride)
        return low, (span[1] - 1 + self.padding) // self.stride + 1

    def length(self, count: int) -> int:
        """How many places it reads at so many positions."""
        return (count - 1) * self.stride + self.span
