"""How is a layer tuned as a whole, and does the same network with random weights differ?

Medians and shares over the units of a layer, each with its interval.

Source: as measure.py; De Valois, Yund and Hepler, Vision Research 22, 1982, for populations told
by the distribution of an index over their neurons.
"""

from typing import Any

import numpy as np
import polars as pl

from kinetoscope.evidence.intervals import interval

MEDIANS = (
    "direction_selectivity",
    "orientation_selectivity",
    "motion_index",
    "direction_half_width",
    "speed_half_width",
    "speed",
)
"""Of the units that are not silent."""

SHARES = ("direction", "orientation", "untuned")
"""Of the units that are not silent, how many are called so."""


def summary(units: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """Of one layer and kind of stimulus: counts, medians and shares, as plain values."""
    heard = units.filter(pl.col("verdict") != "silent")
    medians = {
        name: interval(heard[name].cast(pl.Float64).to_numpy(), np.median, seed=seed).to_json()
        for name in MEDIANS
    }
    shares = {
        name: interval((heard["verdict"] == name).to_numpy(), np.mean, seed=seed).to_json()
        for name in SHARES
    }
    silent = len(units) - len(heard)
    return {"units": len(units), "silent": silent, "medians": medians, "shares": shares}


def agreement(first: pl.DataFrame, second: pl.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """Whether two kinds of stimulus find the same preferred direction.

    Of the units that both call selective for direction: how many, and the share whose two
    directions lie within 45 degrees; a quarter would by chance.
    """
    both = first.join(second, on="channel").filter(
        (pl.col("verdict") == "direction") & (pl.col("verdict_right") == "direction")
    )
    apart = (both["direction"] - both["direction_right"]).cast(pl.Float64).to_numpy() % 360
    near = np.minimum(apart, 360 - apart) <= 45
    return {"units": len(both), "within_45": interval(near, np.mean, seed=seed).to_json()}
