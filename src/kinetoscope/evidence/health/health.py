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
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    write_table,
    writing_evidence,
)
from kinetoscope.evidence.health.duplicates import THRESHOLD
from kinetoscope.evidence.health.figures import Control, Sampled, Teller
from kinetoscope.evidence.health.filters import Filters, change, colour, first_filters
from kinetoscope.evidence.scan import Progress, Scan
from kinetoscope.networks.network import Network

KIND = "health"
FILTERS = "filters.safetensors"
"""The kernels, beside the evidence."""


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
    sampled = None if control is None else Sampled.of(network, control, list(scan.layers), seed)
    teller = Teller(scan, threshold, seed)
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
