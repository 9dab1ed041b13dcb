"""What is told of dead, sparse and duplicate units, and of the first filters."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import torch
from safetensors.torch import load_file
from torch import Tensor

from kinetoscope.evidence.evidence import Evidence
from kinetoscope.evidence.health.health import FILTERS
from kinetoscope.report.answers import rounded
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.pictures import enlarged, flow_picture, frames_picture
from kinetoscope.report.shelf import Shelf, Track
from kinetoscope.tensors import Picture

_LEAST_SIDE = 64  # of a filter, drawn [pixels]
_LOSSLESS_ENOUGH = 95  # of the pictures' quality: a filter's pixels are few, and large
_MOST_FILTERS = 512  # of a layer, drawn
_PER_UNIT = ("in_places", "in_clips", "correlation")


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of health shows."""
    answer = found.answer
    units = pl.read_csv(found.folder / "units.csv")
    layers = [
        {**layer, **_of_units(units.filter(layer=layer["layer"]))} for layer in answer["layers"]
    ]
    kernels = load_file(found.folder / FILTERS)
    data = {
        "layers": layers,
        "threshold": answer["threshold"],
        "control": answer["control"],
        "sample": answer["sample"],
        "filters": [
            _filters(each, kernels[each["layer"]], answer["layers"], shelf)
            for each in answer["filters"]
        ],
    }
    return Told(summary=_summary(answer["layers"]), data=data)


def _summary(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    worst = max(layers, key=lambda layer: len(layer["dead"]), default=None)
    return {
        "units": sum(layer["channels"] for layer in layers),
        "dead": sum(len(layer["dead"]) for layer in layers),
        "most_dead": worst["layer"] if worst and worst["dead"] else None,
        "alike": sum(layer["alike"] for layer in layers),
        "by_chance": sum(layer["by_chance"]["alike"] for layer in layers),
        "clips": max((layer["clips"] for layer in layers), default=0),
    }


def _of_units(rows: pl.DataFrame) -> dict[str, Any]:
    """A list with a value a channel for each column."""
    told = {name: _short(rows[name].cast(pl.Float64, strict=False).to_list()) for name in _PER_UNIT}
    return {"of_units": {**told, "nearest": rows["nearest"].cast(pl.Int64, strict=False).to_list()}}


def _short(values: Sequence[float | None]) -> list[float | None]:
    return [rounded(each, 3) for each in values]


def _filters(
    told: Mapping[str, Any], kernels: Tensor, layers: Sequence[Mapping[str, Any]], shelf: Shelf
) -> dict[str, Any]:
    """The pictures of a layer's filters, and of which units they are."""
    drawn = [_drawn(kernel, told["stream"]) for kernel in kernels[:_MOST_FILTERS]]
    return {
        "layer": told["layer"],
        "stream": told["stream"],
        "shape": told["shape"],
        "units": _units_of(told["layer"], told["shape"][0], layers),
        "change": _short(told["change"]),
        "colour": _short(told["colour"]),
        "strips": [
            _strip(f"filter-{told['layer']}-{number}", picture, shelf)
            for number, picture in enumerate(drawn)
        ],
    }


def _strip(name: str, picture: Picture, shelf: Shelf) -> Track:
    return shelf.strip(name, enlarged(picture, _LEAST_SIDE), quality=_LOSSLESS_ENOUGH)


def _drawn(kernel: Tensor, stream: str) -> Picture:
    """Colours around grey, flow by the colour wheel; each filter at a scale of its own."""
    if stream == "flow":
        return flow_picture(kernel, float(torch.hypot(*kernel).max()) or 1.0)
    return frames_picture(kernel / (2 * (float(kernel.abs().max()) or 1.0)) + 0.5)


def _units_of(name: str, filters: int, layers: Sequence[Mapping[str, Any]]) -> str | None:
    """The scanned layer whose units these filters are: the convolution, or a block around it."""
    around = [
        layer["layer"]
        for layer in layers
        if f"{name}.".startswith(f"{layer['layer']}.") and layer["channels"] == filters
    ]
    return max(around, key=len, default=None)
