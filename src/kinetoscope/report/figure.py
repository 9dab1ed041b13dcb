"""Which units does the overview show as a figure: real clips beside stimuli, slow to fast?

Source: the rows are those of Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018, figures of the
last fusion layer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kinetoscope.report.layers import best_ratio
from kinetoscope.report.scanned import Scanned

_ROWS = 4
_CLIPS = 2  # beside each unit's stimuli


def figure_part(
    layers: Sequence[Mapping[str, Any]],
    units: Mapping[str, Sequence[Mapping[str, Any]]],
    scanned: Scanned | None,
    *,
    labels: int,
) -> list[dict[str, Any]]:
    """A row a unit: from the last layers, of all streams first, each for a label of its own.

    Layers with a unit a label come last: labels have pages of their own.

    Args:
        layers: in the order of the network.
        units: of each layer.
        labels: how many the network has.
        scanned: where their clips are; None without a catalog.
    """
    rows = []
    for unit in _chosen(layers, units, labels):
        rows.append(
            {
                **{key: unit[key] for key in ("unit", "preferred", "selectivity", "stimuli")},
                "ratio": best_ratio(unit),
                "clips": [] if scanned is None else _clips(unit, scanned),
            }
        )
    return rows


def _chosen(
    layers: Sequence[Mapping[str, Any]],
    units: Mapping[str, Sequence[Mapping[str, Any]]],
    labels: int,
) -> list[Mapping[str, Any]]:
    groups: dict[tuple[bool, bool], list[Mapping[str, Any]]] = {}
    for layer in layers[::-1]:
        kind = layer["channels"] == labels, layer["lane"] != "both"
        able = [unit for unit in units[layer["name"]] if unit["stimuli"] and not unit["dead"]]
        able.sort(key=lambda unit: (-(unit["selectivity"] or 0.0), unit["channel"]))
        groups.setdefault(kind, []).extend(able)
    chosen = [unit for kind in sorted(groups) for unit in _new_labels_first(groups[kind])]
    return chosen[:_ROWS]


def _new_labels_first(units: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The same units; those that prefer what one before prefers come after the others."""
    first: list[Mapping[str, Any]] = []
    again: list[Mapping[str, Any]] = []
    preferred = set()
    for unit in units:
        known = unit["preferred"] is not None and unit["preferred"] in preferred
        preferred.add(unit["preferred"])
        (again if known else first).append(unit)
    return [*first, *again]


def _clips(unit: Mapping[str, Any], scanned: Scanned) -> list[dict[str, Any]]:
    """The clips that excite it most, of those whose pictures were kept."""
    shown = [(hit, scanned.clips[hit["clip"]]) for hit in unit["top"]]
    shown = [(hit, clip) for hit, clip in shown if clip["frames"] or clip["flow"]]
    return [
        {
            **{key: clip[key] for key in ("id", "name", "label", "frames", "flow")},
            "place": hit["place"],
        }
        for hit, clip in shown[:_CLIPS]
    ]
