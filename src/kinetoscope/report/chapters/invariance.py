"""What is told of invariance: each change's curves layer by layer, and the curves of each unit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from safetensors.torch import load_file
from torch import Tensor

from kinetoscope.evidence.evidence import Evidence
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf

_MOST_UNITS = 512
"""Of a layer whose curves are told; those of all are in the arrays of the evidence."""

_MEASURES = ("kept", "distance", "correlation")


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of invariance shows."""
    answer = found.answer
    arrays = load_file(found.folder / answer["arrays"])
    data = {
        "clips": len(answer["sample"]),
        "videos": [each["video"] for each in answer["sample"]],
        "failures": len(answer["failures"]),
        "changes": [_change(change) for change in answer["changes"]],
        "layers": [_layer(layer) for layer in answer["layers"]],
        "hidden": {
            "clips": len(answer["hidden"]["clips"]),
            "grid": answer["hidden"]["grid"],
            "parts": answer["hidden"]["parts"],
        },
        "units": {
            layer["layer"]: _units(layer, arrays, answer["changes"]) for layer in answer["layers"]
        },
    }
    speed = next((change for change in data["changes"] if change["name"] == "speed"), None)
    deep = len(data["layers"]) > 1
    trends = [
        {"name": change["name"], **change["trend"]}
        for change in data["changes"]
        if change["trend"] and deep
    ]
    return Told(
        summary={
            "clips": data["clips"],
            "speed": speed and speed["trend"] if deep else None,
            "growing": [trend["name"] for trend in trends if trend["verdict"] == "grows"],
            "falling": [trend["name"] for trend in trends if trend["verdict"] == "falls"],
        },
        data=data,
    )


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    trend = change["trend"]
    return {
        **{
            name: change[name]
            for name in ("name", "values", "unchanged", "unit", "octaves", "counting")
        },
        "steps": [_short(step) for step in change["steps"]],
        "filled": [_short(share) for share in change["filled"]],
        "predicted": {name: _intervals(told) for name, told in change["predicted"].items()},
        "trend": trend
        and {
            name: _interval(part) if isinstance(part, Mapping) else part
            for name, part in trend.items()
        },
    }


def _layer(layer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: layer[name] for name in ("layer", "depth", "units", "excited")},
        "changes": {
            change: {
                network: {
                    **{measure: _intervals(told[measure]) for measure in _MEASURES},
                    "width": told["width"] and _interval(told["width"]),
                    "at_least": told["at_least"],
                }
                for network, told in networks.items()
            }
            for change, networks in layer["changes"].items()
        },
        "occlusion": {
            network: {
                fill: {name: part and _interval(part) for name, part in told.items()}
                for fill, told in fills.items()
            }
            for network, fills in layer["occlusion"].items()
        },
        "correspondence": {
            network: {part: _interval(delta) for part, delta in told.items()}
            for network, told in layer["correspondence"].items()
        },
    }


def _units(
    layer: Mapping[str, Any], arrays: Mapping[str, Tensor], changes: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """By channel, in hundredths of the answer to clips as they are; excited units alone."""
    name = layer["layer"]
    clips = arrays[f"{name}|clip"].tolist()
    own = [change for change in changes if change["name"] in layer["changes"]]
    curves = {change["name"]: _hundredths(arrays[f"{name}|{change['name']}"]) for change in own}
    widths = {
        change["name"]: [
            {"width": _short(width), "at_least": bool(least)}
            for width, least in zip(
                arrays[f"{name}|{change['name']}|width"].tolist(),
                arrays[f"{name}|{change['name']}|at_least"].tolist(),
                strict=True,
            )
        ]
        for change in own
        if change["unit"]
    }
    hidden = {kind: _hundredths(arrays[f"{name}|{kind}|grey"]) for kind in ("space", "time")}
    told = {}
    for channel, clip in enumerate(clips[:_MOST_UNITS]):
        of_unit = {change: rows[channel] for change, rows in curves.items()}
        if any(value is not None for row in of_unit.values() for value in row):
            told[str(channel)] = {
                "curves": of_unit,
                "widths": {change: width[channel] for change, width in widths.items()},
                "clip": None if clip < 0 else clip,
                **{kind: rows[channel] for kind, rows in hidden.items()},
            }
    return told


def _hundredths(array: Tensor) -> list[list[int | None]]:
    """A row a unit."""
    rows = np.round(100 * array.T.double().numpy())
    return [[int(value) if np.isfinite(value) else None for value in row] for row in rows]


def _intervals(told: Sequence[Mapping[str, Any]]) -> list[dict[str, float | None]]:
    return [_interval(each) for each in told]


def _interval(told: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: _short(told[name]) for name in ("value", "low", "high")}


def _short(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.3g}")
