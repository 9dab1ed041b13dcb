"""How does each operation pass on what a tensor depends on?

Operations that only move elements move the reach; those that compute join the reaches of what they
read. An operation without a rule lets everything depend on all that it was given, and the trace is
marked as not exact.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from kinetoscope.units.reach.call import Call, dims_of, tensors_in
from kinetoscope.units.reach.moves import concatenated, moved_along, moved_view, reshaped
from kinetoscope.units.reach.trace import Reach, Trace, join
from kinetoscope.units.reach.windows import adaptive_pool, convolution, pad, pool

PICKS = ("index", "index_select", "gather")
"""Operations that pick elements by the values of another tensor."""


def traces_after(call: Call) -> list[Trace]:
    """What each tensor of the answer depends on."""
    if not call.inputs:
        return [Trace() for _ in call.answers]
    if _clip_decides(call):
        return everything(call)
    if rule := _rule_of(call):
        trace = rule(call).each(Reach.measured)
        return [trace for _ in call.answers]
    if call.func.is_view:
        return moved_view(call)
    return everything(call)


def everything(call: Call) -> list[Trace]:
    """All that the operation was given, for each tensor of its answer.

    Exact only where all elements that it was given depend on the same.
    """
    return [_everything(call, answer.ndim) for answer in call.answers]


def _rule_of(call: Call) -> Callable[[Call], Trace] | None:
    if rule := _RULES.get(call.name):
        return rule
    if call.name.endswith("_like") or call.name.startswith("new_"):
        return _nothing
    if "keepdim" in call.given:
        return _reduced
    packet = getattr(torch.ops.aten, call.name, None)
    overloads = [getattr(packet, name) for name in packet.overloads()] if packet else []
    if any(torch.Tag.pointwise in overload.tags for overload in overloads):
        return _joined
    return None


# Whatever an operation reads


def _nothing(call: Call) -> Trace:
    return Trace()


def _joined(call: Call) -> Trace:
    return join([trace for _, trace in call.inputs], call.answers[0].ndim)


def _clip_decides(call: Call) -> bool:
    """Whether the clip decides which elements are picked, as where clips choose weights."""
    picked_by = tensors_in(list(call.args[1:]))
    return call.name in PICKS and any(call.trace_of(each) is not None for each in picked_by)


def _everything(call: Call, ndim: int) -> Trace:
    joined = join([trace.flat(ndim) for _, trace in call.inputs], ndim)
    varying = any(reach.varying for _, trace in call.inputs for reach in trace.reaches.values())
    return replace(joined, exact=joined.exact and (ndim == 0 or not varying))


def _copied(call: Call) -> Trace:
    """`copy_`: what was there before does not matter."""
    trace = call.trace_of(call.given["src"])
    return join([trace], call.answers[0].ndim) if trace else Trace()


def _restrided(call: Call) -> Trace:
    """Another order in memory, as global pooling gives; anything else is not followed."""
    tensor, trace = call.only
    ndim = call.answers[0].ndim
    return trace if call.answers[0].shape == tensor.shape else _everything(call, ndim)


# Joined along dimensions


def _reduced(call: Call) -> Trace:
    tensor, trace = call.only
    dims = dims_of(call.given.get("dim"), tensor.ndim)
    reduced = trace.hull(dims)
    if call.given["keepdim"] or call.answers[0].ndim == tensor.ndim:
        return reduced
    keep = [dim for dim in range(tensor.ndim) if dim not in dims]
    return reduced.each(
        lambda reach: reach.both(lambda bound: bound.reshape([bound.shape[dim] for dim in keep]))
    )


def _along(call: Call) -> Trace:
    """Softmax and the like: the shape stays."""
    tensor, trace = call.only
    return trace.hull(dims_of(call.given["dim"], tensor.ndim))


def _layer_norm(call: Call) -> Trace:
    tensor, trace = call.only
    return trace.hull(range(tensor.ndim - len(call.given["normalized_shape"]), tensor.ndim))


def _group_norm(call: Call) -> Trace:
    tensor, trace = call.only
    return trace.hull(range(1, tensor.ndim))


def _batch_norm(call: Call) -> Trace:
    """Fixed statistics, as in eval mode; without them it is instance normalization."""
    tensor, trace = call.only
    if call.given.get("running_mean") is not None:
        return trace
    return trace.hull(dim for dim in range(tensor.ndim) if dim != 1)


def _matrix_product(call: Call) -> Trace:
    """Rows of one with columns of the other; `linear` takes the last axis of the input.

    Where both depend on the clip, a row is joined with all columns: what follows in attention and
    non-local blocks joins them anyway, and the table of all pairs is large.
    """
    ndim = call.answers[0].ndim
    left, right, added = _FACTORS[call.name]
    rows, columns = (call.trace_of(call.given[name]) for name in (left, right))
    if columns and call.name == "linear":  # weights that depend on the clip
        return _everything(call, ndim)
    parts = [rows.hull([-1])] if rows else []
    if columns:
        parts.append(columns.hull([-2, -1] if rows else [-2]))
    if added and (trace := call.trace_of(call.given[added])):
        parts.append(trace)
    return join(parts, ndim)


_FACTORS = {
    "mm": ("self", "mat2", None),
    "bmm": ("self", "mat2", None),
    "addmm": ("mat1", "mat2", "self"),
    "baddbmm": ("batch1", "batch2", "self"),
    "linear": ("input", "weight", None),
}


def _attention(call: Call) -> Trace:
    """Each query with all keys and values of its batch and head."""
    ndim = call.answers[0].ndim
    parts = [trace.hull([-1]) for _, trace in call.inputs[:1]]
    parts += [trace.hull([-2, -1]) for _, trace in call.inputs[1:]]
    return join(parts, ndim)


_RULES: dict[str, Callable[[Call], Trace]] = {
    "convolution": convolution,
    "as_strided": _restrided,
    "copy": _copied,
    **dict.fromkeys(("fill", "zero", "scalar_tensor"), _nothing),
    **dict.fromkeys(("_to_copy", "lift_fresh", "native_dropout", "bernoulli"), _joined),
    **dict.fromkeys(("view", "_unsafe_view", "_reshape_alias"), reshaped),
    **dict.fromkeys(("cat", "stack"), concatenated),
    **dict.fromkeys(("flip", "roll", "index_select", "index", "gather", "repeat"), moved_along),
    **dict.fromkeys(("mm", "bmm", "addmm", "baddbmm", "linear"), _matrix_product),
    **dict.fromkeys(("_softmax", "_log_softmax", "cumsum", "sort", "topk"), _along),
    **dict.fromkeys(
        (
            "native_batch_norm",
            "_native_batch_norm_legit",
            "_native_batch_norm_legit_no_training",
            "cudnn_batch_norm",
            "miopen_batch_norm",
            "_batch_norm_with_update",
            "_batch_norm_no_update",
        ),
        _batch_norm,
    ),
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    **dict.fromkeys(
        (
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_efficient_attention",
            "_scaled_dot_product_cudnn_attention",
            "_scaled_dot_product_fused_attention_overrideable",
        ),
        _attention,
    ),
    **dict.fromkeys(
        (
            *(f"max_pool{n}d_with_indices" for n in (1, 2, 3)),
            *(f"avg_pool{n}d" for n in (1, 2, 3)),
        ),
        pool,
    ),
    **dict.fromkeys(
        (
            *(f"_adaptive_avg_pool{n}d" for n in (2, 3)),
            *(f"adaptive_{kind}pool{n}d" for n in (1, 2, 3) for kind in ("avg", "max")),
        ),
        adaptive_pool,
    ),
    **dict.fromkeys(
        (
            "constant_pad_nd",
            *(f"{kind}pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)),
        ),
        pad,
    ),
}
