"""Does a unit answer to one label, or to all of them alike?

    selectivity = (best - others) / (best + others)

of a unit's mean answers to the clips of each label, where `others` is the mean over the labels but
the best.

Source: Morcos, Barrett, Rabinowitz and Botvinick, "On the importance of single directions for
generalization", ICLR 2018, section 2. Differs: answers are the largest over all positions, and
below zero they count as none.
"""

import numpy as np
from jaxtyping import Float, Int

from kinetoscope.evidence.retrieval import EPSILON
from kinetoscope.evidence.scan import Scan

Maxima = Float[np.ndarray, "clip channel"]
"""Each channel's largest answer in each clip; not a number where a clip was not seen."""

Means = Float[np.ndarray, "label channel"]
Labels = Int[np.ndarray, " clip"]
"""The place of each clip's label; -1 for a clip without one."""


def most_selective(scan: Scan, layer: str) -> list[int]:
    """The live channels of a layer, the most selective first; the earlier of equals first.

    Raises:
        UnknownNameError: the layer was not scanned.
    """
    places = {label: place for place, label in enumerate(scan.labels)}
    labels = np.array([places.get(label, -1) for label in scan.clips["label"]])
    specific = selectivity(class_means(scan.maxima(layer).numpy(), labels, len(places)))
    largest = scan.channel_maxima(layer).tolist()
    alive = [channel for channel, most in enumerate(largest) if most > EPSILON]
    return sorted(alive, key=lambda channel: (-np.nan_to_num(specific[channel]), channel))


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
    """Of each channel; 0 answers to all labels alike, 1 answers to a single one.

    Not a number for a unit that is never excited, or where there are fewer than two labels.
    """
    positive = np.clip(means, 0, None)
    known = (~np.isnan(positive)).sum(axis=0)
    best = np.nanmax(positive, axis=0, initial=-np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        others = (np.nansum(positive, axis=0) - best) / (known - 1)
        return np.where(known > 1, (best - others) / (best + others), np.nan)
