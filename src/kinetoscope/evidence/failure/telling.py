"""Which units do both labels of a pair excite, and which tell the two apart?

    both    the smaller of two areas under the ROC curve: the clips of either label against those
            of all labels but the two. Near 1, both excite the unit more than anything else does
    apart   the area between the clips of the two labels: 1 if only the first excites the unit, 0
            if only the second does, 0.5 if it can't tell them apart

Source: the area is that of `specificity/areas.py`; false discoveries as in `intervals.py`, over all
units of all layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinetoscope.evidence.failure.pairs import Pair
from kinetoscope.evidence.intervals import false_discovery_rates
from kinetoscope.evidence.retrieval import EPSILON
from kinetoscope.evidence.scan import Scan
from kinetoscope.evidence.specificity.areas import area_between
from kinetoscope.units.unit import Unit


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a unit makes of a pair.

    Args:
        unit: which one.
        areas: of either label against all labels but the two; not numbers where there are none.
        apart: the area between the two; above 0.5 the first excites it more.
        rate: of false discoveries, were all units that tell the two apart as well discoveries.
    """

    unit: Unit
    areas: tuple[float, float]
    apart: float
    rate: float

    @property
    def both(self) -> float:
        """How well it tells either from the rest."""
        return min(self.areas)

    @property
    def distance(self) -> float:
        """How far from not telling them apart, from 0 to 0.5."""
        return abs(self.apart - 0.5)


def tell_pair(scan: Scan, pair: Pair, layers: Sequence[str]) -> list[Told]:
    """What every live unit of some layers makes of a pair, in their order."""
    labels, read = scan.clips["label"], scan.clips["error"].is_null()
    one, other = ((read & (labels == name).fill_null(False)).to_numpy() for name in pair.labels)
    rest = read.to_numpy() & labels.is_not_null().to_numpy() & ~one & ~other
    units: list[Unit] = []
    columns: list[np.ndarray] = []
    for layer in layers:
        maxima = scan.maxima(layer).numpy()
        between = area_between(maxima[one], maxima[other])
        first, second = (area_between(maxima[own], maxima[rest]).area for own in (one, other))
        live = np.nanmax(maxima, axis=0, initial=-np.inf) > EPSILON
        columns.append(np.concatenate([first, second, between.area, between.p])[:, live])
        units += [Unit(layer, int(channel)) for channel in np.flatnonzero(live)]
    first, second, apart, p = np.concatenate(columns, axis=1)
    rates = false_discovery_rates(p)
    return [
        Told(unit=unit, areas=(float(a), float(b)), apart=float(c), rate=float(rate))
        for unit, a, b, c, rate in zip(units, first, second, apart, rates, strict=True)
    ]


def best_both(told: Sequence[Told], count: int) -> list[Told]:
    """The units that both excite most; none where there is no third label."""
    known = [each for each in told if not np.isnan(each.both)]
    return sorted(known, key=lambda each: (-each.both, each.unit))[:count]


def best_apart(told: Sequence[Told], count: int) -> list[Told]:
    """The units that tell the two apart best."""
    known = [each for each in told if not np.isnan(each.apart)]
    return sorted(known, key=lambda each: (-each.distance, each.unit))[:count]
