"""What changes from one checkpoint to the next, and how far is each from the last?

Source: as settling.py and evolution.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from kinetoscope.evidence.evolution.checkpoints import Checkpoint
from kinetoscope.evidence.evolution.settling import (
    OfUnits,
    correlations,
    overlap,
    top_places,
)
from kinetoscope.evidence.intervals import Interval
from kinetoscope.evidence.representation.similarity import (
    gram,
    unbiased_cka_of_grams,
)
from kinetoscope.evidence.specificity.selectivity import class_means, selectivity
from kinetoscope.units.layers import Layer


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What one checkpoint answered to all clips.

    Args:
        largest, mean: of each layer, over positions, `clip unit`.
        scores: before softmax.
    """

    largest: Mapping[str, Tensor]
    mean: Mapping[str, Tensor]
    scores: Tensor


@dataclass(frozen=True, kw_only=True)
class State:
    """A layer at a checkpoint, beside itself in the end; a number a unit, but for `cka`.

    Args:
        correlation: with its answers in the end.
        selectivity: for one label, now.
        overlap: which share of its top clips are those of the end.
        strongest: the place of the clip that excites it most.
        cka: of the layer.
    """

    correlation: OfUnits
    selectivity: OfUnits
    overlap: OfUnits
    strongest: Int[np.ndarray, " unit"]
    cka: Interval


@dataclass(frozen=True, kw_only=True)
class Course:
    """All checkpoints that could be followed.

    Args:
        checkpoints: by epoch, the last one among them.
        right: of each, whether each clip with a label was recognized.
        states: of each layer, by checkpoint.
        control: of each layer, of a network that was not trained.
        layers: by name, in the order of computation.
        top: how many clips were compared.
    """

    checkpoints: Sequence[Checkpoint]
    right: Sequence[Float[np.ndarray, " clip"]]
    states: Mapping[str, Sequence[State]]
    control: Mapping[str, State] | None
    layers: Mapping[str, Layer]
    top: int


def follow(
    layers: Sequence[Layer],
    earlier: Iterable[tuple[Checkpoint, Shown]],
    last: tuple[Checkpoint, Shown],
    *,
    truth: Int[Tensor, " clip"],
    labels: int,
    control: Shown | None,
    top: int,
) -> Course:
    """Hold checkpoints against the last, one after the other.

    Args:
        layers: whose units are followed.
        earlier: the checkpoints before, and what they answered.
        last: the one that they are held against.
        truth: the place of each clip's label; -1 for none.
        labels: how many there are.
        control: what a network answered that was not trained.
        top: how many of a unit's strongest clips are compared.
    """
    top = min(top, len(truth))
    ends = _Ends(last[1], truth.numpy(), labels, top)
    checkpoints: list[Checkpoint] = []
    right: list[np.ndarray] = []
    states: dict[str, list[State]] = {layer.name: [] for layer in layers}
    for checkpoint, shown in chain(earlier, [last]):
        checkpoints.append(checkpoint)
        right.append(ends.right(shown))
        for name, found in states.items():
            found.append(ends.state(name, shown))
    return Course(
        checkpoints=checkpoints,
        right=right,
        states=states,
        control=control and {name: ends.state(name, control) for name in states},
        layers={layer.name: layer for layer in layers},
        top=top,
    )


class _Ends:
    """The last checkpoint, that others are held against."""

    def __init__(self, last: Shown, truth: Int[np.ndarray, " clip"], labels: int, top: int):
        self.last, self.truth, self.labels, self.top = last, truth, labels, top
        self.tops = {
            name: top_places(answers.numpy(), top) for name, answers in last.largest.items()
        }
        self.grams = {name: gram(mean) for name, mean in last.mean.items()}

    def right(self, shown: Shown) -> Float[np.ndarray, " clip"]:
        """Whether each clip with a known label was recognized."""
        known = self.truth >= 0
        return (shown.scores.argmax(dim=1).numpy() == self.truth)[known].astype(float)

    def state(self, name: str, shown: Shown) -> State:
        """A layer beside itself in the end."""
        now = shown.largest[name].numpy()
        tops = top_places(now, self.top)
        return State(
            correlation=correlations(now, self.last.largest[name].numpy()),
            selectivity=selectivity(class_means(now, self.truth, self.labels)),
            overlap=overlap(tops, self.tops[name]),
            strongest=tops[0],
            cka=self._cka(name, shown.mean[name]),
        )

    def _cka(self, name: str, mean: Float[Tensor, "clip unit"]) -> Interval:
        return unbiased_cka_of_grams(gram(mean), self.grams[name])
