"""How does a shape move, frame by frame?

Every kind of motion is written about its middle, and every path's mean is zero. So where a shape is
on average, and at which size, says nothing about how it moves.
"""

import math
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

Motion = Literal["line", "accelerating", "swing", "circle", "looming", "still"]
MOTIONS: tuple[Motion, ...] = get_args(Motion)
Direction = Literal["right", "down_right", "down", "down_left", "left", "up_left", "up", "up_right"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
Turn = Literal["clockwise", "anticlockwise"]
TURNS: tuple[Turn, ...] = get_args(Turn)

SWING_FRAMES = 12.0  # there and back
CIRCLE_FRAMES = 20.0  # once around
LOOMING_SHARE = 0.25  # speed of a looming shape's rim [speeds of other shapes]


def heading(direction: Direction) -> tuple[float, float]:
    """One pixel in a direction, (right, down).

    >>> heading("down")
    (0.0, 1.0)
    """
    angle = math.pi / 4 * DIRECTIONS.index(direction)
    return round(math.cos(angle), 12), round(math.sin(angle), 12)


def path(
    motion: Motion, *, speed: float, direction: Direction, turn: Turn, frames: int
) -> Float[np.ndarray, "time 2"]:
    """Where the shape is in each frame, (right, down) of the path's mean [pixels].

    Args:
        motion: the kind of motion.
        speed: along the path, on average [pixels per frame].
        direction: where to: of a circle, the heading halfway; of a swing, the first heading.
        turn: which way round a circle goes.
        frames: how many.
    """
    time = np.arange(frames) - (frames - 1) / 2
    along, across = np.zeros(frames), np.zeros(frames)
    if motion == "line":
        along = speed * time
    elif motion == "accelerating":  # from a fifth of the mean speed to nine fifths
        along = speed * (time + 0.8 * time * time / (frames - 1))
    elif motion == "swing":
        along = speed * SWING_FRAMES / 4 * np.sin(2 * math.pi * np.arange(frames) / SWING_FRAMES)
    elif motion == "circle":
        radius, angle = speed * CIRCLE_FRAMES / (2 * math.pi), 2 * math.pi * time / CIRCLE_FRAMES
        along = radius * np.sin(angle)
        across = radius * np.cos(angle) * (-1 if turn == "clockwise" else 1)
    right, down = heading(direction)
    places = np.stack([right * along - down * across, down * along + right * across], axis=1)
    return places - places.mean(axis=0)


def growth(motion: Motion, *, speed: float, size: float, frames: int) -> Float[np.ndarray, " time"]:
    """How large the shape is in each frame [its size halfway]: it grows only when it looms."""
    if motion != "looming":
        return np.ones(frames)
    time = np.arange(frames) - (frames - 1) / 2
    return np.exp(LOOMING_SHARE * speed / size * time)
