"""Which changes of a clip does a network not mind, and does that grow with depth?

Clips of a sample are changed in nine ways (changes.py), and shown once for all layers, to the
network and to the same network with random weights. Then parts of some of them are hidden
(occlusion.py, correspondence.py). What is said of units is of those that some clip excites.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
sections 4.2 and 4.4; half-widths of speed as the test of a claim of Feichtenhofer, Pinz, Wildes and
Zisserman, CVPR 2018, that invariance to speed grows with depth.

Written out, the evidence has for its answer (an interval is value, low, high; a network is
`trained` or `control`, the one with random weights)

    sample      the clips: video (its place in the catalog), path, label
    failures    path, where and error of each video that can't be read, or not around its clip
    changes     a list of
        name, values, unchanged, unit, octaves, steps    as in changes.py
        filled      of each value, the share of clips that had to be filled up at borders
        counting    whether each value counts for half-widths: not where a change in time reaches so
                    far beyond the videos that more than half of the clips is held
        predicted   network -> of each value, the share of clips that keep their label: intervals
        trend       half-width with depth: trained, control, difference (intervals of Spearman's
                    correlation), verdict, against; null where the change has no width
    layers      a list of
        layer, depth (layers before it, itself included), units
        excited     network -> how many units some clip excites
        changes     name -> network ->; those alone that touch what the layer sees
            kept        of each value, median over units of what is left of the answer: intervals
            distance    likewise over clips, of the distance; 1 is that of two clips
            correlation likewise over clips
            width       median half-width over units: an interval; null as above
            at_least    share of units that do not fall to half within what was looked at
        occlusion   network -> fill (grey, blur) -> medians over units, intervals: `space` and
                    `time`, the spread; `seen`, the share of the loss in boxes that a unit can see;
                    `field`, the share of boxes that it can see; null where no field is known
        correspondence   network -> name of the part -> Delta: an interval
    hidden      clips (their places in the sample), grid (windows, rows, columns), parts (name ->
                how many clips)
    arrays      a safetensors file beside the evidence, half precision: of each layer
                `LAYER|CHANGE` (`value unit`), `LAYER|CHANGE|width`, `LAYER|CHANGE|at_least`;
                `LAYER|space|FILL` and `LAYER|time|FILL`, the loss box by box, as a share of the
                answer (`box unit`); `LAYER|clip`, in which clip of the sample boxes were hidden
                for each unit, -1 for none
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.invariance.changes import Change, changes_for
from kinetoscope.evidence.invariance.comparing import Known, Progress, compare, know
from kinetoscope.evidence.invariance.correspondence import Correspondence, correspond, tracks_of
from kinetoscope.evidence.invariance.occlusion import boxes_for, hidden_views
from kinetoscope.evidence.invariance.random_weights import with_random_weights
from kinetoscope.evidence.invariance.telling import (
    Found,
    change_part,
    layer_part,
    unit_arrays,
    write_tables,
)
from kinetoscope.evidence.invariance.viewing import Viewing
from kinetoscope.evidence.sample import Sample, open_sample
from kinetoscope.evidence.scan import catalog_name
from kinetoscope.networks.network import Network

ARRAYS = "units.safetensors"


@dataclass(frozen=True, kw_only=True)
class Invariance:
    """What is looked at.

    Args:
        clips: how many of the catalog, as many of each label.
        changes: by name; None for all of them.
        coarse: about half as many values of each.
        top: how many clips count for a unit: those that excite it most.
        hidden: in how many of the clips parts are hidden; of them, the one counts for a unit that
            excites it most.
        grid: how many windows, rows and columns are hidden in turn.
    """

    clips: int = 48
    changes: tuple[str, ...] | None = None
    coarse: bool = False
    top: int = 5
    hidden: int = 12
    grid: tuple[int, int, int] = (8, 5, 5)


QUICK = Invariance(clips=16, coarse=True, hidden=6, grid=(5, 4, 4))
"""For a first look: about a tenth of the work."""


def write_invariance(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    layers: Sequence[str],
    folder: Path,
    asked: Invariance | None = None,
    *,
    control: Network | None = None,
    seed: int = 0,
    batch: int = 8,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Write which changes a network does not mind as a folder of evidence.

    Evidence that is there already is read.

    Args:
        network: any.
        catalog: where the clips come from.
        layers: by name, in the order of computation.
        folder: of the evidence; complete or absent.
        asked: what is looked at; None for all of it.
        control: the same network with random weights; None draws them.
        seed: of the sample, of random weights, and of what is random in changes.
        batch: how many clips are shown at once.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many clips are done, and of how many, parts that are hidden included.

    Raises:
        UnknownNameError: a layer or a change is not there.
        ClipError: a layer can't be read.
        CatalogError: no video can be read.
    """
    asked = asked or Invariance()
    changes = changes_for(network.expects, asked.changes, coarse=asked.coarse)
    for layer in layers:
        network.layer(layer)
    provenance = Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="what is left of answers when clips are changed",
        settings={
            **asdict(asked),
            "layers": list(layers),
            "control": control.weights_hash if control else "random weights",
            "values": {change.name: change.values for change in changes},
        },
        seed=seed,
    )
    if not has_evidence(folder, provenance):
        sample = open_sample(
            catalog, network.expects, asked.clips, seed=seed, clip_cache=clip_cache
        )
        if control is None:
            control = with_random_weights(
                network, seed, batches=sample.batches(network.expects, batch)
            )
        looking = _Looking((network, control), sample, tuple(layers), asked, seed, batch)
        found = looking.find(changes, clip_cache, progress or (lambda done, total: None))
        with writing_evidence(folder, "invariance", provenance) as (aside, answer):
            answer |= _told(found, sample, catalog)
            save_file(unit_arrays(found), aside / ARRAYS)
            write_tables(aside, answer)
    return read_evidence(folder, "invariance")


@dataclass(frozen=True)
class _Looking:
    """One pass over the changes, and one over what is hidden."""

    networks: tuple[Network, Network]
    sample: Sample
    layers: tuple[str, ...]
    asked: Invariance
    seed: int
    batch: int

    def find(
        self, changes: tuple[Change, ...], clip_cache: ClipCache | None, progress: Progress
    ) -> Found:
        spec, clips = self.networks[0].expects, self.sample.clips
        known = [self._known(network) for network in self.networks]
        viewing = Viewing(
            sample=self.sample, spec=spec, changes=changes, seed=self.seed, clip_cache=clip_cache
        )
        hidden = _spread_over(len(clips), self.asked.hidden)
        total = len(clips) + len(hidden)
        compared = compare(
            known,
            viewing,
            range(len(clips)),
            batch=self.batch,
            progress=lambda done, _: progress(done, total),
        )
        boxes = boxes_for(spec, self.asked.grid)
        known_hidden = [each.among(hidden, 1) for each in known]
        occluded = compare(
            known_hidden,
            lambda number: hidden_views(clips[number], boxes, spec.mean),
            hidden,
            batch=self.batch,
            progress=lambda done, _: progress(len(clips) + done, total),
        )
        return Found(
            layers=self.layers,
            changes=changes,
            known=known,
            compared=compared,
            filled=np.mean([viewing.filled[number] for number in range(len(clips))], axis=0),
            failures=[*self.sample.failures, *viewing.failures],
            boxes=boxes,
            hidden=hidden,
            known_hidden=known_hidden,
            occluded=occluded,
            correspondence=self._correspondence(hidden),
            seed=self.seed,
        )

    def _known(self, network: Network) -> Known:
        return know(
            network,
            self.sample.clips,
            self.layers,
            top=self.asked.top,
            batch=self.batch,
            seed=self.seed,
        )

    def _correspondence(self, hidden: Sequence[int]) -> list[Correspondence]:
        """Nothing, where there are no two clips."""
        if len(hidden) < 2:
            return []
        clips = [self.sample.clips[number] for number in hidden]
        spec = self.networks[0].expects
        tracks = [
            tracks_of(self.sample.entries[number], clip, spec)
            for number, clip in zip(hidden, clips, strict=True)
        ]
        return correspond(self.networks, clips, tracks, self.layers, seed=self.seed)


def _spread_over(count: int, wanted: int) -> list[int]:
    """So many numbers below a count, evenly spread, so that of each label there are some."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, wanted))})


def _told(found: Found, sample: Sample, catalog: Catalog) -> dict[str, Any]:
    """The answer."""
    return {
        "sample": [
            {"video": video, "path": catalog.relative_path(entry), "label": entry.label}
            for video, entry in zip(sample.videos, sample.entries, strict=True)
        ],
        "failures": found.failures,
        "layers": [layer_part(found, layer) for layer in found.layers],
        "changes": [change_part(found, change) for change in found.changes],
        "hidden": {
            "clips": found.hidden,
            "grid": found.boxes.grid,
            "parts": found.correspondence[0].clips if found.correspondence else {},
        },
        "arrays": ARRAYS,
    }
