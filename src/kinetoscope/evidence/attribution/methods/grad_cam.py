"""Where does a layer answer what the objective rises with?

The maps of a layer are added up, each channel weighed by how the objective changes with it:

    Grad-CAM      w = mean over places of g                          M = sum over channels of w A
    Grad-CAM++    w = sum over places of g+ / (2 + g sum of A)       M = sum over channels of w A
    LayerCAM      each place by itself                               M = sum over channels of g+ A

where A are the layer's maps, g the gradient of the objective to them, and g+ that above zero.
Rectified, only what speaks for the objective is left; that is the published form.

Places are those of time, height and width. What is pooled over time is chosen by `over_time`:

    each          weights are taken over all of time; one map for each time of the layer
    framewise     weights are taken anew for each time of the layer, over its height and width;
                  LayerCAM weighs each place by itself, so that this is the same as `each`
    mean, max     the map of `each`, pooled over time, and told for every moment alike

Without a layer, the last one that has space is taken, before pools. Where each stream ends in a
layer of its own, both are taken, so that each stream has its heat; where one stream's ways end
apart, as slow and fast do, the one with the most channels. No gradient goes below the layer: the
cost is one forward pass, and what leads back from the objective to the layer. Behind a class
token's last block the objective hears no place any more; such layers are tried, at a pass each, and
left out.

Source: Selvaraju et al., "Grad-CAM", ICCV 2017, section 3; Chattopadhay et al., "Grad-CAM++", WACV
2018, equation 19 (the factor exp(score), common to all weights, is left out); Jiang et al.,
"LayerCAM", IEEE TIP 2021, section III. All three are for pictures; time is ours.
"""

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import ClassVar

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.evidence.attribution.methods.lineage import Lineage, lineage_of
from kinetoscope.evidence.attribution.methods.owed import Owed, not_heard, owed_to
from kinetoscope.evidence.attribution.methods.placing import (
    OVER_TIME,
    check_over_time,
    over_time,
    placed,
)
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Volume
from kinetoscope.units.objective import Objective


@dataclass(frozen=True, kw_only=True)
class AtLayer(Method):
    """A map that a gradient at one layer weighs.

    Args:
        layer: of more than one row or column; none for the last ones.
        over_time: what is pooled over time; see above.
        rectified: whether only what speaks for the objective is told.
    """

    layer: str = ""
    over_time: str = "each"
    rectified: bool = True

    def check(self, network: Network, objective: Objective) -> None:
        check_over_time(self.over_time, (*OVER_TIME, "framewise"))
        layers_for(network, objective.bound(network), self.layer)

    def answer(self, question: Question) -> Attribution:
        value, owed = _owed(question, self.layer)
        maps = {}
        for name, each in owed.items():
            heat = self.weighed(name, each).sum(1)[0]
            maps[name] = over_time(heat.relu() if self.rectified else heat, self.over_time)
        return placed(self.name, question, value, maps, signed=not self.rectified)

    @abstractmethod
    def weighed(self, layer: str, owed: Owed) -> Volume:
        """The layer's maps, each as it counts."""

    @property
    def pooled(self) -> tuple[int, ...]:
        """The axes that a channel's weight is taken over."""
        return (3, 4) if self.over_time == "framewise" else (2, 3, 4)


@dataclass(frozen=True, kw_only=True)
class GradCAM(AtLayer):
    """Each channel weighs as much as the objective changes with it on average."""

    name: ClassVar[str] = "grad-cam"
    source: ClassVar[str] = "Selvaraju 2017"

    def weighed(self, layer: str, owed: Owed) -> Volume:
        return owed.slope.mean(self.pooled, keepdim=True) * owed.answer


@dataclass(frozen=True, kw_only=True)
class GradCAMPlusPlus(AtLayer):
    """Each channel weighs by the places where the objective rises with it, however few they are."""

    name: ClassVar[str] = "grad-cam++"
    source: ClassVar[str] = "Chattopadhay 2018"

    def weighed(self, layer: str, owed: Owed) -> Volume:
        # Equation 19, g^2 / (2 g^2 + sum(A) g^3), with g^2 taken out: it may be zero.
        share = 2 + owed.slope * owed.answer.sum(self.pooled, keepdim=True)
        rising = owed.slope.relu()
        if bool(((share <= 0) & (rising > 0)).any()):
            raise ClipError(
                f"Grad-CAM++ has no weights at layer {layer}",
                got="channels whose answers add up to less than zero",
                expected="a layer that answers rectified maps",
                hint="grad-cam and layer-cam take any",
            )
        return (rising / share).sum(self.pooled, keepdim=True) * owed.answer


@dataclass(frozen=True, kw_only=True)
class LayerCAM(AtLayer):
    """Each place of each channel weighs as much as the objective rises with it there."""

    name: ClassVar[str] = "layer-cam"
    source: ClassVar[str] = "Jiang 2021"

    def weighed(self, layer: str, owed: Owed) -> Volume:
        return owed.slope.relu() * owed.answer


def layers_for(network: Network, objective: Objective, layer: str = "") -> tuple[str, ...]:
    """The layer asked for; or, if none is, the last that have space, one for each part of a clip.

    Raises:
        UnknownNameError: there is no such layer.
        ClipError: it has no space, can't be read, or the objective does not depend on it.
    """
    if layer:
        network.layer(layer)
    lineage = lineage_of(network)
    if layer and not lineage.spacious([layer]):
        raise _without_space(network, lineage, layer)
    if layer and not lineage.heard(objective, [layer]).layers:
        raise not_heard(layer)
    return (layer,) if layer else _last(network, lineage, objective, _choice(network, lineage))


def _owed(question: Question, layer: str) -> tuple[float, dict[str, Owed]]:
    """What is owed to the layers; to the last ones that have anything to say if none is given.

    Behind a class token's last block, the objective hears none of the places any more.
    """
    network, objective = question.network, question.objective
    layers, left = layers_for(network, objective, layer), _choice(network, lineage_of(network))
    while True:
        value, owed = owed_to(question, layers)
        deaf = [name for name, one in owed.items() if one.elsewhere and not one.slope.any()]
        if not deaf:
            return value, owed
        if layer:
            raise _only_elsewhere(layer)
        left = [name for name in left if name not in deaf]
        layers = _last(network, lineage_of(network), objective, left)


def _choice(network: Network, lineage: Lineage) -> list[str]:
    """The layers worth taking: what a pool answers is told by the layer before it."""
    named = lineage.spacious(network.layers) if network.layers else []
    every = named or lineage.spacious()[::-1]  # of those that answer the same, the outermost
    return [name for name in every if "Pool" not in type(network.layer(name)).__name__]


def _last(
    network: Network, lineage: Lineage, objective: Objective, choice: Sequence[str]
) -> tuple[str, ...]:
    """Those heard first, one for each part: with the most channels, where ways of one part meet."""
    streams = frozenset(network.expects.streams)
    parts: dict[frozenset[str], list[str]] = {}
    for name in lineage.heard(objective, choice).layers:
        parts.setdefault(frozenset(lineage.receptive_field(name).streams) or streams, []).append(
            name
        )
    if not parts:
        raise _without_space(network, lineage, None)
    # What hears all streams tells of all; beside it, one tower alone would be heard twice.
    found = {streams: parts[streams]} if streams in parts else parts
    return tuple(max(names, key=lambda name: _channels(lineage, name)) for names in found.values())


def _channels(lineage: Lineage, layer: str) -> int:
    seen = lineage.seen[layer]
    assert not isinstance(seen, ClipError)
    return seen.shape[0]


def _without_space(network: Network, lineage: Lineage, layer: str | None) -> ClipError:
    seen = lineage.seen.get(layer) if layer else None
    if isinstance(seen, ClipError):
        return copy(seen)
    have = lineage.spacious(network.layers) or lineage.spacious()
    shape = f"an answer of {' x '.join(map(str, seen.shape))}" if seen else "none on its way"
    return ClipError(
        f"layer {layer} has no space" if layer else "the objective hears no layer that has space",
        got=shape if seen or not layer else "a layer that does not answer",
        expected="a layer that answers maps of more than one row or column",
        hint=f"those that do: {', '.join(have) or 'none'}",
    )


def _only_elsewhere(layer: str) -> ClipError:
    return ClipError(
        f"the objective hears nothing of the places of layer {layer}",
        got="a slope of zero at all of them: it is read off a token that has no place",
        expected="a layer whose places it hears",
        hint="the block before it, or no layer, for the last that fits",
    )
