"""What does the viewer show of a network's layers and their units?

A layer's units are a part of their own, which the viewer asks for when a page needs it.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from kinetoscope.report.answers import rounded
from kinetoscope.report.objectives import Objectives, Shown
from kinetoscope.report.scanned import Scanned
from kinetoscope.units.unit import Unit

_FACES = 4  # units that stand for their layer in the picture of the network
_UNKNOWN: dict[str, Any] = {
    **dict.fromkeys(("dead", "best_real", "selectivity", "preferred", "profile", "histogram")),
    "told": None,
    "stimuli": [],
    "others": [],
    "top": [],
}
_LANES = {"frames": "appearance", "flow": "motion"}


def units_part(
    layer: Mapping[str, Any], *, objectives: Objectives, scanned: Scanned | None
) -> list[dict[str, Any]]:
    """All units of a layer of which anything is known.

    Args:
        layer: as the evidence of the network tells it.
        objectives: what there are stimuli of.
        scanned: what the layer answered to real clips.
    """
    answers = None if scanned is None else scanned.answers_of(layer["name"])
    units = []
    for channel in range(layer["channels"]):
        unit = Unit(layer["name"], channel)
        shown = objectives.of_unit(unit)
        if answers is None and not shown:
            continue
        known = {} if answers is None else answers[channel]
        units.append(
            {
                "unit": str(unit),
                "channel": channel,
                **_UNKNOWN,
                **known,
                **_made(unit, shown, known),
            }
        )
    return units


def _made(unit: Unit, shown: Sequence[Shown], known: Mapping[str, Any]) -> dict[str, Any]:
    """The stimuli of a unit in brief, and where all that speaks of it is told."""
    if not shown:
        return {}
    first, rest = shown[0], shown[1:]
    if first.objective.unit != unit:
        return {"others": [each.link for each in shown]}
    return {
        "stimuli": first.stimuli,
        "told": first.told,
        "best_real": known.get("best_real", first.best_real),
        "others": [each.link for each in rest],
    }


def layer_part(
    layer: Mapping[str, Any],
    units: Sequence[Mapping[str, Any]],
    *,
    streams: int,
    sloped: bool,
    data: str | None,
) -> dict[str, Any]:
    """A layer, and what its units sum up to.

    Args:
        layer: as the evidence of the network tells it.
        units: its units, as `units_part` gives them.
        streams: how many the network is shown.
        sloped: whether gradients lead back from it; without, its units can't be maximized.
        data: where its units are kept.
    """
    alive = [unit for unit in units if not unit["dead"]]
    return {
        **{key: layer.get(key) for key in ("name", "kind", "channels", "shape")},
        **{key: layer.get(key) for key in ("receptive_field", "stride", "exact")},
        "lane": lane_of(layer, streams),
        "scanned": any(unit["dead"] is not None for unit in units),
        "dead": sum(unit["dead"] is True for unit in units),
        "sloped": sloped,
        "stimuli": sum(bool(unit["stimuli"]) for unit in units),
        "suspicious": sum(suspicious(unit) for unit in units),
        "ratio": rounded(_middle(best_ratio(unit) for unit in alive)),
        "selectivity": rounded(_middle(unit["selectivity"] for unit in alive)),
        "data": data,
        "sprites": sprites(units, _FACES),
    }


def lane_of(layer: Mapping[str, Any], streams: int) -> str:
    """Whether a layer sees appearance, motion, or both; a network of one stream has one lane."""
    if streams < 2:
        return "both"
    seen = streams_of(layer)
    return _LANES[seen[0]] if len(seen) == 1 else "both"


def streams_of(layer: Mapping[str, Any]) -> list[str]:
    """The streams that a layer sees; none where the evidence does not tell them apart."""
    streams = layer.get("streams") or {}
    return [name for name, field in streams.items() if all(field["receptive_field"])]


def best_ratio(unit: Mapping[str, Any]) -> float | None:
    """The ratio of the stimulus that excites most."""
    ratios = [each["ratio"] for each in unit["stimuli"] if each["ratio"] is not None]
    return max(ratios, default=None)


def suspicious(unit: Mapping[str, Any]) -> bool:
    """Whether the stimulus that excites most takes another path than real clips do."""
    return bool(unit["stimuli"]) and strongest(unit["stimuli"])["suspicious"]


def strongest(stimuli: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The one that excites most."""
    return max(stimuli, key=lambda each: each["activation"] or 0.0)


def sprites(units: Sequence[Mapping[str, Any]], count: int) -> list[dict[str, Any]]:
    """The units that show best what a network likes: alive, the most selective first."""
    shown = [unit for unit in units if unit["stimuli"] and not unit["dead"]]
    shown.sort(key=lambda unit: (-(unit["selectivity"] or 0.0), unit["unit"]))
    return [_sprite(unit) for unit in shown[:count]]


def _sprite(unit: Mapping[str, Any]) -> dict[str, Any]:
    best = strongest(unit["stimuli"])
    kept = ("frames", "flow", "opacity", "ratio")
    return {"unit": unit["unit"], **{key: best[key] for key in kept}}


def _middle(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
