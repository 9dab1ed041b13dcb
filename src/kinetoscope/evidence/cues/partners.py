"""Whose appearance, or whose motion, stands in for a clip's own?

Each clip of a sample is given another clip, of another label: none stands in for itself, and each
stands in once. Which ones is drawn at random by a seed: of all such assignments the one that is
the cheapest where each pair costs a random amount.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int
from scipy.optimize import linear_sum_assignment

from kinetoscope.errors import CatalogError

Partners = Int[np.ndarray, " clip"]
"""Of each clip the place of the one that stands in for it."""


def draw_partners(labels: Sequence[str | None], seed: int) -> Partners:
    """Give each clip another one, of another label wherever there are enough of those.

    Args:
        labels: of the clips; one without a label is not taken to be of any other's.
        seed: of the choice.

    Raises:
        CatalogError: there is one clip only.
    """
    count = len(labels)
    if count < 2:
        raise CatalogError(
            "there is no clip to take another appearance from",
            got=f"{count} clip that can be read",
            expected="two clips or more",
        )
    cost = np.random.default_rng(seed).random((count, count))
    cost[_alike(labels)] += count  # more than all others together
    cost[np.arange(count), np.arange(count)] += count * count
    return linear_sum_assignment(cost)[1].astype(np.int64)


def of_same_label(labels: Sequence[str | None], partners: Partners) -> int:
    """How many clips had to be given one of their own label."""
    return int(_alike(labels)[np.arange(len(partners)), partners].sum())


def _alike(labels: Sequence[str | None]) -> Bool[np.ndarray, "clip clip"]:
    names = np.array([str(label) for label in labels])
    known = np.array([label is not None for label in labels])
    return (names[:, None] == names) & known
