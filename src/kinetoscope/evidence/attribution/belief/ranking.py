"""Which method is to be believed for this network?

A method's gain is by how much its order beats random ones, the mean of deletion and insertion, over
what stands in for what is removed: a share of what there is to lose. Methods are ranked by the
median gain over clips. Those whose heat stays with random weights come after all others, whatever
they gain: they tell of the clip. The first that was measured on five clips or more is recommended
if its gain is surely above 0.

Clips differ in how much can be gained on them, and slow methods are asked of fewer. So no median
over few clips stands beside one over all: every method is held against the first on the clips that
both were asked of. One that is not surely behind it there could be the first itself, and is asked
of all clips.

Source: Blücher, Vielhaben and Strodthoff, "Decoupling Pixel Flipping and Occlusion Strategy for
Consistent XAI Benchmarks", TMLR 2024: insertion and deletion together depend less on
what stands in than each alone. Differs: random orders as control, and the check on random weights.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from kinetoscope.evidence.attribution.belief.amounts import ENOUGH
from kinetoscope.evidence.intervals import Interval, interval

RULE = (
    "by the median over clips of deletion and insertion against random orders, held against the "
    "first on the clips that both were asked of; methods whose heat stays with random weights come "
    "last; recommended is the first of five clips or more whose gain is surely above 0"
)

Gains = Mapping[int, float]
"""Of a method, by clip; not a number where a clip has too little to lose."""


def first_of(gains: Mapping[str, Gains]) -> str:
    """The method of the largest median gain, among those that were asked of the most clips."""
    most = max(map(len, gains.values()))
    return max(
        (name for name, each in gains.items() if len(each) == most),
        key=lambda name: _or_least(interval([*gains[name].values()]).value),
    )


def to_first(own: Gains, first: Gains, seed: int = 0) -> Interval:
    """From the median gain of the first to a method's own, on the clips that both were asked of.

    Below 0 it is behind. Clips are drawn for both at once, so that only what differs between the
    methods makes the interval wide, not what differs between clips.
    """
    clips = sorted(own.keys() & first.keys())
    pairs = tuple(np.array([each[clip] for clip in clips]) for each in (own, first))
    return interval(pairs, _difference, seed=seed)


def contenders(gains: Mapping[str, Gains], clips: int, seed: int = 0) -> list[str]:
    """Methods that were not asked of all clips yet, and are or could be the first.

    Args:
        gains: of the methods that may come first, so far.
        clips: how many there are.
        seed: of the intervals.
    """
    if not gains:
        return []
    first = first_of(gains)
    return [
        name
        for name, own in gains.items()
        if len(own) < clips and (name == first or not _surely_behind(own, gains[first], seed))
    ]


def ranked(told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Methods in their order, each with its `rank` from 1.

    Args:
        told: of each method `changes`, which is whether its heat does, and `to_first`, with its
            interval.
    """
    found = sorted(
        told, key=lambda each: (not each["changes"], -_or_least(each["to_first"]["value"]))
    )
    return [{"rank": place, **each} for place, each in enumerate(found, start=1)]


def recommended(told: Sequence[Mapping[str, Any]]) -> str | None:
    """The first of ranked methods that is to be believed; None if none is.

    Args:
        told: as `ranked` gives them, with `gain` and the number of `clips`.
    """
    for each in told:
        surely = (each["gain"]["low"] or 0) > 0 and each["clips"] >= ENOUGH
        if each["changes"] and surely:
            return each["name"]
    return None


def _surely_behind(own: Gains, first: Gains, seed: int) -> bool:
    """Whether it is, on as many clips as an interval needs."""
    both = [clip for clip in own.keys() & first.keys() if not math.isnan(own[clip] - first[clip])]
    return len(both) >= ENOUGH and to_first(own, first, seed).high < 0


def _difference(
    own: Float[np.ndarray, "..."], first: Float[np.ndarray, "..."], axis: int = -1
) -> Any:
    return np.median(own, axis=axis) - np.median(first, axis=axis)


def _or_least(value: float | None) -> float:
    return -math.inf if value is None or math.isnan(value) else value
