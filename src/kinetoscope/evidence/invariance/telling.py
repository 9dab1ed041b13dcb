"""What is said of a layer, and of a change, once all clips were shown?

Everything is said of the network that was asked about and of its control, side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.evidence import write_table
from kinetoscope.evidence.intervals import interval
from kinetoscope.evidence.invariance.changes import Change
from kinetoscope.evidence.invariance.comparing import Compared, Known
from kinetoscope.evidence.invariance.correspondence import Correspondence
from kinetoscope.evidence.invariance.occlusion import FILLS, Boxes, Fill, seen_boxes, spread
from kinetoscope.evidence.invariance.viewing import steps_of
from kinetoscope.evidence.invariance.widths import (
    HalfWidths,
    depths_of,
    fields_of,
    half_widths,
    median,
    medians,
    trend,
)
from kinetoscope.units.receptive import ReceptiveField

NETWORKS = ("trained", "control")
MEASURES = ("kept", "distance", "correlation")

MOST_HELD = 0.5
"""Where more of a clip is held at the border of its video, a change in time tells no half-width."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """All that was found; of lists with a member a network, the control's is the second.

    Args:
        layers: by name.
        changes: that were made.
        known: what is known of each network on clips as they are.
        compared: what is left when they are changed.
        filled: of each view, the mean share of a clip that had to be filled up.
        failures: of videos.
        boxes: that were hidden.
        hidden: in which clips.
        known_hidden, occluded: as `known` and `compared`, of the clips with boxes hidden.
        correspondence: of each network; empty where there were no two clips.
        seed: of intervals.
    """

    layers: tuple[str, ...]
    changes: tuple[Change, ...]
    known: Sequence[Known]
    compared: Sequence[Compared]
    filled: np.ndarray
    failures: Sequence[Mapping[str, str]]
    boxes: Boxes
    hidden: Sequence[int]
    known_hidden: Sequence[Known]
    occluded: Sequence[Compared]
    correspondence: Sequence[Correspondence]
    seed: int

    @cached_property
    def fields(self) -> dict[str, ReceptiveField]:
        """What a place of each layer sees; empty where that is not known."""
        return fields_of(self.known[0].network, self.layers)

    @cached_property
    def depths(self) -> dict[str, int]:
        """Of each layer."""
        return dict(zip(self.layers, depths_of(self.layers, self.fields), strict=True))

    @cached_property
    def widths(self) -> dict[tuple[int, str, str], HalfWidths]:
        """By network, layer, and the name of a change that has a width."""
        return {
            (place, layer, change.name): half_widths(
                np.asarray(change.steps)[self.counting(change)].tolist(),
                self.curves(place, layer, change)["kept"][self.counting(change)],
            )
            for place in range(len(NETWORKS))
            for layer in self.layers
            for change in self.changes_of(layer)
            if change.unit
        }

    def counting(self, change: Change) -> list[bool]:
        """Which values count for half-widths: those that the videos reach to."""
        held = self.filled[self.views(change)]
        return [not change.in_time or bool(share <= MOST_HELD) for share in held]

    def changes_of(self, layer: str) -> list[Change]:
        """Those that touch what the layer sees."""
        field = self.fields.get(layer)
        seen = set(field.streams) if field and field.streams else set(self.spec.streams)
        return [change for change in self.changes if change.streams & seen]

    @property
    def spec(self) -> ClipSpec:
        """Of the clips."""
        return self.known[0].network.expects

    def curves(self, place: int, layer: str, change: Change) -> dict[str, np.ndarray]:
        """`kept`: `value unit`; `distance`, `correlation`: `value clip`."""
        left = self.compared[place].layers[layer]
        views = self.views(change)
        return {
            "kept": (left.there if change.moves else left.kept)[views].double().numpy(),
            "distance": left.distance.T[views].double().numpy(),
            "correlation": left.correlation.T[views].double().numpy(),
        }

    def views(self, change: Change) -> list[int]:
        """The numbers of the views of each value."""
        steps = steps_of(self.changes)
        of_value = {step.value: view for view, step in enumerate(steps) if step.change is change}
        return [
            int(change.in_time) if value == change.unchanged else of_value[value]
            for value in change.values
        ]


def layer_part(found: Found, layer: str) -> dict[str, Any]:
    """What the answer says of a layer."""
    excited = [known.layers[layer].excited for known in found.known]
    return {
        "layer": layer,
        "depth": found.depths[layer],
        "units": len(excited[0]),
        "excited": {name: int(each.sum()) for name, each in zip(NETWORKS, excited, strict=True)},
        "changes": {
            change.name: {
                name: _change_of_layer(found, place, layer, change)
                for place, name in enumerate(NETWORKS)
            }
            for change in found.changes_of(layer)
        },
        "occlusion": {
            name: {fill: _occlusion(found, place, layer, fill) for fill in FILLS}
            for place, name in enumerate(NETWORKS)
        },
        "correspondence": {
            name: {part: delta.to_json() for part, delta in each.layers[layer].items()}
            for name, each in zip(NETWORKS, found.correspondence, strict=False)
        },
    }


def change_part(found: Found, change: Change) -> dict[str, Any]:
    """What the answer says of a change."""
    views = found.views(change)
    predicted = {}
    for name, compared in zip(NETWORKS, found.compared, strict=True):
        same = (compared.predicted == compared.predicted[:, views[change.place], None]).numpy()
        predicted[name] = [
            interval(same[:, view].astype(float), np.mean, seed=found.seed).to_json()
            for view in views
        ]
    return {
        "name": change.name,
        "values": change.values,
        "unchanged": change.unchanged,
        "unit": change.unit,
        "octaves": change.octaves,
        "steps": change.steps,
        "filled": [float(found.filled[view]) for view in views],
        "counting": found.counting(change),
        "predicted": predicted,
        "trend": _trend(found, change) if change.unit else None,
    }


def unit_arrays(found: Found) -> dict[str, Tensor]:
    """What is known of each unit of the network that was asked about."""
    arrays: dict[str, np.ndarray] = {}
    for layer in found.layers:
        for change in found.changes_of(layer):
            arrays[f"{layer}|{change.name}"] = found.curves(0, layer, change)["kept"]
            if change.unit:
                widths = found.widths[0, layer, change.name]
                arrays[f"{layer}|{change.name}|width"] = widths.width
                arrays[f"{layer}|{change.name}|at_least"] = widths.at_least
        for fill in FILLS:
            kept = found.occluded[0].layers[layer].there
            for kind in ("space", "time"):
                arrays[f"{layer}|{kind}|{fill}"] = found.boxes.of(kept, fill, kind)
    halves = {name: torch.from_numpy(array).half().contiguous() for name, array in arrays.items()}
    return halves | {f"{layer}|clip": _hidden_clip(found, layer) for layer in found.layers}


def _hidden_clip(found: Found, layer: str) -> Tensor:
    """In which clip of the sample boxes were hidden for each unit; -1 for none."""
    top = found.known_hidden[0].layers[layer].top
    return torch.where(top.any(dim=0), top.int().argmax(dim=0), -1)


def write_tables(folder: Path, answer: Mapping[str, Any]) -> None:
    """The numbers behind the plots as csv."""
    values = {change["name"]: change["values"] for change in answer["changes"]}
    tables: dict[str, list[dict[str, Any]]] = {
        "curves": [],
        "half-widths": [],
        "trends": [
            {"change": change["name"], "of": of, **change["trend"][of]}
            for change in answer["changes"]
            if change["trend"]
            for of in (*NETWORKS, "difference")
        ],
        "occlusion": [],
        "correspondence": [],
    }
    for layer, network in product(answer["layers"], NETWORKS):
        head = {"layer": layer["layer"], "depth": layer["depth"], "network": network}
        for change, networks in layer["changes"].items():
            own, row = networks[network], {**head, "change": change}
            tables["curves"] += _curve_rows(row, values[change], own)
            if own["width"]:
                width = {**row, "at_least": own["at_least"], **own["width"]}
                tables["half-widths"].append(width)
        for fill, kind in product(FILLS, ("space", "time")):
            told = layer["occlusion"][network][fill][kind]
            tables["occlusion"].append({**head, "fill": fill, "kind": kind, **told})
        for part, delta in layer["correspondence"].get(network, {}).items():
            tables["correspondence"].append({**head, "part": part, **delta})
    for name, rows in tables.items():
        if rows:
            write_table(folder, name, {key: [row[key] for row in rows] for key in rows[0]})


def _curve_rows(
    row: Mapping[str, Any], values: Sequence[float], told: Mapping[str, Any]
) -> list[dict[str, Any]]:
    return [
        {**row, "measure": measure, "at": at, **each}
        for measure in MEASURES
        for at, each in zip(values, told[measure], strict=True)
    ]


def _change_of_layer(found: Found, place: int, layer: str, change: Change) -> dict[str, Any]:
    told: dict[str, Any] = {
        measure: [each.to_json() for each in medians(curve.T)]
        for measure, curve in found.curves(place, layer, change).items()
    }
    if not change.unit:
        return {**told, "width": None, "at_least": None}
    widths = found.widths[place, layer, change.name]
    known = ~np.isnan(widths.width)
    share = float(widths.at_least[known].mean()) if known.any() else None
    return {
        **told,
        "width": median(widths.width, seed=found.seed).to_json(),
        "at_least": share,
    }


def _trend(found: Found, change: Change) -> dict[str, Any]:
    layers = [layer for layer in found.layers if change in found.changes_of(layer)]
    widths = [
        [found.widths[place, layer, change.name].width for layer in layers]
        for place in range(len(NETWORKS))
    ]
    depths = [found.depths[layer] for layer in layers]
    seen = trend(depths, widths[0], widths[1], seed=found.seed)
    return {**asdict(seen), "verdict": seen.verdict, "against": seen.against}


def _occlusion(found: Found, place: int, layer: str, fill: Fill) -> dict[str, Any]:
    kept = found.occluded[place].layers[layer].there
    losses = {kind: found.boxes.of(kept, fill, kind) for kind in ("space", "time")}
    told: dict[str, Any] = {
        kind: median(spread(loss), seed=found.seed).to_json() for kind, loss in losses.items()
    }
    told |= {"seen": None, "field": None}
    if layer in found.fields:
        unchanged = found.known_hidden[place].layers[layer]
        spec = found.known[place].network.expects
        seen = seen_boxes(unchanged, found.fields[layer], found.boxes, (spec.frames, *spec.size))[
            :, unchanged.excited.numpy()
        ]
        loss = losses["space"][:, unchanged.excited.numpy()]
        with np.errstate(invalid="ignore"):
            shares = (loss * seen).sum(axis=0) / loss.sum(axis=0)
        told["seen"] = median(shares, seed=found.seed).to_json()
        told["field"] = median(seen.mean(axis=0), seed=found.seed).to_json()
    return told
