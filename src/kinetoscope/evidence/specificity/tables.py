"""Which numbers stand beside the evidence of specificity, as arrays and as tables?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from kinetoscope.evidence.evidence import write_table
from kinetoscope.evidence.specificity.effects import Effect
from kinetoscope.evidence.specificity.measures import INDICES, KINDS, Measures
from kinetoscope.units.unit import Unit

UNITS = "units.safetensors"
_WHOLE = {"kind": torch.uint8, "best": torch.int32}


def save_units(folder: Path, measured: Mapping[str, Measures]) -> None:
    """Keep what is known of every unit as arrays, by the layer's name and what they are."""
    arrays = {}
    for layer, found in measured.items():
        parts = {
            "area": found.area,
            "rate": found.rate,
            "histogram": found.histograms,
            "selectivity": found.selectivity,
            "entropy": found.entropy,
            "kind": found.kinds,
            "best": found.best,
        }
        for name, values in parts.items():
            kept = torch.from_numpy(np.ascontiguousarray(values))
            arrays[f"{layer}.{name}"] = kept.to(_WHOLE.get(name, torch.float32))
    save_file(arrays, folder / UNITS)


def write_tables(
    folder: Path,
    labels: Sequence[str],
    measured: Mapping[str, Measures],
    layers: Sequence[Mapping[str, Any]],
    effects: Sequence[Effect],
) -> None:
    """Write a row a unit, a layer and bin, a removal and label."""
    write_table(folder, "units", _units(labels, measured))
    write_table(folder, "areas", _areas(labels, measured))
    write_table(folder, "layers", _layers(layers))
    if effects:
        write_table(folder, "removals", _removals(labels, effects))


def _addresses(measured: Mapping[str, Measures]) -> list[str]:
    return [
        str(Unit(layer, channel))
        for layer, found in measured.items()
        for channel in range(len(found.dead))
    ]


def _units(labels: Sequence[str], measured: Mapping[str, Measures]) -> dict[str, Sequence[Any]]:
    found = [*measured.values()]
    best = [int(each) for one in found for each in one.best]
    rates = [one.rate[one.best, np.arange(len(one.best))] for one in found]
    columns: dict[str, Sequence[Any]] = {
        "unit": _addresses(measured),
        "kind": [KINDS[int(each)] for one in found for each in one.kinds],
        "label": [labels[each] for each in best],
        "rate": np.concatenate(rates).tolist(),
    }
    for index in INDICES:
        columns[index] = np.concatenate([one.best_of(index) for one in found]).tolist()
    return columns


def _areas(labels: Sequence[str], measured: Mapping[str, Measures]) -> dict[str, Sequence[Any]]:
    area = np.concatenate([one.area for one in measured.values()], axis=1)
    named = {f"area of {label}": area[place].tolist() for place, label in enumerate(labels)}
    return {"unit": _addresses(measured), **named}


def _layers(layers: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    rows = [
        {
            "layer": layer["layer"],
            "index": index,
            "from": part["edges"][number],
            "to": part["edges"][number + 1],
            "units": count,
            "share_shuffled": share,
        }
        for layer in layers
        for index in INDICES
        for part in [layer[index]]
        for number, (count, share) in enumerate(zip(part["counts"], part["shares"], strict=True))
    ]
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _removals(labels: Sequence[str], effects: Sequence[Effect]) -> dict[str, list[Any]]:
    rows = [
        {
            "unit": str(Unit(effect.layer, effect.chosen.channel)),
            "why": effect.chosen.why,
            "tells": labels[effect.chosen.label],
            "replacement": effect.replacement,
            "label": labels[place],
            **{f"score_{name}": value for name, value in score.to_json().items()},
            **{f"accuracy_{name}": v for name, v in effect.accuracy[place].to_json().items()},
        }
        for effect in effects
        for place, score in effect.score.items()
    ]
    return {name: [row[name] for row in rows] for name in rows[0]}
