"""How is a network run again and again where only its upper part differs, without the lower part?

Within the block, each large part of the model beside the given layer remembers what it was given
first and what it answered. Given the same once more, it answers from memory; given anything else,
it computes. So whatever comes before the layer is computed once for a batch of clips, and likewise
a stream beside it, which need not be told what the model looks like inside: the parts are the
children of all modules around the layer. The answers are the same to the last bit.

What was changed in place after it was remembered is computed again, which costs time and nothing
else. A part must depend on what it is given alone, as it does in eval mode.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kinetoscope.networks.network import Network
from kinetoscope.units.axes import habits_of


@dataclass
class Memory:
    """How often the parts answered.

    Args:
        computed: by computing.
        recalled: from memory.
    """

    computed: int = 0
    recalled: int = 0


@contextmanager
def remembered(network: Network, layer: str) -> Iterator[Memory]:
    """Within the block, parts of the model answer from memory what they were asked before.

    Run it under `torch.no_grad`, and one batch of clips a block: only the first is remembered.

    Args:
        network: in eval mode.
        layer: whose answer is going to be changed; it and all modules around it are run each time.

    Raises:
        UnknownNameError: the layer is not there.
    """
    habits_of(network)  # a rehearsal runs the model on other clips
    memory = Memory()
    parts = [part for part in _parts_beside(network, layer) if _can_be_replaced(part)]
    try:
        for part in parts:
            part.forward = _remembering(part.forward, memory)
        yield memory
    finally:
        for part in parts:
            part.__dict__.pop("forward", None)


def _parts_beside(network: Network, layer: str) -> list[nn.Module]:
    """The largest parts of the model that do not hold a layer; the layer itself is one of them.

    It may answer from memory as well: its units are removed from what it answers.
    """
    called = habits_of(network).counts
    wanted = network.layer(layer)
    parts: dict[nn.Module, None] = {}

    def gather(name: str, module: nn.Module) -> None:
        children = [*module.named_children()]
        whole = not _holds(module, wanted) and (name in called or not called or not children)
        if whole and not isinstance(module, nn.ModuleList | nn.ModuleDict):
            parts[module] = None
            return
        for own, child in children:  # of a tower whose parts are called one by one, those parts
            gather(f"{name}.{own}" if name else own, child)

    gather("", network.model)
    return [*parts]


def _holds(module: nn.Module, wanted: nn.Module) -> bool:
    return module is not wanted and any(each is wanted for each in module.modules())


def _can_be_replaced(module: nn.Module) -> bool:
    """Compiled modules have no forward of their own; one that was replaced already stays so."""
    return not isinstance(module, torch.jit.ScriptModule) and "forward" not in module.__dict__


@dataclass(frozen=True)
class _Record:
    """What a part was given and what it answered, and in which state of its tensors."""

    given: Any
    answer: Any
    versions: tuple[tuple[Tensor, int], ...]

    def fits(self, given: Any) -> bool:
        """Whether the answer is still what it was, and belongs to this."""
        unchanged = all(tensor._version == version for tensor, version in self.versions)
        return unchanged and _same(self.given, given)


def _remembering(forward: Callable[..., Any], memory: Memory) -> Callable[..., Any]:
    first: _Record | None = None

    def answer(*arguments: Any, **named: Any) -> Any:
        nonlocal first
        given = (arguments, named)
        if first is not None and first.fits(given):
            memory.recalled += 1
            return first.answer
        memory.computed += 1
        before = _versions(given)  # some modules work in place, and change what they are given
        found = forward(*arguments, **named)
        if first is None:
            first = _Record(given, found, (*before, *_versions(found)))
        return found

    return answer


def _versions(value: Any) -> tuple[tuple[Tensor, int], ...]:
    if isinstance(value, Tensor):
        return ((value, value._version),)
    parts = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | tuple | list):
        return ()
    return tuple(each for part in parts for each in _versions(part))


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, int | float | bool | str) and one == other
