"""Many versions of one tensor, of which only what differs is there.

To a model, versions look like any tensor of as many clips. In them are what stands in the tensor
for the clip as it is, and patches that lie somewhere in it. Versions are outermost: where a model
folds time into its first axis, all times of the first version come first.
"""

import operator
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from kinetoscope.units.patching.boxes import Boxes
from kinetoscope.units.patching.originals import Original


class CannotFollowError(Exception):
    """What a model does can't be done to patches; it has to be run on the versions themselves."""


class Patches(NamedTuple):
    """What differs, version by version.

    Args:
        boxes: where.
        values: what is there, `version` and then the axes of the tensor.
    """

    boxes: Boxes
    values: Tensor


CarryOut = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""Answers an operation that a model asks for, given what it was called with."""


class Versions(Tensor):
    """A tensor of versions. Its values are not where PyTorch looks for them.

    Args:
        original: the tensor for the clip as it is; its first axis is as long as for one clip.
        patches: what differs; None where nothing does.
        count: of the versions.
        carry_out: is told of every operation on the versions.
        held: kept with the versions, so that the original's values stay in memory.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl  # pyright: ignore[reportAssignmentType]

    original: Original
    patches: Patches | None
    count: int
    carry_out: CarryOut

    @staticmethod
    def __new__(
        cls: type["Versions"],
        original: Original,
        patches: Patches | None,
        count: int,
        carry_out: CarryOut,
        held: Any = None,
    ) -> "Versions":
        shape = (count * original.shape[0], *original.shape[1:])
        made = Tensor._make_wrapper_subclass(
            cls, shape, dtype=original.dtype, device=original.device
        )
        made.original, made.patches, made.count = original, patches, count
        made.carry_out, made._held = carry_out, held
        made._views = [weakref.ref(made)]  # all that share its memory, were it there
        return made

    def __init__(self, *given: Any, **named: Any):
        super().__init__()

    def __repr__(self, **_: Any):
        where = self.patches and self.patches.boxes
        return f"Versions({self.count} of {self.original}, {where})"

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return versions_in((args, kwargs or {}))[0].carry_out(func, args, kwargs or {})

    def cut(self, boxes: Boxes) -> Tensor:
        """What stands in boxes."""
        if self.patches is not None and boxes == self.patches.boxes:
            return self.patches.values
        return self.window(boxes.corners, boxes.size)

    def window(
        self, corners: Sequence[Sequence[int]], size: Sequence[int], around: float = 0.0
    ) -> Tensor:
        """What stands in boxes that may stick out of the tensor.

        Args:
            corners: of each version; may be negative.
            size: of all of them.
            around: what stands outside.
        """
        like, shape = self.original.keep(), (self.count, *size)
        out = any(
            low < 0 or low + length > end
            for corner in corners
            for low, length, end in zip(corner, size, self.original.shape, strict=True)
        )
        found = like.new_full(shape, around) if out else like.new_empty(shape)
        if isinstance(like, FakeTensor):  # without values, as where work is only counted
            return found
        for version, corner in enumerate(corners):
            ends = [low + length for low, length in zip(corner, size, strict=True)]
            self._fill(found[version], version, corner, ends)
        return found

    def _fill(
        self, target: Tensor, version: int, corner: Sequence[int], ends: Sequence[int]
    ) -> None:
        """One version of a window: the original, and the patch over it."""
        inner = _shared(corner, ends, (0,) * len(corner), self.original.shape)
        if self.patches is None:
            _copy(self.original.keep(), (0,) * len(corner), target, corner, inner)
            return
        low = self.patches.boxes.corners[version]
        high = [at + length for at, length in zip(low, self.patches.boxes.size, strict=True)]
        covered = _shared(corner, ends, low, high)
        if inner != covered:
            _copy(self.original.keep(), (0,) * len(corner), target, corner, inner)
        _copy(self.patches.values[version], low, target, corner, covered)

    def whole(self) -> Tensor:
        """The versions as a tensor like any other."""
        shape = self.original.shape
        if self.patches is None:
            return self.original.values[None].repeat(self.count, *[1] * len(shape)).flatten(0, 1)
        if not self.patches.boxes.whole:
            corners = ((0,) * len(shape),) * self.count
            everything = Boxes(corners, shape, shape)
            self.patches = Patches(everything, self.window(corners, shape))
        return self.patches.values.flatten(0, 1)

    def become(self, other: "Versions | Tensor") -> None:
        """Take other contents, of the same shape, as where something is done in place.

        Raises:
            CannotFollowError: others look at this one's memory.
        """
        if tuple(other.shape) != tuple(self.shape) or other.dtype != self.dtype:
            raise CannotFollowError("done in place, with another shape")
        if sum(view() is not None for view in self._views) > 1:
            raise CannotFollowError("done in place, under the eyes of others")
        if isinstance(other, Versions):
            self.original, self.patches, self._held = other.original, other.patches, other._held
            return
        shape = self.original.shape
        boxes = Boxes(((0,) * len(shape),) * self.count, shape, shape)
        self.patches = Patches(boxes, other.reshape(self.count, *shape))

    def looks_at(self, other: "Versions") -> None:
        """Be a view of another."""
        other._views.append(weakref.ref(self))
        self._views = other._views


def versions_in(given: Any) -> list[Versions]:
    """All that are in an argument or an answer."""
    if isinstance(given, Versions):
        return [given]
    if isinstance(given, dict):
        return versions_in(list(given.values()))
    if isinstance(given, tuple | list):
        return [found for each in given for found in versions_in(each)]
    return []


Bounds = tuple[list[int], list[int]]
"""The first places, and one past the last."""


def _shared(
    corner: Sequence[int], ends: Sequence[int], low: Sequence[int], high: Sequence[int]
) -> Bounds:
    return list(map(max, corner, low)), list(map(min, ends, high))


def _copy(
    source: Tensor, first: Sequence[int], target: Tensor, corner: Sequence[int], shared: Bounds
) -> None:
    """What source and target share, where each begins at a place of its own."""
    lows, highs = shared
    if any(map(operator.ge, lows, highs)):
        return
    there = tuple(slice(a - c, b - c) for a, b, c in zip(lows, highs, corner, strict=True))
    here = tuple(slice(a - c, b - c) for a, b, c in zip(lows, highs, first, strict=True))
    target[there] = source[here]
