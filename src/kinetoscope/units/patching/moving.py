"""Operations that only move elements: where are the patches afterwards?"""

import itertools
import math
from collections.abc import Sequence

import torch

from kinetoscope.units.patching.boxes import Boxes, Span, joined
from kinetoscope.units.patching.operation import Operation, patched
from kinetoscope.units.patching.originals import Original
from kinetoscope.units.patching.versions import Patches, Versions


def same(op: Operation) -> Versions:
    """Copied, or seen anew: nothing changes."""
    x = op.only
    return Versions(x.original, x.patches, x.count, x.carry_out)


def permuted(op: Operation) -> Versions | None:
    """Axes in another order, the versions still outermost."""
    x = op.only
    order = list(range(x.ndim))
    if op.name == "permute":
        order = [dim % x.ndim for dim in op.given["dims"]]
    elif x.ndim > 1:
        one, other = (0, 1) if op.name == "t" else (op.given["dim0"], op.given["dim1"])
        order[one], order[other] = order[other], order[one]
    if order[0] != 0:
        return None

    return op.answer(lambda _: _permute(x, order))


def _permute(x: Versions, order: Sequence[int]) -> Patches | None:
    if x.patches is None:
        return None
    values = x.patches.values.permute(0, *[dim + 1 for dim in order])
    return Patches(x.patches.boxes.permuted(order), values)


def reshaped(op: Operation) -> Versions | None:
    """Axes melt together or come apart; elements keep their order, and versions are outermost."""
    x, shape = op.only, _shape_after(op)
    if shape is None or shape[0] % x.count:
        return None
    target = (shape[0] // x.count, *shape[1:])
    if op.name in ("squeeze", "unsqueeze") and target == x.original.shape:
        return None
    args = (x, list(target))

    view = Operation(
        func=torch.ops.aten.reshape.default,
        args=args,
        kwargs={},
        given=op.given,
        originals=op.originals,
    )
    return view.answer(lambda _: reshape(x, target))


def _shape_after(op: Operation) -> list[int] | None:
    shape = list(op.only.shape)
    if op.name == "unsqueeze":
        dim = op.given["dim"] % (len(shape) + 1)
        return [*shape[:dim], 1, *shape[dim:]] if dim else None
    if op.name == "squeeze":
        dims = op.given.get("dim", [])
        wanted = {
            each % len(shape) for each in (dims if isinstance(dims, list | tuple) else [dims])
        }
        if not wanted or 0 in wanted:
            return None
        return [length for dim, length in enumerate(shape) if dim not in wanted or length > 1]
    target = list(op.given["size"] if "size" in op.given else op.given["shape"])
    if -1 in target:
        target[target.index(-1)] = math.prod(shape) // -math.prod(target)
    return target


def reshape(x: Versions, target: Sequence[int]) -> Patches | None:
    """Patches in a tensor of another shape; made larger where they would not be boxes there."""
    if x.patches is None:
        return None
    boxes = x.patches.boxes
    groups = _melting(boxes.within, target)
    for old, new in groups:
        boxes = _made_fit(boxes, old, [target[dim] for dim in new])
    spans: list[list[Span]] = [[(0, 1)] * x.count for _ in target]
    for old, new in groups:
        _put_spans(spans, boxes, old, new, target)
    found = Boxes.around(spans, target)
    return patched(found, x.cut(boxes).reshape(x.count, *found.size))


Group = tuple[list[int], list[int]]


def _melting(old: Sequence[int], new: Sequence[int]) -> list[Group]:
    """Which dimensions become which, in smallest groups; those of length 1 are left out.

    >>> _melting((1, 6, 4, 5), (2, 3, 20))
    [([1], [0, 1]), ([2, 3], [2])]
    """
    left = [dim for dim, length in enumerate(old) if length > 1]
    right = [dim for dim, length in enumerate(new) if length > 1]
    groups: list[Group] = []
    while left or right:
        one, other = [left.pop(0)], [right.pop(0)]
        while (a := math.prod(old[d] for d in one)) != (b := math.prod(new[d] for d in other)):
            if a < b:
                one.append(left.pop(0))
            else:
                other.append(right.pop(0))
        groups.append((one, other))
    return groups


def _made_fit(boxes: Boxes, old: Sequence[int], lengths: Sequence[int]) -> Boxes:
    """Larger, so that they are boxes as well when dimensions melt together or come apart."""
    if len(lengths) > 1 and len(old) > 1:
        return boxes.whole_along(old)
    if len(lengths) > 1:
        inner = math.prod(lengths[1:])
        spans = [(a // inner * inner, -(-b // inner) * inner) for a, b in boxes.spans(old[0])]
        return boxes.slid(old[0], spans, boxes.within[old[0]])
    long = [number for number, dim in enumerate(old) if boxes.size[dim] > 1]
    return boxes.whole_along(old[long[0] + 1 :]) if long else boxes


def _put_spans(
    spans: list[list[Span]],
    boxes: Boxes,
    old: Sequence[int],
    new: Sequence[int],
    target: Sequence[int],
) -> None:
    """Where the boxes are along new dimensions, as numbers of elements in their order."""
    steps = [
        math.prod(boxes.within[dim] for dim in old[number + 1 :]) for number in range(len(old))
    ]
    length = math.prod(boxes.size[dim] for dim in old)
    inner = math.prod(target[dim] for dim in new[1:])
    for version, corner in enumerate(boxes.corners):
        first = sum(corner[dim] * step for dim, step in zip(old, steps, strict=True))
        spans[new[0]][version] = (first // inner, -(-(first + length) // inner))
        for dim in new[1:]:
            spans[dim][version] = (0, target[dim])


def expanded(op: Operation) -> Versions | None:
    """Lengths of 1 are repeated."""
    x, size = op.only, list(op.given["size"])
    if len(size) != x.ndim or size[0] not in (-1, x.shape[0]):
        return None
    target = [length if to == -1 else to for to, length in zip(size, x.original.shape, strict=True)]
    target[0] = x.original.shape[0]

    return op.answer(lambda found: _spread(x, found), args=(x, target))


def _spread(x: Versions, found: Original) -> Patches | None:
    if x.patches is None:
        return None
    boxes = x.patches.boxes.spread(found.shape)
    return Patches(boxes, x.patches.values.expand(x.count, *boxes.size))


def selected(op: Operation) -> Versions | None:
    """One place along an axis."""
    x, dim = op.only, op.given["dim"] % op.only.ndim
    if dim == 0:
        return None
    at = op.given["index"] % x.shape[dim]
    return op.answer(lambda found: _without(dim, _taken(x, dim, [at]), found))


def _without(dim: int, taken: Patches | None, found: Original) -> Patches | None:
    """Without a dimension along which there is one place."""
    if taken is None:
        return None
    spans = [taken.boxes.spans(each) for each in range(len(taken.boxes.size)) if each != dim]
    return Patches(Boxes.around(spans, found.shape), taken.values.squeeze(dim + 1))


def picked(op: Operation) -> Versions | None:
    """Places along an axis, by a list of them."""
    x, dim = op.only, op.given["dim"] % op.only.ndim
    if dim == 0 or isinstance(op.given["index"], Versions):
        return None
    places = op.given["index"].tolist()
    return op.answer(lambda _: _taken(x, dim, places))


def split(op: Operation) -> list[Versions] | None:
    """Pieces along an axis."""
    x, dim = op.only, op.given["dim"] % op.only.ndim
    if dim == 0:
        return None
    return op.answers(lambda found: _pieces(x, dim, [each.shape[dim] for each in found]))


def _pieces(x: Versions, dim: int, lengths: Sequence[int]) -> list[Patches | None]:
    firsts = itertools.accumulate(lengths, initial=0)
    return [
        _taken(x, dim, range(first, first + length))
        for first, length in zip(firsts, lengths, strict=False)
    ]


def _taken(x: Versions, dim: int, places: Sequence[int]) -> Patches | None:
    """What differs at places along a dimension."""
    if x.patches is None:
        return None

    hits = [_hit(span, places) for span in x.patches.boxes.spans(dim)]
    boxes = x.patches.boxes.slid(dim, hits, len(places))
    if boxes.empty:
        return None
    whole = x.cut(x.patches.boxes.whole_along([dim]))
    at = whole.movedim(dim + 1, 1)
    rows = [
        at[version, list(places[low:high])] for version, (low, high) in enumerate(boxes.spans(dim))
    ]
    return Patches(boxes, torch.stack(rows).movedim(1, dim + 1))


def _hit(span: Span, places: Sequence[int]) -> Span:
    """From the first to the last of the places that are in a span."""
    among = [number for number, at in enumerate(places) if span[0] <= at < span[1]]
    return (among[0], among[-1] + 1) if among else (0, 0)


def concatenated(op: Operation) -> Versions | None:
    """One after the other along an axis; unchanged parts too."""
    tensors = op.given["tensors"]
    if not all(isinstance(each, Versions) for each in tensors):
        return None
    dim = op.given["dim"] % tensors[0].ndim
    if dim == 0 or len({each.ndim for each in tensors}) > 1:
        return None
    return op.answer(lambda found: _cat(tensors, dim, found))


def _cat(tensors: Sequence[Versions], dim: int, found: Original) -> Patches:
    """Of all tensors what lies in boxes around the patches of each."""
    length = found.shape[dim]
    whole = [(0, length)] * tensors[0].count
    changed = [
        each.patches.boxes.slid(dim, whole, length) for each in tensors if each.patches is not None
    ]
    boxes, cuts = joined(changed), []
    for each in tensors:
        own = each.original.shape[dim]
        cuts.append(each.cut(boxes.slid(dim, [(0, own)] * each.count, own)))
    return Patches(boxes, torch.cat(cuts, dim + 1))
