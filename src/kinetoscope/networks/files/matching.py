"""Which tensors of a checkpoint are those of a network?

By name, and by shape: shapes fit where they are the same but for axes of length one, or where a
fully connected layer sees what a convolution sees. Everything is accounted for once, and what is
not the network's, or not there, is said and never left out quietly.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinetoscope.networks.files.checkpoints import unwrapped

COUNTER = "num_batches_tracked"
"""Batch norm's count of batches: older checkpoints lack it, and no answer depends on it."""

NORM_EPSILON = 1e-5
"""What a batch norm adds to the variance: with one less that, it divides by one."""

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Match:
    """What of a checkpoint fits a network, tensor by tensor.

    Args:
        loaded: names found in both, of one shape or of one content (see `fit`).
        missing: names the network has and the checkpoint does not.
        unexpected: names the checkpoint has and the network does not.
        misfits: name, shape in the checkpoint, shape in the network.
        left: names left as they were because that was asked for.
        reshaped: of those loaded, name, shape in the checkpoint, shape in the network.
        filled: names that the checkpoint's library leaves out, set to what changes nothing.
        notes: what else was done, or is to be known.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misfits: tuple[tuple[str, Shape, Shape], ...] = ()
    left: tuple[str, ...] = ()
    reshaped: tuple[tuple[str, Shape, Shape], ...] = ()
    filled: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, left over or of another shape."""
        return not (self.missing or self.unexpected or self.misfits)

    def __str__(self):
        """How many tensors matched, and some of those that did not.

        >>> print(Match(loaded=("a", "b"), missing=("c",), misfits=(("d", (2,), (3,)),)))
        2 of 4 tensors; missing: c; of another shape: d (2,) for (3,)
        """
        wanted = len(self.loaded) + len(self.missing) + len(self.misfits) + len(self.filled)
        lists = {
            "missing": self.missing,
            "not in the network": self.unexpected,
            "of another shape": _shapes(self.misfits),
            "left as they were": self.left,
            "set to what changes nothing": self.filled,
        }
        parts = [f"{what}: {some(names)}" for what, names in lists.items() if names]
        return "; ".join([f"{len(self.loaded)} of {wanted} tensors", *parts])

    def report(self) -> str:
        """All that is to be said of it, a line each."""
        lines = str(self).split("; ")
        if self.reshaped:
            lines.append(f"reshaped: {len(self.reshaped)}, as {some(_shapes(self.reshaped), 1)}")
        return "\n".join([*lines, *self.notes])


def fit(
    found: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    *,
    without: Sequence[str] = (),
    neutral: Sequence[str] = (),
) -> tuple[dict[str, Tensor], Match]:
    """Match the tensors of a checkpoint with those of a model, by name and shape.

    A prefix that a wrapper put before every name is taken off where more names match without it.
    The weights of a fully connected layer fit a convolution that sees the same inputs, and those of
    a convolution in the plane fit one of a single frame: their numbers lie in the same order.

    Args:
        found: the checkpoint's tensors.
        wanted: the model's own, for their names, shapes and types.
        without: layers left as they are.
        neutral: patterns of names that may be missing, and are then set to what changes nothing.

    Returns:
        the tensors that fit, in the model's shapes and types, and what matched.
    """
    left = tuple(name for name in wanted if _within(name, without))
    wanted = {name: tensor for name, tensor in wanted.items() if name not in left}
    found = max(unwrapped(found), key=lambda renamed: len(wanted.keys() & renamed.keys()))
    both = {name: (found[name].shape, wanted[name].shape) for name in wanted if name in found}
    fits = [name for name, shapes in both.items() if _same_content(*shapes)]
    missing = _told(name for name in wanted if name not in found)
    filled = [name for name in missing if any(re.search(each, name) for each in neutral)]
    match = Match(
        loaded=_told(fits),
        missing=tuple(name for name in missing if name not in filled),
        unexpected=_told(name for name in found if name not in wanted and name not in left),
        misfits=_pairs({name: shapes for name, shapes in both.items() if name not in fits}),
        left=_told(left),
        reshaped=_pairs({name: both[name] for name in fits if both[name][0] != both[name][1]}),
        filled=tuple(filled),
    )
    fitted = {name: found[name].reshape(wanted[name].shape) for name in fits}
    fitted |= {name: _neutral(name, wanted[name]) for name in filled}
    return {name: tensor.to(wanted[name].dtype) for name, tensor in fitted.items()}, match


def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of tensors that have a number that is none, or is infinite."""
    return [
        name
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())
    ]


def some(names: Sequence[str], count: int = 4) -> str:
    """The first of many names, and how many more there are.

    >>> some(["a", "b", "c"], 2)
    'a, b, and 1 more'
    """
    rest = f", and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + rest


def _told(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if not name.endswith(COUNTER))


def _pairs(shapes: Mapping[str, tuple[Shape, Shape]]) -> tuple[tuple[str, Shape, Shape], ...]:
    return tuple(
        (name, tuple(theirs), tuple(ours))
        for name, (theirs, ours) in shapes.items()
        if not name.endswith(COUNTER)
    )


def _shapes(pairs: Iterable[tuple[str, Shape, Shape]]) -> list[str]:
    return [f"{name} {found} for {wanted}" for name, found, wanted in pairs]


def _neutral(name: str, like: Tensor) -> Tensor:
    """A bias of zero; a mean of zero and a variance with which a batch norm divides by one."""
    value = 1 - NORM_EPSILON if name.endswith("running_var") else 0.0
    return torch.full(like.shape, value, dtype=like.dtype, device="cpu")


def _same_content(found: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether the numbers of one shape lie in the same order as those of the other.

    >>> _same_content((4096, 8192), (4096, 512, 1, 4, 4)), _same_content((8, 3, 9), (8, 27))
    (True, False)
    >>> _same_content((64, 3, 7, 7), (64, 3, 1, 7, 7)), _same_content((1, 64), (64,))
    (True, True)
    """
    if [n for n in found if n > 1] == [n for n in wanted if n > 1]:
        return math.prod(found) == math.prod(wanted)
    flat = len(found) == 2 and len(wanted) == 5 and math.prod(wanted[1:]) == found[1]
    return flat and found[0] == wanted[0]


def _within(name: str, layers: Sequence[str]) -> bool:
    return any(name.startswith(f"{layer}.") for layer in layers)
