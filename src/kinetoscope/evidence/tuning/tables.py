"""How do the answers of a network become tables of what its units are tuned to?

A part of `tuning.py`, which documents the tables.

Source: as curves.py and measure.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save_file

from kinetoscope.evidence.evidence import write_table
from kinetoscope.evidence.tuning.curves import Answers, OfLayers, box_of, tuned
from kinetoscope.evidence.tuning.grid import DETAIL, KINDS, Grid, Kind
from kinetoscope.evidence.tuning.layers import agreement, summary
from kinetoscope.evidence.tuning.measure import measure

Units = Mapping[Kind, pl.DataFrame]
"""A row for each unit of a layer, by kind of stimulus."""


@dataclass(frozen=True)
class Analysis:
    """How answers become indices."""

    grid: Grid
    tries: int
    seed: int

    def units(self, layer: str, answers: Answers) -> Units:
        """What each unit of a layer is tuned to."""
        return {
            kind: _named(
                measure(answers, self.grid, kind, tries=self.tries, seed=self.seed), layer, kind
            )
            for kind in KINDS
        }

    def curves(self, layer: str, answers: Answers) -> pl.DataFrame:
        """A row for each unit and kind: what it answers along each axis, to four digits."""
        tables = []
        for kind in KINDS:
            found = tuned(box_of(answers, self.grid, kind))
            named = {
                "direction": (found.direction, self.grid.angles),
                "spread": (found.spread, self.grid.angles),
                "speed": (found.speed, self.grid.speeds),
                str(DETAIL[kind]): (found.detail, self.grid.details(kind)),
            }
            columns = {
                f"{axis}_{place:g}": row.astype(float)
                for axis, (curve, places) in named.items()
                if axis != "None"
                for place, row in zip(places, curve, strict=True)
            }
            whole = pl.DataFrame(columns).with_columns(pl.all().round_sig_figs(4))
            keys = {"layer": layer, "channel": np.arange(answers.shape[1]), "kind": kind}
            tables.append(pl.concat([pl.DataFrame(keys), whole], how="horizontal"))
        return pl.concat(tables, how="diagonal")


def _named(units: pl.DataFrame, layer: str, kind: Kind) -> pl.DataFrame:
    """With the names of layer and kind in front, and the detail by its own name."""
    none = pl.lit(None, pl.Float64)
    detail, cycles = pl.col("detail"), pl.col("speed") / pl.col("detail")
    return units.select(
        pl.lit(layer).alias("layer"),
        "channel",
        pl.lit(kind).alias("kind"),
        "verdict",
        pl.all().exclude("channel", "verdict", "detail"),
        (detail if DETAIL[kind] == "wavelength" else none).alias("wavelength"),
        (cycles if DETAIL[kind] == "wavelength" else none).alias("temporal_frequency"),
        (detail if DETAIL[kind] == "size" else none).alias("size"),
    )


def write_answers(
    folder: Path, analysis: Analysis, own: OfLayers, others: OfLayers
) -> dict[str, Any]:
    """Write arrays and tables into a folder of evidence; gives its answer.

    Args:
        folder: that is not in place yet.
        analysis: how.
        own: of each layer the answers to every clip.
        others: of the control, or nothing.
    """
    layers: list[dict[str, Any]] = []
    tables: dict[str, list[pl.DataFrame]] = {"units": [], "control": [], "curves": []}
    for number, (layer, answers) in enumerate(own.items()):
        file = f"layer-{number:03}.safetensors"
        save_file({"answers": torch.from_numpy(answers)}, folder / file)
        units = analysis.units(layer, answers)
        control = analysis.units(layer, others[layer]) if others else None
        tables["units"] += units.values()
        tables["control"] += control.values() if control else ()
        tables["curves"].append(analysis.curves(layer, answers))
        about = {"name": layer, "channels": answers.shape[1], "file": file}
        layers.append({**about, **_told(units, control, analysis.seed)})
    for name, parts in tables.items():
        if parts:
            whole = pl.concat(parts, how="diagonal")
            write_table(folder, name, whole.to_dict(as_series=False))
    grid = analysis.grid
    shown = pl.DataFrame([each.to_json() for each, _ in grid.shown], infer_schema_length=None)
    write_table(folder, "conditions", shown.to_dict(as_series=False))
    counts = {"clips": len(grid.shown), "conditions": len(grid.conditions)}
    return {"grid": grid.to_json(), **counts, "layers": layers}


def _told(units: Units, control: Units | None, seed: int) -> dict[str, Any]:
    kinds = {
        kind: {
            "network": summary(units[kind], seed=seed),
            "control": summary(control[kind], seed=seed) if control else None,
        }
        for kind in KINDS
    }
    return {"kinds": kinds, "agreement": agreement(units["gratings"], units["dots"], seed=seed)}
