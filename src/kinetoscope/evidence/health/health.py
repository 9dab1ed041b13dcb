"""Which units say nothing, which say the same, and what do the first ones look for?

From a scan, and nothing is run for it: per layer the units that are dead (never above `EPSILON`),
how sparse each is (in which share of all places, and of all clips, it answers at all), and which of
them say the same (`duplicates.py`). Beside each figure stands what chance would give: of duplicates
the same answers with the clips of every unit shuffled; and, where a control is given, the same
figures of that network, such as this one with random weights, on a sample of the clips.

That a unit is dead means that no clip of this catalog excites it. Of n clips, at most a share of
1 - 0.05^(1/n) excite a unit that none of them did, at a confidence of 95 %.

The answer is

    layers   in the order of computation, a list of
        layer, channels, clips (that could be read)
        dead          channels, and `dead_share`
        missed        the share of clips that may excite a dead unit all the same
        in_places     the median share of places where a live unit answers, with its interval over
                      units; null in scans that did not count
        in_clips      the same of clips
        groups        of units that say the same, the largest first: a list of `channels`,
                      `correlation` (of each with the first), and `low`, the lower ends of theirs
        alike         how many units are like an earlier one
        nearest       the median correlation of a unit with the one it is most alike, with interval
        by_chance     `nearest` and `alike` with shuffled clips
        sampled       null without a control; else of the `network` and of the `control`, on the
                      sample: `channels`, `dead_share`, `in_clips`, `nearest` and `alike`
    threshold, control (its name, or null), sample (clips in it)
    filters  a list of layer, stream, change, colour, and shape [filter, channel, frames, pixels,
             pixels]
    failures of videos of the sample that can't be read

and beside it filters.safetensors, the kernels by the names of their layers; layers.csv, units.csv.

Source: dead filters are those of Zeiler and Fergus, "Visualizing and Understanding Convolutional
Networks", ECCV 2014, section 4.1; sparseness as the share of inputs that are answered is the
"lifetime sparseness" of Willmore and Tolhurst, Network: Computation in Neural Systems 12, 2001. The
bound is the rule of three of Hanley and Lippman-Hand, JAMA 249, 1983, without approximation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors.torch import save_file

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    write_table,
    writing_evidence,
)
from kinetoscope.evidence.health.duplicates import (
    THRESHOLD,
    Alike,
    Table,
    alike,
    correlation_interval,
    shuffled,
)
from kinetoscope.evidence.health.filters import Filters, change, colour, first_filters
from kinetoscope.evidence.intervals import interval
from kinetoscope.evidence.responses import Responses, respond
from kinetoscope.evidence.sample import Sample, open_sample
from kinetoscope.evidence.scan import Progress, Scan
from kinetoscope.evidence.scanning.summary import EPSILON
from kinetoscope.networks.network import Network

KIND = "health"
FILTERS = "filters.safetensors"
"""The kernels, beside the evidence."""

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


def write_health(
    network: Network,
    scan: Scan,
    folder: Path,
    *,
    threshold: float = THRESHOLD,
    control: Control | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evidence:
    """Write which units of a scan are dead, how sparse they are, and which say the same.

    Args:
        network: that was scanned; run only where there is a control.
        scan: all of its layers are looked at.
        folder: of the evidence; complete or absent. Evidence that is there already is read.
        threshold: of the correlation of units that say the same.
        control: what the figures are held against; None leaves it at shuffled clips.
        seed: of shuffling, of the sample, and of intervals.
        progress: is told how many layers are done, and of how many.
    """
    settings = {
        "threshold": threshold,
        "control": None if control is None else control.network.weights_hash,
        "sample": 0 if control is None else control.clips,
        "scan": dict(scan.provenance.settings),
    }
    provenance = Provenance.of(
        network,
        catalog=scan.provenance.catalog,
        objective="dead, sparse and duplicate units",
        settings=settings,
        seed=seed,
    )
    if has_evidence(folder, provenance):
        return read_evidence(folder, KIND)
    sampled = None if control is None else _Sampled.of(network, control, list(scan.layers), seed)
    teller = _Teller(scan, threshold, seed)
    with writing_evidence(folder, KIND, provenance) as (aside, answer):
        layers, units = [], []
        for number, layer in enumerate(scan.layers, start=1):
            told, rows = teller.layer(layer, sampled)
            layers.append(told)
            units.append(rows)
            if progress is not None:
                progress(number, len(scan.layers))
        answer["layers"], answer["threshold"] = layers, threshold
        answer["control"] = None if control is None else control.network.name
        answer["sample"] = 0 if sampled is None else len(sampled.sample)
        answer["failures"] = [] if sampled is None else list(sampled.sample.failures)
        answer["filters"] = _keep_filters(first_filters(network), aside)
        write_table(aside, "layers", _layers_table(layers))
        write_table(aside, "units", {name: _joined(units, name) for name in units[0]})
    return read_evidence(folder, KIND)


@dataclass(frozen=True, kw_only=True)
class _Sampled:
    """What both networks answer to a sample."""

    sample: Sample
    network: Responses
    control: Responses

    @classmethod
    def of(cls, network: Network, control: Control, layers: Sequence[str], seed: int) -> "_Sampled":
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
class _Teller:
    scan: Scan
    threshold: float
    seed: int

    def layer(
        self, layer: str, sampled: _Sampled | None
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
            "sampled": None if sampled is None else self._sampled(layer, sampled),
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

    def _sampled(self, layer: str, sampled: _Sampled) -> dict[str, Any]:
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


def _dead(largest: Table) -> np.ndarray:
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


def _joined(parts: Sequence[Mapping[str, list[Any]]], name: str) -> list[Any]:
    return [value for part in parts for value in part[name]]


def _layers_table(layers: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    plain = ("layer", "channels", "clips", "dead_share", "missed", "alike")
    columns = {name: [each[name] for each in layers] for name in plain}
    for name in ("in_places", "in_clips", "nearest"):
        for end in ("value", "low", "high"):
            columns[f"{name} {end}"] = [(each[name] or {}).get(end) for each in layers]
    columns["alike by chance"] = [each["by_chance"]["alike"] for each in layers]
    columns["nearest by chance"] = [each["by_chance"]["nearest"]["value"] for each in layers]
    return columns


def _keep_filters(found: Sequence[Filters], folder: Path) -> list[dict[str, Any]]:
    save_file({each.layer: each.kernels.contiguous() for each in found}, folder / FILTERS)
    return [
        {
            "layer": each.layer,
            "stream": each.stream,
            "shape": list(each.kernels.shape),
            "change": change(each.kernels).tolist(),
            "colour": colour(each.kernels).tolist(),
        }
        for each in found
    ]
