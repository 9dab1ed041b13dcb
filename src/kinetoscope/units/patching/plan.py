"""How much of each layer has to be computed anew for a change of the clip?

The passes are rehearsed on tensors without values, in the batches that they are run in, or in some
of them spread evenly where they are many. The multiply-adds that are carried out on the way are
counted, layer by layer, and beside them those of a full pass. What is gained is the one divided by
the other, if time went with multiply-adds alone.

Source: multiply-adds are counted as in `networks/cost.py`: of convolutions and matrix products.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from kinetoscope.units.patching.boxes import Boxes
from kinetoscope.units.patching.incremental import Following, finished
from kinetoscope.units.patching.originals import Original
from kinetoscope.units.patching.versions import Patches, Versions
from kinetoscope.units.rehearsal import without_values

Read = Callable[[dict[Any, Tensor]], object]
"""Runs a network on its streams, as far as is needed."""

SAMPLED = 24
"""Batches that are counted, where there are more."""

Batch = Mapping[Any, Boxes]
"""Where each stream differs, in versions that are run together; others do not."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a layer computes.

    Args:
        layer: its name; empty for what the network does itself.
        whole: in a full pass [multiply-adds].
        anew: for one box, on average [multiply-adds].
    """

    layer: str
    whole: int
    anew: float

    @property
    def share(self) -> float:
        """Of the layer that is computed anew, on average."""
        return self.anew / self.whole


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of each layer is computed anew.

    Args:
        layers: in the order of computation; those that multiply.
        boxes: how many are computed, beside the clip as it is.
        counted: of how many of them the work was counted.
    """

    layers: tuple[Work, ...]
    boxes: int
    counted: int

    @property
    def whole(self) -> int:
        """Of a full pass [multiply-adds]."""
        return sum(work.whole for work in self.layers)

    @property
    def share(self) -> float:
        """Of a full pass that is computed anew for a box, on average."""
        return sum(work.anew for work in self.layers) / max(self.whole, 1)

    @property
    def gain(self) -> float:
        """How many times fewer multiply-adds that is than full passes, in all."""
        return self.boxes / (self.boxes * self.share + 1) if self.share else float(self.boxes)

    def rows(self) -> list[dict[str, str | float]]:
        """A row a layer, as plain values."""
        return [
            {"layer": work.layer, "multiply-adds": work.whole, "computed anew": work.share}
            for work in self.layers
        ]

    def __str__(self):
        wide = max([len(work.layer) for work in self.layers] + [len("layer")])
        lines = [f"{'layer':<{wide}}  {'million multiply-adds':>21}  {'computed anew':>13}"]
        lines += [
            f"{work.layer:<{wide}}  {work.whole / 1e6:>21,.1f}  {work.share:>13.1%}"
            for work in self.layers
        ]
        lines.append(f"{'all':<{wide}}  {self.whole / 1e6:>21,.1f}  {self.share:>13.1%}")
        of = "" if self.counted == self.boxes else f" (counted of {self.counted:,})"
        lines.append(f"{self.boxes:,} boxes{of}: {self.gain:.1f} times fewer than in full passes")
        return "\n".join(lines)


def plan(
    read: Read, streams: Mapping[Any, Tensor], network: nn.Module, batches: Sequence[Batch]
) -> Plan:
    """Count beforehand what versions of a clip take.

    Args:
        read: runs the network on its streams.
        streams: the clip, or any of its size, each `1 channel time height width`.
        network: that is run, in eval mode; comes back as it went.
        batches: of versions, in the order in which they are run.
    """
    try:
        with without_values():
            return _rehearsed(read, streams, network, batches)
    except Exception:  # whatever a model raises where there are no values
        return _rehearsed(read, streams, network, batches)


def kept_bytes(read: Read, streams: Mapping[Any, Tensor], batch: Batch) -> int:
    """What stays in memory of the clip's own pass, for versions to be computed from [bytes].

    Args:
        read: runs a network, in eval mode, on its streams.
        streams: the clip, or any of its size, each `1 channel time height width`.
        batch: some versions; those in other places need about the same.
    """
    try:
        with without_values():
            return _kept_by(read, streams, batch)
    except Exception:  # whatever a model raises where there are no values
        return _kept_by(read, streams, batch)


def _kept_by(read: Read, streams: Mapping[Any, Tensor], batch: Batch) -> int:
    _, originals, following = _begun(streams)
    with torch.no_grad():
        _run(read, originals, following, batch)
    return following.originals.kept_bytes


def _rehearsed(
    read: Read, streams: Mapping[Any, Tensor], network: nn.Module, batches: Sequence[Batch]
) -> Plan:
    blank, originals, following = _begun(streams)
    some = _spread(batches)
    with torch.no_grad():
        with counted(network) as whole:
            read(blank)
        _run(read, originals, following, some[0])  # which computes the clip itself as well
        with counted(network) as anew:
            for batch in some:
                _run(read, originals, following, batch)
    boxes = sum(map(_count, some))
    layers = (Work(layer=name, whole=whole[name], anew=anew[name] / boxes) for name in whole)
    return Plan(layers=tuple(layers), boxes=sum(map(_count, batches)), counted=boxes)


def _begun(
    streams: Mapping[Any, Tensor],
) -> tuple[dict[Any, Tensor], dict[Any, Original], Following]:
    """A blank clip of this size, and what follows versions of it."""
    blank = {
        name: torch.zeros(x.shape, dtype=x.dtype, device=x.device) for name, x in streams.items()
    }
    following = Following(None)
    return blank, {name: following.originals.of(x) for name, x in blank.items()}, following


def _spread(batches: Sequence[Batch]) -> Sequence[Batch]:
    """Some of very many, from all over the clip."""
    if len(batches) <= SAMPLED:
        return batches
    return [batches[(2 * number + 1) * len(batches) // (2 * SAMPLED)] for number in range(SAMPLED)]


def _run(read: Read, originals: Mapping[Any, Original], following: Following, batch: Batch) -> None:
    count = _count(batch)
    versions: dict[Any, Tensor] = {}
    for name, original in originals.items():
        boxes = batch.get(name)
        patches = boxes and Patches(boxes, original.values.new_zeros(count, *boxes.size))
        versions[name] = finished(Versions(original, patches, count, following.carry_out))
    read(versions)


def _count(batch: Batch) -> int:
    return len(next(iter(batch.values())).corners)


@contextmanager
def counted(network: nn.Module) -> Iterator[Counter[str]]:
    """Count the multiply-adds within, by the innermost module that is run meanwhile.

    Those of versions are those of their patches.
    """
    running: list[str] = []
    counting = _Counting(running)
    handles = []
    try:
        for name, module in network.named_modules():
            handles.append(module.register_forward_pre_hook(partial(_enter, running, name)))
            handles.append(module.register_forward_hook(partial(_leave, running, name)))
        with counting:
            yield counting.found
    finally:
        for handle in handles:
            handle.remove()


def _enter(running: list[str], name: str, *_: object) -> None:
    running.append(name)


def _leave(running: list[str], name: str, *_: object) -> None:
    del running[running.index(name) :]


class _Counting(TorchDispatchMode):
    """Counts what is carried out while it is entered.

    Args:
        running: the modules that are run, innermost last.
    """

    def __init__(self, running: list[str]):
        super().__init__()
        self.found: Counter[str] = Counter()
        self._running = running

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if any(issubclass(each, Versions) for each in types):
            return NotImplemented  # they carry it out themselves, on their patches
        answer = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func._overloadpacket):
            flops = count(*args, **(kwargs or {}), out_val=answer)
            self.found[self._running[-1] if self._running else ""] += flops // 2
        return answer
