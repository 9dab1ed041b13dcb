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
    def place(number: int) -> tuple[bool, bool, int]:
        return layers[number]["channels"] == labels, layers[number]["lane"] != "both", -number

    first: list[Mapping[str, Any]] = []
    others: list[Mapping[str, Any]] = []
    preferred = set()
    for number in sorted(range(len(layers)), key=place):
        own = units[layers[number]["name"]]
        able = [unit for unit in own if unit["stimuli"] and not unit["dead"]]
        able.sort(key=lambda unit: (-(unit["selectivity"] or 0.0), unit["channel"]))
        for unit in able:
            again = unit["preferred"] is not None and unit["preferred"] in preferred
            preferred.add(unit["preferred"])
            (others if again else first).append(unit)
    return [*first, *others][:_ROWS]


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
