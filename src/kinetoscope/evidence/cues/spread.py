"""How sure is a number of each of very many units, all found from the same few clips?

The same as `intervals.interval` of every unit by itself, to the last digit, but for all of them in
one product of matrices: a statistic of means is resampled by weighing the clips anew.

Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from kinetoscope.evidence.cues.showing import Values
from kinetoscope.evidence.intervals import Interval

_RESAMPLES = 1000
_AT_ONCE = 1024  # units, so that memory does not grow with a layer
_ENDS = (0.025, 0.975)  # of the resamples

PerUnit = Float[np.ndarray, " unit"]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A number for each unit, and between which two it lies at 95 % confidence."""

    value: PerUnit
    low: PerUnit
    high: PerUnit

    def at(self, unit: int) -> Interval:
        """Of one unit."""
        return Interval(*(float(each[unit]) for each in (self.value, self.low, self.high)))

    def rest(self) -> "Spread":
        """What is missing to 1."""
        return Spread(value=1 - self.value, low=1 - self.high, high=1 - self.low)


def spread(
    statistic: Callable[..., np.ndarray], columns: Sequence[Values], *, seed: int = 0
) -> Spread:
    """The bootstrap percentile interval of a statistic of means over the clips, of every unit.

    Args:
        statistic: of the means of each column, `*resample unit` each; not a number where it has
            no value.
        columns: what was measured, a row a clip; rows are drawn together.
        seed: of the drawing.
    """
    clips, units = columns[0].shape
    weights = weights_of_clips(clips, seed)
    value = np.full(units, np.nan)
    low, high = value.copy(), value.copy()
    for first in range(0, units, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        block = [column[:, part] for column in columns]
        value[part] = statistic(*(column.mean(axis=0) for column in block))
        known = np.flatnonzero(~np.isnan(value[part]))
        again = statistic(*(weights @ column[:, known] for column in block))
        low[first + known], high[first + known] = ends(again)
    return Spread(value=value, low=low, high=high)


@lru_cache(maxsize=4)
def weights_of_clips(clips: int, seed: int) -> Float[np.ndarray, "resample clip"]:
    """How much each clip weighs in each resample; the weights of a resample sum to 1."""
    drawn = np.random.default_rng(seed).integers(0, clips, (_RESAMPLES, clips))
    return np.stack([np.bincount(row, minlength=clips) for row in drawn]) / clips


def ends(resampled: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Between which two values the middle 95 % lie; resamples without a value are left out.

    Args:
        resampled: along the first axis.

    Returns:
        The two, along the first axis; interpolated as NumPy's percentile, in a third of its time.
    """
    rising = np.sort(np.ascontiguousarray(resampled.T), axis=-1)  # what is not a number comes last
    known = (~np.isnan(rising)).sum(axis=-1, keepdims=True)
    found = []
    for end in _ENDS:
        place = np.maximum(known - 1, 0) * end
        before = place.astype(int)
        after = np.minimum(before + 1, np.maximum(known - 1, 0))
        low, high = (np.take_along_axis(rising, at, axis=-1) for at in (before, after))
        found.append((low + (high - low) * (place - before))[..., 0])
    return np.stack(found)
