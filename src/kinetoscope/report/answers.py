"""What did units answer to the clips of a scan, clip by clip?

Everything is said of one layer's table of maxima: a row a clip, a column a channel.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from kinetoscope.evidence.specificity.selectivity import Maxima


def histogram(answers: Float[np.ndarray, " clip"], bins: int = 32) -> tuple[list[float], list[int]]:
    """Edges and counts, from zero or below up to the largest answer."""
    seen = answers[~np.isnan(answers)]
    if not len(seen) or seen.max() <= min(0.0, seen.min()):
        return [], []
    counts, edges = np.histogram(seen, bins=bins, range=(min(0.0, seen.min()), seen.max()))
    return edges.tolist(), counts.tolist()


def most_excited(shares: Float[np.ndarray, " unit"], count: int) -> list[int]:
    """The places of the largest shares, the largest first; the earlier of equals first."""
    order = np.argsort(-np.nan_to_num(shares, nan=-np.inf), kind="stable")[:count]
    return [int(place) for place in order if shares[place] > 0]


def shares_of_best(maxima: Maxima, epsilon: float) -> Maxima:
    """Each answer over the channel's largest to any clip; 0 for channels never above epsilon."""
    best = np.nanmax(maxima, axis=0, initial=-np.inf)
    usable = best > epsilon
    return np.where(usable, maxima / np.where(usable, best, 1.0), 0.0)


def rounded(value: float | None, digits: int = 4) -> float | None:
    """A number as JSON takes it, of few digits; None for what is not one."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def plain(values: Sequence[float] | np.ndarray, digits: int = 4) -> list[float | None]:
    """Numbers as JSON takes them."""
    return [rounded(float(each), digits) for each in values]
