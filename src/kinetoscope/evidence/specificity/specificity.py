"""Is a unit specific to a label or general, and what is lost when it is removed?

All units of the scanned layers are measured from a scan, against the same clips with shuffled
labels; some of each layer are then removed while a sample of the clips is shown.

Written out, the evidence has for its answer

    labels        the network's; then those that only the catalog knows
    clips         of each label, how many the scan could read
    untested      labels with too few clips to be tested: none, or one
    unknown       labels of the catalog that the network does not know: they are measured as the
                  others, but nothing is said of what is lost
    counted       how many of a unit's top clips are looked at
    scores        the layer that has a unit for each label by its making; null if none has
    bounds        specific, general (areas) and rate (of false discoveries); see `measures.py`
    layers        a list of
        layer, units, live
        kinds           how many units are of each kind
        specific_by_chance   how many are called specific with shuffled labels, on average
        selectivity, entropy, area   each with
            real          the median over live units: value, low, high
            shuffled      the same for shuffled labels: mean, and where 95 % of the shuffles lie
            edges, counts, shares   of histograms of the live units: how many; and what share of
                          them is in each bin with shuffled labels
        specific      of each label, the most specific units: unit, area, rate; none where none is
        general       the most general units: unit, area
    removed       where units were removed
        clips         how many were shown
        labels        of these, in the order of `effects`
        effects       a list of
            unit, why (specific, general, random), label (that it tells best), replacement
            own, others   the change of that label's score, and the mean of the others'
            score, accuracy   of each label [value, low, high]: the change over its clips
        sums          by why and replacement: units, own and others, with their intervals over units
        failures      layers whose units can't be removed, and the reason
        unread        path, where and error of videos that could not be shown

Beside it: `units.safetensors` with, for each layer, `LAYER.area`, `LAYER.rate` and
`LAYER.histogram`, label channel, and `LAYER.selectivity`, `LAYER.entropy`, `LAYER.kind` (a place in
specific, between, general, dead) and `LAYER.best` (the label's place), a number a channel; and the
tables units, areas, layers and removals.

Source: Zeiler and Fergus, ECCV 2014, section 4 (top clips); Morcos et al., ICLR 2018 (selectivity
and the removal of units); the definitions are those of `measures.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.sample import open_sample
from kinetoscope.evidence.scan import Progress, Scan, catalog_name
from kinetoscope.evidence.specificity.chosen import Chosen, choose
from kinetoscope.evidence.specificity.effects import Effect, effects_of, summed
from kinetoscope.evidence.specificity.histograms import clips_counted
from kinetoscope.evidence.specificity.layer_part import layer_part
from kinetoscope.evidence.specificity.measures import GENERAL, RATE, SPECIFIC, Measures, measure
from kinetoscope.evidence.specificity.selectivity import Labels
from kinetoscope.evidence.specificity.tables import save_units, write_tables
from kinetoscope.networks.network import Network
from kinetoscope.units.unit import Unit


@dataclass(frozen=True, kw_only=True)
class Removing:
    """Which units are removed, and for how many clips.

    Args:
        clips: how many are shown, as many of each label as can be; 0 removes nothing.
        specific: of each layer, how many of the most specific units.
        controls: of each layer, how many general units, and how many at random.
    """

    clips: int = 64
    specific: int = 8
    controls: int = 3


def write_specificity(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    scan: Scan,
    folder: Path,
    *,
    layers: Sequence[str] = (),
    removing: Removing | None = None,
    seed: int = 0,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Measure how specific all units of a scan are, and what is lost without some of them.

    Evidence that is there already is read.

    Args:
        network: that was scanned; comes back as it went.
        catalog: that was scanned.
        scan: of the layers.
        folder: of the evidence; complete or absent.
        layers: by name; all that were scanned if none are given.
        removing: which units are removed.
        seed: of shuffles, samples and intervals.
        clip_cache: where clips are kept that were opened before.
        progress: is told of how many layers units were removed, and of how many they will be.

    Raises:
        EvidenceError: the scan is of another network or catalog, or its clips have not two labels.
        UnknownNameError: a layer was not scanned.
    """
    scan.check_is_of(network, catalog)
    removing = removing or Removing()
    names = list(layers) or list(scan.layers)
    labels, places = labels_of(scan)
    _check_labels(scan, places)
    settings = {"layers": names, "removing": asdict(removing)}
    provenance = Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="how specific units are to labels",
        settings={**settings, "scan": dict(scan.provenance.settings)},
        seed=seed,
    )
    if has_evidence(folder, provenance):
        return read_evidence(folder, "specificity")
    measured = {name: measure(scan.maxima(name).numpy(), places, len(labels)) for name in names}
    work = _Removal(network, catalog, scan, removing, seed, clip_cache, progress)
    with writing_evidence(folder, "specificity", provenance) as (aside, answer):
        answer.update(_about(scan, labels, places))
        answer["layers"] = [
            layer_part(name, found, scan.maxima(name).numpy(), labels, places, seed=seed)
            for name, found in measured.items()
        ]
        effects, answer["removed"] = work.remove(measured, labels)
        save_units(aside, measured)
        write_tables(aside, labels, measured, answer["layers"], effects)
    return read_evidence(folder, "specificity")


def labels_of(scan: Scan) -> tuple[tuple[str, ...], Labels]:
    """All labels, the network's first; and the place of each clip's.

    Those that can't be read have the place -1, as those without a label.
    """
    told = set(scan.clips["label"].drop_nulls())
    labels = (*scan.labels, *sorted(told - set(scan.labels)))
    places = {label: place for place, label in enumerate(labels)}
    own = [places.get(label, -1) for label in scan.clips["label"]]
    return labels, np.where(scan.clips["error"].is_null().to_numpy(), own, -1)


def _check_labels(scan: Scan, places: Labels) -> None:
    present = np.unique(places[places >= 0])
    if len(present) < 2:
        raise EvidenceError(
            f"the clips of {scan.folder} do not have two labels that units could tell apart",
            got="one label" if len(present) else "no labels",
            expected="clips of two labels or more",
            hint="labels come from the catalog: a folder each, or a column of a csv",
        )


def _about(scan: Scan, labels: Sequence[str], places: Labels) -> dict[str, Any]:
    clips = [int((places == place).sum()) for place in range(len(labels))]
    return {
        "labels": list(labels),
        "clips": clips,
        "untested": [label for label, count in zip(labels, clips, strict=True) if count < 2],
        "unknown": list(labels[len(scan.labels) :]),
        "counted": clips_counted(places, len(labels)),
        "scores": scan.score_layer,
        "bounds": {"specific": SPECIFIC, "general": GENERAL, "rate": RATE},
    }


@dataclass(frozen=True)
class _Removal:
    network: Network
    catalog: Catalog
    scan: Scan
    how: Removing
    seed: int
    clip_cache: ClipCache | None
    progress: Progress | None

    def remove(
        self, measured: Mapping[str, Measures], labels: Sequence[str]
    ) -> tuple[list[Effect], dict[str, Any] | None]:
        """Remove units of each layer; what is lost, and the same in plain values."""
        if not self.how.clips:
            return [], None
        sample = open_sample(
            self.catalog,
            self.network.expects,
            self.how.clips,
            seed=self.seed,
            clip_cache=self.clip_cache,
        )
        effects, failures = effects_of(
            self.network,
            self.scan,
            sample,
            self._chosen(measured),
            seed=self.seed,
            progress=self.progress,
        )
        shown = sample.truth(self.network.labels)
        places = [int(place) for place in shown.unique() if place >= 0]
        return effects, {
            "clips": int((shown >= 0).sum()),
            "labels": [labels[place] for place in places],
            "effects": [_effect_part(effect, labels, places) for effect in effects],
            "sums": summed(effects, seed=self.seed),
            "failures": failures,
            "unread": list(sample.failures),
        }

    def _chosen(self, measured: Mapping[str, Measures]) -> dict[str, list[Chosen]]:
        how, below = self.how, self.scan.layers_below_scores
        return {
            layer: choose(found, specific=how.specific, controls=how.controls, seed=self.seed)
            for layer, found in measured.items()
            if layer in below
        }


def _effect_part(effect: Effect, labels: Sequence[str], places: Sequence[int]) -> dict[str, Any]:
    return {
        "unit": str(Unit(effect.layer, effect.chosen.channel)),
        "why": effect.chosen.why,
        "label": labels[effect.chosen.label],
        "replacement": effect.replacement,
        "own": effect.own,
        "others": effect.others,
        "score": [[*effect.score[place].to_json().values()] for place in places],
        "accuracy": [[*effect.accuracy[place].to_json().values()] for place in places],
    }
