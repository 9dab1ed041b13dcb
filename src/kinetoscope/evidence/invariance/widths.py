"""How much of a change does a unit stand, and does that grow with depth?

A unit's half-width is how far a change may go, from where the unit answers most, until half of that
is left: between the values that were looked at a straight line is drawn, and both sides are
averaged. It is counted in octaves where values are compared by their ratio. Where a change has one
side only, it counts from no change. A unit that is never brought to half has at least the width of
what was looked at, and is marked.

Whether invariance grows with depth is Spearman's correlation of the half-widths of all units with
the depth of their layers, held against that of the same network with random weights.

Source: bandwidth at half of the maximum, as physiologists have it of tuning curves; that invariance
to speed grows with depth is a claim of Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from kinetoscope.errors import ClipError
from kinetoscope.evidence.intervals import Interval, interval
from kinetoscope.networks.network import Network
from kinetoscope.units.receptive import ReceptiveField, receptive_fields

ENOUGH = 2000
"""Of more units, so many drawn at random tell the interval."""

Curves = Float[np.ndarray, "value unit"]
Widths = Float[np.ndarray, " unit"]
AnyWidths = Float[np.ndarray, " _"]
"""Of a layer among others, which have other numbers of units."""


@dataclass(frozen=True, kw_only=True)
class HalfWidths:
    """Of each unit.

    Args:
        width: not a number for a unit without a curve.
        at_least: whether the curve ends, on some side, before it falls to half.
    """

    width: Widths
    at_least: Bool[np.ndarray, " unit"]


def half_widths(steps: Sequence[float], curves: Curves) -> HalfWidths:
    """How far from its peak each curve falls to half.

    >>> half_widths([-2.0, -1.0, 0.0, 1.0, 2.0], np.array([[0, 0.5, 1, 0.75, 0.25]]).T).width
    array([1.25])

    Args:
        steps: the values, ascending, counted from no change.
        curves: a column a unit; one with a value that is not a number has no width.
    """
    along = np.asarray(steps, dtype=float)
    known = ~np.isnan(curves).any(axis=0) & (np.nan_to_num(curves).max(axis=0) > 0)
    filled = np.where(known, curves, 0.0)
    high, past = _falls(along, filled)
    low, before = _falls(-along[::-1], filled[::-1])
    if along[0] >= 0:
        width, at_least = high, past
    elif along[-1] <= 0:
        width, at_least = low, before
    else:
        width, at_least = (high + low) / 2, past | before
    return HalfWidths(width=np.where(known, width, np.nan), at_least=at_least & known)


def _falls(along: Float[np.ndarray, " value"], curves: Curves) -> tuple[np.ndarray, np.ndarray]:
    """Where each curve first falls to half after its peak; the end, and true, where it does not."""
    half = curves.max(axis=0) / 2
    after = np.arange(len(along))[:, None] > curves.argmax(axis=0)
    below = after & (curves < half)
    first = below.argmax(axis=0)
    never = ~below.any(axis=0)
    here = np.maximum(first, 1)
    columns = np.arange(curves.shape[1])
    low, high = curves[here, columns], curves[here - 1, columns]
    drop = np.where(high > low, high - low, 1.0)
    place = along[here - 1] + (high - half) / drop * (along[here] - along[here - 1])
    return np.where(never, along[-1], place), never


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Whether half-widths grow with depth.

    Args:
        trained: Spearman's correlation, of the network that was asked about.
        control: of the same network with random weights.
        difference: the first less the second.
    """

    trained: Interval
    control: Interval
    difference: Interval

    @property
    def verdict(self) -> str:
        """`grows`, `falls`, or `neither` where the interval holds zero, or nothing is known."""
        return _side(self.trained, "grows", "falls", "neither")

    @property
    def against(self) -> str:
        """Beside random weights: `more`, `less`, or `alike` where the interval holds zero."""
        return _side(self.difference, "more", "less", "alike")


def trend(
    depths: Sequence[int],
    trained: Sequence[AnyWidths],
    control: Sequence[AnyWidths],
    *,
    seed: int = 0,
) -> Trend:
    """Hold half-widths against depth.

    Args:
        depths: of each layer.
        trained: of the units of each layer; not a number for one that has none.
        control: likewise, of the network with random weights.
        seed: of what is drawn.
    """
    depth = np.concatenate([np.full(len(w), d) for d, w in zip(depths, trained, strict=True)])
    own, other = np.concatenate(trained), np.concatenate(control)
    some = np.stack([depth, own, other])
    one, two, both = (
        interval(tuple(_some(some[list(rows)], seed)), measure, seed=seed)
        for rows, measure in (((0, 1), spearman), ((0, 2), spearman), ((0, 1, 2), _difference))
    )
    return Trend(trained=one, control=two, difference=both)


def spearman(one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
    """Spearman's rank correlation along an axis; 0 where one is the same throughout."""
    a, b = (stats.rankdata(each, axis=axis) for each in (one, other))
    a, b = (each - each.mean(axis=axis, keepdims=True) for each in (a, b))
    size = np.sqrt((a**2).sum(axis=axis) * (b**2).sum(axis=axis))
    return np.asarray((a * b).sum(axis=axis) / np.where(size > 0, size, 1.0))


def _difference(
    depth: np.ndarray, own: np.ndarray, other: np.ndarray, axis: int = -1
) -> np.ndarray:
    return np.asarray(spearman(depth, own, axis) - spearman(depth, other, axis))


def _some(columns: np.ndarray, seed: int) -> np.ndarray:
    """The members that are known, or so many of them as tell an interval."""
    known = columns[:, ~np.isnan(columns).any(axis=0)]
    if known.shape[1] <= ENOUGH:
        return known
    chosen = np.random.default_rng(seed).choice(known.shape[1], ENOUGH, replace=False)
    return known[:, np.sort(chosen)]


def median(units: Widths, *, seed: int = 0) -> Interval:
    """The median over the units of a layer, with its bootstrap interval."""
    return interval(_some(np.asarray(units, dtype=float)[None], seed)[0], np.median, seed=seed)


def medians(rows: Float[np.ndarray, "member value"], *, level: float = 0.95) -> list[Interval]:
    """The median of each column, with the interval that holds for any distribution.

    Its ends are two of the members, counted off by the binomial distribution, as in SciPy's
    `quantile_test`: with no resampling, for there are thousands of them.
    """
    return [_counted(column[~np.isnan(column)], level) for column in np.sort(rows, axis=0).T]


def _counted(ordered: np.ndarray, level: float) -> Interval:
    count = len(ordered)
    if not count:
        return Interval(np.nan, np.nan, np.nan)
    low = int(stats.binom.ppf((1 - level) / 2, count, 0.5)) - 1
    high = int(stats.binom.ppf((1 + level) / 2, count, 0.5))
    ends = ordered[max(low, 0)], ordered[min(high, count - 1)]
    return Interval(float(np.median(ordered)), float(ends[0]), float(ends[1]))


def _side(found: Interval, above: str, below: str, neither: str) -> str:
    if found.low > 0:
        return above
    return below if found.high < 0 else neither


def fields_of(network: Network, layers: Sequence[str]) -> dict[str, ReceptiveField]:
    """What a place of each layer sees; nothing is known of a model that can't be followed."""
    try:
        return receptive_fields(network, layers)
    except ClipError:
        return {}


def depths_of(layers: Sequence[str], fields: dict[str, ReceptiveField]) -> list[int]:
    """How many of the layers lie before each one, it included.

    Layers come in the order of computation. Of two streams that have not met yet, neither lies
    before the other.
    """
    seen = [
        frozenset(fields[layer].streams) if layer in fields else frozenset() for layer in layers
    ]
    return [sum(earlier <= own for earlier in seen[: place + 1]) for place, own in enumerate(seen)]
