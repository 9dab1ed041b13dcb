"""What is told of the units of one layer, beside what chance would tell?

Histograms have the same bins for real and for shuffled labels, and name those units that come
first.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kinetoscope.evidence.specificity.measures import (
    INDICES,
    KINDS,
    Chance,
    Index,
    Measures,
    measure_chance,
    median_of,
)
from kinetoscope.evidence.specificity.selectivity import Labels, Maxima
from kinetoscope.units.unit import Unit

_SPECIFIC = 5  # listed for each label
_GENERAL = 8
_BINS = 20


def layer_part(
    layer: str,
    measures: Measures,
    maxima: Maxima,
    labels: Sequence[str],
    places: Labels,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """A layer as plain values; `specificity.py` says which."""
    chance = measure_chance(maxima, places, len(labels), seed=seed)
    kinds = measures.kinds
    return {
        "layer": layer,
        "units": len(kinds),
        "live": int((~measures.dead).sum()),
        "kinds": {kind: int((kinds == number).sum()) for number, kind in enumerate(KINDS)},
        "specific_by_chance": chance.specific,
        **{index: _index_part(index, measures, chance, len(labels), seed) for index in INDICES},
        "specific": {
            label: found
            for place, label in enumerate(labels)
            if (found := _specific(layer, measures, place))
        },
        "general": _general(layer, measures),
    }


def _index_part(
    index: Index, measures: Measures, chance: Chance, labels: int, seed: int
) -> dict[str, Any]:
    values = measures.best_of(index)
    least = 0.5 if index == "area" else 0.0
    most = float(np.log2(labels)) if index == "entropy" else 1.0
    edges = np.linspace(least, most, _BINS + 1)
    counts, _ = np.histogram(values[~np.isnan(values)].clip(least, most), edges)
    by_chance, _ = np.histogram(chance.values[index].clip(least, most), edges)
    return {
        "real": median_of(measures, index, seed).to_json(),
        "shuffled": chance.medians[index].to_json(),
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "shares": (by_chance / max(1, by_chance.sum())).tolist(),
    }


def _specific(layer: str, measures: Measures, label: int) -> list[dict[str, Any]]:
    """The specific units of a label, the largest area first."""
    own = np.flatnonzero((measures.kinds == 0) & (measures.best == label))
    order = own[np.argsort(-measures.area[label, own], kind="stable")][:_SPECIFIC]
    return [
        {
            "unit": str(Unit(layer, int(channel))),
            "area": float(measures.area[label, channel]),
            "rate": float(measures.rate[label, channel]),
        }
        for channel in order
    ]


def _general(layer: str, measures: Measures) -> list[dict[str, Any]]:
    """The general units, the smallest largest area first."""
    area = measures.best_of("area")
    own = np.flatnonzero(measures.kinds == KINDS.index("general"))
    order = own[np.argsort(area[own], kind="stable")][:_GENERAL]
    return [
        {"unit": str(Unit(layer, int(channel))), "area": float(area[channel])} for channel in order
    ]
