"""How much of what the labels are can be read from each layer, along the depth of a network?

Linear probes of every layer, from scans and without running the network: cross-validated over the
groups of one scan, or fitted to one scan and tested on another. Beside each accuracy stand that of
the same probe where labels are shuffled among videos, which it gets from nothing, and that of the
same layer with random weights, which the architecture gives without learning.

Written out, the evidence has for its answer

    labels, left_out (label, groups: too few), unlabelled (clips)
    clips, videos, groups    that accuracies are of
    fitted_to, tested_on     catalogs, by name and key; `tested_on` null where cross-validated
    folds                    null where there are two scans
    chance                   the share of the most frequent label
    network                  accuracy of the network itself on the same clips; null where it knows
                             none of the labels
    probes   a list, in the order of the layers, of
        layer, features, machine ("logistic" or "svm"), pool ("mean" or "largest" over places)
        accuracy             value, low, high: 95 %, drawn by groups
        shuffled             the same, with shuffled labels
        random               the same, with random weights; null without a control
        learnt               accuracy less that of random weights, on the same clips; likewise
        since_first          accuracy less that of the first layer, on the same clips; null there
        per_label            the share of each label's clips that is told right, by name
        cost                 in the middle of those that were chosen
        unfinished           fits that stopped before they came to rest
    failures   layer and error of each that could not be probed

and the table `probes` beside it. Intervals are over clips, and leave chance in the fits aside.

Source: as for `probing`; shuffled labels as in Hewitt and Liang, "Designing and Interpreting Probes
with Control Tasks", EMNLP 2019, section 2; random weights as in Zhang and Bowman, "Language
Modeling Teaches You More than Translation Does", BlackboxNLP 2018, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import EvidenceError, KinetoscopeError
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    write_table,
    writing_evidence,
)
from kinetoscope.evidence.representation.clips import Places, Pool, pooled
from kinetoscope.evidence.representation.grouped import mean_over_groups
from kinetoscope.evidence.representation.probing import Machine, Told, cross_validate, fit_and_tell
from kinetoscope.evidence.representation.sides import Scans, Sides, shuffled
from kinetoscope.evidence.scan import Progress, Scan
from kinetoscope.files import settings_key


@dataclass(frozen=True, kw_only=True)
class Probing:
    """How layers are probed.

    Args:
        machines: which ones.
        pools: how a channel's answers at all places become one number.
        folds: of cross-validation.
        most: how many clips of a scan are taken at most, as many of each label as can be.
        seed: of everything random.
    """

    machines: tuple[Machine, ...] = ("logistic", "svm")
    pools: tuple[Pool, ...] = ("mean",)
    folds: int = 5
    most: int = 2000
    seed: int = 0


def write_probes(
    scans: Scans,
    folder: Path,
    *,
    catalogs: Sequence[Catalog] = (),
    layers: Sequence[str] = (),
    control: Scans | None = None,
    how: Probing | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Probe layers and write what each tells of the labels; what is there already is read.

    Args:
        scans: by one network.
        folder: of the evidence; complete or absent.
        catalogs: that were scanned, one a scan: they say which videos are of one group. Without
            them every file is a group.
        layers: all that were scanned if not given.
        control: the same clips in the same network with random weights.
        how: which probes.
        progress: is told how many probes are done.

    Raises:
        UnknownNameError: a layer was not scanned.
        EvidenceError: there are not two labels with two groups each, the scans do not belong
            together, or no layer can be probed.
    """
    how = how or Probing()
    sides = Sides.of(scans, catalogs, control, layers=layers, most=how.most, seed=how.seed)
    names = list(layers or sides.scans[0].layers)
    provenance = _provenance(sides, catalogs, names, how)
    if not has_evidence(folder, provenance):
        work = _Work(sides, how)
        with writing_evidence(folder, "probes", provenance) as (aside, answer):
            answer.update(work.about())
            answer["probes"], answer["failures"] = work.probe_all(names, progress)
            write_table(aside, "probes", _columns(answer["probes"]))
    return read_evidence(folder, "probes")


@dataclass(frozen=True)
class _Work:
    """All that is probed, and how."""

    sides: Sides
    how: Probing

    def about(self) -> dict[str, Any]:
        """What the clips are."""
        sides, asked = self.sides, self.sides.asked
        return {
            "labels": list(sides.fitted.names),
            "left_out": list(sides.left_out),
            "unlabelled": sides.unlabelled,
            "clips": len(asked),
            "videos": len(set(asked.videos.tolist())),
            "groups": len(set(asked.groups.tolist())),
            "fitted_to": sides.scans[0].provenance.catalog,
            "tested_on": sides.scans[1].provenance.catalog if sides.apart else None,
            "folds": None if sides.apart else self.how.folds,
            "chance": float(np.bincount(asked.labels).max() / len(asked)),
            "network": self._network(),
        }

    def probe_all(
        self, layers: Sequence[str], progress: Progress | None
    ) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """What each probe tells; and the layers that could not be probed."""
        kinds: list[tuple[Machine, Pool]] = [
            (machine, pool) for pool in self.how.pools for machine in self.how.machines
        ]
        total, done = len(layers) * len(kinds), 0
        found, failures = [], []
        first: dict[tuple[Machine, Pool], Told] = {}
        for layer in layers:
            for machine, pool in kinds:
                try:
                    told, part = self._probe(layer, machine, pool, first.get((machine, pool)))
                except KinetoscopeError as error:
                    failures.append({"layer": layer, "error": str(error)})
                    break
                first.setdefault((machine, pool), told)
                found.append(part)
                done += 1
                if progress is not None:
                    progress(done, total)
        if not found:
            raise EvidenceError(
                "no layer can be probed", got=failures[0]["error"], expected="finite answers"
            )
        return found, failures

    def _probe(
        self, layer: str, machine: Machine, pool: Pool, first: Told | None
    ) -> tuple[Told, dict[str, Any]]:
        sides, names = self.sides, self.sides.fitted.names
        labels, asked = sides.fitted.labels, sides.asked
        told = self._tell(sides.scans, layer, machine, pool, labels)
        right = self._right(told)
        drawn = None
        if sides.control:
            drawn = self._right(self._tell(sides.control, layer, machine, pool, labels))
        return told, {
            "layer": layer,
            "features": sides.scans[0].layers[layer]["channels"],
            "machine": machine,
            "pool": pool,
            "accuracy": self._rate(right),
            "shuffled": self._rate(self._right_of_nothing(layer, machine, pool)),
            "random": None if drawn is None else self._rate(drawn),
            "learnt": None if drawn is None else self._rate(right - drawn),
            "since_first": None if first is None else self._rate(right - self._right(first)),
            "per_label": {
                name: float(right[asked.labels == place].mean())
                for place, name in enumerate(names)
                if (asked.labels == place).any()
            },
            "cost": float(np.median(told.costs)),
            "unfinished": told.unfinished,
        }

    def _right_of_nothing(
        self, layer: str, machine: Machine, pool: Pool
    ) -> Float[np.ndarray, " clip"]:
        """What a probe gets right that is fitted to shuffled labels.

        Cross-validated it is to tell the shuffled labels; apart, those that clips truly have.
        """
        sides = self.sides
        labels = shuffled(sides.fitted, self.how.seed)
        told = self._tell(sides.scans, layer, machine, pool, labels)
        return (told.predicted == (sides.asked.labels if sides.apart else labels)).astype(float)

    def _tell(
        self, scans: Sequence[Scan], layer: str, machine: Machine, pool: Pool, labels: Places
    ) -> Told:
        sides, how = self.sides, self.how
        groups = sides.fitted.groups
        features = pooled(scans[0], layer, sides.fitted, pool)
        if not sides.apart:
            return cross_validate(features, labels, groups, machine, folds=how.folds, seed=how.seed)
        others = pooled(scans[1], layer, sides.asked, pool)
        return fit_and_tell(features, labels, groups, others, machine, seed=how.seed)

    def _right(self, told: Told) -> Float[np.ndarray, " clip"]:
        return (told.predicted == self.sides.asked.labels).astype(float)

    def _rate(self, right: Float[np.ndarray, " clip"]) -> dict[str, float]:
        return mean_over_groups(right, self.sides.asked.groups, seed=self.how.seed).to_json()

    def _network(self) -> dict[str, float] | None:
        sides, names = self.sides, self.sides.fitted.names
        if not set(names) & set(sides.scans[0].labels):
            return None
        predicted = sides.scans[-1].clips["predicted"].to_numpy()[sides.asked.rows]
        truth = np.array(names, dtype=object)[sides.asked.labels]
        return self._rate((predicted == truth).astype(float))


def _provenance(
    sides: Sides, catalogs: Sequence[Catalog], layers: Sequence[str], how: Probing
) -> Provenance:
    scans = sides.scans
    groups = [[entry.group for entry in catalog] for catalog in catalogs]
    return Provenance(
        network=scans[0].provenance.network,
        weights_hash=scans[0].provenance.weights_hash,
        catalog=scans[0].provenance.catalog,
        objective="labels, told from each layer by a linear probe",
        settings={
            "layers": list(layers),
            "clips": [scan.provenance.settings["clips"] for scan in scans],
            "tested_on": scans[1].provenance.catalog if sides.apart else None,
            "groups": settings_key(groups),
            "control": [scan.provenance.weights_hash for scan in sides.control],
            "machines": list(how.machines),
            "pools": list(how.pools),
            "folds": how.folds,
            "most": how.most,
        },
        seed=how.seed,
    )


def _columns(probes: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    plain = ("layer", "features", "machine", "pool", "cost", "unfinished")
    columns = {name: [probe[name] for probe in probes] for name in plain}
    for name in ("accuracy", "shuffled", "random", "learnt", "since_first"):
        for end in ("value", "low", "high"):
            values = [probe[name] and probe[name][end] for probe in probes]
            columns[name if end == "value" else f"{name}_{end}"] = values
    return columns
