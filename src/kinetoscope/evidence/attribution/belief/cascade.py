"""What becomes of a network whose weights are drawn anew, from its output down?

Stage by stage more layers have random weights: first those next to the scores, at last all. Which
are next is told by the network's own computation: how many operations lie between a weight and the
scores, on the longest way. So streams side by side are drawn in turn, and a shortcut past a block
does not put it nearer to the output.

Batch normalization whose weights are random is measured again on clips at each stage, or else most
of what is answered would be out of range, and the layers above would see nothing.

Source: Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, section 3.1 (cascading
randomization). Differs: streams together, in a few stages, normalization measured.
"""

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.evidence.invariance.random_weights import (
    measure_normalization,
    with_random_weights,
)
from kinetoscope.networks.network import Network, evaluating


@dataclass(frozen=True, kw_only=True)
class Stage:
    """How far down weights are random.

    Args:
        layers: that this stage has drawn, beside those of the stages before.
        network: with those weights; good until the next stage is asked for.
        last: whether all weights are drawn now.
    """

    layers: tuple[str, ...]
    network: Network
    last: bool


def cascade(
    network: Network, batches: Sequence[ClipBatch], *, stages: int = 4, seed: int = 0
) -> Iterator[Stage]:
    """Draw the weights of copies of a network anew, from the output down.

    Args:
        network: stays as it is.
        batches: clips in display space, on which batch normalization is measured.
        stages: how many at most; the last has drawn all.
        seed: of the weights.
    """
    drawn = with_random_weights(network, seed)
    made = copy.deepcopy(network)
    made.__dict__.pop("weights_hash", None)  # it was computed of the other weights
    own = {path for path, _ in network.model.named_modules()}
    parts = _parts(layers_from_output(network, batches[0]), stages)
    for place, part in enumerate(parts, start=1):
        paths = [path for modules in part.values() for path in modules]
        own -= set(paths)
        _copy(drawn.model, made.model, paths, [])
        measure_normalization(made, batches)
        _copy(network.model, made.model, [], sorted(own))  # theirs were right as they were
        yield Stage(layers=tuple(part), network=made, last=place == len(parts))


def layers_from_output(network: Network, batch: ClipBatch) -> list[dict[str, list[str]]]:
    """Layers that hold weights, those next to the scores first; those equally far stand together.

    Args:
        network: stays as it is.
        batch: that it is run on once.

    Returns:
        Of each layer the paths of the modules in it that hold weights themselves. A layer is one
        of those that the network names, or a module that lies in none of them.
    """
    tried = copy.deepcopy(network)
    for weight in tried.parameters():
        weight.requires_grad_(weight.is_floating_point())
    with evaluating(tried), torch.enable_grad():
        scores = tried.scores(batch.to(tried.device))
    distances = _distances(scores)
    layers: dict[str, list[str]] = defaultdict(list)
    nearest: dict[str, float] = {}
    for path, module in tried.model.named_modules():
        own = [distances.get(weight, np.inf) for weight in module.parameters(recurse=False)]
        if own:
            name = _layer_of(path, network)
            layers[name].append(path)
            nearest[name] = min(*own, nearest.get(name, np.inf))
    return [
        {name: layers[name] for name in layers if nearest[name] == distance}
        for distance in sorted(set(nearest.values()))
    ]


def _layer_of(path: str, network: Network) -> str:
    within = [name for name in network.layers if path == name or path.startswith(f"{name}.")]
    return max(within, key=len, default=path or network.name)


def _parts(levels: list[dict[str, list[str]]], stages: int) -> list[dict[str, list[str]]]:
    """As many stages, of about as many levels each."""
    cuts = np.array_split(np.arange(len(levels)), min(stages, len(levels)))
    return [{name: paths for level in cut for name, paths in levels[level].items()} for cut in cuts]


def _distances(scores: Tensor) -> dict[Tensor, int]:
    """Of each weight, how many operations the longest way from the scores has."""
    if scores.grad_fn is None:
        return {}
    far: dict[Any, int] = {scores.grad_fn: 0}
    found: dict[Tensor, int] = {}
    for node in _from_the_top(scores.grad_fn):
        if hasattr(node, "variable"):
            found[node.variable] = far[node]
        for below, _ in node.next_functions:
            if below is not None:
                far[below] = max(far.get(below, 0), far[node] + 1)
    return found


def _from_the_top(top: Any) -> list[Any]:
    """The nodes of a graph, each before all that lie below it."""
    left = []
    waiting = [(top, iter(top.next_functions))]
    seen = {top}
    while waiting:
        node, below = waiting[-1]
        deeper = next((each for each, _ in below if each is not None and each not in seen), None)
        if deeper is not None:
            seen.add(deeper)
            waiting.append((deeper, iter(deeper.next_functions)))
        else:
            waiting.pop()
            left.append(node)
    return left[::-1]


@torch.no_grad()
def _copy(
    source: nn.Module, target: nn.Module, weights_of: Sequence[str], buffers_of: Sequence[str]
) -> None:
    for path in weights_of:
        own = dict(source.get_submodule(path).named_parameters(recurse=False))
        for name, weight in target.get_submodule(path).named_parameters(recurse=False):
            weight.copy_(own[name])
    for path in buffers_of:
        kept = dict(source.get_submodule(path).named_buffers(recurse=False))
        for name, buffer in target.get_submodule(path).named_buffers(recurse=False):
            buffer.copy_(kept[name])
