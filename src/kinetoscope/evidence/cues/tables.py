"""The numbers behind the plots, as tables: a row a unit, a row a layer, a row a label."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kinetoscope.evidence.cues.layers import LayerCues

Table = dict[str, list[Any]]


def unit_table(layers: Sequence[LayerCues]) -> Table:
    """All units of all layers."""
    parts = [layer.columns() for layer in layers]
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


def layer_table(layers: Sequence[Mapping[str, Any]]) -> Table:
    """What the answer says of layers, flat."""
    return _table(layers)


def class_table(classes: Sequence[Mapping[str, Any]]) -> Table:
    """What the answer says of labels, flat; `label` is empty in the row of all clips."""
    return _table(classes)


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    flat = [dict(_flat(row)) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    return {name: [row.get(name) for row in flat] for name in names}


def _flat(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values under names such as `control_motion_low`; `value` needs no name."""
    for key, value in row.items():
        name = f"{before}_{key}".strip("_").replace(" ", "_")
        if isinstance(value, Mapping):
            yield from _flat(value, name.removesuffix("_value"))
        elif value is not None or key in ("label", "value", "low", "high"):
            yield (before if key == "value" else name), value
