"""Motion, appearance, or both: what do units answer to, and what does accuracy need?

A sample of clips, as many of each label, is shown as it is and with something taken away
(`changes.py`), each change once for all layers and scores. Of each unit follows what is left of
its answer, the shares of appearance and of motion (`shares.py`), and whether it follows the one,
the other, or both (`factors.py`); of each label, what its accuracy owes to them (`classes.py`).
Beside it stands a control: the same network with random weights, measured in the same way.

Source: Feichtenhofer, Pinz, Wildes, Zisserman, "What have we learned from deep representations for
action recognition?", CVPR 2018, ask of units whether they are driven by appearance, by motion, or
only by both together; the measures are of the papers that the modules beside this one name.

The answer has

    clips        how many, as the sample found them, and `labels` with how many of each
    same_label   how many had to be given another clip of their own label
    per_unit     on how many clips each unit was measured: those that excite it most
    summary      of a unit's answers over all positions: mean or largest
    streams      of the network
    changes      their names, in order
    layers       a list of: name, channels, measured (units whose shares could be told), silent
        appearance, motion, interplay, flow   shares, as medians over the units: value, low, high;
                                              `flow`, the share of that stream, with two streams
        appearance_adds, motion_adds          likewise, what they add as a part of the answer
        kept         by change, likewise: what is left of the answer, as a multiple of it
        static, dynamic   scores of the layer: value, low, high, over the clips
        kinds        how many units are dynamic, static, joint, none, silent
        control      the same of the network with random weights, but its name; null without one
    most         units to whose answer `motion` and `appearance` add most, and that need both
                 (`joint`): unit, value, low, high
    chance       how often a guess is right; null where no label is known
    classes      of all clips (label null), then of each label: label, clips,
        accuracy, probability            by change: value, low, high
        accuracy_adds, probability_adds  appearance, motion, and with two streams frames, flow
        control      the same of the network with random weights; null without one
    failures     path, where, error of videos that can't be read

and beside it are units.csv, layers.csv and classes.csv.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.cues.changes import OTHER_STILL, changes_for
from kinetoscope.evidence.cues.classes import chance, class_cues
from kinetoscope.evidence.cues.layers import LayerCues, measure_layer, most
from kinetoscope.evidence.cues.partners import draw_partners, of_same_label
from kinetoscope.evidence.cues.showing import Showing, Summary
from kinetoscope.evidence.cues.tables import class_table, layer_table, unit_table
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    write_table,
    writing_evidence,
)
from kinetoscope.evidence.invariance.random_weights import with_random_weights
from kinetoscope.evidence.sample import Sample, open_sample
from kinetoscope.evidence.scan import Progress, catalog_name
from kinetoscope.networks.network import Network
from kinetoscope.units.layers import list_layers

KIND = "cues"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How cues are measured.

    Args:
        clips: how many of the catalog, as many of each label as can be.
        stills: at how many frames clips are frozen.
        shuffles: in how many random orders frames are shown.
        summary: of a unit's answers over all positions.
        seed: of everything random.
    """

    clips: int = 64
    stills: int = 3
    shuffles: int = 3
    summary: Summary = "mean"
    seed: int = 0


def write_cues(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    folder: Path,
    *,
    layers: Sequence[str] = (),
    asked: Asked | None = None,
    control: Network | None = None,
    batch: int = 8,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Measure what units, layers and labels owe to motion and to appearance.

    Evidence that is there already is read. A video that can't be read is listed, and another one
    of its label takes its place.

    Args:
        network: comes back as it went.
        catalog: whose labels are the network's, if accuracy is to be told.
        folder: of the evidence; complete or absent.
        layers: by name; those that the network names as worth looking at if not given.
        asked: how; as `Asked` has it if not given.
        control: the same network with random weights.
        batch: clips at once; changes nothing.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many changes were shown, and of how many.

    Raises:
        UnknownNameError, ClipError: a layer is not there, or can't be read.
        CatalogError: fewer than two videos can be read.
        EvidenceError: the control is not of the same layers and labels.
    """
    asked = asked or Asked()
    names = [layer.name for layer in list_layers(network, layers)]
    if control is not None:
        _check_control(network, control, names)
    provenance = _provenance(network, catalog, names, asked, control)
    if not has_evidence(folder, provenance):
        sample = open_sample(
            catalog,
            _with_flow(network.expects),
            asked.clips,
            seed=asked.seed,
            clip_cache=clip_cache,
        )
        showing = Showing(
            clips=sample.clips,
            partners=draw_partners(sample.labels, asked.seed),
            changes=changes_for(
                network.expects.streams,
                stills=asked.stills,
                shuffles=asked.shuffles,
                seed=asked.seed,
            ),
            layers=names,
            summary=asked.summary,
            batch=batch,
        )
        shown = _Shown(len(showing.changes) * (1 if control is None else 2), progress)
        found = _measure(network, showing, sample, asked.seed, shown)
        beside = None if control is None else _measure(control, showing, sample, asked.seed, shown)
        with writing_evidence(folder, KIND, provenance) as (aside, answer):
            answer |= _about(network, sample, showing)
            answer |= _found(found, beside, asked.seed)
            write_table(aside, "units", unit_table(found.layers))
            write_table(aside, "layers", layer_table(answer["layers"]))
            write_table(aside, "classes", class_table(answer["classes"]))
    return read_evidence(folder, KIND)


def control_for(
    network: Network, catalog: Catalog, asked: Asked, *, clip_cache: ClipCache | None = None
) -> Network:
    """The same network with random weights, its batch normalization measured on the same clips.

    Args:
        network: stays as it is.
        catalog: of the clips.
        asked: how cues are measured, and so of which clips.
        clip_cache: where clips are kept that were opened before.

    Raises:
        CatalogError: no video can be read.
    """
    spec = _with_flow(network.expects)
    sample = open_sample(catalog, spec, asked.clips, seed=asked.seed, clip_cache=clip_cache)
    return with_random_weights(network, asked.seed, batches=sample.batches(network.expects))


@dataclass(frozen=True)
class _Measured:
    """What was measured of one network."""

    layers: list[LayerCues]
    classes: list[dict[str, Any]]


@dataclass
class _Shown:
    """Counts what was shown."""

    total: int
    progress: Progress | None
    done: int = 0

    def one_more(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)


def _measure(
    network: Network, showing: Showing, sample: Sample, seed: int, shown: _Shown
) -> _Measured:
    answers = showing.to(network, shown.one_more)
    return _Measured(
        [measure_layer(name, answers, showing.partners, seed) for name in showing.layers],
        class_cues(network, answers, sample.truth(network.labels), seed),
    )


def _about(network: Network, sample: Sample, showing: Showing) -> dict[str, Any]:
    return {
        "clips": len(sample),
        "labels": dict(Counter(str(label) for label in sample.labels)),
        "same_label": of_same_label(sample.labels, showing.partners),
        "summary": showing.summary,
        "streams": list(network.expects.streams),
        "changes": list(dict.fromkeys([*(each.name for each in showing.changes), OTHER_STILL])),
        "chance": chance(network, sample.truth(network.labels)),
        "failures": list(sample.failures),
    }


def _found(found: _Measured, beside: _Measured | None, seed: int) -> dict[str, Any]:
    layers = [layer.to_json(seed) for layer in found.layers]
    controls = (
        [None] * len(layers)
        if beside is None
        else [_unnamed(layer.to_json(seed), "name") for layer in beside.layers]
    )
    of_label = {} if beside is None else {row["label"]: row for row in beside.classes}
    return {
        "per_unit": found.layers[0].shares.clips,
        "layers": [
            {**layer, "control": control} for layer, control in zip(layers, controls, strict=True)
        ],
        "most": most(found.layers),
        "classes": [
            {**row, "control": _unnamed(of_label.get(row["label"]), "label", "clips")}
            for row in found.classes
        ],
    }


def _unnamed(row: dict[str, Any] | None, *names: str) -> dict[str, Any] | None:
    return None if row is None else {key: row[key] for key in row if key not in names}


def _with_flow(spec: ClipSpec) -> ClipSpec:
    """The same clips, with the motion along which a texture is moved."""
    return spec if "flow" in spec.streams else replace(spec, streams=("frames", "flow"))


def _check_control(network: Network, control: Network, layers: Sequence[str]) -> None:
    """That it can be shown the same clips, and be asked the same of."""
    for name in layers:
        control.layer(name)
    mine, its = ((each.expects, each.labels) for each in (network, control))
    if mine != its:
        raise EvidenceError(
            f"{control.name} is no control for {network.name}",
            got="a network with other labels, or that expects other clips",
            expected="the same network with other weights",
            hint="with_random_weights(network, seed=0) makes one",
        )


def _provenance(
    network: Network,
    catalog: Catalog,
    layers: Sequence[str],
    asked: Asked,
    control: Network | None,
) -> Provenance:
    how = {name: value for name, value in asdict(asked).items() if name != "seed"}
    return Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="what is owed to motion and to appearance",
        settings={
            **how,
            "layers": list(layers),
            "labels": list(network.labels),
            "expects": network.expects.to_json(),
            "control": None if control is None else control.weights_hash,
        },
        seed=asked.seed,
    )
