"""Which layers does an objective hear first, and through which operations?

The model is rehearsed once on clips without values while autograd takes notes; what it would lead
back through is kept as a plain table of operations. So layers are found by what is computed, and
not by their names or their order in the model.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribution import Part
from kinetoscope.networks.network import Network, frozen
from kinetoscope.units.axes import tensor_and_extent
from kinetoscope.units.backward import operation
from kinetoscope.units.objective import Objective
from kinetoscope.units.reading import SCORES
from kinetoscope.units.receptive import ReceptiveField, Seen, seen_or_refused, survey
from kinetoscope.units.rehearsal import answering, rehearse


@dataclass(frozen=True)
class Heard:
    """What was met on the way down from an objective.

    Args:
        layers: the first ones on every way, the last in the order of computation first.
        operations: passed before them, with how many signals each joins.
        clip: whether a way led down to the clip without meeting any.
    """

    layers: tuple[str, ...]
    operations: frozenset[tuple[str, int]]
    clip: bool


@dataclass(frozen=True)
class Lineage:
    """What is computed from what, in a network.

    Args:
        seen: every layer that answers, in the order of computation; or why it can't be read.
        names: of the operations.
        before: of each operation, those that it follows.
        answers: the operation that each layer's answer, and the scores, come from.
    """

    seen: dict[str, Seen | ClipError]
    names: list[str] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)

    def heard(self, objective: Objective, layers: Sequence[str]) -> Heard:
        """Which layers an objective hears first: of those that answer the same, the first."""
        owners = {self.answers[name]: name for name in reversed(layers) if name in self.answers}
        waiting = [self.answers[name] for name in objective.layers if name in self.answers]
        met, passed, seen = set[int](), set[tuple[str, int]](), set(waiting)
        clip = False
        while waiting:
            at = waiting.pop()
            if at in owners:
                met.add(at)
                continue
            clip = clip or self.names[at] == "AccumulateGrad"
            passed.add((self.names[at], len(self.before[at])))
            fresh = [each for each in self.before[at] if each not in seen]
            seen.update(fresh)
            waiting += fresh
        order = list(self.seen)
        found = sorted((owners[at] for at in met), key=order.index, reverse=True)
        return Heard(tuple(found), frozenset(passed), clip)

    def receptive_field(self, layer: str) -> ReceptiveField:
        """What one place of a layer can see."""
        return seen_or_refused(self.seen, layer).receptive_field

    def spacious(self, layers: Sequence[str] = ()) -> list[str]:
        """Those layers that answer maps of more than one row or column; of all, if none is named.

        Layers that the network does not call stay away.
        """
        return [name for name in layers or self.seen if _has_space(self.seen.get(name))]


_lineage_of: WeakKeyDictionary[Network, Lineage] = WeakKeyDictionary()


def lineage_of(network: Network) -> Lineage:
    """What is computed from what; rehearsed once for each network.

    Raises:
        ClipError: the model fails on clips as the network expects them.
    """
    if network not in _lineage_of:
        with frozen(network):
            # Errors hold on to where they came up, and with that to the network; copies do not.
            lineage = Lineage({name: copy(each) for name, each in survey(network).items()})
            try:
                _follow(network, lineage, values=False)
            except Exception:  # the model looks at values, with which `survey` has run it
                _follow(network, lineage, values=True)
        _lineage_of[network] = lineage
    return _lineage_of[network]


def part_of(network: Network, layer: str) -> Part:
    """The stream that a layer hears, or both of them."""
    streams = network.expects.streams
    heard = (
        set(lineage_of(network).receptive_field(layer).streams)
        if len(streams) > 1
        else set(streams)
    )
    for name in streams:
        if heard == {name}:
            return name
    return "both"


def _has_space(seen: Seen | ClipError | None) -> bool:
    return isinstance(seen, Seen) and len(seen.shape) == 4 and seen.shape[2] * seen.shape[3] > 1


def _follow(network: Network, lineage: Lineage, *, values: bool) -> None:
    nodes: dict[str, Any] = {}

    def note(name: str, module: nn.Module, given: object, answer: object) -> None:
        tensor, _ = tensor_and_extent(answer)
        if tensor is not None and tensor.grad_fn is not None:
            nodes[name] = tensor.grad_fn

    with answering({SCORES: network.model}, note):
        rehearse(network, note, watch=_recorded, values=values)
    _write_down(nodes, lineage)


@contextmanager
def _recorded(streams: dict[str, Tensor]) -> Iterator[None]:
    """Let autograd note what is computed of these clips, and keep no tensor for it."""
    with torch.enable_grad(), saved_tensors_hooks(lambda kept: None, lambda kept: kept):
        for name, stream in streams.items():
            streams[name] = stream.requires_grad_().clone()  # so that it may be changed in place
        yield


def _write_down(nodes: dict[str, Any], lineage: Lineage) -> None:
    """The graph as a table, so that nothing of the model is held."""
    places: dict[Any, int] = {}
    waiting = list(nodes.values())
    while waiting:
        node = waiting.pop()
        if node not in places:
            places[node] = len(places)
            waiting += [each for each, _ in node.next_functions if each is not None]
    for node in places:
        lineage.names.append(operation(node))
        lineage.before.append([places[each] for each, _ in node.next_functions if each is not None])
    lineage.answers.update({name: places[node] for name, node in nodes.items()})
