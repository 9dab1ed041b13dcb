"""What did units answer to the clips of a scan, class by class and clip by clip?

Everything is said of one layer's table of maxima: a row a clip, a column a channel.

Source: selectivity is that of Morcos, Barrett, Rabinowitz and Botvinick, "On the importance of
single directions for generalization", ICLR 2018, section 2.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

Maxima = Float[np.ndarray, "clip channel"]
"""Each channel's largest answer in each clip; not a number where a clip was not seen."""

Means = Float[np.ndarray, "label channel"]
Labels = Int[np.ndarray, " clip"]
"""The place of each clip's label; -1 for a clip without one."""


def class_means(maxima: Maxima, labels: Labels, count: int) -> Means:
    """Mean over the clips of each label; not a number for a label without clips."""
    means = np.full((count, maxima.shape[1]), np.nan)
    for label in range(count):
        own = maxima[labels == label]
        own = own[~np.isnan(own).all(axis=1)]
        if len(own):
            means[label] = own.mean(axis=0)
    return means


def selectivity(means: Means) -> Float[np.ndarray, " channel"]:
    """(best - others) / (best + others), where `others` is the mean of the other labels' means.

    0 answers to all labels alike, 1 answers to a single one. Not a number for a unit that is
    never excited, or where there are fewer than two labels.
    """
    positive = np.clip(means, 0, None)
    known = (~np.isnan(positive)).sum(axis=0)
    best = np.nanmax(positive, axis=0, initial=-np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        others = (np.nansum(positive, axis=0) - best) / (known - 1)
        return np.where(known > 1, (best - others) / (best + others), np.nan)


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
