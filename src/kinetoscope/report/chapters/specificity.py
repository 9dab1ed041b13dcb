"""What is told of specificity: each layer beside chance, removals, and every unit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from kinetoscope.evidence.evidence import Evidence
from kinetoscope.evidence.specificity.measures import KINDS, RATE
from kinetoscope.evidence.specificity.tables import UNITS
from kinetoscope.report.answers import plain, rounded
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf
from kinetoscope.units.unit import Unit

_LABELS = 10  # told of each unit, those with the largest areas first


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of specificity shows, and what pages of units do."""
    answer = found.answer
    arrays = load_file(found.folder / UNITS)
    units: dict[str, dict[str, Any]] = {}
    for layer in answer["layers"]:
        units |= _units(layer["layer"], arrays)
    return Told(summary=_summary(answer), data={**answer, "unit": units})


def _summary(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The first layer and the one with the largest share of specific units; what is lost.

    A layer that is the scores is left out: its units are of a label by their making.
    """
    layers = [
        each for each in answer["layers"] if each["live"] and each["layer"] != answer["scores"]
    ]
    told = [
        {
            "layer": layer["layer"],
            "specific": layer["kinds"]["specific"],
            "units": layer["live"],
            "by_chance": rounded(layer["specific_by_chance"]),
        }
        for layer in layers
    ]
    sums = answer["removed"]["sums"] if answer["removed"] else []
    own = {row["why"]: row["own"] for row in sums if row["replacement"] == "zero"}
    most = max(told, key=lambda each: each["specific"] / each["units"], default=None)
    return {"first": told[0] if told else None, "most": most, "own": own}


def _units(layer: str, arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Of every unit of a layer, as little as its panel needs."""
    area, rate, histogram, selectivity, entropy, kind, best = (
        arrays[f"{layer}.{name}"]
        for name in ("area", "rate", "histogram", "selectivity", "entropy", "kind", "best")
    )
    return {
        str(Unit(layer, channel)): {
            "kind": KINDS[int(kind[channel])],
            "best": int(best[channel]),
            "selectivity": rounded(float(selectivity[channel])),
            "entropy": rounded(float(entropy[channel])),
            "areas": _areas(area[:, channel], rate[:, channel]),
            "top": _top(histogram[:, channel]),
        }
        for channel in range(area.shape[1])
    }


def _areas(area: np.ndarray, rate: np.ndarray) -> list[list[Any]]:
    """Of the labels with the largest areas: place, area, whether it is above chance."""
    known = np.flatnonzero(~np.isnan(area))
    order: Sequence[int] = known[np.argsort(-area[known], kind="stable")][:_LABELS].tolist()
    told = plain(area[order])
    return [[place, told[at], bool(rate[place] < RATE)] for at, place in enumerate(order)]


def _top(histogram: np.ndarray) -> list[list[Any]]:
    """Labels among the clips that excite it most: place and how many, the most first."""
    order = np.argsort(-histogram, kind="stable")[:_LABELS].tolist()
    return [[place, rounded(float(histogram[place]), 3)] for place in order if histogram[place] > 0]
