"""How is a map shown with a picture a clip, where pictures must not cover each other?

Every clip gets a cell of a grid of its own, so that the sum of the squares of how far clips are
moved is as small as can be.

Source: the linear assignment problem, solved by SciPy after Jonker and Volgenant, Computing 1987;
in place of Karpathy's grid of t-SNE (2014), in which each cell takes the nearest clip and clips are
lost or come twice.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from kinetoscope.evidence.representation.maps import Plane


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Clips in cells.

    Args:
        columns, rows: how many there are.
        cells: of each clip, counted from the upper left, row by row; no two are the same.
    """

    columns: int
    rows: int
    cells: Int[np.ndarray, " clip"]


def on_grid(points: Plane) -> Grid:
    """Give each clip a cell, near where it lies.

    Args:
        points: right and up.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    columns = math.ceil(math.sqrt(len(points)))
    rows = math.ceil(len(points) / columns)
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    inside = (points - low) / np.where(extent > 0, extent, 1)
    inside[:, 1] = 1 - inside[:, 1]  # rows are counted from above
    place = np.arange(columns * rows)
    centres = np.stack([(place % columns + 0.5) / columns, (place // columns + 0.5) / rows], axis=1)
    _, cells = linear_sum_assignment(cdist(inside, centres, "sqeuclidean"))
    return Grid(columns=columns, rows=rows, cells=np.asarray(cells))
