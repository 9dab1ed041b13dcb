"""What is told of a training's course: each layer's curves, and each unit's strongest clips."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.torch import load_file

from kinetoscope.evidence.evidence import Evidence
from kinetoscope.evidence.evolution.evolution import PICTURES
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf

_MOST_UNITS = 1024
"""Of a layer whose course is told one by one; when they settled is in units.csv for all."""


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of a training's course shows."""
    answer = found.answer
    units = pl.read_csv(found.folder / "units.csv", infer_schema=False)  # a layer may be called 0
    pictures = load_file(found.folder / PICTURES)["pictures"]
    plain = ("checkpoints", "settled_above", "top", "chance", "clips", "order", "failures")
    data = {
        **{name: answer[name] for name in plain},
        "pictures": shelf.strip("evolution", pictures),
        "layers": [
            {
                **{name: value for name, value in layer.items() if name != "file"},
                "units": _units(found.folder / layer["file"], units, layer["name"]),
            }
            for layer in answer["layers"]
        ],
    }
    return Told(summary=_summary(answer), data=data)


def _units(path: Path, units: pl.DataFrame, layer: str) -> list[dict[str, Any]]:
    """Of each channel: when it settled, its correlation in hundredths, its strongest clips."""
    arrays = load_file(path)
    ends = (
        units.filter(pl.col("layer") == layer)["settled"].cast(pl.Float64).to_list()[:_MOST_UNITS]
    )
    correlation = arrays["correlation"].T.numpy()
    strongest = arrays["strongest"].T.tolist()
    return [
        {
            "settled": end,
            "correlation": _hundredths(correlation[channel]),
            "strongest": strongest[channel],
        }
        for channel, end in enumerate(ends)
    ]


def _hundredths(curve: np.ndarray) -> list[int] | None:
    return None if np.isnan(curve).any() else np.round(100 * curve).astype(int).tolist()


def _summary(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The layers that settle first and last, and whether what sees less settles earlier."""
    known = [
        {"name": layer["name"], "settled": layer["settled"]}
        for layer in answer["layers"]
        if layer["settled"]["value"] is not None
    ]
    by_epoch = sorted(known, key=lambda each: each["settled"]["value"])
    return {
        "first": by_epoch[0] if by_epoch else None,
        "last": by_epoch[-1] if by_epoch else None,
        "order": answer["order"],
        "epochs": answer["checkpoints"][-1]["epoch"],
    }
