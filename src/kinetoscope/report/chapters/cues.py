"""What is told of cues: what layers, units and classes owe to motion and to appearance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from kinetoscope.evidence.cues import changes
from kinetoscope.evidence.evidence import Evidence
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf

_MOST_UNITS = 1024
"""Of a layer that the unit pages are told of; all are in units.csv."""

_AS_IT_IS = ("clips", "per_unit", "summary", "streams", "changes", "chance", "layers", "most")
_PLAIN = ("kind", "answer")
_SPREAD = ("motion", "appearance_adds", "motion_adds", "interplay", "flow")
_SCORES = ("static", "dynamic", "both")


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of cues shows."""
    answer = found.answer
    data = {
        **{name: answer[name] for name in _AS_IT_IS},
        "classes": answer["classes"],
        "units": _units(found.folder / "units.csv", answer),
        "same_label": answer["same_label"],
    }
    return Told(summary=_summary(answer), data=data)


def _summary(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Accuracy laid out, the classes at either end, and the layers that both cues reach."""
    whole: Mapping[str, Any] | None = next(iter(answer["classes"]), None)
    classes = answer["classes"][1:]
    ranked = sorted(classes, key=lambda row: -row["accuracy_adds"]["motion"]["value"])
    mixed = [layer for layer in answer["layers"] if _both_arrive(layer)]
    kinds = [layer["kinds"] for layer in mixed]
    return {
        "clips": answer["clips"],
        "chance": answer["chance"],
        "accuracy": whole
        and {
            "whole": whole["accuracy"][changes.AS_IT_IS],
            "neither": whole["accuracy"][changes.OTHER_STILL],
            **whole["accuracy_adds"],
        },
        "classes": [
            {"label": row["label"], "motion": row["accuracy_adds"]["motion"]}
            for row in (*ranked[:2], *ranked[-1:])
        ]
        if len(ranked) > 2
        else [],
        "layer": max(mixed, key=lambda layer: layer["measured"], default=None),
        "kinds": {kind: sum(each[kind] for each in kinds) for kind in (kinds or [{}])[0]},
    }


def _both_arrive(layer: Mapping[str, Any]) -> bool:
    """Whether a layer is reached by both streams, or in a network of one by both cues."""
    share = layer.get("flow", layer["motion"])["value"]
    return share is not None and share not in (0, 1)


def _units(path: Path, answer: Mapping[str, Any]) -> dict[str, Any]:
    """By layer, columns of units; a triple is a value and the ends of its interval."""
    table = pl.read_csv(path).filter(pl.col("channel") < _MOST_UNITS)
    kept = [f"kept_{change}".replace(" ", "_") for change in answer["changes"][1:]]
    return {
        str(layer): {
            **{name: _column(rows, name) for name in (*_PLAIN, *_SCORES)},
            **{name: _triples(rows, name) for name in _SPREAD if name in rows.columns},
            "kept": [_triples(rows, name) for name in kept],
        }
        for (layer,), rows in table.group_by("layer", maintain_order=True)
    }


def _triples(rows: pl.DataFrame, name: str) -> list[list[Any] | None]:
    columns = [_column(rows, each) for each in (name, f"{name}_low", f"{name}_high")]
    return [None if each[0] is None else list(each) for each in zip(*columns, strict=True)]


def _column(rows: pl.DataFrame, name: str) -> list[Any]:
    return [_short(value) for value in rows[name]]


def _short(value: Any) -> Any:
    return float(f"{value:.3g}") if isinstance(value, float) else value
