"""Do two heats say the same?

How the heats of the segments of a clip are ordered in both (Spearman's rank correlation), of all
parts together, so that methods that tell streams apart can be held against those that do not. By
segments, because a method of fine grain and one of coarse grain can only agree on blocks. That
methods agree does not make them right, but where they don't, not all of them are.

Source: Krishna et al., "The Disagreement Problem in Explainable Machine Learning", TMLR 2024, for
rank correlation between methods; Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018,
section 3, for one method on two networks.
"""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from kinetoscope.evidence.intervals import Interval, interval

PerSegment = Float[np.ndarray, " segment"]


def alike(one: PerSegment, other: PerSegment) -> float:
    """Spearman's correlation; not a number where one of them is the same everywhere."""
    first, second = (rankdata(each) - (len(each) + 1) / 2 for each in (one, other))
    lengths = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / lengths if lengths else math.nan


def agreement(
    heats: Mapping[str, Mapping[int, PerSegment]], seed: int = 0
) -> dict[str, dict[str, Interval]]:
    """How alike the heats of every two methods are: the median over the clips that both answered.

    Args:
        heats: by method and clip, of each segment.
        seed: of the intervals.
    """
    return {one: {other: _pair(heats[one], heats[other], seed) for other in heats} for one in heats}


def _pair(one: Mapping[int, PerSegment], other: Mapping[int, PerSegment], seed: int) -> Interval:
    clips = sorted(one.keys() & other.keys())
    return interval([alike(one[clip], other[clip]) for clip in clips], seed=seed)
