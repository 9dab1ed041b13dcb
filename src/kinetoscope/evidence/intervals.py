"""How sure is a number that was found from a sample of clips or of units?

Bootstrap percentile intervals: the statistic of as many samples, drawn with replacement from the
one that there is; and the rate of false discoveries among many tests.

Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", Annals of Statistics 1979;
Benjamini and Hochberg, "Controlling the False Discovery Rate", JRSS B 1995; both as SciPy has them.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

_RESAMPLES = 1000
_AT_ONCE = 2**24  # members that are drawn, so that memory stays flat


@dataclass(frozen=True)
class Interval:
    """A number, and between which two it lies at a level of confidence.

    Args:
        value: the statistic of the sample; not a number where there is no sample.
        low, high: the ends; both the value itself where the sample has one member.
    """

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """As plain values."""
        return asdict(self)


def interval(
    sample: Any,
    statistic: Callable[..., Any] = np.median,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of a statistic by the bootstrap percentile method.

    Args:
        sample: numbers, one a member, or several arrays of as many members in a tuple, which are
            drawn together; members that are not a number in any of them are left out.
        statistic: of one argument for each array; takes `axis` where it is vectorized, as those
            of NumPy do.
        level: of confidence.
        seed: of the drawing.

    >>> interval([1.0, 2.0, 3.0, 4.0], np.mean).value
    2.5
    """
    arrays = sample if isinstance(sample, tuple) else (sample,)
    columns = [np.asarray(array, dtype=float) for array in arrays]
    known = ~np.isnan(np.stack(columns)).any(axis=0)
    columns = [column[known] for column in columns]
    if not known.any():
        return Interval(np.nan, np.nan, np.nan)
    value = float(statistic(*columns))
    if known.sum() < 2 or all(np.ptp(column) == 0 for column in columns):
        return Interval(value, value, value)
    found = stats.bootstrap(
        columns,
        statistic,
        paired=len(columns) > 1,
        confidence_level=level,
        n_resamples=_RESAMPLES,
        batch=max(1, _AT_ONCE // int(known.sum())),
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(value, float(found.low), float(found.high))


def false_discovery_rates(p: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Of many tests' p-values, those adjusted by Benjamini and Hochberg; nan stays nan."""
    adjusted = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    if known.any():
        adjusted[known] = stats.false_discovery_control(p[known])
    return adjusted
