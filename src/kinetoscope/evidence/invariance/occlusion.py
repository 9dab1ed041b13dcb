"""What does a unit lose when a part of its clip is hidden: where in the picture, and when?

A box over all frames slides over the picture, and a window over the whole picture slides through
time. What is hidden is made grey and still, or blurred, which leaves its colour and light. What the
neuron loses that answered most, in the clip that excites its unit most, is found for all units of
all layers in one pass. How much the loss is spread tells a unit that needs one thing at one moment
from one that needs it all:

    spread = exp(entropy of the losses' shares) / how many boxes

1 where all boxes cost the same, and 1 / how many where a single one costs everything.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.2. Differs: also in time, also blurred, and for single neurons.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.transforms import resize
from kinetoscope.evidence.invariance.comparing import Unchanged
from kinetoscope.units.receptive import Box, ReceptiveField

Fill = Literal["grey", "blur"]
FILLS: tuple[Fill, ...] = ("grey", "blur")

_BLUR = 8  # how much smaller a picture is made, to be enlarged again

Losses = Float[np.ndarray, "box unit"]


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """What is hidden in turn.

    Args:
        space: boxes over all frames, row by row.
        time: windows over the whole picture.
        grid: how many windows, rows and columns.
    """

    space: tuple[Box, ...]
    time: tuple[Box, ...]
    grid: tuple[int, int, int]

    @property
    def count(self) -> int:
        """How many views of a clip there are, with the clip as it is."""
        return 1 + len(FILLS) * (len(self.space) + len(self.time))

    def of(self, views: Tensor, fill: Fill, kind: Literal["space", "time"]) -> Losses:
        """The losses of one kind of box, of what is left view by view."""
        start = 1 + FILLS.index(fill) * (len(self.space) + len(self.time))
        start += 0 if kind == "space" else len(self.space)
        kept = views[start : start + len(getattr(self, kind))].numpy()
        return np.clip(1 - kept.astype(float), 0, None)


def boxes_for(spec: ClipSpec, grid: tuple[int, int, int]) -> Boxes:
    """Boxes that cover clips once.

    Args:
        spec: of the clips.
        grid: how many windows, rows and columns; no more than there are frames and pixels.
    """
    extent = (spec.frames, *spec.size)
    wanted = tuple(min(count, length) for count, length in zip(grid, extent, strict=True))
    times, rows, columns = (
        _edges(count, length) for count, length in zip(wanted, extent, strict=True)
    )
    whole = tuple((0, length) for length in extent)
    return Boxes(
        space=tuple((whole[0], row, column) for row in rows for column in columns),
        time=tuple((time, whole[1], whole[2]) for time in times),
        grid=(len(times), len(rows), len(columns)),
    )


def hidden_views(clip: Clip, boxes: Boxes, mean: Sequence[float]) -> Iterator[tuple[Clip, int]]:
    """The clip, then the clip with each box hidden; as `comparing.Views`."""
    yield clip, 0
    for fill in FILLS:
        cover = _cover(clip, fill, mean)
        for box in (*boxes.space, *boxes.time):
            yield hide(clip, box, cover), 0


def hide(clip: Clip, box: Box, cover: Clip) -> Clip:
    """A clip with a box of another clip in it."""
    place = (slice(None), *(slice(*side) for side in box))
    frames = clip.frames.clone()
    frames[place] = cover.frames[place]
    flow = clip.flow
    if flow is not None and cover.flow is not None:
        flow = flow.clone()
        flow[place] = cover.flow[place]
    return replace(clip, frames=frames, flow=flow)


def grey_cover(clip: Clip, mean: Sequence[float]) -> Clip:
    """What hides: the mean colour, and no motion."""
    colour = clip.frames.new_tensor(mean).reshape(3, 1, 1, 1)
    flow = None if clip.flow is None else torch.zeros_like(clip.flow)
    return replace(clip, frames=colour.expand_as(clip.frames), flow=flow)


def spread(losses: Losses) -> Float[np.ndarray, " unit"]:
    """Of each unit; not a number for one that loses nothing.

    >>> spread(np.array([[1.0, 0.0, 0.5], [1.0, 0.0, 0.0]])).tolist()
    [1.0, nan, 0.5]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = losses / losses.sum(axis=0)
        entropy = -np.where(shares > 0, shares * np.log(shares), 0).sum(axis=0)
    return np.where(losses.sum(axis=0) > 0, np.exp(entropy) / len(losses), np.nan)


def seen_boxes(
    layer: Unchanged, field: ReceptiveField, boxes: Boxes, extent: tuple[int, int, int]
) -> np.ndarray:
    """Which boxes in space touch what a unit sees where it answers most, `box unit`."""
    rows, columns = ([box[axis] for box in boxes.space] for axis in (1, 2))
    touched = np.zeros((len(boxes.space), layer.top.shape[1]), dtype=bool)
    for clip, unit in layer.top.nonzero().tolist():
        rest = int(layer.place[clip, unit])
        time, row, column = (
            map(int, np.unravel_index(rest, layer.shape)) if layer.shape else (0, 0, 0)
        )
        _, high, wide = field.box((time, row, column), extent)
        touched[:, unit] |= _meet(rows, high) & _meet(columns, wide)
    return touched


def _meet(sides: Sequence[tuple[int, int]], other: tuple[int, int]) -> np.ndarray:
    return np.array([low < other[1] and other[0] < high for low, high in sides])


def _cover(clip: Clip, fill: Fill, mean: Sequence[float]) -> Clip:
    if fill == "grey":
        return grey_cover(clip, mean)
    height, width = clip.size
    return resize(resize(clip, (max(1, height // _BLUR), max(1, width // _BLUR))), clip.size)


def _edges(count: int, length: int) -> list[tuple[int, int]]:
    edges = [length * part // count for part in range(count + 1)]
    return list(pairwise(edges))
