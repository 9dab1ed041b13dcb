"""Operations that slide a window: what do they answer where they see a patch?

From the place of a patch follows at which positions the window sees it, and from these what the
operation has to be given. That is cut out of the clip's tensor with the patch in it, padding and
all, and the operation itself does the rest.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from kinetoscope.units.patching.boxes import Window
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
    none, ones = [0] * len(windows), given["dilation"]
    settings = (given["weight"], given["bias"], given["stride"], none, ones, False, none)

    def compute(cut: Tensor) -> Tensor:
        return op.func(cut, *settings, given["groups"])

    return op.answer(lambda found: _slid(x, found, windows, compute, mixed=True))


def pool(op: Operation) -> Versions | tuple[Any, ...] | None:
    """Largest or mean value of a window."""
    given, x = op.given, op.only
    largest = op.name.startswith("max")
    if not largest and not _divides_alike(given):
        return None
    size, dilation = given["kernel_size"], given.get("dilation", [1])
    count = max(len(size), int(op.name[op.name.index("pool") + 4]))
    stride = given["stride"] or size
    windows = _windows(x, size, stride, given["padding"], dilation, count=count)
    more = (dilation,) if largest else (False, True, given.get("divisor_override"))

    def compute(cut: Tensor) -> Tensor:
        found = op.func(cut, size, stride, [0] * count, *(more if not largest else (*more, False)))
        return found[0] if largest else found

    around = -math.inf if largest else 0.0
    if not largest:
        return op.answer(lambda found: _slid(x, found, windows, compute))
    best = op.answers(lambda found: [_slid(x, found[0], windows, compute, around=around)])[0]
    return best, x.original.values.new_empty(0, dtype=torch.int64)  # of which element, nobody asks


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
    windows = {dim: Window(1, step, -first)}

    def compute(cut: Tensor) -> Tensor:
        return cut[(slice(None),) * dim + (slice(None, None, step),)]

    return op.answer(lambda found: _slid(x, found, windows, compute))


def padded(op: Operation) -> Versions | None:
    """Constants around."""
    x, lengths = op.only, op.given["pad"]
    if min(lengths) < 0 or len(lengths) // 2 >= x.ndim:
        return None

    def moved(found: Original) -> Patches | None:
        if x.patches is None:
            return None
        boxes = x.patches.boxes
        for number in range(len(lengths) // 2):
            dim, before = x.ndim - 1 - number, lengths[2 * number]
            boxes = boxes.slid(
                dim, lambda span, b=before: (span[0] + b, span[1] + b), found.shape[dim]
            )
        return Patches(boxes, x.patches.values)

    return op.answer(moved)


def _windows(x: Versions, size: Sequence[int], *settings: Sequence[int], count: int = 0) -> Windows:
    """One for each of the last dimensions; a setting given once holds for all."""
    count = max(count, len(size))
    wide = [list(each) * (count if len(each) == 1 else 1) for each in (size, *settings)]
    first = x.ndim - count
    return {first + number: Window(*each) for number, each in enumerate(zip(*wide, strict=True))}


def _slid(
    x: Versions,
    found: Original,
    windows: Windows,
    compute: Callable[[Tensor], Tensor],
    *,
    mixed: bool = False,
    around: float = 0.0,
) -> Patches | None:
    """Patches of the answer: where windows see those of x, computed from what they read there.

    Args:
        x: what the windows slide over.
        found: the answer for the clip as it is.
        windows: what slides, by dimension.
        compute: from what the windows read, without padding.
        mixed: whether the channels are mixed, so that all are read, and all differ.
        around: what is read outside of the tensor.
    """
    if x.patches is None:
        return None
    reached = x.patches.boxes
    if mixed:
        reached = reached.slid(1, lambda _: (0, found.shape[1]), found.shape[1])
    for dim, window in windows.items():
        reached = reached.slid(dim, window.sees, found.shape[dim])
    if reached.empty:
        return None
    spans = [
        windows[dim].reads(0, size) if dim in windows else (0, size)
        for dim, size in enumerate(reached.size)
    ]
    if mixed:
        spans[1] = (0, x.original.shape[1])
    corners = [_first_read(corner, windows) for corner in reached.corners]
    cut = x.window(corners, [high - low for low, high in spans], around)
    answer = compute(cut.flatten(0, 1))
    return Patches(reached, answer.unflatten(0, cut.shape[:2]))


def _first_read(corner: Sequence[int], windows: Windows) -> list[int]:
    return [windows[dim].reads(at, 1)[0] if dim in windows else at for dim, at in enumerate(corner)]
