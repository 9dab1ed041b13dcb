"""What is told of the health of one layer: dead units, sparseness, units that say the same?

Source: as `health.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.evidence.health.duplicates import (
    Alike,
    Table,
    alike,
    correlation_interval,
    shuffled,
)
from kinetoscope.evidence.intervals import interval
from kinetoscope.evidence.responses import Responses, respond
from kinetoscope.evidence.sample import Sample, open_sample
from kinetoscope.evidence.scan import Scan
from kinetoscope.evidence.scanning.summary import EPSILON
from kinetoscope.networks.network import Network

_CONFIDENCE = 0.95

Shares = Float[np.ndarray, " channel"]


@dataclass(frozen=True, kw_only=True)
class Control:
    """What the figures are held against.

    Args:
        network: such as the same with random weights.
        catalog: that was scanned; a sample of it is shown to both networks.
        clips: how many.
        clip_cache: where clips are kept that were opened before.
    """

    network: Network
    catalog: Catalog
    clips: int = 64
    clip_cache: ClipCache | None = None


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """What both networks answer to a sample."""

    sample: Sample
    network: Responses
    control: Responses

    @classmethod
    def of(cls, network: Network, control: Control, layers: Sequence[str], seed: int) -> "Sampled":
        """Show a sample to both."""
        sample = open_sample(
            control.catalog,
            network.expects,
            control.clips,
            seed=seed,
            clip_cache=control.clip_cache,
        )
        own, other = (
            respond(each, sample.batches(network.expects), layers)
            for each in (network, control.network)
        )
        return cls(sample=sample, network=own, control=other)


@dataclass(frozen=True)
class Teller:
    """Tells of the layers of a scan.

    Args:
        scan: of them.
        threshold: of the correlation of units that say the same.
        seed: of shuffling and of intervals.
    """

    scan: Scan
    threshold: float
    seed: int

    def layer(
        self, layer: str, sampled: Sampled | None
    ) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        """What is told of a layer, and a row for each of its units."""
        largest, mean = self.scan.maxima(layer).numpy(), self.scan.means(layer).numpy()
        read = ~np.isnan(largest).any(axis=1)
        largest, mean = largest[read].astype(float), mean[read].astype(float)
        found = alike(largest, mean, threshold=self.threshold)
        places = self._in_places(layer)
        told = {
            "layer": layer,
            "clips": len(largest),
            **self._figures(largest, found),
            "dead": np.flatnonzero(_dead(largest)).tolist(),
            "missed": missed(len(largest)),
            "in_places": None if places is None else self._median(places[~_dead(largest)]),
            "groups": [_group(found, members, len(largest)) for members in found.groups()],
            "by_chance": self._by_chance(largest, mean),
            "sampled": None if sampled is None else self._of_sample(layer, sampled),
        }
        return told, _rows(layer, largest, places, found)

    def _figures(self, largest: Table, found: Alike) -> dict[str, Any]:
        alive = ~_dead(largest)
        return {
            "channels": largest.shape[1],
            "dead_share": float(1 - alive.mean()),
            "in_clips": self._median(_in_clips(largest)[alive]),
            "nearest": self._median(found.correlation),
            "alike": _repeats(found),
        }

    def _by_chance(self, largest: Table, mean: Table) -> dict[str, Any]:
        order = np.random.default_rng(self.seed).permuted(
            np.tile(np.arange(len(largest))[:, None], (1, largest.shape[1])), axis=0
        )
        found = alike(shuffled(largest, order), shuffled(mean, order), threshold=self.threshold)
        return {"nearest": self._median(found.correlation), "alike": _repeats(found)}

    def _of_sample(self, layer: str, sampled: Sampled) -> dict[str, Any]:
        return {
            name: self._figures(
                largest := responses.largest[layer].double().numpy(),
                alike(largest, responses.mean[layer].double().numpy(), threshold=self.threshold),
            )
            for name, responses in (("network", sampled.network), ("control", sampled.control))
        }

    def _in_places(self, layer: str) -> Shares | None:
        found = self.scan.sparsity(layer)
        return None if found is None else found.places.double().numpy()

    def _median(self, values: Shares) -> dict[str, float]:
        return interval(values, np.median, seed=self.seed).to_json()


def missed(clips: int) -> float:
    """Of a unit that none of so many clips excites: at most this share of all clips does, at 95 %.

    >>> round(missed(100), 3)
    0.03
    """
    return 1.0 if clips == 0 else 1 - (1 - _CONFIDENCE) ** (1 / clips)


def _dead(largest: Table) -> Bool[np.ndarray, " channel"]:
    return largest.max(axis=0, initial=-np.inf) <= EPSILON


def _in_clips(largest: Table) -> Shares:
    return (largest > EPSILON).mean(axis=0) if len(largest) else np.full(largest.shape[1], np.nan)


def _repeats(found: Alike) -> int:
    """How many units are like an earlier one, which could do without them."""
    return int((found.group >= 0).sum() - len(found.groups()))


def _group(found: Alike, members: Sequence[int], clips: int) -> dict[str, Any]:
    r = found.group_correlation[members].tolist()
    return {
        "channels": list(members),
        "correlation": r,
        "low": [correlation_interval(each, clips)[0] for each in r],
    }


def _rows(layer: str, largest: Table, places: Shares | None, found: Alike) -> dict[str, list[Any]]:
    channels = largest.shape[1]
    return {
        "layer": [layer] * channels,
        "channel": list(range(channels)),
        "largest": largest.max(axis=0, initial=-np.inf).tolist(),
        "dead": _dead(largest).tolist(),
        "in_places": [None] * channels if places is None else places.tolist(),
        "in_clips": _in_clips(largest).tolist(),
        "nearest": [None if each < 0 else each for each in found.nearest.tolist()],
        "correlation": found.correlation.tolist(),
        "group": [None if each < 0 else each for each in found.group.tolist()],
    }
