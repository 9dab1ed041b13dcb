"""Where, in a tensor, do versions of a clip differ from the clip?

Each version differs within one box. The boxes of a batch have the same size, so that what is in
them fits in one tensor; one that would stick out is moved inward.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

Place = tuple[int, ...]
Span = tuple[int, int]
"""First, and one past the last; nothing where they are in the other order."""


@dataclass(frozen=True)
class Boxes:
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
        firsts, size = [], []
        for each, length in zip(spans, within, strict=True):
            cut = [(max(low, 0), min(high, length)) for low, high in each]
            longest = max(max(high - low, 0) for low, high in cut)
            firsts.append([min(max(low, 0), length - longest) for low, _ in cut])
            size.append(longest)
        return cls(tuple(zip(*firsts, strict=True)), tuple(size), tuple(within))

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
        return [(corner[dim], corner[dim] + self.size[dim]) for corner in self.corners]

    def whole_along(self, dims: Iterable[int]) -> "Boxes":
        """The same, and all there is along these dimensions."""
        wanted = {dim % len(self.size) for dim in dims}
        return self._each(
            lambda dim, span: (0, self.within[dim]) if dim in wanted else span, self.within
        )

    def slid(self, dim: int, span_of: Callable[[Span], Span], length: int) -> "Boxes":
        """The same in a tensor of another length along one dimension, with other spans there."""
        within = (*self.within[:dim], length, *self.within[dim + 1 :])
        return self._each(lambda at, span: span_of(span) if at == dim else span, within)

    def _each(self, change: Callable[[int, Span], Span], within: Sequence[int]) -> "Boxes":
        dims = range(len(self.size))
        return Boxes.around(
            [[change(dim, span) for span in self.spans(dim)] for dim in dims], within
        )

    def permuted(self, order: Sequence[int]) -> "Boxes":
        """With the dimensions in another order."""

        def moved(values: Place) -> Place:
            return tuple(values[dim] for dim in order)

        corners = tuple(map(moved, self.corners))
        return Boxes(corners, moved(self.size), moved(self.within))

    def spread(self, within: Sequence[int]) -> "Boxes":
        """In a tensor along which the lengths of 1 were repeated."""
        repeated = [dim for dim, length in enumerate(self.within) if length != within[dim]]
        return replace(self, within=tuple(within)).whole_along(repeated)


def joined(all_boxes: Sequence[Boxes]) -> Boxes:
    """Boxes around those of several tensors of one shape, version by version."""
    within = all_boxes[0].within
    spans = []
    for dim in range(len(within)):
        each = zip(*[boxes.spans(dim) for boxes in all_boxes], strict=True)
        spans.append([(min(low for low, _ in at), max(high for _, high in at)) for at in each])
    return Boxes.around(spans, within)


@dataclass(frozen=True)
class Window:
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

    def reads(self, first: int, count: int) -> Span:
        """What it reads at so many positions; below 0 or past the end where that is padding."""
        start = first * self.stride - self.padding
        return start, start + (count - 1) * self.stride + self.span
