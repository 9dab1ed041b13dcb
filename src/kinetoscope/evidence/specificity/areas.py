"""How well does each unit tell the clips of a label from all others?

By the area under its ROC curve: how often a clip of the label excites it more than a clip of
another does, ties counting half. 1 tells them apart, 0.5 is chance, 0 tells them apart by silence.
All units and labels come from one ranking of the clips, since an area is a sum of ranks; the
p-value is that of the Mann-Whitney test, whose statistic is the same sum.

Source: Mann and Whitney, "On a test of whether one of two random variables is stochastically larger
than the other", Annals of Mathematical Statistics 1947 (normal approximation, corrected for ties
and for continuity, as SciPy has it); Hanley and McNeil, "The meaning and use of the area under a
receiver operating characteristic (ROC) curve", Radiology 1982.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from kinetoscope.evidence.specificity.selectivity import Labels, Maxima

Table = Float[np.ndarray, "label channel"]

_AT_ONCE = 2**23  # answers that are ranked at once, which bounds memory


@dataclass(frozen=True, kw_only=True)
class Areas:
    """Of every label and channel.

    Args:
        area: under the ROC curve; not a number for a label without clips, or with all of them.
        p: two-sided; not a number as well for a label with fewer clips than were asked for.
    """

    area: Table
    p: Table


def areas(maxima: Maxima, labels: Labels, count: int, *, least: int = 2) -> Areas:
    """Areas under the ROC curve of each label against all others, with p-values.

    Args:
        maxima: clips that were not seen count for nothing; nor do those without a label.
        labels: of each clip.
        count: how many labels there are.
        least: clips that a label must have to be tested.
    """
    known = (labels >= 0) & ~np.isnan(maxima).all(axis=1)
    return areas_of_ranks(ranks_of(maxima[known]), labels[known], count, least=least)


def area_between(one: Maxima, other: Float[np.ndarray, "rival channel"]) -> Areas:
    """How well each channel tells the clips of two labels apart: 1 if the first alone excites it.

    As `areas`, of one label: there is one row.
    """
    labels = np.repeat([0, 1], [len(one), len(other)])
    found = areas(np.concatenate([one, other]), labels, 2)
    return Areas(area=found.area[:1], p=found.p[:1])


def ranks_of(maxima: Maxima) -> Maxima:
    """The rank of each clip by each channel, from 1; equal answers share the mean of theirs."""
    step = max(1, _AT_ONCE // max(1, len(maxima)))
    columns = [
        stats.rankdata(maxima[:, first : first + step], axis=0)
        for first in range(0, maxima.shape[1], step)
    ]
    return np.concatenate([np.empty((len(maxima), 0)), *columns], axis=1)


def areas_of_ranks(ranks: Maxima, labels: Labels, count: int, *, least: int = 2) -> Areas:
    """As `areas`, of clips that all have a label, and are ranked already."""
    own = np.eye(count)[labels]
    total, clips = len(ranks), own.sum(axis=0)[:, None]
    others = total - clips
    with np.errstate(invalid="ignore", divide="ignore"):
        wins = own.T @ ranks - clips * (clips + 1) / 2
        # t equal answers lower the sum of squared distances from the mean rank by (t^3 - t) / 12
        spread = np.square(ranks - (total + 1) / 2).sum(axis=0)
        deviation = np.sqrt(clips * others * spread / (total * (total - 1)))
        z = (np.abs(wins - clips * others / 2) - 0.5) / deviation
        area = np.where(clips * others > 0, wins / (clips * others), np.nan)
        p = np.where((clips >= least) & (others > 0), (2 * stats.norm.sf(z)).clip(0, 1), np.nan)
    return Areas(area=area, p=p)
