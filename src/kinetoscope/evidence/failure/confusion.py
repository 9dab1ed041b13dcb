"""Why does a network fail? Which labels it mixes up, and which units make it do so.

Pairs of labels are ranked by what their confusion costs. For the worst, units are found and
removed, the mistaken clips are told with what excited the wrong label, and with what they are like.

Written out, the evidence has for its answer

    labels        the network's
    unknown       labels of the catalog that it does not know; their clips count for nothing
    clips, wrong  how many have a known label, and how many of these are mistaken
    pairs         all that are mixed up, the costliest first
        one, other    labels; the first is the one that is mistaken more often
        taken, of     clips of either taken for the other, and how many there are
        cost          [videos, or as given]
        share         of the clips of both that are taken for the other: value, low, high
        expected      clips, if the mistakes on both fell on all other labels alike
    layers        in which units were looked for; `failures` says of which they can't be removed
    worst         the first of the pairs, or those that were asked for, as in `pairs`, and
        both, apart, pushing, random   lists of units, the strongest first
            unit, areas, apart, rate   as in `telling.py`
            push          mean over the mistaken clips; null where none is
        shown         how many clips were shown to tell what removing units does
        before        with all units: taken, margin, right; mended and lifted are those of the
                      mistaken clips; each [value, low, high]; `undoing.py` says what they are
        removed       by unit, the change of these
        control       the same for the units at random, on average
        clips         the mistaken ones, the surest mistakes first
            clip, path, label, predicted, probability
            units     unit, answer and typical (mean answers, to this clip and to recognized clips
                      of its label), push (by that excess, towards the wrong label)
            neighbours    clip, path, label, predicted, similarity; the nearest first
        neighbours    what share of them has the wrong and the right label, beside chance; null
                      where no clip is mistaken
        objectives    what to maximize to see the two labels and what tells them apart
        unread        path, where and error of clips that could not be shown
    neighbours    layer; `catalog` where they were found; `training`, whether that is another one

and beside it the tables pairs, removals, clips and neighbours. What is done for a pair, and after
whom, is told in `pair_part.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

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
from kinetoscope.evidence.failure.nearest import nearest_clips, neighbour_part, neighbours_part
from kinetoscope.evidence.failure.pair_part import Confusing, PairWork, pair_numbers
from kinetoscope.evidence.failure.pairs import (
    Costs,
    Pair,
    confused_pairs,
    pair_of,
    told_clips,
    unknown_labels,
)
from kinetoscope.evidence.failure.tables import write_tables
from kinetoscope.evidence.scan import Progress, Scan, catalog_name, scan
from kinetoscope.evidence.specificity.ablation import not_removable
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import Objective, label

KIND = "confusion"


def write_confusion(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    scanned: Scan,
    folder: Path,
    *,
    layers: Sequence[str] = (),
    pairs: Sequence[tuple[str, str]] = (),
    costs: Costs | None = None,
    training: Catalog | Scan | None = None,
    how: Confusing | None = None,
    seed: int = 0,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Find out why labels are mixed up, and write it as a folder of evidence.

    Evidence that is there already is read.

    Args:
        network: that was scanned; comes back as it went.
        catalog: that was scanned.
        scanned: of clips with labels.
        folder: of the evidence; complete or absent.
        layers: in which units are looked for; all that were scanned but the scores if none are
            given. Near clips are those by the features of the last of them.
        pairs: which ones; the costliest if none are given.
        costs: of taking a video of one label for another; 1 if not given.
        training: the catalog that the network was trained on, or a scan of it, where the clips
            nearest to mistaken ones are looked for; those that were scanned if not given.
        how: how closely.
        seed: of chance and of intervals.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many pairs are done, and of how many.

    Raises:
        EvidenceError: the scan is of another network or catalog, no clip has a known label, or
            units can be removed from no layer.
        UnknownNameError: a label of a pair or of a cost is not there, or a scan lacks a layer.
    """
    scanned.check_is_of(network, catalog)
    _check_labels(network, scanned, costs or {})
    how = how or Confusing()
    asked = [pair_of(scanned, *each, costs) for each in pairs]
    names = list(layers) or scanned.layers_below_scores
    settings = {
        "layers": names,
        "pairs": [list(each) for each in pairs],
        "costs": [[*each, cost] for each, cost in sorted((costs or {}).items())],
        "training": _named(training),
        "how": asdict(how),
    }
    provenance = Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="why labels are mixed up",
        settings={**settings, "scan": dict(scanned.provenance.settings)},
        seed=seed,
    )
    if has_evidence(folder, provenance):
        return read_evidence(folder, KIND)
    usable, refused = _usable(network, names)
    among = _among(network, training, folder, names[-1], clip_cache)
    work = PairWork(network, catalog, scanned, usable, how, seed, clip_cache)
    found = confused_pairs(scanned, costs)
    with writing_evidence(folder, KIND, provenance) as (aside, answer):
        answer.update(_about(scanned, found, usable, refused))
        answer["neighbours"] = _neighbours(among, scanned, names[-1])
        answer["worst"] = []
        chosen = asked or found[: how.pairs]
        for number, pair in enumerate(chosen, start=1):
            answer["worst"].append(_pair_part(work, pair, among, names[-1]))
            if progress is not None:
                progress(number, len(chosen))
        write_tables(aside, answer)
    return read_evidence(folder, KIND)


def objectives_of_pairs(found: Evidence) -> list[Objective]:
    """What should be maximized, so that a report can show what the network mixes up.

    For each of the worst pairs both labels, and the difference between them either way.
    """
    objectives: dict[str, Objective] = {}
    for pair in found.answer["worst"]:
        for each in _objectives(pair["one"], pair["other"]):
            objectives[str(each)] = each
    return [*objectives.values()]


def _objectives(one: str, other: str) -> tuple[Objective, ...]:
    a, b = label(one), label(other)
    return a, b, a - b, b - a


def _check_labels(network: Network, scanned: Scan, costs: Costs) -> None:
    for name in {name for pair in costs for name in pair}:
        network.label(name)
    if not len(told_clips(scanned)):
        raise EvidenceError(
            f"no clip of {scanned.folder} has a label that the network knows",
            got=", ".join(unknown_labels(scanned)[:8]) or "no labels",
            expected="some of " + ", ".join(scanned.labels[:8]),
            hint="a catalog's labels are those of the network where it was trained on it",
        )


def _usable(network: Network, layers: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The layers whose units can be removed; and of the others, why not."""
    refused = not_removable(network, layers)
    usable = [layer for layer in layers if layer not in refused]
    if not usable:
        raise EvidenceError(
            f"units can be removed from no layer of {network.name}",
            got=refused[layers[0]].splitlines()[0],
            expected="a layer that answers with one map a channel",
            hint="scan other layers",
        )
    return usable, refused


def _neighbours(among: Scan | None, scanned: Scan, layer: str) -> dict[str, Any]:
    """Where near clips are looked for."""
    catalog = (among or scanned).provenance.catalog
    return {"layer": layer, "catalog": catalog, "training": among is not None}


def _named(training: Catalog | Scan | None) -> str | None:
    if training is None:
        return None
    return training.provenance.catalog if isinstance(training, Scan) else catalog_name(training)


def _among(
    network: Network,
    training: Catalog | Scan | None,
    folder: Path,
    layer: str,
    clip_cache: ClipCache | None,
) -> Scan | None:
    """The scan in which neighbours are looked for; a catalog is scanned beside the evidence."""
    if training is None or isinstance(training, Scan):
        return training
    beside = folder.with_name(f"{folder.name}-training")
    return scan(network, training, beside, layers=[layer], clip_cache=clip_cache)


def _about(
    scanned: Scan, found: Sequence[Pair], layers: Sequence[str], refused: Mapping[str, str]
) -> dict[str, Any]:
    clips = told_clips(scanned)
    return {
        "labels": list(scanned.labels),
        "unknown": unknown_labels(scanned),
        "clips": len(clips),
        "wrong": int((clips["label"] != clips["predicted"]).sum()),
        "pairs": [pair_numbers(pair) for pair in found],
        "layers": list(layers),
        "failures": [{"layer": layer, "error": error} for layer, error in refused.items()],
    }


def _pair_part(work: PairWork, pair: Pair, among: Scan | None, layer: str) -> dict[str, Any]:
    part, clips = work.look_at(pair)
    near = nearest_clips(work.network, work.scan, among, layer, clips, work.how.neighbours)
    part["neighbours"] = neighbours_part(part["clips"], near, among or work.scan, work.seed)
    for clip in part["clips"]:
        clip["neighbours"] = [neighbour_part(each) for each in near[clip["clip"]]]
    part["objectives"] = list(map(str, _objectives(pair.one, pair.other)))
    return part
