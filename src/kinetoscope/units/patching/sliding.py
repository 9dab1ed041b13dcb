"""Operations that slide a window: what do they answer where they see a patch?

From the place of a patch follows at which positions the window sees it, and from these what the
operation has to be given. That is cut out of the clip's tensor with the patch in it, padding and
all, and the operation itself does the rest.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kinetoscope.units.patching.boxes import Boxes, Window
from kinetoscope.units.patching.operation import Operation
from kinetoscope.units.patching.originals import Original
from kinetoscope.units.patching.versions import Patches, Versions

Windows = Mapping[int, Window]
"""What slides, by dimension."""


def convolution(op: Operation) -> Versions | None:
    """All channels of a window."""
    given, x = op.given, op.only
    if given["transposed"] or given["input"] is not x or len(op.inputs) > 1:
        return None
    windows = _windows(
        x, given["weight"].shape[2:], given["stride"], given["padding"], given["dilation"]
    )
    none = [0] * len(windows)
    settings = (given["stride"], none, given["dilation"], False, none, given["groups"])
    slide = Sliding(
        windows=windows,
        compute=lambda cut: op.func(cut, given["weight"], given["bias"], *settings),
        mixed=True,
    )
    return op.answer(lambda found: slide.over(x, found))


def pool(op: Operation) -> Versions | tuple[Versions, Tensor] | None:
    """Largest or mean value of a window."""
    given, x = op.given, op.only
    largest = op.name.startswith("max")
    if not largest and not _divides_alike(given):
        return None
    size, dilation = given["kernel_size"], given.get("dilation", [1])
    dims = int(op.name[op.name.index("pool") + 4])
    settings = (size, given["stride"] or size, [0] * dims)
    windows = _windows(x, size, settings[1], given["padding"], dilation, dims=dims)
    if not largest:
        more = (False, True, given["divisor_override"]) if dims > 1 else (False, True)
        slide = Sliding(windows=windows, compute=lambda cut: op.func(cut, *settings, *more))
        return op.answer(lambda found: slide.over(x, found))
    slide = Sliding(
        windows=windows,
        compute=lambda cut: op.func(cut, *settings, dilation, False)[0],
        around=-math.inf,
    )
    best = op.answers(lambda found: [slide.over(x, found[0])])[0]
    return best, x.original.like(torch.int64)  # of which element: nobody asks


def _divides_alike(given: Mapping[str, Any]) -> bool:
    """Whether a mean divides by the same number everywhere."""
    padded = any(given["padding"])
    return not given["ceil_mode"] and (given["count_include_pad"] or not padded)


def sliced(op: Operation) -> Versions | None:
    """Every so manyth place of a range."""
    x, dim = op.only, op.given["dim"] % op.only.ndim
    start, end, step = op.given["start"], op.given["end"], op.given["step"]
    first, _, _ = slice(start, end, 1).indices(x.shape[dim])
    if dim == 0:
        whole = step == 1 and first == 0 and (end is None or end >= x.shape[0])
        return Versions(x.original, x.patches, x.count, x.carry_out) if whole else None
    each = (slice(None),) * dim + (slice(None, None, step),)
    slide = Sliding(windows={dim: Window(1, step, -first)}, compute=lambda cut: cut[each])
    return op.answer(lambda found: slide.over(x, found))


def padded(op: Operation) -> Versions | None:
    """Constants around."""
    x, lengths = op.only, op.given["pad"]
    if min(lengths) < 0 or len(lengths) // 2 >= x.ndim:
        return None
    return op.answer(lambda found: _moved_in(x, found, lengths))


def _moved_in(x: Versions, found: Original, lengths: Sequence[int]) -> Patches | None:
    """The same patches, where they are in a tensor with more around."""
    if x.patches is None:
        return None
    boxes = x.patches.boxes
    for number, before in enumerate(lengths[::2]):
        dim = x.ndim - 1 - number
        moved = [(low + before, high + before) for low, high in boxes.spans(dim)]
        boxes = boxes.slid(dim, moved, found.shape[dim])
    return Patches(boxes, x.patches.values)


def _windows(x: Versions, size: Sequence[int], *settings: Sequence[int], dims: int = 0) -> Windows:
    """One for each of the last dimensions; a setting given once holds for all."""
    dims = max(dims, len(size))
    wide = [list(each) * (dims if len(each) == 1 else 1) for each in (size, *settings)]
    first = x.ndim - dims
    return {first + number: Window(*each) for number, each in enumerate(zip(*wide, strict=True))}


class Sliding(NamedTuple):
    """What an operation does that slides a window.

    Args:
        windows: what slides, by dimension.
        compute: the answer from what the windows read, without padding.
        mixed: whether the channels are mixed, so that all are read, and all differ.
        around: what is read outside of the tensor.
    """

    windows: Windows
    compute: Callable[[Tensor], Tensor]
    mixed: bool = False
    around: float = 0.0

    def over(self, x: Versions, found: Original) -> Patches | None:
        """Patches of the answer, where the windows see those of x.

        Args:
            x: what they slide over.
            found: the answer for the clip as it is.
        """
        if x.patches is None:
            return None
        reached = x.patches.boxes
        if self.mixed:
            reached = reached.slid(1, [(0, found.shape[1])] * x.count, found.shape[1])
        for dim, window in self.windows.items():
            seen = [window.sees(span) for span in reached.spans(dim)]
            reached = reached.slid(dim, seen, found.shape[dim])
        if reached.empty:
            return None
        cut = self._read(x, reached)
        return Patches(reached, self.compute(cut.flatten(0, 1)).unflatten(0, cut.shape[:2]))

    def _read(self, x: Versions, reached: Boxes) -> Tensor:
        """What the windows read at these positions."""
        corners, size = [list(corner) for corner in reached.corners], list(reached.size)
        if self.mixed:
            size[1] = x.original.shape[1]
        for dim, window in self.windows.items():
            size[dim] = window.length(reached.size[dim])
            for corner in corners:
                corner[dim] = corner[dim] * window.stride - window.padding
        return x.window(corners, size, self.around)
