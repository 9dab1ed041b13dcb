"""What is each unit of a layer tuned to, and is that more than chance?

A unit is called selective for direction if chance would hardly give the sum of its answers over
directions (after correction for as many tests as there are units), and it answers at least twice
as much to what it prefers as to the opposite; for orientation likewise, with what is across. A unit
that no stimulus of a kind excites above the blank is silent; any other is untuned.

Source: as indices.py and significance.py; Benjamini and Hochberg, "Controlling the False Discovery
Rate", JRSS B 57, 1995.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from kinetoscope.evidence.intervals import false_discovery_rates
from kinetoscope.evidence.tuning.curves import Answers, Box, Tuned, box_of, tuned
from kinetoscope.evidence.tuning.grid import Grid, Kind
from kinetoscope.evidence.tuning.indices import (
    contrast_of,
    direction_selectivity,
    half_width,
    orientation_selectivity,
    peak,
    vector_strength,
)
from kinetoscope.evidence.tuning.significance import axis_p, direction_p, orientation_p

SELECTIVE = 1 / 3
"""Of an index: twice as much to the best as to the other."""
LEVEL = 0.05
"""Of false discoveries."""
SILENT = 1e-6
"""A unit that no stimulus excites more than this above the blank."""

_AT_ONCE = 2048  # units, so that memory does not grow with the layer

Columns = dict[str, np.ndarray]


def measure(answers: Answers, grid: Grid, kind: Kind, *, tries: int, seed: int) -> pl.DataFrame:
    """A row for each unit of a layer, by the answers to one kind of stimulus.

    Args:
        answers: to every clip of the grid.
        grid: which was shown.
        kind: of stimulus.
        tries: how many exchanges each test makes.
        seed: of these.

    Returns:
        What `tuning.py` documents, but for the names of layer and kind.
    """
    parts: list[Columns] = []
    for some in _some(answers):
        box = box_of(some, grid, kind)
        curves = tuned(box)
        parts.append({**_indices(curves, grid, kind), **_tests(box, tries, seed)})
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for name in ("direction", "orientation", "speed", "detail"):
        columns[f"q_{name}"] = false_discovery_rates(columns[f"p_{name}"])
    table = pl.DataFrame({"channel": np.arange(answers.shape[1]), **columns})
    return table.fill_nan(None).with_columns(_verdict())


def _some(answers: Answers) -> Iterator[Answers]:
    """All units, not too many at a time."""
    for first in range(0, answers.shape[1], _AT_ONCE):
        yield answers[:, first : first + _AT_ONCE].astype(float)


def _indices(curves: Tuned, grid: Grid, kind: Kind) -> Columns:
    silent = curves.most <= SILENT
    octaves = {
        "speed": np.log2(grid.speeds),
        "detail": np.log2(np.maximum(grid.details(kind), 1e-9)),
    }
    step = 360 / grid.directions
    found: Columns = {
        "peak": curves.most,
        "direction": step * peak(curves.direction, ring=True),
        "speed": _refined(curves.speed, octaves["speed"]),
        "detail": _refined(curves.detail, octaves["detail"]),
        "direction_selectivity": direction_selectivity(curves.direction),
        "direction_strength": vector_strength(curves.direction, 1),
        "orientation_selectivity": orientation_selectivity(curves.direction),
        "orientation_strength": vector_strength(curves.direction, 2),
        "motion_index": contrast_of(curves.most, curves.still),
        "direction_half_width": half_width(curves.direction, np.array(grid.angles), ring=True),
        "speed_half_width": half_width(curves.speed, octaves["speed"]),
        "detail_half_width": half_width(curves.detail, octaves["detail"]),
        "still": curves.still,
    }
    heights = ("peak", "still")
    return {
        name: values if name in heights else np.where(silent, np.nan, values)
        for name, values in found.items()
    }


def _refined(curves: np.ndarray, octaves: np.ndarray) -> np.ndarray:
    """The best place, between places along octaves."""
    return 2 ** np.interp(peak(curves), np.arange(len(octaves)), octaves)


def _tests(box: Box, tries: int, seed: int) -> Mapping[str, np.ndarray]:
    how = {"tries": tries, "seed": seed}
    return {
        "p_direction": direction_p(box.moving, **how),
        "p_orientation": orientation_p(box.moving, **how),
        "p_speed": axis_p(box.moving, 2, **how),
        "p_detail": axis_p(box.moving, 3, **how),
    }


def _verdict() -> pl.Expr:
    def selective(name: str) -> pl.Expr:
        return (pl.col(f"q_{name}") < LEVEL) & (pl.col(f"{name}_selectivity") >= SELECTIVE)

    return (
        pl.when(pl.col("peak") <= SILENT)
        .then(pl.lit("silent"))
        .when(selective("direction"))
        .then(pl.lit("direction"))
        .when(selective("orientation"))
        .then(pl.lit("orientation"))
        .otherwise(pl.lit("untuned"))
        .alias("verdict")
    )
