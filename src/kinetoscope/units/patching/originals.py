"""What did an operation answer to the clip as it is?

Answers are computed when an operation is first met, and found again by the operation and what it
was given. Of each, only its shape stays; its values stay where parts of them were asked for, which
are then those that later versions ask for as well.
"""

import weakref
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from kinetoscope.units.reach.call import tensors_in


class NotConstantError(Exception):
    """An operation was given a tensor that may differ from version to version."""


class Original:
    """One tensor of the unchanged clip's pass.

    Args:
        values: of it.
        again: computes it once more, where its values were not kept; without it they are kept.
    """

    def __init__(self, values: Tensor, again: Callable[[], Tensor] | None):
        self.shape = tuple(values.shape)
        self.dtype, self.device = values.dtype, values.device
        self._again = again or (lambda: values)
        self._kept = None if again else values
        self._seen = weakref.ref(values)

    def __repr__(self):
        return f"Original{self.shape}"

    @property
    def values(self) -> Tensor:
        """Of the tensor; computed again if nobody kept them."""
        found = self._kept if self._kept is not None else self._seen()
        return self.keep() if found is None else found

    def like(self, dtype: torch.dtype | None = None) -> Tensor:
        """An empty tensor where this one is, for what an operation answers beside."""
        return torch.empty(0, dtype=dtype or self.dtype, device=self.device)

    @property
    def kept_bytes(self) -> int:
        """What is held to have its values at hand."""
        return 0 if self._kept is None else self._kept.numel() * self._kept.element_size()

    def keep(self) -> Tensor:
        """Its values, from now on at hand."""
        found = self._kept if self._kept is not None else self._seen()
        self._kept = self._again() if found is None else found
        return self._kept


class _Constant:
    """A tensor that is the same for all versions, told apart by its key."""

    def __init__(self, key: Hashable, tensor: Tensor):
        self.key, self.tensor = key, tensor


_FEW = 4096
"""A table of indices up to this length is known by its contents."""


class Originals:
    """All that was answered to one clip.

    Args:
        weights: tensors that are the same for all versions; None takes every tensor for one.
    """

    def __init__(self, weights: Iterable[Tensor] | None):
        self._weights = None if weights is None else list(weights)  # held, so that none is reused
        self._storages = {each.untyped_storage().data_ptr() for each in self._weights or ()}
        self._known: dict[Hashable, tuple[Original, ...]] = {}
        self._alive: list[Tensor] = []

    def of(self, stream: Tensor) -> Original:
        """A stream of the clip itself."""
        return Original(stream, None)

    @property
    def kept_bytes(self) -> int:
        """What is held to have values at hand, but for the clip; views count as if apart."""
        return sum(each.kept_bytes for answers in self._known.values() for each in answers)

    def after(self, func: Any, *args: Any, **kwargs: Any) -> tuple[tuple[Original, ...], Any]:
        """What an operation answers, given originals, weights and plain values.

        Returns:
            The tensors of its answer, and what has to be held for their values to stay in memory.

        Raises:
            NotConstantError: a tensor among what it is given is none of the weights.
        """
        given = tree_map(self._told, (args, kwargs))
        leaves, structure = tree_flatten(given)
        key = (func, structure, *map(_key, leaves))
        if (known := self._known.get(key)) is not None:
            return known, None

        answers = _carried_out(func, given)
        found = tuple(
            Original(answer, lambda number=number: _carried_out(func, given)[number])
            for number, answer in enumerate(answers)
        )
        self._known[key] = found
        return found, answers

    def _told(self, given: Any) -> Any:
        if not isinstance(given, Tensor):
            return given
        if self._weights is None:
            self._alive.append(given)
            return _Constant(id(given), given)
        place = (given.storage_offset(), tuple(given.shape), given.stride(), given.dtype)
        if (pointer := given.untyped_storage().data_ptr()) in self._storages:
            return _Constant((pointer, *place), given)
        if given.ndim == 0 or (not given.is_floating_point() and given.numel() <= _FEW):
            content = tuple(given.flatten().tolist())
            return _Constant((content, tuple(given.shape), given.dtype), given)
        raise NotConstantError


def _carried_out(func: Any, given: Any) -> list[Tensor]:
    args, kwargs = tree_map(_values, given)
    return tensors_in(func(*args, **kwargs))


def _values(given: Any) -> Any:
    if isinstance(given, Original):
        return given.values
    return given.tensor if isinstance(given, _Constant) else given


def _key(given: Any) -> Hashable:
    if isinstance(given, Original):
        return ("original", id(given))
    return given.key if isinstance(given, _Constant) else (type(given), given)
