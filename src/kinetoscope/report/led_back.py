"""What is shown of a unit's answers that were led back to the pixels: as in ZFNet, in threes.

The best clips of a unit, each cut to what the unit sees of it where it is excited most, lie beside
one another in one picture, three in a row; what was led back lies in another, in the same order. So
that what is alike comes to lie alike, a cut that the edge of the clip has made smaller is moved to
that side of its cell.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
figure 2, whose projections are each drawn at a scale of their own, as here.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from kinetoscope.evidence.examples.kept import kept_clip
from kinetoscope.evidence.examples.views import View, kept_views
from kinetoscope.report.pictures import enlarged, flow_picture, frames_picture
from kinetoscope.report.shelf import Shelf
from kinetoscope.tensors import Size
from kinetoscope.units.receptive import Box

Cut = UInt8[Tensor, "_time _height _width 3"]

_COLUMNS = 3
_LEAST_SIDE = 56  # of a cell [pixels]
_QUALITY = 60  # of what is mostly noise
_GAP = 2  # between cells [pixels]
_NEARLY_ALL = 0.995  # of a view's values are drawn without clipping
_STILL, _GREY, _PAPER = 255, 128, 255


def led_back(
    unit: Mapping[str, Any],
    clips: Mapping[int, Path],
    folder: Path,
    full_colour: float | None,
    shelf: Shelf,
) -> dict[str, Any] | None:
    """The pictures of one unit; None where nothing was led back.

    Args:
        unit: what the evidence of a retrieval tells of it.
        clips: where the clips are kept, by the numbers that the evidence has for them.
        folder: of the evidence.
        full_colour: of the clips' motion [pixels per frame].
        shelf: where pictures are kept.

    Returns:
        `count` of the clips; under `clips` and under each rule, the strips by stream.
    """
    if unit.get("views") is None:
        return None
    kept = kept_views(folder / unit["views"])
    named = [name.split() for name in kept]  # rule, number of the clip, stream
    numbers = sorted({int(number) for _, number, _ in named})
    numbers = [number for number in numbers if unit["top"][number]["clip"] in clips]
    if not numbers:
        return None
    hits = [unit["top"][number] for number in numbers]
    boxes = [_box(*hit["box"]) for hit in hits]
    pictures = {
        f"{rule} {stream}": [
            _DRAWN[stream](kept[f"{rule} {number} {stream}"]) for number in numbers
        ]
        for rule, _, stream in named
    }
    arrays = [kept_clip(clips[hit["clip"]]) for hit in hits]
    for stream in {stream for _, _, stream in named}:
        pictures[f"clips {stream}"] = _cuts(arrays, boxes, stream, full_colour)
    told: dict[str, Any] = {"count": len(numbers)}
    for name, cuts in sorted(pictures.items()):
        part, stream = name.split()
        strip = _strip(cuts, boxes, _STILL if stream == "flow" else _GREY)
        file = f"back-{unit['layer']}-{unit['channel']}.{part}.{stream}"
        told.setdefault(part, {})[stream] = shelf.strip(file, strip, quality=_QUALITY)
    return told


def _box(time: Sequence[int], rows: Sequence[int], columns: Sequence[int]) -> Box:
    """As it was, before it was written down."""
    return (time[0], time[1]), (rows[0], rows[1]), (columns[0], columns[1])


def _cuts(
    clips: Sequence[Mapping[str, Tensor]],
    boxes: Sequence[Box],
    stream: str,
    full_colour: float | None,
) -> list[Cut]:
    """The clips, cut to what is seen of each."""
    cuts = []
    for arrays, box in zip(clips, boxes, strict=True):
        time, rows, columns = (slice(start, stop) for start, stop in box)
        if stream == "flow":
            flow = arrays["flow"][:, time, rows, columns].float()
            cuts.append(flow_picture(flow, full_colour or 1.0))
        else:
            cuts.append(arrays["frames"][time, rows, columns])
    return cuts


def _view_of_frames(view: View) -> Cut:
    """Around grey, at a scale of its own."""
    return frames_picture(view / (2 * _limit(view.abs())) + 0.5)


def _view_of_flow(view: View) -> Cut:
    """By the colour wheel: the motion that would excite the unit more."""
    return flow_picture(view, _limit(torch.hypot(*view)))


_DRAWN = {"frames": _view_of_frames, "flow": _view_of_flow}


def _limit(sizes: Tensor) -> float:
    flat = sizes.flatten().numpy()
    rank = math.ceil(_NEARLY_ALL * len(flat)) - 1
    return float(np.partition(flat, rank)[rank]) or float(flat.max()) or 1.0


def _largest(boxes: Sequence[Box]) -> Size:
    time, height, width = (
        max(1, *(box[axis][1] - box[axis][0] for box in boxes)) for axis in range(3)
    )
    return time, height, width


def _strip(cuts: Sequence[Cut], boxes: Sequence[Box], empty: int) -> Cut:
    """All cuts in threes, frame by frame."""
    cell = _largest(boxes)
    cells = [_in_cell(cut, box, cell, empty) for cut, box in zip(cuts, boxes, strict=True)]
    shown = [enlarged(each, _LEAST_SIDE) for each in cells]
    time, height, width, _ = shown[0].shape
    rows, columns = math.ceil(len(shown) / _COLUMNS), min(_COLUMNS, len(shown))
    extent = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP)
    whole = torch.full((time, *extent, 3), _PAPER, dtype=torch.uint8)
    for number, each in enumerate(shown):
        row, column = divmod(number, _COLUMNS)
        top, left = row * (height + _GAP), column * (width + _GAP)
        whole[:, top : top + height, left : left + width] = each
    return whole


def _in_cell(cut: Cut, box: Box, cell: Size, empty: int) -> Cut:
    """A cut that begins at the clip's first edge ends with its cell; any other begins with it."""
    whole = torch.full((*cell, 3), empty, dtype=torch.uint8)
    places = []
    for (start, _), length, room in zip(box, cut.shape[:3], cell, strict=True):
        first = room - length if start == 0 else 0
        places.append(slice(first, first + length))
    whole[tuple(places)] = cut
    return whole
