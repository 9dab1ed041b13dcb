"""How does relevance come back through a whole network?

Each call of a linear layer is caught (`relevance_calls.py`) and given a way back of its own, by one
of the rules of `relevance_rules.py`. Relevance is led back as a slope, which times the value it
belongs to is the relevance. So all else is led back by its own gradient and is right:

    rectifier, max-pool, maximum   all to what was let through
    sum, mean, average pool        in proportion to what was added up, as in a residual network
    concatenation, cut, dropout    to where it came from
    batch norm                     one linear layer together with the layer it follows; on its own,
                                   in proportion to the value and its shift
    local response norm            as if its divisor were a constant

A network is looked through before, operation by operation, on clips without values: what is neither
of these nor a caught layer is refused by name, such as gates, attention, smooth activations, or
a product that is written out. At the very end, after all layers, a score may be the logarithm of a
mean probability; relevance then begins at the scores of the branches, as their gradient says.

Source: Bach et al., PLOS ONE 2015 (max and sum pooling); Montavon et al., "Layer-Wise Relevance
Propagation: An Overview", 2019, section 10.3 (rules by depth).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from kinetoscope.errors import ClipError
from kinetoscope.networks.network import Network, frozen
from kinetoscope.units.axes import tensor_and_extent
from kinetoscope.units.backward import CHOOSING, LINEAR, OF_ONE_SIGNAL, operation
from kinetoscope.units.reading import SCORES
from kinetoscope.units.rehearsal import answering, rehearse
from kinetoscope.units.relevance_calls import Begun, Divided, Leading, LinearCall, is_of
from kinetoscope.units.relevance_rules import Sharing


@contextmanager
def relevance_led() -> Iterator[list[float]]:
    """Give linear layers that are called within the block the way back of relevance.

    What is answered stays what it is. The backward pass has to follow after the block, and after
    `share_by_depth`.

    Yields:
        A list, to which that pass adds the relevance that it begins with at the scores of each
        branch, where the network's scores are the logarithm of their mean probability.
    """
    begun: list[float] = []
    with Leading(begun):
        yield begun


def share_by_depth(answer: Tensor, sharings: Sequence[Sharing]) -> None:
    """Give every layer on the way to an answer its rule.

    Args:
        answer: computed within `relevance_led`.
        sharings: from the clip up, each for an equal part of the layers on the longest way.
    """
    depths = _depths(answer.grad_fn)
    deepest = depths.get(answer.grad_fn, 0)
    for node, depth in depths.items():
        if is_of(node, LinearCall):
            node.sharing = sharings[(len(sharings) * depth - 1) // deepest]


def check_relevance(network: Network, layers: Sequence[str]) -> None:
    """Refuse layers to which there is more than relevance can be led back through.

    Args:
        network: rehearsed once, without values where it allows that.
        layers: of an objective; `SCORES` among them.

    Raises:
        ClipError: there is; says what.
    """
    known = _strange_of.setdefault(network, {})
    asked = tuple(layers)
    if asked not in known:
        known[asked] = _strange_to(network, asked)
    if known[asked]:
        raise ClipError(
            f"relevance can't be led back through {network.name}: it is shared out by linear "
            "layers, sums, rectifiers and pools, and here is something else",
            got=", ".join(known[asked]),
            expected="convolutions and linear layers called as torch's own, and what is between",
        )


_strange_of: WeakKeyDictionary[Network, dict[tuple[str, ...], list[str]]] = WeakKeyDictionary()


def _strange_to(network: Network, layers: tuple[str, ...]) -> list[str]:
    try:
        roots = _rehearsed(network, layers, values=False)
    except Exception:  # the model looks at values, or does what can't be rehearsed
        try:
            roots = _rehearsed(network, layers, values=True)
        except Exception as error:
            raise ClipError(
                f"{network.name} fails on a blank clip, and can't be looked through",
                got=f"{type(error).__name__}: {error}",
                expected="a model that answers clips as it says that it expects them",
            ) from error
    found = [_strange(node, at_end) for root in roots for node, at_end in _nodes(root)]
    return sorted({name for name in found if name})


def _rehearsed(network: Network, layers: Sequence[str], *, values: bool) -> list[Any]:
    """The operations that layers' answers come from, in a rehearsal."""
    found: dict[str, Any] = {}

    def note(name: str, module: nn.Module, given: object, answer: object) -> None:
        tensor, _ = tensor_and_extent(answer)
        if name in layers and tensor is not None and tensor.grad_fn is not None:
            found[name] = tensor.grad_fn

    with frozen(network), answering({SCORES: network.model}, note):
        rehearse(network, note, watch=_recorded, values=values)
    return list(found.values())


@contextmanager
def _recorded(streams: dict[str, Tensor]) -> Iterator[None]:
    """Let autograd note what is computed of these clips."""
    with torch.enable_grad(), Leading([]):
        for name, stream in streams.items():
            streams[name] = stream.requires_grad_().clone()  # so that it may be changed in place
        yield


def _nodes(root: Any) -> Iterator[tuple[Any, bool]]:
    """Every operation that an answer was computed by, and whether no layer comes after it.

    One that has both a way with a layer to the answer and a way without comes twice.
    """
    waiting, seen = [(root, True)], {(root, True)}
    while waiting:
        node, at_end = waiting.pop()
        yield node, at_end
        at_end = at_end and not is_of(node, LinearCall)
        for before, _ in node.next_functions:
            if before is not None and (before, at_end) not in seen:
                seen.add((before, at_end))
                waiting.append((before, at_end))


def _depths(root: Any) -> dict[Any, int]:
    """Of every operation, how many layers there are on the longest way from the clip through it."""
    depths: dict[Any, int] = {}
    waiting = [] if root is None else [root]
    while waiting:
        before = [each for each, _ in waiting[-1].next_functions if each is not None]
        if unknown := [each for each in before if each not in depths]:
            waiting += unknown
        else:
            node = waiting.pop()
            depths[node] = max((depths[each] for each in before), default=0) + is_of(
                node, LinearCall
            )
    return depths


def _strange(node: Any, at_end: bool) -> str | None:
    """What an operation is called that relevance can't be led back through."""
    if any(is_of(node, kind) for kind in (LinearCall, Divided, Begun)):
        return None
    name = operation(node)
    if name in _LOG_MEANS:
        return None if at_end else f"{name} before a layer"
    if name in OF_ONE_SIGNAL and sum(before is not None for before, _ in node.next_functions) > 1:
        return f"{name} of two signals"
    if name.endswith("BatchNorm"):
        own = getattr(node, "_saved_training", True)
        return "BatchNorm by the statistics of the clip itself" if own else None
    if name in OF_ONE_SIGNAL - _SCALING:
        return f"{name} that is not called as a layer"
    return None if name in LINEAR | CHOOSING | _RECTIFYING | _SCALING else name


_SCALING = {"Mul", "Div"}
_LOG_MEANS = {"LogSoftmax", "Logsumexp"}
_RECTIFYING = {
    *("Relu", "LeakyRelu", "PreluKernel", "RreluWithNoise"),
    *("Threshold", "Hardtanh", "Clamp", "ClampMin", "ClampMax", "Abs", "Where"),
}
"""Through zero and straight on either side of it, or constant: none needs a rule."""
