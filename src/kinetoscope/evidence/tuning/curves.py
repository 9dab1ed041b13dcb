"""What does a unit answer along each axis, at what it likes best?

The answers to a kind of stimulus are a box of direction, speed and detail. A unit's curve along one
axis runs through its largest answer, at the best of the other two; below the answer to a blank it
counts as none.

Source: Movshon, Thompson and Tolhurst, J. Physiol. 283, 1978, who move along one axis at the best
of the others. Differs: the box is full, so that the best is that of all combinations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from kinetoscope.evidence.tuning.grid import Condition, Grid, Kind
from kinetoscope.evidence.tuning.significance import Moving, OfUnits

Answers = Float[np.ndarray, "clip unit"]
"""To every clip of a grid, in its order."""
OfLayers = dict[str, Float[np.ndarray, "clip _"]]
"""The same of several layers."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """Answers to one kind of stimulus.

    Args:
        moving: to what moves.
        still: to what stands still: repetition, angle, detail, unit.
        blank: to the blank.
    """

    moving: Moving
    still: Float[np.ndarray, "repetition angle detail unit"]
    blank: OfUnits


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The curves of units; answers above that to a blank, or none.

    Args:
        best: the places of the largest answer along direction, speed and detail.
        direction, speed, detail: a curve along each axis, through the largest answer.
        spread: the standard deviation over repetitions, along direction.
        speed_by_detail: at the best direction.
        most: the largest answer, the mean over repetitions.
        still: to the same, standing still.
    """

    best: tuple[Int[np.ndarray, " unit"], ...]
    direction: Float[np.ndarray, "direction unit"]
    speed: Float[np.ndarray, "speed unit"]
    detail: Float[np.ndarray, "detail unit"]
    spread: Float[np.ndarray, "direction unit"]
    speed_by_detail: Float[np.ndarray, "speed detail unit"]
    most: OfUnits
    still: OfUnits


def box_of(answers: Answers, grid: Grid, kind: Kind) -> Box:
    """Put the answers to one kind of stimulus in order."""
    places = {shown: place for place, shown in enumerate(grid.shown)}

    def pick(angles: Sequence[float], speeds: Sequence[float]) -> Moving:
        axes = (range(grid.repetitions), angles, speeds, grid.details(kind))
        asked = [
            (Condition(kind=kind, direction=angle, speed=speed, detail=detail), number)
            for number, angle, speed, detail in product(*axes)
        ]
        at = np.array([places.get(each, -1) for each in asked])
        found = np.where(at[:, None] >= 0, answers[at], np.nan)
        return found.reshape(*map(len, axes), answers.shape[1])

    still = pick(grid.still_angles(kind), (0.0,))
    return Box(moving=pick(grid.angles, grid.speeds), still=still[:, :, 0], blank=answers[0])


def tuned(box: Box) -> Tuned:
    """The curves through each unit's largest answer."""
    above = np.maximum(np.mean(box.moving, axis=0) - box.blank, 0)
    shape, units = above.shape[:3], np.arange(above.shape[3])
    flat = np.where(np.isnan(above), -1, above).reshape(-1, len(units))
    angle, speed, detail = np.unravel_index(flat.argmax(axis=0), shape)
    still = np.maximum(np.mean(box.still, axis=0) - box.blank, 0)
    return Tuned(
        best=(angle, speed, detail),
        direction=above[:, speed, detail, units],
        speed=above[angle, :, detail, units].T,
        detail=above[angle, speed, :, units].T,
        spread=np.std(box.moving, axis=0)[:, speed, detail, units],
        speed_by_detail=np.moveaxis(above[angle, :, :, units], 0, -1),
        most=above[angle, speed, detail, units],
        still=still[angle % len(still), detail, units],
    )
