"""Of which labels are the clips that excite a unit most?

    entropy = - sum over labels of share * log2(share)   [bits]

of the labels among a unit's top clips: 0 where all are of one label, log2(labels) where all labels
come alike. So many clips are counted as a label has on average, at most a hundred, so that a unit
that likes one label can reach 0. Where clips excite a unit equally and not all of them fit, each
counts for a part, so that the order of the catalog does not matter.

Source: the clips are those of Zeiler and Fergus, "Visualizing and Understanding Convolutional
Networks", ECCV 2014, section 4; entropy as in Shannon, "A Mathematical Theory of Communication",
1948, section 6.
"""

import numpy as np
from jaxtyping import Float

from kinetoscope.evidence.specificity.selectivity import Labels, Maxima

TOP = 100

Histograms = Float[np.ndarray, "label channel"]


def clips_counted(labels: Labels, count: int, *, top: int = TOP) -> int:
    """How many of a unit's best clips are looked at: as many as a label has, at most `top`."""
    present = len(np.unique(labels[labels >= 0]))
    return max(1, min(top, int((labels >= 0).sum()) // max(1, present))) if count else 0


def top_labels(maxima: Maxima, labels: Labels, count: int, *, top: int = TOP) -> Histograms:
    """How many of each channel's top clips are of each label.

    Args:
        maxima: clips that were not seen count for nothing; nor do those without a label.
        labels: of each clip.
        count: how many labels there are.
        top: how many clips at most; see `clips_counted`.
    """
    known = (labels >= 0) & ~np.isnan(maxima).all(axis=1)
    seen, own = maxima[known], np.eye(count)[labels[known]]
    wanted = min(clips_counted(labels[known], count, top=top), len(seen))
    if not wanted:
        return np.zeros((count, maxima.shape[1]))
    least = -np.partition(-seen, wanted - 1, axis=0)[wanted - 1]
    above, equal = seen > least, seen == least
    part = (wanted - above.sum(axis=0)) / equal.sum(axis=0)
    return own.T @ above + part * (own.T @ equal)


def entropy(histograms: Histograms) -> Float[np.ndarray, " channel"]:
    """Of each channel's labels [bits]; not a number where no clip was counted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = histograms / histograms.sum(axis=0)
        bits = -np.where(share > 0, share * np.log2(share), share).sum(axis=0)
    return bits + 0.0  # no minus before zero
