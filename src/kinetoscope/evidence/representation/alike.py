"""Which layers of a network, or of two, say the same of the same clips?

The unbiased similarity of every layer with every other, of one network, and of two where there is
another; from scans alone. Beside it stand the similarity with the same layers with random weights,
which is what the architecture gives, and that of clips in another order, which is none.

Written out, the evidence has for its answer

    layers, other (name, layers; null without another network)
    videos      how many; the clips of a video count as one, by their mean
    pool        "mean" or "largest" over places
    within      a row a layer, of value, low, high: 95 %, by the jackknife over videos
    between     a row a layer, with the other network's layers; null without
    random      a row a layer, with the layers of the network with random weights; null without
    shuffled    value, low, high: the mean over pairs of layers, videos of one in another order
    biased      `within` as most papers tell it, a number a pair
    failures    layer and error of each that is left out

and a table for each of `within`, `between`, `random` beside it.

Source: as for `similarity`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    write_table,
    writing_evidence,
)
from kinetoscope.evidence.intervals import interval
from kinetoscope.evidence.representation.clips import Pool, Seen, pooled, seen_clips
from kinetoscope.evidence.representation.similarity import (
    LEAST_CLIPS,
    Gram,
    gram,
    linear_cka,
    unbiased_cka_of_grams,
)
from kinetoscope.evidence.scan import Scan

Matrix = list[list[dict[str, float]]]


def write_similarity(
    scan: Scan,
    folder: Path,
    *,
    other: Scan | None = None,
    control: Scan | None = None,
    pool: Pool = "mean",
    most: int = 2000,
    seed: int = 0,
) -> Evidence:
    """Compare the layers of one network or two and write it; what is there already is read.

    Args:
        scan: of the network.
        folder: of the evidence; complete or absent.
        other: of another network, of the same catalog.
        control: of the network with random weights.
        pool: how a channel's answers at all places become one number.
        most: how many clips at most, as many of each label as can be.
        seed: of the choice of clips, and of their other order.

    Raises:
        EvidenceError: the scans are of different catalogs, or there are too few videos.
    """
    for each in (other, control):
        if each is not None and each.provenance.catalog != scan.provenance.catalog:
            raise EvidenceError(
                "the scans are of different clips",
                got=each.provenance.catalog,
                expected=scan.provenance.catalog,
            )
    provenance = _provenance(scan, other, control, {"pool": pool, "most": most, "seed": seed})
    if not has_evidence(folder, provenance):
        seen = _seen([each for each in (scan, other, control) if each is not None], most, seed)
        with writing_evidence(folder, "similarity", provenance) as (aside, answer):
            _fill(answer, scan, other, control, _Layers(seen=seen, pool=pool), seed)
            for name in ("within", "between", "random"):
                if answer[name] is not None:
                    write_table(aside, name, _columns(answer, name))
    return read_evidence(folder, "similarity")


@dataclass(frozen=True, kw_only=True)
class _Layers:
    """What layers say of the clips that all networks could be shown."""

    seen: Seen
    pool: Pool

    def of(self, scan: Scan) -> tuple[dict[str, Tensor], list[dict[str, str]]]:
        """What each layer says, `video feature`; and those that can't be compared."""
        told, failures = {}, []
        for layer in scan.layers:
            try:
                told[layer] = self._by_video(pooled(scan, layer, self.seen, self.pool))
            except EvidenceError as error:
                failures.append({"layer": layer, "error": str(error)})
        return told, failures

    def _by_video(self, features: np.ndarray) -> Tensor:
        _, of_clip, counts = np.unique(self.seen.videos, return_inverse=True, return_counts=True)
        sums = np.zeros((len(counts), features.shape[1]))
        np.add.at(sums, of_clip, features)
        return torch.from_numpy(sums / counts[:, None])


def _seen(scans: Sequence[Scan], most: int, seed: int) -> Seen:
    """Clips that all of them have seen."""
    wanted = [seen_clips(scan, layers=list(scan.layers), most=most, seed=seed) for scan in scans]
    fewest = min(wanted, key=len)
    there = [scan.clips["error"].is_null().to_numpy() for scan in scans]
    counts = {len(each) for each in there}
    if len(counts) > 1:
        raise EvidenceError(
            "the scans have different clips of each video", got=counts, expected="as many in all"
        )
    found = fewest.where(np.logical_and.reduce(there)[fewest.rows])
    videos = len(set(found.videos.tolist()))
    if videos < LEAST_CLIPS:
        raise EvidenceError(
            "there are too few videos to compare layers on",
            got=videos,
            expected=f"{LEAST_CLIPS} or more",
        )
    return found


def _fill(
    answer: dict[str, Any],
    scan: Scan,
    other: Scan | None,
    control: Scan | None,
    layers: _Layers,
    seed: int,
) -> None:
    own, failures = layers.of(scan)
    answer["layers"] = list(own)
    answer["other"] = answer["between"] = answer["random"] = None
    answer["videos"] = len(next(iter(own.values()))) if own else 0
    answer["pool"] = layers.pool
    grams = [gram(each) for each in own.values()]
    answer["within"] = _matrix(grams, grams)
    answer["biased"] = [[linear_cka(a, b) for b in own.values()] for a in own.values()]
    answer["shuffled"] = _shuffled(grams, seed)
    if other is not None:
        theirs, wrong = layers.of(other)
        answer["other"] = {"name": other.provenance.network, "layers": list(theirs)}
        answer["between"] = _matrix(grams, [gram(each) for each in theirs.values()])
        failures += wrong
    if control is not None:
        drawn, _ = layers.of(control)
        there = [gram(drawn[layer]) for layer in answer["layers"] if layer in drawn]
        answer["random"] = _matrix(grams, there) if len(there) == len(grams) else None
    answer["failures"] = failures


def _matrix(ours: Sequence[Gram], theirs: Sequence[Gram]) -> Matrix:
    return [[unbiased_cka_of_grams(a, b).to_json() for b in theirs] for a in ours]


def _shuffled(grams: Sequence[Gram], seed: int) -> dict[str, float]:
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(grams[0])))
    values = [
        unbiased_cka_of_grams(a, b[order][:, order]).value
        for number, a in enumerate(grams)
        for b in grams[number:]
    ]
    return interval(values, np.mean, seed=seed).to_json()


def _provenance(
    scan: Scan, other: Scan | None, control: Scan | None, how: dict[str, Any]
) -> Provenance:
    def told(each: Scan | None) -> list[Any] | None:
        return each and [each.provenance.weights_hash, list(each.layers)]

    return Provenance(
        network=scan.provenance.network,
        weights_hash=scan.provenance.weights_hash,
        catalog=scan.provenance.catalog,
        objective="how alike layers are",
        settings={
            "layers": list(scan.layers),
            "clips": scan.provenance.settings["clips"],
            "other": told(other),
            "control": told(control),
            "pool": how["pool"],
            "most": how["most"],
        },
        seed=how["seed"],
    )


def _columns(answer: dict[str, Any], name: str) -> dict[str, list[Any]]:
    beside = answer["other"]["layers"] if name == "between" else answer["layers"]
    rows = [
        (layer, against, *(found[end] for end in ("value", "low", "high")))
        for layer, line in zip(answer["layers"], answer[name], strict=True)
        for against, found in zip(beside, line, strict=True)
    ]
    names = ("layer", "with", "similarity", "low", "high")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
