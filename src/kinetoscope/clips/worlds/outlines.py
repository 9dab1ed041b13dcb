"""Which shapes are there, and how far is a point from their edge?

All shapes of one size cover the same area, so that size does not tell them apart. The distance to
the edge gives both the mask (below zero is inside) and how much of a pixel is covered.
"""

import math
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

Shape = Literal["disc", "ring", "square", "triangle", "cross", "bar", "star"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
Points = Float[np.ndarray, "*#place"]

RING_HOLE = 0.5  # radius of the hole [outer radii]
CROSS_ARM = 0.28  # half the width of an arm [half the width of the cross]
BAR_WIDTH = 0.25  # half the width of a bar [half its length]
STARS = {  # number of points, and radius between points [radii of the points]
    "triangle": (3, math.cos(math.pi / 3)),
    "square": (4, math.cos(math.pi / 4)),
    "star": (5, 0.45),
}


def distance(shape: Shape, x: Points, y: Points, size: float | Points) -> Points:
    """How far points lie outside a shape around the origin [pixels]; inside, below zero.

    Exact along edges; beyond corners it is the distance to the longer edge, so corners are sharp.

    Args:
        shape: which shape.
        x: the points, to the right [pixels].
        y: the points, down [pixels].
        size: radius of the disc that covers the same area [pixels].
    """
    reach = size * reach_of(shape)
    match shape:
        case "disc":
            return np.sqrt(x * x + y * y) - reach
        case "ring":
            middle, half = reach * (1 + RING_HOLE) / 2, reach * (1 - RING_HOLE) / 2
            return np.abs(np.sqrt(x * x + y * y) - middle) - half
        case "cross":
            long, wide = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
            return np.maximum(long - reach, wide - CROSS_ARM * reach)
        case "bar":
            return np.maximum(np.abs(x) - reach, np.abs(y) - BAR_WIDTH * reach)
        case _:
            return _star(x, y, reach, *STARS[shape])


def reach_of(shape: Shape) -> float:
    """How far the shape of size 1 reaches from its centre.

    >>> {shape: round(reach_of(shape), 2) for shape in ("disc", "ring", "square")}
    {'disc': 1.0, 'ring': 1.15, 'square': 1.25}
    """
    match shape:
        case "disc":
            area = math.pi
        case "ring":
            area = math.pi * (1 - RING_HOLE**2)
        case "cross":
            area = 8 * CROSS_ARM - 4 * CROSS_ARM**2
        case "bar":
            area = 4 * BAR_WIDTH
        case _:
            points, between = STARS[shape]
            area = points * between * math.sin(math.pi / points)
    return math.sqrt(math.pi / area)


def _star(x: Points, y: Points, reach: float | Points, points: int, between: float) -> Points:
    """Distance to the one edge that is left when a star is folded along its symmetries."""
    step = math.pi / points
    angle = np.abs((np.arctan2(y, x) + step) % (2 * step) - step)
    radius = np.sqrt(x * x + y * y)
    right, up = 1 - between * math.cos(step), between * math.sin(step)
    length = math.hypot(right, up)
    return (up * (radius * np.cos(angle) - reach) + right * radius * np.sin(angle)) / length
