"""What is told of a layer, and of each of its units: numbers as JSON and as tables have them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinetoscope.evidence.cues import changes
from kinetoscope.evidence.cues.factors import Factors, follow
from kinetoscope.evidence.cues.partners import Partners
from kinetoscope.evidence.cues.shares import SILENT, Shares, units_shares
from kinetoscope.evidence.cues.showing import Answers
from kinetoscope.evidence.cues.spread import Spread
from kinetoscope.evidence.intervals import interval
from kinetoscope.units.unit import Unit

_MOST_UNITS = 4096  # that the interval of a layer's median is found from
_LISTED = 12


@dataclass(frozen=True, kw_only=True)
class LayerCues:
    """What was measured of one layer."""

    name: str
    shares: Shares
    factors: Factors

    @property
    def channels(self) -> int:
        """How many units it has."""
        return len(self.shares.answer)

    def to_json(self, seed: int) -> dict[str, Any]:
        """Medians over its units, with their intervals, and counts."""
        told = {
            "name": self.name,
            "channels": self.channels,
            "measured": int((~np.isnan(self.shares.motion.value)).sum()),
            "silent": int((np.abs(self.shares.answer) <= SILENT).sum()),
            "kinds": self.factors.count(),
            "static": self.factors.layer_static.to_json(),
            "dynamic": self.factors.layer_dynamic.to_json(),
            "kept": {
                change: _median(each.value, seed) for change, each in self.shares.kept.items()
            },
        }
        return {**told, **{name: _median(each.value, seed) for name, each in self._of_units()}}

    def columns(self) -> dict[str, list[Any]]:
        """A row a unit."""
        table: dict[str, list[Any]] = {
            "unit": [str(Unit(self.name, channel)) for channel in range(self.channels)],
            "layer": [self.name] * self.channels,
            "channel": list(range(self.channels)),
            "kind": list(self.factors.kinds),
            "answer": self.shares.answer.tolist(),
        }
        factors = self.factors
        spreads = [
            *self._of_units(),
            ("static", factors.static),
            ("dynamic", factors.dynamic),
            ("both", factors.both),
            ("joint", factors.joint),
        ]
        kept = ((f"kept {change}", each) for change, each in self.shares.kept.items())
        for name, each in (*spreads, *kept):
            table |= _three(name.replace(" ", "_"), each)
        return table

    def one_cue(self) -> bool:
        """Whether one of the two reaches none of its units, as in the towers of two streams."""
        motion = self.shares.motion.value[~np.isnan(self.shares.motion.value)]
        return bool((motion == 0).all() or (motion == 1).all())

    def _of_units(self) -> list[tuple[str, Spread]]:
        found = [
            ("appearance", self.shares.motion.rest()),
            ("motion", self.shares.motion),
            ("interplay", self.shares.interplay),
            ("appearance_adds", self.shares.appearance_adds),
            ("motion_adds", self.shares.motion_adds),
        ]
        return found + ([("flow", self.shares.flow)] if self.shares.flow is not None else [])


def measure_layer(
    name: str, answers: Mapping[str, Answers], partners: Partners, seed: int
) -> LayerCues:
    """All that the answers say of one layer."""
    values = {change: each.units[name] for change, each in answers.items()}
    return LayerCues(
        name=name,
        shares=units_shares(values, seed=seed),
        factors=follow(
            values[changes.AS_IT_IS],
            values[changes.OTHER_TEXTURE],
            values[changes.OWN_TEXTURE],
            partners,
            seed=seed,
        ),
    )


def most(layers: Sequence[LayerCues]) -> dict[str, list[dict[str, Any]]]:
    """The units to whose answer motion adds most, appearance adds most, and that need both most.

    Ranked by the end of their interval that is nearer to the middle, so that the surest come
    first. Layers that only one of the two reaches are left out where there are others.
    """
    both = [layer for layer in layers if not layer.one_cue()] or list(layers)
    return {
        "motion": _ranked(both, lambda layer: layer.shares.motion_adds),
        "appearance": _ranked(both, lambda layer: layer.shares.appearance_adds),
        "joint": _ranked(both, lambda layer: layer.factors.joint),
    }


def _ranked(layers: Sequence[LayerCues], of: Callable[[LayerCues], Spread]) -> list[dict[str, Any]]:
    found = []
    for layer in layers:
        each = of(layer)
        best = np.argsort(np.nan_to_num(-each.low, nan=np.inf), kind="stable")[:_LISTED]
        found += [
            {"unit": str(Unit(layer.name, int(place))), **each.at(int(place)).to_json()}
            for place in best
            if not np.isnan(each.value[place])
        ]
    return sorted(found, key=lambda one: -one["low"])[:_LISTED]


def _median(values: np.ndarray, seed: int) -> dict[str, float]:
    """Over the units; of very many, over some that are spread evenly."""
    step = -(-len(values) // _MOST_UNITS)
    return interval(values[::step], np.median, seed=seed).to_json()


def _three(name: str, each: Spread) -> dict[str, list[float]]:
    return {
        name: each.value.tolist(),
        f"{name}_low": each.low.tolist(),
        f"{name}_high": each.high.tolist(),
    }
