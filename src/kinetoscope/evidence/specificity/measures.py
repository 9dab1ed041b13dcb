"""Which units of a layer are specific to a label, and which are general?

    specific   the largest of its labels' areas under the ROC curve is 0.9 or more, and the rate of
               false discoveries among all tests of the layer's units is below 0.05 there
    general    the largest area is 0.7 or less, though some clip excites the unit
    dead       no clip excites it
    between    all others

Everything is measured again with the clips' labels shuffled: what chance gives, with as many clips
and as many labels. The shuffles keep how many clips each label has.

Source: the indices are those of `selectivity.py`, `histograms.py` and `areas.py`; the bounds are
our own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats

from kinetoscope.evidence.intervals import Interval, false_discovery_rates, interval
from kinetoscope.evidence.retrieval import EPSILON
from kinetoscope.evidence.specificity.areas import Table, areas_of_ranks, ranks_of
from kinetoscope.evidence.specificity.histograms import TOP, Histograms, entropy, top_labels
from kinetoscope.evidence.specificity.selectivity import Labels, Maxima, class_means, selectivity

SPECIFIC = 0.9
"""The area from which on a unit is specific to a label."""

GENERAL = 0.7
"""The area up to which a unit is general."""

RATE = 0.05
"""Of false discoveries among the units that are called specific."""

KINDS = ("specific", "between", "general", "dead")

SHUFFLES = 20

_BLOCK = 2048  # channels at once, which bounds memory
_BY_CHANCE = 1000  # units of a layer that shuffles are shown
_MANY = 5000  # units, from which on no samples are drawn for intervals

PerChannel = Float[np.ndarray, " channel"]
Some = Float[np.ndarray, " some"]
Index = Literal["selectivity", "entropy", "area"]
INDICES: tuple[Index, ...] = ("selectivity", "entropy", "area")


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What is known of the units of a layer.

    Args:
        selectivity, entropy: see there; entropy in bits. Not a number for dead units.
        area: under the ROC curve, of each label.
        rate: of false discoveries, were all tests discoveries with a p-value as small.
        histograms: of the labels of the clips that excite each unit most.
        dead: whether no clip excites it.
    """

    selectivity: PerChannel
    entropy: PerChannel
    area: Table
    rate: Table
    histograms: Histograms
    dead: Bool[np.ndarray, " channel"]

    @property
    def best(self) -> Int[np.ndarray, " channel"]:
        """The label with the largest area, of each unit, among those that could be tested."""
        return self._told.argmax(axis=0)

    def best_of(self, index: Index) -> PerChannel:
        """An index as one number a unit: of areas the largest."""
        if index != "area":
            return getattr(self, index)
        return np.where(self.dead, np.nan, self._told.max(axis=0))

    @property
    def _told(self) -> Table:
        """Areas of labels that were tested; of all labels for units without a test."""
        area, untested = np.nan_to_num(self.area, nan=-1), np.isnan(self.rate)
        return np.where(untested & ~untested.all(axis=0), -1, area)

    @property
    def kinds(self) -> Int[np.ndarray, " channel"]:
        """Of each unit, its place in `KINDS`."""
        largest = np.nan_to_num(self.best_of("area"), nan=-1)
        sure = np.take_along_axis(self.rate, self.best[None], axis=0)[0] < RATE
        ordered = (self.dead, (largest >= SPECIFIC) & sure, largest <= GENERAL)
        return np.select(ordered, (3, 0, 2), default=1)


@dataclass(frozen=True, kw_only=True)
class Chance:
    """What shuffled labels give.

    Args:
        values: of each index the values of all live units, those of all shuffles together.
        medians: of each index their median over units, and where 95 % of the shuffles lie.
        specific: how many units are called specific, on average.
    """

    values: dict[Index, Some]
    medians: dict[Index, Interval]
    specific: float


def measure(maxima: Maxima, labels: Labels, count: int, *, top: int = TOP) -> Measures:
    """Measure all units of a layer, of clips with labels.

    Args:
        maxima: what each unit answers at most to each clip.
        labels: of each clip; -1 for one without, which counts for nothing.
        count: how many labels there are.
        top: see `histograms.clips_counted`.
    """
    return next(_measured(maxima, [labels], count, top))


def measure_chance(
    maxima: Maxima, labels: Labels, count: int, *, top: int = TOP, seed: int = 0
) -> Chance:
    """Measure units after the labels of the clips were shuffled, many times.

    Of a layer with very many units some are drawn, for whom `specific` is scaled to all.
    """
    numbers = np.random.default_rng(seed)
    units = maxima.shape[1]
    if units > _BY_CHANCE:
        maxima = maxima[:, np.sort(numbers.choice(units, _BY_CHANCE, replace=False))]
    known = np.flatnonzero(labels >= 0)
    shuffled = []
    for _ in range(SHUFFLES):
        order = labels.copy()
        order[known] = labels[numbers.permutation(known)]
        shuffled.append(order)
    values: dict[Index, list[PerChannel]] = {index: [] for index in INDICES}
    specific = []
    for found in _measured(maxima, shuffled, count, top):
        specific.append(np.count_nonzero(found.kinds == 0))
        for index in INDICES:
            values[index].append(found.best_of(index))
    return Chance(
        values={index: _known(np.concatenate(values[index])) for index in INDICES},
        medians={index: _spread([_median(each) for each in values[index]]) for index in INDICES},
        specific=float(np.mean(specific)) * units / max(1, maxima.shape[1]),
    )


def median_of(measures: Measures, index: Index, seed: int = 0) -> Interval:
    """The median over the live units of a layer, with its interval over units.

    Of very many units the interval is that of the sign test, which needs no drawing.
    """
    values = _known(measures.best_of(index))
    if len(values) <= _MANY:
        return interval(values, np.median, seed=seed)
    median = float(np.median(values))
    test = stats.quantile_test(values, q=median, p=0.5)  # pyright: ignore[reportArgumentType]
    ends = test.confidence_interval(0.95)
    return Interval(median, float(ends.low), float(ends.high))


def _measured(
    maxima: Maxima, many_labels: list[Labels], count: int, top: int
) -> Iterator[Measures]:
    """Measures for each of several labellings of the same clips, which are ranked once."""
    known = (many_labels[0] >= 0) & ~np.isnan(maxima).all(axis=1)
    seen = maxima[known]
    blocks = [
        _block(seen[:, first : first + _BLOCK], [each[known] for each in many_labels], count, top)
        for first in range(0, maxima.shape[1], _BLOCK)
    ]
    for parts in zip(*blocks, strict=True):
        joined = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts], axis=-1)
            for field in fields(Measures)
        }
        joined["rate"] = false_discovery_rates(joined["rate"])
        yield Measures(**joined)


def _block(seen: Maxima, many_labels: list[Labels], count: int, top: int) -> list[Measures]:
    """Some channels; the rates are p-values still."""
    dead = seen.max(axis=0, initial=-np.inf) <= EPSILON
    ranks = ranks_of(seen)
    found = []
    for labels in many_labels:
        told = areas_of_ranks(ranks, labels, count)
        histograms = top_labels(seen, labels, count, top=top)
        keen = selectivity(class_means(seen, labels, count))
        found.append(
            Measures(
                selectivity=np.where(dead, np.nan, keen),
                entropy=np.where(dead, np.nan, entropy(histograms)),
                area=told.area,
                rate=np.where(dead, np.nan, told.p),
                histograms=histograms,
                dead=dead,
            )
        )
    return found


def _known(values: PerChannel) -> Some:
    return values[~np.isnan(values)]


def _median(values: PerChannel) -> float:
    known = _known(values)
    return float(np.median(known)) if len(known) else np.nan


def _spread(medians: list[float]) -> Interval:
    known = _known(np.array(medians))
    if not len(known):
        return Interval(np.nan, np.nan, np.nan)
    low, high = np.quantile(known, (0.025, 0.975))
    return Interval(float(known.mean()), float(low), float(high))
