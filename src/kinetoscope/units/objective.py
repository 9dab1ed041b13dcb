"""What is looked for in a network, as one number a clip?

An objective is a weighted sum of goals: the answer of a channel at all its positions or at one, the
score of a label before softmax, a direction in a layer, how near the features are to those of a
real clip. Objectives add and scale:

    label("archery") - 0.5 * activation(Unit("slow.res5.2", 17))

It is written as it is told on the command line and in reports, and can be read back: `fusion:17`,
`fusion:17@centre`, `fusion:17@3,4,4`, `label:archery`, `label:archery - 0.5 * fusion:17`.
"""

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.errors import UnknownNameError
from kinetoscope.files import settings_key
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Activation
from kinetoscope.units.reading import SCORES
from kinetoscope.units.unit import Unit

Places = Float[Tensor, "clip place"]
PerClip = Float[Tensor, " clip"]
Place = tuple[int, int, int]
"""Time, row and column in a layer."""


class Goal(ABC):
    """What one term of an objective watches, in one layer.

    Its value is the mean over its places; a goal with one place has one.
    """

    layer: str

    @classmethod
    @abstractmethod
    def answers(cls, goals: Sequence[Any], layer: Activation) -> Places:
        """What the goals find in the layer, each in the clip of its own number."""

    @abstractmethod
    def check(self, network: Network) -> None:
        """Refuse what the network does not have.

        Raises:
            UnknownNameError: a layer or a label is not there.
        """


@dataclass(frozen=True)
class Channel(Goal):
    """A channel of a layer at all its positions."""

    layer: str
    channel: int

    def __str__(self):
        return f"{self.layer}:{self.channel}"

    @classmethod
    def answers(cls, goals: Sequence[Any], layer: Activation) -> Places:
        return _own(layer, goals).reshape(len(goals), -1)

    def check(self, network: Network) -> None:
        network.layer(self.layer)


@dataclass(frozen=True)
class Neuron(Goal):
    """A channel of a layer at one of its positions; at the centre where none is given."""

    layer: str
    channel: int
    place: Place | None = None

    def __str__(self):
        place = "centre" if self.place is None else ",".join(map(str, self.place))
        return f"{self.layer}:{self.channel}@{place}"

    @classmethod
    def answers(cls, goals: Sequence[Any], layer: Activation) -> Places:
        own = _own(layer, goals)
        extent = (*own.shape[1:], 1, 1, 1)[:3] if own.ndim > 1 else (1, 1, 1)
        places = [goal.place or centre_of(extent) for goal in goals]
        for goal, place in zip(goals, places, strict=True):
            if any(not 0 <= at < length for at, length in zip(place, extent, strict=True)):
                raise UnknownNameError(
                    f"layer {goal.layer} has no such place",
                    got=f"{goal}",
                    expected=f"time, row and column within {' x '.join(map(str, extent))}",
                )
        flat = own.reshape(len(goals), *extent)
        each = torch.arange(len(goals), device=own.device)
        return flat[
            (each, *(torch.tensor(at, device=own.device) for at in zip(*places, strict=True)))
        ][:, None]

    def check(self, network: Network) -> None:
        network.layer(self.layer)


@dataclass(frozen=True)
class Label(Goal):
    """The score of a label, before softmax."""

    name: str
    layer: str = field(default=SCORES, init=False)
    place: int = 0  # among the scores; `bound` finds it

    def __str__(self):
        plain = re.fullmatch(r"[A-Za-z_][\w.]*(?:[ -][\w.]+)*", self.name)
        return (
            f"label:{self.name}" if plain else f"label:{json.dumps(self.name, ensure_ascii=False)}"
        )

    @classmethod
    def answers(cls, goals: Sequence[Any], layer: Activation) -> Places:
        each = torch.arange(len(goals), device=layer.device)
        places = torch.tensor([goal.place for goal in goals], device=layer.device)
        return layer[each, places][:, None]

    def check(self, network: Network) -> None:
        network.label(self.name)


@dataclass(frozen=True)
class Direction(Goal):
    """How far a layer's answer lies along a vector of its channels, at all positions.

    With a power, multiplied by that power of the cosine between the two, so that nothing else may
    be active beside it (at least 0.1, so that the ascent finds a beginning).

    Source: the power of the cosine, as in lucid's dot_cossim.
    """

    layer: str
    vector: tuple[float, ...]
    cosine_power: float = 0.0

    def __str__(self):
        power = f"^{self.cosine_power!r}" if self.cosine_power else ""
        return f"{self.layer}:[{','.join(map(repr, self.vector))}]{power}"

    @classmethod
    def answers(cls, goals: Sequence[Any], layer: Activation) -> Places:
        vectors = torch.tensor([goal.vector for goal in goals]).to(layer)
        vectors = vectors / vectors.norm(dim=1, keepdim=True)
        lines = layer.flatten(2) if layer.ndim > 2 else layer[..., None]
        along = torch.einsum("ncp,nc->np", lines, vectors)
        power = torch.tensor([goal.cosine_power for goal in goals]).to(layer)[:, None]
        cosine = (along / lines.norm(dim=1).clamp(min=1e-12)).clamp(min=0.1)
        return along * cosine**power

    def check(self, network: Network) -> None:
        network.layer(self.layer)


@dataclass(frozen=True, eq=False)
class Features(Goal):
    """How near a layer's answer is to that of a real clip: 0 where it is the same, -1 at zero.

    Source: Mahendran and Vedaldi, "Understanding deep image representations by inverting them",
    CVPR 2015, equation 2.
    """

    layer: str
    target: Tensor | None = field(repr=False)  # none where it was read back from its words
    name: str = "clip"

    def __str__(self):
        return f"{self.layer}:features of {self.name}"

    @classmethod
    def answers(cls, goals: Sequence[Any], layer: Activation) -> Places:
        targets = torch.stack([goal.target for goal in goals if goal.target is not None]).to(layer)
        missed = (layer - targets).flatten(1).square().sum(1)
        return -(missed / targets.flatten(1).square().sum(1).clamp(min=1e-12))[:, None]

    def check(self, network: Network) -> None:
        network.layer(self.layer)
        if self.target is None:
            raise UnknownNameError(
                f"the features of {self.name} in {self.layer} are not at hand",
                got="the words for them",
                expected="what the layer answers to the clip, as features(layer, target) takes it",
            )


@dataclass(frozen=True)
class Objective:
    """A weighted sum of goals.

    >>> print(2 * activation(Unit("fusion", 17)) - label("archery"))
    2 * fusion:17 - label:archery
    """

    terms: tuple[tuple[float, Goal], ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Those whose answers are needed."""
        return tuple(dict.fromkeys(goal.layer for _, goal in self.terms))

    @property
    def unit(self) -> Unit | None:
        """The channel that it asks for, alone and as it is; None for anything else."""
        if len(self.terms) == 1 and self.terms[0][0] == 1:
            goal = self.terms[0][1]
            if isinstance(goal, Channel | Neuron):
                return Unit(goal.layer, goal.channel)
        return None

    @property
    def label(self) -> str | None:
        """The label whose score it asks for, alone and as it is."""
        if len(self.terms) == 1 and self.terms[0][0] == 1:
            goal = self.terms[0][1]
            return goal.name if isinstance(goal, Label) else None
        return None

    def bound(self, network: Network) -> "Objective":
        """The same, with every label at its place among the network's scores.

        Raises:
            UnknownNameError: a layer or a label is not there.
        """
        for _, goal in self.terms:
            goal.check(network)
        return Objective(
            tuple(
                (weight, Label(goal.name, place=network.label(goal.name)))
                if isinstance(goal, Label)
                else (weight, goal)
                for weight, goal in self.terms
            )
        )

    def at(self, place: Place) -> "Objective":
        """The same, with every neuron at another place of its layer."""
        return Objective(
            tuple(
                (weight, Neuron(goal.layer, goal.channel, place))
                if isinstance(goal, Neuron)
                else (weight, goal)
                for weight, goal in self.terms
            )
        )

    def __add__(self, other: "Objective") -> "Objective":
        return Objective(self.terms + other.terms)

    def __mul__(self, by: float | int) -> "Objective":
        return Objective(tuple((weight * by, goal) for weight, goal in self.terms))

    __rmul__ = __mul__

    def __neg__(self) -> "Objective":
        return self * -1.0

    def __sub__(self, other: "Objective") -> "Objective":
        return self + -other

    def __str__(self):
        parts = []
        for weight, goal in self.terms:
            sign = "-" if weight < 0 else "+"
            size = "" if abs(weight) == 1 else f"{abs(weight):g} * "
            parts.append(f"{sign} {size}{goal}")
        return " ".join(parts).removeprefix("+ ")

    @property
    def file_name(self) -> str:
        """How a folder of its evidence is called; that of a unit is the unit's.

        >>> label("apply lipstick").file_name
        'label-apply~20~lipstick'
        """
        written = str(self)
        unit = self.unit
        if unit and isinstance(self.terms[0][1], Channel):
            return unit.file_name
        written = written.replace("label:", "label-", 1) if self.label else written
        safe = re.sub(r"[^A-Za-z0-9._@,-]", lambda found: f"~{ord(found[0]):x}~", written)
        return safe if len(safe) <= 80 else f"{safe[:60]}-{settings_key(written)}"

    @classmethod
    def parse(cls, text: str) -> "Objective":
        """Read what `str` writes; of features their words alone, so that they can't be maximized.

        Raises:
            UnknownNameError: it is no sum of units, neurons and labels.

        >>> print(Objective.parse("label:archery - 0.5*fusion:17@centre"))
        label:archery - 0.5 * fusion:17@centre
        """
        terms, at = [], 0
        while at < len(text):
            found = _TERM.match(text, at)
            if found is None or (terms and not found["sign"]):
                raise UnknownNameError(
                    f"{text} is no objective",
                    got=text[at:] or text,
                    expected="units, neurons and labels with weights, such as fusion:17, "
                    "fusion:17@centre, label:archery, or label:archery - 0.5 * label:bowling",
                    hint='a label with signs in its name stands in quotes: label:"push - up"',
                )
            weight = float(found["weight"] or 1) * (-1 if found["sign"] == "-" else 1)
            terms.append((weight, _goal(found)))
            at = found.end()
        if not terms:
            raise UnknownNameError(
                "no objective is given", got="an empty text", expected="such as fusion:17"
            )
        return cls(tuple(terms))


_TERM = re.compile(
    r"""\s*(?P<sign>[+-]?)\s*(?:(?P<weight>\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*\*\s*)?
    (?:label:(?P<quoted>"(?:[^"\\]|\\.)+")
     |label:(?P<label>[A-Za-z_][\w.]*(?:[ -][\w.]+)*)
     |(?P<like>[^\s:@*]+):features\ of\ (?P<clip>.+)
     |(?P<along>[^\s:@*]+):\[(?P<vector>[^\]]+)\](?:\^(?P<power>\d+(?:\.\d+)?))?
     |(?P<layer>[^\s:@*]+):(?P<channel>\d+)(?:@(?P<place>centre|\d+,\d+,\d+))?)\s*""",
    re.VERBOSE,
)


def _goal(found: re.Match[str]) -> Goal:
    if found["quoted"]:
        return Label(json.loads(found["quoted"], strict=False))
    if found["label"]:
        return Label(found["label"])
    if found["like"]:
        return Features(found["like"], None, found["clip"])
    if found["along"]:
        vector = tuple(map(float, found["vector"].split(",")))
        return Direction(found["along"], vector, float(found["power"] or 0))
    layer, channel, place = found["layer"], int(found["channel"]), found["place"]
    if place is None:
        return Channel(layer, channel)
    if place == "centre":
        return Neuron(layer, channel)
    time, row, column = map(int, place.split(","))
    return Neuron(layer, channel, (time, row, column))


def activation(unit: Unit) -> Objective:
    """A channel's mean answer over all positions."""
    return Objective(((1.0, Channel(unit.layer, unit.channel)),))


def neuron(unit: Unit, place: Place | None = None) -> Objective:
    """A channel's answer at one place [time, row, column of the layer]; at the centre if none."""
    return Objective(((1.0, Neuron(unit.layer, unit.channel, place)),))


def label(name: str) -> Objective:
    """A label's score, before softmax."""
    return Objective(((1.0, Label(name)),))


def direction(layer: str, vector: Sequence[float], *, cosine_power: float = 0.0) -> Objective:
    """A direction in the space of a layer's channels; see `Direction`.

    Raises:
        UnknownNameError: the vector has no direction.
    """
    vector = tuple(map(float, vector))
    if not vector or not math.isfinite(length := math.hypot(*vector)) or length == 0:
        raise UnknownNameError(
            f"a vector in {layer} has no direction",
            got=f"{len(vector)} values of length {math.hypot(*vector)}",
            expected="one finite value a channel, not all of them 0",
        )
    return Objective(((1.0, Direction(layer, vector, cosine_power)),))


def features(layer: str, target: Tensor, *, name: str = "clip") -> Objective:
    """Be like a real clip in a layer: `target` is what the layer answers to that clip alone."""
    return Objective(((1.0, Features(layer, target, name)),))


def centre_of(extent: Sequence[int]) -> Place:
    """The place in the middle of a layer.

    >>> centre_of((4, 7, 7))
    (2, 3, 3)
    """
    time, height, width = (length // 2 for length in extent)
    return time, height, width


class Together:
    """Several objectives, each for a clip of its own, evaluated at once.

    Args:
        network: that has their layers.
        objectives: one a clip.
        scales: what a goal's answers are divided by, such as its largest to real clips.
    """

    def __init__(
        self,
        network: Network,
        objectives: Sequence[Objective],
        scales: Mapping[Goal, float] | None = None,
    ):
        self.objectives = [objective.bound(network) for objective in objectives]
        scales = scales or {}
        self.layers = tuple(dict.fromkeys(name for each in objectives for name in each.layers))
        self._groups: dict[tuple[type[Goal], str], list[tuple[int, float, Goal]]] = {}
        for clip, objective in enumerate(self.objectives):
            for weight, goal in objective.terms:
                share = weight / scales.get(goal, 1.0)
                group = self._groups.setdefault((type(goal), goal.layer), [])
                group.append((clip, share, goal))

    def values(self, answers: Mapping[str, Activation]) -> PerClip:
        """Of each clip, the weighted sum of its goals' means over their places."""
        return self._sum(answers, lambda places: places.mean(1))

    def peaks(self, answers: Mapping[str, Activation]) -> PerClip:
        """The same of the largest answers over places, where a clip has one goal that is wanted.

        Where goals are added or unwanted, there is no one place to look at, and their means count.
        """
        single = [len(each.terms) == 1 and each.terms[0][0] > 0 for each in self.objectives]
        largest = self._sum(answers, lambda places: places.amax(1))
        keep = torch.tensor(single, device=largest.device)
        return torch.where(keep, largest, self.values(answers))

    def _sum(
        self, answers: Mapping[str, Activation], over_places: Callable[[Tensor], Tensor]
    ) -> PerClip:
        first = next(iter(answers.values()))
        total = torch.zeros(len(self.objectives), device=first.device, dtype=first.dtype)
        for (kind, name), group in self._groups.items():
            clips = torch.tensor([clip for clip, _, _ in group], device=first.device)
            weights = torch.tensor([weight for _, weight, _ in group]).to(first)
            layer = answers[name]
            if clips.tolist() != list(range(len(layer))):
                layer = layer[clips]
            found = kind.answers([goal for _, _, goal in group], layer)
            total = total.index_add(0, clips, weights * over_places(found).to(total.dtype))
        return total


def _own(layer: Activation, goals: Sequence[Channel] | Sequence[Neuron]) -> Tensor:
    """Of each clip, the map of its own goal's channel."""
    channels = [goal.channel for goal in goals]
    if (wrong := max(channels)) >= layer.shape[1]:
        name = goals[0].layer
        raise UnknownNameError(
            f"layer {name} has no channel {wrong}",
            got=f"{name}:{wrong}",
            expected=f"{name}:0 to {name}:{layer.shape[1] - 1}",
        )
    each = torch.arange(len(goals), device=layer.device)
    return layer[each, torch.tensor(channels, device=layer.device)]
