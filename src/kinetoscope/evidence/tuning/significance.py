"""Could a unit that is not tuned have answered like this?

To a unit that ignores which way things move, a stimulus and the same one going the other way are
alike, so their answers could as well have been exchanged: in every pair by itself, for every speed,
wavelength, size and repetition. The vector sum of all answers over directions is found again for
many such exchanges, of which there are far more than can be tried; how often it comes out as large
is the p-value. Likewise for orientation, with what moves along one axis and along the one across;
and along another axis of the grid, such as speed, by orders of the answers in each repetition.

Source: Fisher, "The Design of Experiments", 1935, section 21, for exchanges within pairs; Mazurek,
Kager and Van Hooser, Frontiers in Neural Circuits 8, 2014, for testing the vector sum.
"""

import numpy as np
from jaxtyping import Complex, Float, Int

Moving = Float[np.ndarray, "repetition direction speed detail unit"]
"""Answers to what moves; not a number where nothing was shown."""
OfUnits = Float[np.ndarray, " unit"]

_ROUNDING = 1e-5
"""Of the largest answer: what differs by less does not differ."""


def direction_p(moving: Moving, *, tries: int = 999, seed: int = 0) -> OfUnits:
    """Of every unit, the probability of as large a vector sum where it ignores the way."""
    half = moving.shape[1] // 2
    return _exchanged(moving[:, :half] - moving[:, half:], 1, moving, tries, seed)


def orientation_p(moving: Moving, *, tries: int = 999, seed: int = 0) -> OfUnits:
    """Of every unit, the same for the axis along which things move, whichever way."""
    half = moving.shape[1] // 2
    along = (moving[:, :half] + moving[:, half:]) / 2
    return _exchanged(along[:, : half // 2] - along[:, half // 2 :], 2, moving, tries, seed)


def axis_p(moving: Moving, axis: int, *, tries: int = 999, seed: int = 0) -> OfUnits:
    """Of every unit, the probability of means that differ as much along an axis that it ignores.

    The means are over repetitions, at each place of the other axes, so that a unit is found which
    likes another speed at another wavelength; with one repetition nothing can be told.

    Args:
        moving: answers; what was not shown lies at the end of a row.
        axis: 2 for speed, 3 for detail.
        tries: how many orders are drawn.
        seed: of them.
    """
    rows = np.moveaxis(_rounded(_centred(moving, axis), moving), (0, axis), (2, 3))
    rows = rows.reshape(-1, *rows.shape[2:])  # of each place of the other axes
    numbers = np.random.default_rng(seed)
    observed, found = np.zeros(moving.shape[-1]), np.zeros((tries, moving.shape[-1]))
    for cells in rows:
        seen = cells[:, ~np.isnan(cells[0, :, 0])]
        drawn = numbers.random((tries, *seen.shape[:2])).argsort(axis=2)
        observed += _spread(seen, np.arange(seen.shape[1]) + 0 * drawn[:1])[0]
        found += _spread(seen, drawn)
    return _as_large(found, observed)


def _centred(moving: Moving, axis: int) -> Moving:
    """Less the mean of each row, which no order of the row changes."""
    count = np.maximum((~np.isnan(moving)).sum(axis=axis, keepdims=True), 1)
    return moving - np.nansum(moving, axis=axis, keepdims=True) / count


def _spread(
    cells: Float[np.ndarray, "repetition place unit"],
    orders: Int[np.ndarray, "try repetition place"],
) -> Float[np.ndarray, "try unit"]:
    """Of the means over repetitions at each place, where answers lie in these orders."""
    lines = cells.reshape(-1, cells.shape[-1])
    total = np.zeros((len(orders), lines.shape[1]))
    for place in range(cells.shape[1]):
        there = (orders == place).reshape(len(orders), -1).astype(np.float32)
        total += (there @ lines) ** 2
    return total


def _exchanged(
    differences: Float[np.ndarray, "..."], harmonic: int, moving: Moving, tries: int, seed: int
) -> OfUnits:
    """By the vector sum of differences within pairs; an exchange changes the sign of one."""
    angles = 2 * np.pi * harmonic * np.arange(differences.shape[1]) / moving.shape[1]
    weights = np.exp(1j * angles)[None, :, None, None, None]
    cells = (weights * _rounded(differences, moving)).reshape(-1, moving.shape[-1])
    cells = cells[~np.isnan(cells[:, 0])].astype(np.complex64)
    signs = np.random.default_rng(seed).integers(0, 2, (tries, len(cells))) * 2.0 - 1
    return _as_large(_length(signs, cells), _length(np.ones((1, len(cells))), cells)[0])


def _length(
    signs: Float[np.ndarray, "try cell"], cells: Complex[np.ndarray, "cell unit"]
) -> Float[np.ndarray, "try unit"]:
    signs = signs.astype(np.float32)
    return np.hypot(signs @ np.real(cells), signs @ np.imag(cells))


def _as_large(found: Float[np.ndarray, "try unit"], observed: OfUnits) -> OfUnits:
    """How often at least as large, the observed one among them."""
    return (1 + (found >= observed * (1 - 1e-5)).sum(axis=0)) / (1 + len(found))


def _rounded(differences: Float[np.ndarray, "..."], moving: Moving) -> Float[np.ndarray, "..."]:
    """Nothing where a difference is no more than rounding."""
    least = _ROUNDING * np.nanmax(abs(moving), axis=(0, 1, 2, 3))
    kept = np.where(abs(differences) <= least, 0 * differences, differences)
    return kept.astype(np.float32)
