"""What is told of tuning: each layer's distribution, and the curves of each unit.

Curves are told in hundredths of the unit's largest answer, since that is all that is drawn.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from kinetoscope.evidence.evidence import Evidence
from kinetoscope.evidence.tuning.curves import box_of, tuned
from kinetoscope.evidence.tuning.grid import KINDS, Grid, Kind
from kinetoscope.evidence.tuning.tuning import Tuning, read_tuning
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf

_MOST_UNITS = 1024
"""Of a layer whose curves are told; those of all are in curves.csv."""

_INDICES = (
    "direction", "speed", "wavelength", "size", "temporal_frequency", "peak", "still",
    "direction_selectivity", "direction_strength", "orientation_selectivity",
    "orientation_strength", "motion_index", "direction_half_width", "speed_half_width",
    "detail_half_width", "q_direction", "q_orientation", "q_speed", "q_detail",
)  # fmt: skip


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of tuning shows."""
    tuning = read_tuning(found.folder)
    answer = found.answer
    layers = [_layer(tuning, layer) for layer in answer["layers"]]
    data = {
        "grid": {
            "angles": tuning.grid.angles,
            **{name: answer["grid"][name] for name in ("speeds", "wavelengths", "sizes")},
            "repetitions": answer["grid"]["repetitions"],
        },
        "clips": answer["clips"],
        "conditions": answer["conditions"],
        "reads": answer["reads"],
        "control": answer["control"] is not None,
        "layers": layers,
    }
    return Told(summary=_summary(answer), data=data)


def _summary(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The layer with the largest share of units that are selective for direction, by gratings."""
    told = [
        {
            "name": layer["name"],
            "share": layer["kinds"]["gratings"]["network"]["shares"]["direction"],
            "control": _share_of_control(layer),
        }
        for layer in answer["layers"]
    ]
    known = [each for each in told if each["share"]["value"] is not None]
    best = max(known, key=lambda each: each["share"]["value"], default=None)
    return {"best": best, "layers": len(told), "clips": answer["clips"]}


def _share_of_control(layer: Mapping[str, Any]) -> Any:
    control = layer["kinds"]["gratings"]["control"]
    return control and control["shares"]["direction"]


def _layer(tuning: Tuning, layer: Mapping[str, Any]) -> dict[str, Any]:
    here = pl.col("layer") == layer["name"]
    own = tuning.units.filter(here)
    other = None if tuning.control is None else tuning.control.filter(here)
    return {
        "name": layer["name"],
        "kinds": {
            kind: {
                **layer["kinds"][kind],
                "directions": _rose(own, kind, tuning.grid),
                "selectivity": _histogram(own, kind),
                "control_selectivity": None if other is None else _histogram(other, kind),
            }
            for kind in KINDS
        },
        "agreement": layer["agreement"],
        "units": _units(tuning, layer["name"], own),
    }


def _rose(units: pl.DataFrame, kind: Kind, grid: Grid) -> list[int]:
    """How many units that are selective for direction prefer each."""
    chosen = units.filter((pl.col("kind") == kind) & (pl.col("verdict") == "direction"))
    near = np.round(chosen["direction"].to_numpy() / 360 * grid.directions)
    return np.bincount(near.astype(int) % grid.directions, minlength=grid.directions).tolist()


def _histogram(units: pl.DataFrame, kind: Kind) -> list[int]:
    """Of direction selectivity, in tenths."""
    values = units.filter(pl.col("kind") == kind)["direction_selectivity"].drop_nulls()
    return np.histogram(values.to_numpy(), bins=10, range=(0, 1))[0].tolist()


def _units(tuning: Tuning, layer: str, own: pl.DataFrame) -> dict[str, Any]:
    """By channel and kind: indices and curves."""
    answers = tuning.answers(layer)[:, :_MOST_UNITS].astype(float)
    told: dict[str, Any] = {str(channel): {} for channel in range(answers.shape[1])}
    for kind in KINDS:
        curves = tuned(box_of(answers, tuning.grid, kind))
        rows = own.filter((pl.col("kind") == kind) & (pl.col("channel") < _MOST_UNITS))
        for row in rows.iter_rows(named=True):
            unit, most = row["channel"], row["peak"] or 1.0
            told[str(unit)][kind] = {
                "verdict": row["verdict"],
                **{name: _short(row[name]) for name in _INDICES if row[name] is not None},
                "curves": {
                    "direction": _hundredths(curves.direction[:, unit], most),
                    "spread": _hundredths(curves.spread[:, unit], most),
                    "speed": _hundredths(curves.speed[:, unit], most),
                    "map": [
                        _hundredths(line, most) for line in curves.speed_by_detail[:, :, unit].T
                    ],
                },
            }
    return told


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _hundredths(curve: Sequence[float] | np.ndarray, most: float) -> list[int | None]:
    return [None if np.isnan(each) else round(100 * each / most) for each in np.asarray(curve)]
