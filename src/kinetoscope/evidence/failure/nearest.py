"""Which clips are the mistaken ones like, in the eyes of the network?

The nearest clips by the features of one layer, among those it was trained on where these are given,
else among those that were scanned. If most of them have the wrong label, then the clip looks like
another class; if they have the right one, the fault lies above the layer. Beside it stands how
often clips with that label would come by chance.

Source: neighbours as in `examples/neighbours.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.examples.neighbours import (
    Neighbour,
    chance_of,
    neighbours,
    neighbours_of,
    same_label,
)
from kinetoscope.evidence.intervals import interval
from kinetoscope.evidence.scan import Scan
from kinetoscope.networks.network import Network


def nearest_clips(
    network: Network,
    scan: Scan,
    training: Scan | None,
    layer: str,
    clips: Mapping[int, Clip],
    count: int,
) -> dict[int, list[Neighbour]]:
    """The nearest clips of each clip, by its number in the scan.

    Args:
        network: that was scanned.
        scan: of these clips.
        training: where to look for neighbours; in the scan itself if there is none.
        layer: whose features are compared; both scans have it.
        clips: opened, by number.
        count: how many of each.
    """
    if training is None:
        return {number: neighbours(scan, layer, number, count) for number in clips}
    return {
        number: neighbours_of(network, training, layer, clip, count)
        for number, clip in clips.items()
    }


def neighbours_part(
    told: Sequence[Mapping[str, Any]], found: Mapping[int, list[Neighbour]], among: Scan, seed: int
) -> dict[str, Any] | None:
    """How many neighbours have the wrong label, and how many the right one; with chance beside.

    Args:
        told: the mistaken clips, with `clip`, `label` and `predicted`.
        found: neighbours of each.
        among: where they were found.
        seed: of the intervals.
    """
    if not told:
        return None
    part: dict[str, Any] = {}
    for name, key in (("wrong", "predicted"), ("right", "label")):
        shares = [same_label(found[clip["clip"]], clip[key]) for clip in told]
        chance = [chance_of(among, clip[key]) for clip in told]
        part[name] = interval(np.array(shares), np.mean, seed=seed).to_json()
        part[f"{name}_by_chance"] = float(np.mean(chance))
    return part


def neighbour_part(neighbour: Neighbour) -> dict[str, Any]:
    """As plain values."""
    return asdict(neighbour)
