"""When do units settle in a training, layer by layer, and how do their top clips change?

The same clips are shown to every checkpoint of a training, one after the other; each is held
against the last. Only two checkpoints' answers are in memory at a time. Written out, the evidence
has for its answer

    checkpoints    by epoch, a list of: epoch, file (its name), accuracy (an interval)
    settled_above  the correlation from which on a unit is as it is in the end
    top            how many top clips of a unit are compared
    chance         which share of these would agree by chance
    control        weights_hash of a network that was not trained, or null
    clips          a list of: clip (its place in the catalog), path, label
    layers         a list of
        name, channels
        constant       how many units do not vary in the end, and are left out
        sees           how many rows of the clip a unit sees, by which layers are ordered
        file           a safetensors file beside the evidence: `correlation` and `strongest` (places
                       among `clips`), `checkpoint unit`
        settled        median epoch over units, an interval; jumps: mean number of changes of a
                       unit's strongest clip, from one checkpoint to the next
        curves         each a list over checkpoints of intervals: `correlation` (median over units),
                       `cka` (of the layer with itself in the end, unbiased), `selectivity` (median
                       over units), `overlap` (mean share of top clips that are those of the end),
                       `settled` (share of units), `changed` (share whose strongest clip is another
                       than at the checkpoint before; none at the first)
        control        correlation, cka, selectivity and overlap of the network that was not trained
    order          whether layers that see less settle earlier: rank correlation over units of what
                   their layer sees with their epoch; null where all layers see the same
    failures       path, where and error of videos and checkpoints that can't be read

and beside it as csv `layers`, a row a layer and checkpoint; and `units`, a row a unit.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.1; Raghu, Gilmer, Yosinski and Sohl-Dickstein, "SVCCA", NeurIPS 2017, section 4.1, for
layers held against themselves in the end. Differs: by correlations over clips, and linear CKA.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import EvidenceError, KinetoscopeError
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.evolution.checkpoints import Checkpoint
from kinetoscope.evidence.evolution.course import Course, Shown, follow
from kinetoscope.evidence.evolution.tables import write_tables
from kinetoscope.evidence.responses import respond
from kinetoscope.evidence.sample import Sample, open_sample
from kinetoscope.evidence.scan import Progress, catalog_name
from kinetoscope.files import content_key
from kinetoscope.networks.network import Network
from kinetoscope.networks.weights import load_network
from kinetoscope.units.layers import Layer, list_layers
from kinetoscope.units.reading import SCORES

KIND = "evolution"
PICTURES = "clips.safetensors"
"""Beside the evidence: `pictures`, the middle frame of each clip, `clip height width rgb`."""


@dataclass(frozen=True, kw_only=True)
class Following:
    """How checkpoints are followed.

    Args:
        layers: by name; if none are given those that the network names as worth looking at,
            without its pools, whose units are those of the layer before.
        count: how many clips are shown.
        settled_above: the correlation from which on a unit is as it is in the end.
        top: how many top clips of a unit are compared.
        batch: clips at once; the answer is the same.
        seed: of the choice of clips, and of intervals.
    """

    layers: tuple[str, ...] = ()
    count: int = 128
    settled_above: float = 0.9
    top: int = 9
    batch: int = 8
    seed: int = 0

    def __post_init__(self):
        if not 0 < self.settled_above < 1:
            raise EvidenceError(
                "no unit can settle above this",
                got=f"settled_above = {self.settled_above}",
                expected="a correlation between 0 and 1",
            )


def write_evolution(  # noqa: PLR0913 - what a long job can be told
    checkpoints: Sequence[Checkpoint],
    catalog: Catalog,
    folder: Path,
    *,
    how: Following | None = None,
    control: Network | None = None,
    open_network: Callable[[Path], Network] = load_network,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Write how units came to be what they are as a folder of evidence.

    A checkpoint that can't be opened, or is of another network than the last one, is listed and
    left out. Evidence that is there already is read.

    Args:
        checkpoints: two or more of one training, in the order of their epochs.
        catalog: whose clips are shown.
        folder: of the evidence; complete or absent.
        how: which layers, which clips.
        control: the same network with random weights.
        open_network: makes a network of a checkpoint's file.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many checkpoints are done, and of how many.

    Raises:
        EvidenceError: fewer than two checkpoints can be followed.
        UnknownNameError: a layer is not there.
        CatalogError: no video can be read.
    """
    how = how or Following()
    if not checkpoints:
        raise EvidenceError("no checkpoints are given", got="none", expected="two or more")
    last = open_network(checkpoints[-1].path)
    layers = list_layers(last, how.layers, pools=False)
    provenance = _provenance(last, checkpoints, catalog, layers, how, control)
    if not has_evidence(folder, provenance):
        sample = open_sample(catalog, last.expects, how.count, seed=how.seed, clip_cache=clip_cache)
        work = _Work(last, layers, sample, how, open_network, progress)
        course = work.follow(checkpoints, control)
        with writing_evidence(folder, KIND, provenance) as (aside, answer):
            save_file({"pictures": _pictures(sample)}, aside / PICTURES)
            answer |= write_tables(aside, course, how.settled_above, seed=how.seed)
            answer |= {
                "settled_above": how.settled_above,
                "top": course.top,
                "chance": course.top / len(sample),
                "control": provenance.settings["control"],
                "clips": _clips(sample, catalog),
                "failures": [*sample.failures, *work.failures],
            }
    return read_evidence(folder, KIND)


class _Work:
    """Shows the same clips to one checkpoint after the other."""

    def __init__(
        self,
        last: Network,
        layers: Sequence[Layer],
        sample: Sample,
        how: Following,
        open_network: Callable[[Path], Network],
        progress: Progress | None,
    ):
        self.last, self.layers, self.sample = last, layers, sample
        self.how, self.open_network, self.progress = how, open_network, progress
        self.names = [layer.name for layer in layers]
        self.failures: list[dict[str, str]] = []

    def follow(self, checkpoints: Sequence[Checkpoint], control: Network | None) -> Course:
        """Hold every checkpoint against the last."""
        earlier = (
            (each, shown)
            for number, each in enumerate(checkpoints[:-1])
            if (shown := self._opened(each, number, len(checkpoints))) is not None
        )
        course = follow(
            self.layers,
            earlier,
            (checkpoints[-1], self._shown(self.last)),
            truth=self.sample.truth(self.last.labels),
            labels=len(self.last.labels),
            control=None if control is None else self._shown(control),
            top=self.how.top,
        )
        if len(course.checkpoints) < 2:
            raise EvidenceError(
                "fewer than two checkpoints can be followed",
                got="; ".join(failure["error"].splitlines()[0] for failure in self.failures),
                expected="two or more files of weights of one network",
            )
        if self.progress is not None:
            self.progress(len(checkpoints), len(checkpoints))
        return course

    def _opened(self, checkpoint: Checkpoint, number: int, total: int) -> Shown | None:
        if self.progress is not None:
            self.progress(number, total)
        try:
            network = self.open_network(checkpoint.path)
            _check_same(network, self.last, checkpoint)
            return self._shown(network)
        except (KinetoscopeError, OSError) as error:
            where = f"epoch {checkpoint.epoch}"
            self.failures.append(
                {"path": str(checkpoint.path), "where": where, "error": str(error)}
            )
            return None

    def _shown(self, network: Network) -> Shown:
        batches = self.sample.batches(network.expects, self.how.batch)
        found = respond(network, batches, [*self.names, SCORES])
        assert found.scores is not None
        return Shown(largest=found.largest, mean=found.mean, scores=found.scores)


def _check_same(network: Network, last: Network, checkpoint: Checkpoint) -> None:
    ours, theirs = ((each.labels, each.expects) for each in (network, last))
    shapes = [
        {name: tuple(weight.shape) for name, weight in each.model.state_dict().items()}
        for each in (network, last)
    ]
    if ours != theirs or shapes[0] != shapes[1]:
        raise EvidenceError(
            f"{checkpoint.path.name} is not of the network of the last checkpoint",
            got=f"{network.name} with {len(network.labels)} labels",
            expected=f"{last.name}, the same layers, labels and clips",
        )


def _provenance(
    last: Network,
    checkpoints: Sequence[Checkpoint],
    catalog: Catalog,
    layers: Sequence[Layer],
    how: Following,
    control: Network | None,
) -> Provenance:
    settings = {
        "checkpoints": [[each.epoch, _key(each.path)] for each in checkpoints],
        "layers": [layer.name for layer in layers],
        "count": how.count,
        "settled_above": how.settled_above,
        "top": how.top,
        "control": control.weights_hash if control else None,
    }
    return Provenance.of(
        last,
        catalog=catalog_name(catalog),
        objective="answers of every channel at every checkpoint",
        settings=settings,
        seed=how.seed,
    )


def _key(path: Path) -> str | None:
    """None for a file that can't be read, which opening it will say better."""
    try:
        return content_key(path)
    except OSError:
        return None


def _pictures(sample: Sample) -> torch.Tensor:
    middles = [clip.frames[:, clip.frames.shape[1] // 2] for clip in sample.clips]
    return (torch.stack(middles) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _clips(sample: Sample, catalog: Catalog) -> list[dict[str, Any]]:
    return [
        {"clip": video, "path": catalog.relative_path(entry), "label": entry.label}
        for video, entry in zip(sample.videos, sample.entries, strict=True)
    ]
