"""How sharply is a curve tuned, and to what?

Every index is of curves of answers that are none or more, above that to a blank: along an axis of
places, for many units at once. Of a direction's curve r, with its largest answer P, that to the
opposite direction N, and that across it C,

    direction selectivity     (P - N) / (P + N)
    vector strength           |sum of r exp(i h angle)| / sum of r: one less the circular variance,
                              over directions (h = 1) or over orientations (h = 2)
    orientation selectivity   (O - C) / (O + C) of the mean O over both ways along one axis
    half width                from the peak to where the curve has fallen to half, on a straight
                              line between places; the mean of both sides, where both fall

Source: Ringach, Shapley and Hawken, "Orientation selectivity in macaque V1: diversity and laminar
dependence", J. Neuroscience 22, 2002, for circular variance; Mazurek, Kager and Van Hooser,
"Robust quantification of orientation selectivity and direction selectivity", Frontiers in Neural
Circuits 8, 2014, for the rest, and for what each is good for.
"""

import numpy as np
from jaxtyping import Float, Int

Curves = Float[np.ndarray, "place unit"]
"""Answers of none or more; not a number where nothing was shown."""
Steps = Float[np.ndarray, "step unit"]
"""Answers in the order in which they are met along a side."""
OfUnits = Float[np.ndarray, " unit"]


def direction_selectivity(curves: Curves) -> OfUnits:
    """Of directions spread evenly; 0 is blind to the way of motion, 1 silent for the opposite."""
    pole, best = _turned(curves, curves.argmax(axis=0), len(curves) // 2)
    return contrast_of(best, pole)


def orientation_selectivity(curves: Curves) -> OfUnits:
    """Of directions spread evenly, a multiple of four; 0 likes all axes alike."""
    half = len(curves) // 2
    axes = (curves[:half] + curves[half:]) / 2
    across, best = _turned(axes, axes.argmax(axis=0), half // 2)
    return contrast_of(best, across)


def vector_strength(curves: Curves, harmonic: int = 1) -> OfUnits:
    """Of directions spread evenly: 1 less the circular variance; not a number for silent units."""
    angles = 2 * np.pi * np.arange(len(curves)) / len(curves)
    with np.errstate(invalid="ignore", divide="ignore"):
        return abs(np.exp(1j * harmonic * angles) @ curves) / curves.sum(axis=0)


def contrast_of(best: OfUnits, other: OfUnits) -> OfUnits:
    """(best - other) / (best + other); not a number where both are none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (best - other) / (best + other)


def peak(curves: Curves, *, ring: bool = False) -> OfUnits:
    """The place of the largest answer, between places by a parabola through it and its neighbours.

    Args:
        curves: with a largest answer.
        ring: whether the last place is beside the first. If not, a peak at either end stays there.
    """
    best = np.nanargmax(np.where(np.isnan(curves), -1, curves), axis=0)
    steps = np.array([-1, 0, 1])[:, None] + best
    before, most, after = _picked(curves, steps, ring)
    bend = before - 2 * most + after
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = np.where(bend < 0, (before - after) / (2 * bend), 0)
    shift = np.clip(np.nan_to_num(shift), -0.5, 0.5)
    return (best + shift) % len(curves) if ring else best + shift


def half_width(
    curves: Curves, places: Float[np.ndarray, " place"], *, ring: bool = False
) -> OfUnits:
    """From the peak to half of its height, in units of the places.

    The mean of both sides; of one where the other has not fallen by its end; not a number where
    neither has.

    Args:
        curves: of positive answers.
        places: rising or falling; on a ring spread evenly from 0 on.
        ring: whether the last place is beside the first.
    """
    best = np.nanargmax(np.where(np.isnan(curves), -1, curves), axis=0)
    reach = len(places) // 2 if ring else len(places) - 1
    step = abs(places[1] - places[0]) if len(places) > 1 else 0.0
    sides = []
    for way in (1, -1):
        steps = best + way * np.arange(reach + 1)[:, None]
        if ring:
            far = np.broadcast_to(step * np.arange(reach + 1)[:, None], steps.shape)
        else:
            far = abs(places[np.clip(steps, 0, len(places) - 1)] - places[best])
        sides.append(_fallen(_picked(curves, steps, ring), far))
    both = np.stack(sides)
    count = (~np.isnan(both)).sum(axis=0)
    return np.where(count > 0, np.nansum(both, axis=0) / np.maximum(count, 1), np.nan)


def _fallen(side: Steps, far: Steps) -> OfUnits:
    """How far along a side that begins at the peak its answers have fallen to half."""
    half = side[0] / 2
    low = side <= half
    low[0] = False
    at = low.argmax(axis=0)
    units = np.arange(side.shape[1])
    above, below = side[at - 1, units], side[at, units]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(above > below, (above - half) / (above - below), 0)
    met = far[at - 1, units] + share * (far[at, units] - far[at - 1, units])
    return np.where(low.any(axis=0) & (half > 0), met, np.nan)


def _picked(curves: Curves, steps: Int[np.ndarray, "step unit"], ring: bool) -> Steps:
    """Answers at places; not a number beyond an end."""
    count, units = curves.shape
    found = curves[steps % count, np.arange(units)]
    return found if ring else np.where((steps >= 0) & (steps < count), found, np.nan)


def _turned(curves: Curves, best: Int[np.ndarray, " unit"], by: int) -> tuple[OfUnits, OfUnits]:
    """The answers so many places on, and the best ones."""
    units = np.arange(curves.shape[1])
    return curves[(best + by) % len(curves), units], curves[best, units]
