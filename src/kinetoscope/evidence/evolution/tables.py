"""How does the course of a training become numbers with intervals, and tables?

Source: as settling.py; Spearman, "The Proof and Measurement of Association between Two Things",
American Journal of Psychology 15, 1904, for whether layers that see less settle earlier.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from safetensors.torch import save_file
from scipy import stats

from kinetoscope.evidence.evidence import write_table
from kinetoscope.evidence.evolution.course import Course, State
from kinetoscope.evidence.evolution.settling import OfUnits, settled
from kinetoscope.evidence.intervals import interval
from kinetoscope.units.layers import Layer

Epochs = Float[np.ndarray, " checkpoint"]


def write_tables(
    folder: Path, course: Course, settled_above: float, *, seed: int = 0
) -> dict[str, Any]:
    """Write what was found beside the evidence; gives its answer."""
    epochs = np.array([float(each.epoch) for each in course.checkpoints])
    layers: list[dict[str, Any]] = []
    units: dict[str, list[Any]] = {name: [] for name in ("layer", "channel", "settled", "jumps")}
    for number, (name, layer) in enumerate(course.layers.items()):
        states = course.states[name]
        ends = settled(np.stack([each.correlation for each in states]), epochs, settled_above)
        jumps = _changed(states).sum(axis=0).astype(float)
        file = f"layer-{number:03}.safetensors"
        save_file(_arrays(states), folder / file)
        layers.append({**_layer(layer, course, ends, jumps, epochs, seed), "file": file})
        own = {"layer": [name] * len(ends), "channel": range(len(ends)), "settled": ends}
        for column, values in {**own, "jumps": jumps}.items():
            units[column] += list(values)
    write_table(folder, "units", units)
    write_table(folder, "layers", _columns(layers, epochs))
    return {
        "checkpoints": [
            {
                "epoch": each.epoch,
                "file": each.path.name,
                "accuracy": interval(right, np.mean, seed=seed).to_json(),
            }
            for each, right in zip(course.checkpoints, course.right, strict=True)
        ],
        "layers": layers,
        "order": _order(layers, units, seed),
    }


def _layer(
    layer: Layer, course: Course, ends: OfUnits, jumps: OfUnits, epochs: Epochs, seed: int
) -> dict[str, Any]:
    states = course.states[layer.name]
    changed = _changed(states)
    nothing = interval([], np.mean).to_json()
    curves = {name: [_told(state, name, seed) for state in states] for name in _STATISTICS}
    control = None if course.control is None else course.control[layer.name]
    return {
        "name": layer.name,
        "channels": len(ends),
        "constant": int(np.isnan(ends).sum()),
        "sees": max(layer.receptive_field.size[1:]),
        "settled": interval(ends, np.median, seed=seed).to_json(),
        "jumps": interval(jumps, np.mean, seed=seed).to_json(),
        "curves": {
            **curves,
            "settled": [_share(ends, epoch, seed) for epoch in epochs],
            "changed": [
                nothing,
                *(interval(row.astype(float), np.mean, seed=seed).to_json() for row in changed),
            ],
        },
        "control": None
        if control is None
        else {name: _told(control, name, seed) for name in _STATISTICS},
    }


_STATISTICS = {
    "correlation": np.median,
    "selectivity": np.median,
    "overlap": np.mean,
    "cka": None,  # has its own interval
}


def _told(state: State, name: str, seed: int) -> dict[str, float]:
    statistic = _STATISTICS[name]
    if statistic is None:
        return state.cka.to_json()
    return interval(getattr(state, name), statistic, seed=seed).to_json()


def _share(ends: OfUnits, epoch: float, seed: int) -> dict[str, float]:
    """Of the units, how many had settled by an epoch."""
    by_then = np.where(np.isnan(ends), np.nan, ends <= epoch)
    return interval(by_then, np.mean, seed=seed).to_json()


def _changed(states: Sequence[State]) -> Bool[np.ndarray, "change unit"]:
    """Whether each unit's strongest clip is another than at the checkpoint before."""
    strongest = np.stack([each.strongest for each in states])
    return strongest[1:] != strongest[:-1]


def _arrays(states: Sequence[State]) -> dict[str, torch.Tensor]:
    return {
        "correlation": torch.from_numpy(
            np.stack([each.correlation for each in states]).astype("f")
        ),
        "strongest": torch.from_numpy(np.stack([each.strongest for each in states]).astype("i4")),
    }


def _order(
    layers: Sequence[dict[str, Any]], units: dict[str, list[Any]], seed: int
) -> dict[str, float] | None:
    """Above 0 where units of layers that see less settle earlier."""
    sees = {layer["name"]: layer["sees"] for layer in layers}
    depth = np.array([float(sees[name]) for name in units["layer"]])
    ends = np.array(units["settled"], dtype=float)
    known = ~np.isnan(ends)
    if len(set(depth[known])) < 2 or len(set(ends[known])) < 2:
        return None
    return interval((depth, ends), _spearman, seed=seed).to_json()


def _spearman(x: Float[np.ndarray, " unit"], y: Float[np.ndarray, " unit"]) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:  # a sample of a few units may be of one layer
        return 0.0
    found: Any = stats.spearmanr(x, y)
    return float(found.statistic)


def _columns(layers: Sequence[dict[str, Any]], epochs: Epochs) -> dict[str, list[Any]]:
    """A row a layer and checkpoint."""
    columns: dict[str, list[Any]] = {"layer": [], "epoch": []}
    for layer in layers:
        columns["layer"] += [layer["name"]] * len(epochs)
        columns["epoch"] += epochs.tolist()
        for name, curve in layer["curves"].items():
            for part in ("value", "low", "high"):
                columns.setdefault(f"{name}_{part}", []).extend(each[part] for each in curve)
    return columns
