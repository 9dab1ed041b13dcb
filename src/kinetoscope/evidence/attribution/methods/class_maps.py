"""What does each place of the last maps add to a label's score?

Where the scores are a linear function of the mean of maps over all places, as behind global
pooling, that mean can be taken last: each place has a score of its own, and the mean of this map,
plus the bias, is the score. Nothing is approximated, and the map has a sign.

The layer is found by what is computed, in any network: the one that the objective hears first,
through linear operations alone, with an average among them before or after the weights. For each
clip this is put to the test: channels have to weigh the same at all places, and the mean of the map
and the objective without it have to add up to its value. Two towers whose scores are averaged have
a map each, and both means add up. Where windows of an average overlap, some places count more
often; the map has that in it, so that its mean is what the places add.

Costs two forward passes: one with the maps, one with zeros in their place, for the bias.

Source: Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equation
2. Time is ours: the mean is over time, height and width. With `over_time`, the map is pooled.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribution import Attribution, Method, NativeHeat
from kinetoscope.evidence.attribution.methods.lineage import Heard, Lineage, lineage_of, part_of
from kinetoscope.evidence.attribution.methods.owed import Owed, owed_to, without
from kinetoscope.evidence.attribution.methods.placing import (
    OVER_TIME,
    check_over_time,
    over_time,
    placed,
)
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.units.backward import LINEAR, OF_ONE_SIGNAL
from kinetoscope.units.objective import Objective

_AVERAGES = {"Mean", "Sum", "AvgPool2D", "AvgPool3D"} | {
    each for each in LINEAR if "AdaptiveAvg" in each
}

_CLOSE = 1e-3
"""As a share of the largest value: more than that is no rounding, also on a GPU (TF32)."""


@dataclass(frozen=True, kw_only=True)
class CAM(Method):
    """What each place adds to a score that is linear in the mean of a layer's maps.

    Args:
        over_time: `each` moment has its map; or its `mean` or `max`, told for every moment alike.
    """

    over_time: str = "each"

    name: ClassVar[str] = "cam"
    source: ClassVar[str] = "Zhou 2016"

    def check(self, network: Network, objective: Objective) -> None:
        check_over_time(self.over_time, OVER_TIME)
        averaged_layers(network, objective.bound(network))

    def answer(self, question: Question) -> Attribution:
        layers = averaged_layers(question.network, question.objective)
        value, owed = owed_to(question, layers)
        bias = without(question, layers)
        maps = {name: _added(name, each) for name, each in owed.items()}
        told = bias + sum(float(heat.mean()) for heat in maps.values())
        size = max(abs(value), *(float(heat.abs().mean()) for heat in maps.values()))
        if not abs(told - value) <= _CLOSE * max(size, 1e-6):
            raise _no_map(
                layers, f"a map and a bias that add up to {told:.6g}, for a value of {value:.6g}"
            )
        pooled = {name: over_time(heat, self.over_time) for name, heat in maps.items()}
        return placed(self.name, question, value, pooled, signed=True, facts={"bias": bias})


def averaged_layers(network: Network, objective: Objective) -> tuple[str, ...]:
    """The layers of whose mean an objective is a linear function: one, or one for each stream.

    Raises:
        ClipError: there are none; says what stands in the way.
    """
    lineage = lineage_of(network)
    choice = [name for name in lineage.spacious() if not _weighs(network, lineage, name)]
    named = [name for name in network.layers if name in choice]
    heard = lineage.heard(objective, (*named, *reversed(choice)))
    if why := _obstacle(network, lineage, objective, heard):
        raise _no_map(heard.layers, why)
    return heard.layers


def _obstacle(network: Network, lineage: Lineage, objective: Objective, heard: Heard) -> str | None:
    strange = sorted(_told(*each) for each in heard.operations if not _is_linear(*each))
    if not heard.layers:
        return "no layer with space on the way to it"
    if strange:
        return f"{', '.join(strange)} between them"
    if heard.clip:
        return "a way from the clip that goes around the layer"
    parts = [part_of(network, name) for name in heard.layers]
    if len(parts) > 1 and ("both" in parts or len({*parts}) < len(parts)):
        return "several layers that hear the same stream"
    averaged = {name for name, _ in heard.operations} & _AVERAGES
    if not averaged and not lineage.spacious(objective.layers):
        return "no average over places between them"
    return None


def _is_linear(operation: str, signals: int) -> bool:
    return operation in LINEAR or (operation in OF_ONE_SIGNAL and signals <= 1)


def _told(operation: str, signals: int) -> str:
    return f"{operation} of two signals" if operation in OF_ONE_SIGNAL else operation


def _weighs(network: Network, lineage: Lineage, layer: str) -> bool:
    """Whether a layer is the linear head itself, put to every place before the average."""
    at = lineage.answers.get(layer)
    weighted = [
        each for each in network.layer(layer).modules() if [*each.parameters(recurse=False)]
    ]
    return (
        at is not None
        and _is_linear(lineage.names[at], len(lineage.before[at]))
        and bool(weighted)
        and all(_is_pointwise(each) for each in weighted)
    )


def _is_pointwise(module: nn.Module) -> bool:
    conv = isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    return isinstance(module, nn.Linear) or (conv and {*module.kernel_size} == {1})


def _added(layer: str, owed: Owed) -> NativeHeat:
    """What each place adds, times the number of places.

    Raises:
        ClipError: channels do not weigh the same everywhere, so that there is no common average.
    """
    slope = owed.slope[0].flatten(1)
    weights = slope.sum(1)
    often = weights @ slope / weights.square().sum().clamp(min=1e-30)  # how much each place counts
    if (slope - torch.outer(weights, often)).abs().max() > _CLOSE * slope.abs().max():
        raise _no_map([layer], "channels that weigh otherwise at each place")
    return (owed.slope * owed.answer).sum(1)[0] * slope.shape[1]


def _no_map(layers: tuple[str, ...] | list[str], why: str) -> ClipError:
    where = f"of {' and '.join(layers)}" if layers else "of a layer"
    return ClipError(
        f"there is no class activation map {where}",
        got=why,
        expected="scores that are a linear function of the mean of its maps over all places",
        hint="grad-cam has no such need",
    )
