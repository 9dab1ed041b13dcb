"""How well does a number tell two groups apart, and how sure is that?

The area under the ROC curve is the chance that one of the first group, drawn at random, has the
larger number than one of the second: 0.5 is chance, 1 is never wrong. Its interval follows from how
much each member's own share of won comparisons differs; it is found on the scale of log odds, so
that it ends between 0 and 1.

Source: DeLong, DeLong and Clarke-Pearson, "Comparing the Areas under Two or More Correlated
Receiver Operating Characteristic Curves", Biometrics 1988; for large samples the same as the test
of Mann and Whitney, whose p-value SciPy gives.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats
from scipy.special import expit, logit

Numbers = Float[np.ndarray, " member"]

_LEVEL = 1.959964  # standard deviations, for 95 %


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve.

    Args:
        value: from 0 to 1.
        low, high: between which it lies at 95 %.
        p: of as large an area where there is no difference.
    """

    value: float
    low: float
    high: float
    p: float


def area_of(own: Float[np.ndarray, " own"], others: Float[np.ndarray, " other"]) -> Area:
    """How well numbers tell a group from the others, if its own are the larger.

    >>> area_of(np.array([2.0, 3.0]), np.array([1.0, 2.0])).value
    0.875
    """
    won, lost = shares_won(own, others)
    value = float(won.mean())
    if len(own) < 2 or len(others) < 2:
        return Area(value, 0.0, 1.0, 1.0)
    p = float(stats.mannwhitneyu(own, others, alternative="greater", method="asymptotic").pvalue)
    if np.ptp(own) == 0 and np.array_equal(np.unique(own), np.unique(others)):
        return Area(value, value, value, 1.0)  # all are equal: there is nothing to tell by
    variance = won.var(ddof=1) / len(own) + lost.var(ddof=1) / len(others)
    if variance > 0:
        spread = _LEVEL * np.sqrt(variance) / (value * (1 - value))
        low, high = expit(logit(value) + np.array([-spread, spread]))
    else:
        low, high = _wilson(value, min(len(own), len(others)))
    return Area(value, min(float(low), value), max(float(high), value), p)


def _wilson(share: float, count: int) -> tuple[float, float]:
    """The interval of a share, by Wilson's score."""
    weight = _LEVEL**2 / count
    middle = (share + weight / 2) / (1 + weight)
    half = np.sqrt(share * (1 - share) * weight + weight**2 / 4) / (1 + weight)
    return middle - half, middle + half


def shares_won(
    own: Float[np.ndarray, " own"], others: Float[np.ndarray, " other"]
) -> tuple[Float[np.ndarray, " own"], Float[np.ndarray, " other"]]:
    """Of each member the share of comparisons that its group's hypothesis wins; a tie is half."""
    both = stats.rankdata(np.concatenate([own, others]))
    won = (both[: len(own)] - stats.rankdata(own)) / len(others)
    lost = 1 - (both[len(own) :] - stats.rankdata(others)) / len(own)
    return won, lost
