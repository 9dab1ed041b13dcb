"""How far can a map be trusted?

    trustworthiness    whether those that lie together on the map are together in the features: 1
                       where all do, about 0.5 where points lie at random
    agreement          of a clip's nearest neighbours, the share that has its label; on the map and
                       in the features, for a map may lose neighbours as well as make them

Both are means over clips, so both have an interval. Neighbours of a clip's own group do not count
for agreement: they would agree with it anyway.

Source: Venna and Kaski, "Neighborhood Preservation in Nonlinear Projection Methods: An Experimental
Study", ICANN 2001 (trustworthiness, as scikit-learn has it).
"""

import numpy as np
from jaxtyping import Float, Int

from kinetoscope.evidence.representation.clips import Places, Table

NEIGHBOURS = 12
"""That count as near; fewer where clips are few."""


def neighbours_of(clips: int) -> int:
    """How many neighbours count among so many clips: trustworthiness takes less than half.

    >>> neighbours_of(200), neighbours_of(9)
    (12, 4)
    """
    return max(1, min(NEIGHBOURS, (clips - 1) // 2))


def trust(
    features: Table, points: Float[np.ndarray, "clip place"], neighbours: int
) -> Float[np.ndarray, " clip"]:
    """The part of each clip in the trustworthiness of a map, which is their mean.

    Args:
        features: what was laid out.
        points: where it lies.
        neighbours: how many count as near; less than half of the clips.
    """
    clips = len(features)
    ranks = np.zeros((clips, clips), dtype=int)
    np.put_along_axis(ranks, _order(features), np.arange(1, clips), axis=1)
    near = _order(points)[:, :neighbours]
    too_far = np.clip(np.take_along_axis(ranks, near, axis=1) - neighbours, 0, None).sum(axis=1)
    return 1 - too_far * 2 / (neighbours * (2 * clips - 3 * neighbours - 1))


def agreement(
    points: Table, labels: Places, groups: Places, neighbours: int
) -> Float[np.ndarray, " clip"]:
    """The share of each clip's nearest neighbours, of other groups, that has its label.

    Args:
        points: on a map, or features.
        labels: of each clip; -1 for one without, which is no neighbour and has no share.
        groups: of each clip.
        neighbours: how many count; fewer where there are not so many of other groups.

    Returns:
        Not a number for clips without a label, or without neighbours.
    """
    shares = np.full(len(points), np.nan)
    known = np.flatnonzero(labels >= 0)
    order = known[_order(points[known])] if len(known) > 1 else known[:, None]
    for place, others in zip(known.tolist(), order, strict=True):
        near = others[groups[others] != groups[place]][:neighbours]
        if len(near):
            shares[place] = (labels[near] == labels[place]).mean()
    return shares


def _order(points: Table) -> Int[np.ndarray, "clip other"]:
    """All others of each clip, the nearest first."""
    from sklearn.metrics import pairwise_distances

    distances = pairwise_distances(points)
    np.fill_diagonal(distances, -1)  # each is nearest to itself, and left out
    return np.argsort(distances, axis=1, kind="stable")[:, 1:]
