"""Which operation was called, with what, and what came of it?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from kinetoscope.units.reach.trace import Reach, Trace


@dataclass(frozen=True, kw_only=True)
class Call:
    """One operation that was called.

    Args:
        func: the operation.
        args, kwargs: as it was called.
        given: the same, by name, with defaults.
        answers: the tensors of its answer.
        trace_of: what a tensor given depends on; None where it does not depend on the clip.
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    given: dict[str, Any]
    answers: list[Tensor]
    trace_of: Callable[[Tensor], Trace | None]

    @property
    def name(self) -> str:
        """The same for an operation and its twin in place: `add` for `add_`."""
        return self.func._schema.name.removeprefix("aten::").rstrip("_")

    @property
    def inputs(self) -> list[tuple[Tensor, Trace]]:
        """The tensors given that depend on the clip."""
        tensors = [tensor for value in self.given.values() for tensor in tensors_in(value)]
        found = [(tensor, self.trace_of(tensor)) for tensor in tensors]
        return [(tensor, trace) for tensor, trace in found if trace is not None]

    @property
    def only(self) -> tuple[Tensor, Trace]:
        """The first of the inputs, of operations that have one."""
        return self.inputs[0]


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in an argument or an answer."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, tuple | list):
        return [tensor for item in value for tensor in tensors_in(item)]
    return []


def enumerates(reach: Reach, tensor: Tensor, dim: int, axis: int) -> bool:
    """Whether going along this dimension of the tensor is going along this axis of the clip.

    Where a map has one place only, nothing shows it, and the order time, height, width is assumed.
    """
    if reach.varying:
        return dim in reach.varying
    if tensor.shape[dim] > 1:
        return False
    along = {3: (0,), 4: (1, 2), 5: (0, 1, 2)}.get(tensor.ndim, ())
    return tensor.ndim - dim <= len(along) and along[dim - tensor.ndim] == axis


def dims_of(dims: Any, ndim: int) -> list[int]:
    """Every dimension where none is given."""
    if dims is None or dims == []:
        return list(range(ndim))
    return [dim % ndim for dim in (dims if isinstance(dims, tuple | list) else [dims])]


def by_name(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an operation by name, with the defaults of those not given."""
    arguments = func._schema.arguments
    given = {each.name: each.default_value for each in arguments if each.has_default_value()}
    given |= {each.name: value for each, value in zip(arguments, args, strict=False)}
    return given | kwargs
