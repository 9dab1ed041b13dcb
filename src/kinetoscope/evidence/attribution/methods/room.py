"""How many versions of a clip may go through a network at once?

As many as fit in the memory that a question allows beside the weights. What one version takes is
found by a pass of it in which every tensor is counted from when it is made to when it is let go:
the most that lives at one time, with the answers that are kept for the way back where gradients are
asked for. The pass is a rehearsal without values, which takes milliseconds and no memory; models
that look at values are run on the clip itself. It is remembered for each network.

What a library takes within one operation, such as a convolution that lays out its input anew, is
out of sight. `_BESIDE` stands for it.
"""

import weakref
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
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
from kinetoscope.networks.network import frozen
from kinetoscope.units.axes import habits_of
from kinetoscope.units.reading import read_normalized
from kinetoscope.units.rehearsal import without_values

_BESIDE = 1.25
"""What is held, to what is counted; the most that was measured is in the benchmark."""

_OWN_CLIPS = 4
"""Of the clip's size, for what a method holds once: the clip, what stands in for it, a sum."""

_SHARE = 0.25
"""Of the memory that is free, where no bound is given."""

_UNKNOWN = 4 * 2**30
"""For free memory, on systems that do not tell [bytes]."""

_remembered: weakref.WeakKeyDictionary[nn.Module, dict[tuple[object, ...], int]] = (
    weakref.WeakKeyDictionary()
)


def versions_at_once(question: Question, *, gradients: bool, most: int = 32) -> int:
    """How many versions of a clip may be run together.

    Args:
        question: whose `memory` is not exceeded; a quarter of what is free, if it is None.
        gradients: whether the way back to the clip is needed as well.
        most: more are of no use.

    Raises:
        ClipError: not even one fits in the memory that is given.
    """
    one = version_bytes(question, gradients=gradients)
    own = _OWN_CLIPS * _size(question.streams.values())
    if question.memory is None:
        room = int(_SHARE * free_bytes(question.network.device)) - own
        return max(1, min(most, room // one))
    if question.memory < own + one:
        raise ClipError(
            f"one clip of {question.network.name} does not fit in this memory",
            got=f"{question.memory / 2**20:.1f} MiB beside the weights",
            expected=f"{(own + one) / 2**20:.1f} MiB or more",
            hint="allow more, or ask about a layer nearer to the clip",
        )
    return min(most, (question.memory - own) // one)


def version_bytes(question: Question, *, gradients: bool) -> int:
    """What one version of a clip takes while it is run [bytes]; measured once for each network."""
    network, layers = question.network, question.objective.layers
    shapes = tuple(tuple(x.shape) for x in question.streams.values())
    known = _remembered.setdefault(network.model, {})
    key = (layers, shapes, gradients, next(iter(question.streams.values())).dtype)
    if key not in known:
        try:
            counted = _counted(question, gradients=gradients, values=False)
        except Exception:  # whatever a user's model raises where there are no values
            counted = _counted(question, gradients=gradients, values=True)
        known[key] = int(_BESIDE * counted)
    return known[key]


def free_bytes(device: torch.device) -> int:
    """How much memory is to be had where a network runs [bytes]."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    about = Path("/proc/meminfo")
    if not about.exists():
        return _UNKNOWN
    line = next(each for each in about.read_text().splitlines() if each.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024


def _counted(question: Question, *, gradients: bool, values: bool) -> int:
    """The most that lives at one time in a pass of one version [bytes]."""
    habits_of(question.network)  # rehearsed by itself, before this pass
    shape_only: AbstractContextManager[object] = nullcontext() if values else without_values()
    with frozen(question.network), shape_only:
        versions: dict[Stream, Tensor] = {
            name: x.clone() if values else torch.zeros(x.shape, dtype=x.dtype, device=x.device)
            for name, x in question.streams.items()
        }
        with _Living() as living, torch.set_grad_enabled(gradients):
            inputs = {name: x.detach().requires_grad_(gradients) for name, x in versions.items()}
            answers = read_normalized(
                question.network, ClipBatch(**inputs), question.objective.layers
            )
            total = torch.stack([answer.sum() for answer in answers.values()]).sum()
            if total.requires_grad:
                torch.autograd.grad(total, list(inputs.values()), allow_unused=True)
        return living.most + _size(versions.values())


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
        self.most = max(self.most, self._now)
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
