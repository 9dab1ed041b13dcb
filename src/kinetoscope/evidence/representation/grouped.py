"""How sure is a mean over clips, where clips of one group are alike?

Groups are drawn with replacement, not clips: three clips of one video are hardly more than one.

Source: the cluster bootstrap of Field and Welsh, "Bootstrapping Clustered Data", JRSS B 2007.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from kinetoscope.evidence.intervals import Interval, interval
from kinetoscope.evidence.representation.clips import Places


def mean_over_groups(
    values: Float[np.ndarray, " clip"], groups: Places, *, seed: int = 0
) -> Interval:
    """The mean over clips, with its 95 % interval over groups.

    Args:
        values: of each clip; those that are not a number are left out.
        groups: of each clip.
        seed: of the drawing.

    >>> mean_over_groups(np.array([1.0, 1.0, 0.0]), np.array([0, 0, 1])).value
    0.6666666666666666
    """
    known = ~np.isnan(values)
    if not known.any():
        return Interval(np.nan, np.nan, np.nan)
    sizes = np.bincount(groups[known])
    sums = np.bincount(groups[known], weights=values[known])
    return interval((sums[sizes > 0], sizes[sizes > 0]), _share, seed=seed)


def _share(
    sums: Float[np.ndarray, "*many group"], sizes: Float[np.ndarray, "*many group"], axis: int = -1
) -> Any:
    return sums.sum(axis=axis) / sizes.sum(axis=axis)
