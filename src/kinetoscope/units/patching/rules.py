"""How does each operation answer to versions of a tensor, without looking at all of it?

A rule answers with versions again, or with None where the operation has to be carried out on the
versions as they are. Arithmetic is done on the patches alone; what joins all values along an axis,
on patches that are made as long as that axis.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from kinetoscope.units.patching import moving, sliding
from kinetoscope.units.patching.boxes import Boxes, joined
from kinetoscope.units.patching.operation import Operation
from kinetoscope.units.patching.originals import Original
from kinetoscope.units.patching.versions import Patches, Versions
from kinetoscope.units.reach.call import dims_of, tensors_in

Rule = Callable[[Operation], Any]


def rule_of(op: Operation) -> Rule | None:
    """The rule of an operation, if there is one."""
    if rule := _RULES.get(op.name):
        return rule
    if op.name.endswith("_like") and op.name.startswith(("zeros", "ones", "full")):
        return _constant
    if "keepdim" in op.given:
        return _reduced
    return _pointwise if torch.Tag.pointwise in op.func.tags else None


# Element by element


def _pointwise(op: Operation) -> Versions | None:
    inputs, plain = op.inputs, _plain(op)
    ndim = inputs[0].ndim
    if any(each.ndim != ndim for each in inputs) or any(each.ndim > ndim for each in plain):
        return None
    if inputs[0].count > 1 and any(each.ndim == ndim and len(each) > 1 for each in plain):
        return None
    return op.answer(lambda found: _elementwise(op, found))


def _elementwise(op: Operation, found: Original) -> Patches:
    changed = [each.patches.boxes for each in op.inputs if each.patches is not None]
    boxes = joined([each.spread(found.shape) for each in changed])
    args, kwargs = tree_map(lambda given: _part(given, boxes), (op.args, op.kwargs))
    return Patches(boxes, op.func(*args, **kwargs))


def _plain(op: Operation) -> list[Tensor]:
    """The tensors that it was given beside versions."""
    given = tensors_in([*op.args, *op.kwargs.values()])
    return [each for each in given if not isinstance(each, Versions)]


def _within(shape: tuple[int, ...], boxes: Boxes) -> Boxes:
    """The same boxes in a tensor that is repeated along some dimensions."""
    once = [dim for dim, length in enumerate(shape) if length != boxes.within[dim]]
    spans = [
        [(0, 1)] * len(boxes.corners) if dim in once else boxes.spans(dim)
        for dim in range(len(shape))
    ]
    return Boxes.around(spans, shape)


def _part(given: Any, boxes: Boxes) -> Any:
    """What of an argument meets the boxes."""
    if isinstance(given, Versions):
        return given.cut(_within(given.original.shape, boxes))
    return _part_of_weights(given, boxes) if isinstance(given, Tensor) else given


def _part_of_weights(weights: Tensor, boxes: Boxes) -> Tensor:
    """The same of weights, a version at a time where that differs."""
    first = len(boxes.within) - weights.ndim
    cut = [
        dim
        for dim in range(weights.ndim)
        if weights.shape[dim] > 1 and boxes.size[first + dim] != boxes.within[first + dim]
    ]
    if not cut:
        return weights
    parts = []
    for corner in boxes.corners:
        part = weights
        for dim in cut:
            part = part.narrow(dim, corner[first + dim], boxes.size[first + dim])
        parts.append(part)
    found = torch.stack(parts)
    return found.reshape(len(parts), *[1] * first, *found.shape[1:])


def _constant(op: Operation) -> Versions | None:
    """Zeros or ones, whatever the versions are."""
    x = op.only
    if op.func._overloadname != "default" or len(op.inputs) > 1:
        return None
    (found,), held = op.originals.after(op.func, x.original, *op.args[1:], **op.kwargs)
    return Versions(found, None, x.count, x.carry_out, held)


# Joined along dimensions


def _joined_along(op: Operation, dims: Iterable[int]) -> list[Versions] | None:
    """Carried out on patches that are as long as the tensor along these dimensions."""
    x = op.only
    wanted = {dim % x.ndim for dim in dims}
    if 0 in wanted or len(op.inputs) > 1:
        return None
    return op.answers(lambda found: _lines(op, wanted, found))


def _lines(
    op: Operation, joined_dims: set[int], found: tuple[Original, ...]
) -> list[Patches | None]:
    x = op.only
    if x.patches is None:
        return [None] * len(found)
    boxes = x.patches.boxes.whole_along(joined_dims)
    cut = x.cut(boxes)
    args, kwargs = _with(op, x, cut.flatten(0, 1))
    answers = [each.unflatten(0, cut.shape[:2]) for each in tensors_in(op.func(*args, **kwargs))]
    return [
        _in_place_of(boxes, joined_dims, answer, original)
        for answer, original in zip(answers, found, strict=True)
    ]


def _with(op: Operation, x: Versions, values: Tensor) -> tuple[Any, Any]:
    """What an operation was given, with values in place of versions."""
    return tree_map(lambda each: values if each is x else each, (op.args, op.kwargs))


def _in_place_of(
    boxes: Boxes, joined_dims: set[int], answer: Tensor, original: Original
) -> Patches:
    """Patches of an answer whose joined dimensions are whole, of another length, or gone."""
    ndim = len(boxes.within)
    kept = [dim for dim in range(ndim) if len(original.shape) == ndim or dim not in joined_dims]
    spans = [
        [(0, original.shape[at])] * len(boxes.corners) if dim in joined_dims else boxes.spans(dim)
        for at, dim in enumerate(kept)
    ]
    return Patches(Boxes.around(spans, original.shape), answer)


def _first(found: list[Versions] | None) -> Versions | None:
    return found[0] if found else None


def _reduced(op: Operation) -> Any:
    dims = dims_of(op.given.get("dim"), op.only.ndim)
    found = _joined_along(op, dims)
    return found if found is None or len(found) > 1 else found[0]


def _along(op: Operation) -> Any:
    """Softmax and the like: the shape stays."""
    return _first(_joined_along(op, [op.given["dim"]]))


def _matrix_product(op: Operation) -> Versions | None:
    """Rows with the columns of weights."""
    rows = op.given[{"addmm": "mat1", "mm": "self", "linear": "input"}[op.name]]
    if not isinstance(rows, Versions):
        return None
    return _first(_joined_along(op, [-1]))


def _batch_norm(op: Operation) -> Any:
    """Fixed statistics, as in eval mode."""
    if op.given.get("running_mean") is None or op.given.get("training", False):
        return None
    x = op.only
    found = op.answers(lambda answers: _normed(op, x, answers))
    return (found[0], *[x.original.like() for _ in found[1:]])  # statistics, which nobody asks for


def _normed(op: Operation, x: Versions, answers: tuple[Original, ...]) -> list[Patches | None]:
    if x.patches is None:
        return [None] * len(answers)
    boxes = x.patches.boxes.whole_along([1])
    cut = x.cut(boxes)
    args, kwargs = _with(op, x, cut.flatten(0, 1))
    answer = op.func(*args, **kwargs)[0]
    return [Patches(boxes, answer.unflatten(0, cut.shape[:2])), *[None] * (len(answers) - 1)]


def _layer_norm(op: Operation) -> Any:
    x = op.only
    found = _joined_along(op, range(x.ndim - len(op.given["normalized_shape"]), x.ndim))
    return found and tuple(found)


def _adaptive_pool(op: Operation) -> Any:
    x, size = op.only, op.given["output_size"]
    if tuple(x.shape[x.ndim - len(size) :]) == tuple(size):
        return moving.same(op)
    return _first(_joined_along(op, range(x.ndim - len(size), x.ndim)))


_RULES: dict[str, Rule] = {
    "convolution": sliding.convolution,
    "constant_pad_nd": sliding.padded,
    "slice": sliding.sliced,
    "select": moving.selected,
    "index_select": moving.picked,
    "cat": moving.concatenated,
    "expand": moving.expanded,
    "native_layer_norm": _layer_norm,
    **dict.fromkeys(("split", "split_with_sizes", "chunk", "unsafe_split"), moving.split),
    **dict.fromkeys(("clone", "detach", "alias", "lift_fresh"), moving.same),
    **dict.fromkeys(("permute", "transpose", "t"), moving.permuted),
    **dict.fromkeys(
        ("view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze", "unsqueeze"),
        moving.reshaped,
    ),
    **dict.fromkeys(("mm", "addmm", "linear"), _matrix_product),
    **dict.fromkeys(("_softmax", "_log_softmax", "cumsum"), _along),
    **dict.fromkeys(
        (
            "native_batch_norm",
            "_native_batch_norm_legit",
            "_native_batch_norm_legit_no_training",
            "cudnn_batch_norm",
            "miopen_batch_norm",
            "_batch_norm_no_update",
        ),
        _batch_norm,
    ),
    **dict.fromkeys(
        (
            *(f"max_pool{n}d_with_indices" for n in (1, 2, 3)),
            *(f"avg_pool{n}d" for n in (1, 2, 3)),
        ),
        sliding.pool,
    ),
    **dict.fromkeys(
        (
            *(f"_adaptive_avg_pool{n}d" for n in (2, 3)),
            *(f"adaptive_avg_pool{n}d" for n in (1, 2, 3)),
        ),
        _adaptive_pool,
    ),
}
