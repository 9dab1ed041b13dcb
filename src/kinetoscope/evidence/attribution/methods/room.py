"""How many versions of a clip may go through a network at once?

As many as fit in the memory that a question allows beside the weights. What one version takes is
found by a pass of it in which every tensor is counted from when it is made to when it is let go:
the most that lives at one time, with the answers that are kept for the way back where gradients are
asked for. The pass is a rehearsal without values, which takes milliseconds and no memory; models
that look at values are run on the clip itself. It is remembered for each network.

What a library takes within one operation is out of sight. Convolutions lay out anew what they are
given and what they answer, and so count twice while they run.
"""

import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network, frozen
from kinetoscope.units.axes import habits_of
from kinetoscope.units.reading import read_normalized
from kinetoscope.units.rehearsal import without_values

_OWN_CLIPS = 4
"""Of the clip's size, for what a method holds once: the clip, what stands in for it, a sum."""

_BESIDE = 1.15
"""What was measured to be held, to what is counted, at most; allocators leave holes."""

_SHARE = 0.25
"""Of the memory that is free, where no bound is given."""

_ENOUGH = 2**30
"""On a processor, where no bound is given [bytes]: larger batches are no faster there."""

_remembered: weakref.WeakKeyDictionary[nn.Module, dict[tuple[object, ...], int]] = (
    weakref.WeakKeyDictionary()
)


def versions_at_once(
    question: Question, *, gradients: bool, most: int = 32, beside: int = 0
) -> int:
    """How many versions of a clip may be run together.

    Args:
        question: whose `memory` is not exceeded; if it is None, a quarter of what is free, and on a
            processor no more than a gigabyte, where larger batches are no faster.
        gradients: whether the way back to the clip is needed as well.
        most: more are of no use.
        beside: what the method holds meanwhile [bytes].

    Raises:
        ClipError: not even one fits in the memory that is given.
    """
    one = version_bytes(question, gradients=gradients)
    own = beside + _OWN_CLIPS * _size(question.streams.values())
    if question.memory is None:
        return max(1, min(most, (_room(question.network.device) - own) // one))
    if question.memory < own + one:
        raise ClipError(
            f"one clip of {question.network.name} does not fit in this memory",
            got=f"{question.memory / 2**20:.1f} MiB beside the weights",
            expected=f"{(own + one) / 2**20:.1f} MiB or more",
            hint="allow more, or ask about a layer nearer to the clip",
        )
    return min(most, (question.memory - own) // one)


def batches(count: int, at_once: int) -> Iterator[slice]:
    """Which of so many versions are run together, one batch after the other.

    They are about as large as each other, so that no small rest is run by itself: convolutions of
    a single clip are slow.
    """
    number = -(-count // at_once)
    for batch in range(number):
        yield slice(batch * count // number, (batch + 1) * count // number)


def version_bytes(question: Question, *, gradients: bool) -> int:
    """What one version of a clip takes while it is run [bytes]; measured once for each network."""
    network, layers = question.network, question.objective.layers
    shapes = tuple(tuple(x.shape) for x in question.streams.values())
    known = _remembered.setdefault(network.model, {})
    key = (layers, shapes, gradients, next(iter(question.streams.values())).dtype)
    if key not in known:
        try:
            known[key] = _counted(question, gradients=gradients, values=False)
        except Exception:  # whatever a user's model raises where there are no values
            known[key] = _counted(question, gradients=gradients, values=True)
    return known[key]


def _room(device: torch.device) -> int:
    """What may be taken where nobody says how much [bytes]."""
    if device.type == "cuda":
        return int(_SHARE * torch.cuda.mem_get_info(device)[0])
    about = Path("/proc/meminfo")
    if not about.exists():
        return _ENOUGH
    line = next(each for each in about.read_text().splitlines() if each.startswith("MemAvailable"))
    return min(_ENOUGH, int(_SHARE * 1024 * int(line.split()[1])))


def _counted(question: Question, *, gradients: bool, values: bool) -> int:
    """The most that lives at one time in a pass of one version [bytes]."""
    network, streams = question.network, question.streams
    habits_of(network)  # rehearsed by itself, before this pass
    shape_only: AbstractContextManager[object] = nullcontext() if values else without_values()
    with frozen(network), _keeping_buffers(network), shape_only:
        with torch.set_grad_enabled(gradients), _Living() as living:
            inputs: dict[Stream, Tensor] = {
                name: (
                    x.clone() if values else torch.zeros(x.shape, dtype=x.dtype, device=x.device)
                )
                for name, x in streams.items()
            }
            for x in inputs.values():
                x.requires_grad_(gradients)
            batch = ClipBatch(**{name: x.clone() for name, x in inputs.items()})
            answers = read_normalized(network, batch, question.objective.layers)
            total = torch.stack([answer.sum() for answer in answers.values()]).sum()
            if total.requires_grad:
                torch.autograd.grad(total, list(inputs.values()), allow_unused=True)
        return int(_BESIDE * living.most)


@contextmanager
def _keeping_buffers(network: Network) -> Iterator[None]:
    """Put back what a model replaces in a pass, as it may be without values."""
    kept = [(module, dict(module._buffers)) for module in network.modules()]
    try:
        yield
    finally:
        for module, buffers in kept:
            module._buffers.clear()
            module._buffers.update(buffers)


_LAID_OUT_ANEW = {torch.ops.aten.convolution, torch.ops.aten.convolution_backward}


class _Living(TorchDispatchMode):
    """Counts the bytes of tensors that are made within it, from when they are made to their end."""

    def __init__(self):
        super().__init__()
        self.most = self._now = 0
        self._storages: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        for tensor in _tensors((args, kwargs)):  # what was not made here, such as weights
            self._meet(tensor.untyped_storage(), 0)
        found = func(*args, **(kwargs or {}))
        shares = any(each.alias_info is not None for each in func._schema.returns)
        for tensor in _tensors(found):
            storage = tensor.untyped_storage()
            self._meet(storage, 0 if shares else storage.nbytes())
        anew = _tensors((args, found)) if func.overloadpacket in _LAID_OUT_ANEW else []
        self.most = max(self.most, self._now + _size(anew))
        return found

    def _meet(self, storage: torch.UntypedStorage, size: int) -> None:
        key = id(storage)
        if key in self._storages:
            return

        def end(reference: object) -> None:
            self._now -= size
            self._storages.pop(key, None)

        self._storages[key] = weakref.ref(storage, end)
        self._now += size


def _tensors(parts: object) -> list[Tensor]:
    return [each for each in tree_leaves(parts) if isinstance(each, Tensor)]


def _size(tensors: Iterable[Tensor]) -> int:
    return sum(x.numel() * x.element_size() for x in tensors)
