"""Which parts of a clip are hidden, one after the other?

    boxes     of so many frames, rows and columns, on a grid over the clip
    windows   in time: boxes over the whole picture
    columns   in space: boxes over all frames
    tubes     boxes whose place follows the clip's own flow, so that they stay on what moves

The grid begins in the clip's first corner. Where its stride does not divide what is left of the
clip, the last box is cut off at the clip's end, as captum does; so every pixel is hidden at least
once. A tube is on the grid in the middle of its frames and goes both ways from there; it moves by
the mean flow within it, and pixels may be left that no tube meets.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinetoscope.errors import ClipError
from kinetoscope.tensors import Flow, Size

Box = tuple[Size, Size]
"""The first frame, row and column; one past the last."""

AXES = ("frames", "rows", "columns")


@dataclass(frozen=True, kw_only=True)
class Region:
    """A rectangle in each of a few frames.

    Args:
        first: the first frame.
        places: its upper left corner in this frame and each after it [row, column]; may lie
            outside of the picture.
        size: of the rectangle [rows, columns].
        extent: of the clip [frames, pixels, pixels].
    """

    first: int
    places: tuple[tuple[int, int], ...]
    size: tuple[int, int]
    extent: Size

    def parts(self) -> list[tuple[int, slice, slice]]:
        """What lies in the clip: a frame, rows, columns."""
        (rows, columns), (_, height, width) = self.size, self.extent
        return [
            (
                self.first + number,
                slice(max(y, 0), max(min(y + rows, height), 0)),
                slice(max(x, 0), max(min(x + columns, width), 0)),
            )
            for number, (y, x) in enumerate(self.places)
        ]

    def add_to(self, heat: Tensor, value: float) -> None:
        """Add a value wherever the region is, to `time height width`."""
        for part in self.parts():
            heat[part] += value

    @property
    def box(self) -> Box:
        """The smallest box of the clip that holds it."""
        parts = [part for part in self.parts() if _holds(part[1]) and _holds(part[2])]
        if not parts:
            return (self.first, 0, 0), (self.first + 1, 1, 1)
        frames, rows, columns = zip(*parts, strict=True)
        return (
            (frames[0], min(each.start for each in rows), min(each.start for each in columns)),
            (frames[-1] + 1, max(each.stop for each in rows), max(each.stop for each in columns)),
        )


def _holds(span: slice) -> bool:
    return span.start < span.stop


@dataclass(frozen=True, kw_only=True)
class Regions:
    """All that are hidden in turn.

    Args:
        each: them.
        grid: how many there are along time, height and width.
    """

    each: tuple[Region, ...]
    grid: Size


def boxes(extent: Size, box: Size, stride: Size) -> Regions:
    """Boxes on a grid."""
    starts = _starts(extent, box, stride)
    frames, rows, columns = box
    each = tuple(
        Region(
            first=t,
            places=((y, x),) * min(frames, extent[0] - t),
            size=(rows, columns),
            extent=extent,
        )
        for t, y, x in itertools.product(*starts)
    )
    return Regions(each=each, grid=_lengths(starts))


def tubes(flow: Flow, box: Size, stride: Size) -> Regions:
    """Boxes that move with the flow.

    Args:
        flow: of the clip, in display space.
        box: how long a tube is, and how large in each frame [frames, pixels, pixels].
        stride: from one to the next, in the middle of its frames.
    """
    _, time, height, width = flow.shape
    extent = (time, height, width)
    starts = _starts(extent, box, stride)
    sums = torch.nn.functional.pad(flow.double().cumsum(2).cumsum(3), (1, 0, 1, 0))
    each = []
    for t, y, x in itertools.product(*starts):
        last = min(t + box[0], time) - 1
        places = _followed(sums, (t, last), (y, x), box[1:])
        each.append(Region(first=t, places=places, size=box[1:], extent=extent))
    return Regions(each=tuple(each), grid=_lengths(starts))


def _followed(
    sums: Tensor, frames: tuple[int, int], start: tuple[int, int], size: tuple[int, int]
) -> tuple[tuple[int, int], ...]:
    """Where a rectangle is in each frame that is at a place in the middle one."""
    first, last = frames
    middle = (first + last) // 2
    forward, backward = [(float(start[0]), float(start[1]))], [(float(start[0]), float(start[1]))]
    for t in range(middle, last):
        right, down = _mean_flow(sums, t, forward[-1], size)
        forward.append((forward[-1][0] + down, forward[-1][1] + right))
    for t in range(middle - 1, first - 1, -1):
        right, down = _mean_flow(sums, t, backward[-1], size)
        backward.append((backward[-1][0] - down, backward[-1][1] - right))
    return tuple((round(y), round(x)) for y, x in [*backward[:0:-1], *forward])


def _mean_flow(
    sums: Tensor, t: int, place: tuple[float, float], size: tuple[int, int]
) -> tuple[float, float]:
    """Within a rectangle (right, down); none where it has left the picture.

    Args:
        sums: of the flow above and left of each pixel, with a row and a column of zeros before.
        t: the frame.
        place: the rectangle's upper left corner.
        size: of the rectangle.
    """
    ends = [
        (min(max(round(at), 0), length - 1), min(max(round(at) + more, 0), length - 1))
        for at, more, length in zip(place, size, sums.shape[2:], strict=True)
    ]
    (top, bottom), (left, right) = ends
    if top >= bottom or left >= right:
        return 0.0, 0.0
    at = sums[:, t]
    total = at[:, bottom, right] - at[:, top, right] - at[:, bottom, left] + at[:, top, left]
    mean = total / ((bottom - top) * (right - left))
    return float(mean[0]), float(mean[1])


def _starts(extent: Size, box: Size, stride: Size) -> list[range]:
    return [
        range(0, math.ceil((length - long) / step) * step + 1, step)
        for length, long, step in zip(extent, box, stride, strict=True)
    ]


def _lengths(starts: Sequence[range]) -> Size:
    time, height, width = map(len, starts)
    return time, height, width


def check_cover(extent: Size, box: Size, stride: Size) -> None:
    """Refuse boxes that do not fit in a clip, or leave some of it out.

    Raises:
        ClipError: says along which axis.
    """
    for axis, length, long, step in zip(AXES, extent, box, stride, strict=True):
        if not 1 <= long <= length:
            raise ClipError(
                f"a box of {' x '.join(map(str, box))} does not fit in the clip",
                got=f"{long} {axis}",
                expected=f"1 to {length} {axis}, in a clip of {' x '.join(map(str, extent))}",
            )
        if step < 1 or (step > long and long < length):
            raise ClipError(
                f"a stride of {' x '.join(map(str, stride))} skips pixels",
                got=f"a step of {step} {axis} between boxes of {long}",
                expected=f"1 to {long} {axis}",
                hint="the stride is no longer than the box, so that every pixel is hidden",
            )
