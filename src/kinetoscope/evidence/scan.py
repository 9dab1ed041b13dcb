"""What does every unit answer to every clip of a catalog?

One pass over the catalog keeps, for each clip and each channel of the chosen layers, the largest
answer, where in the layer it lies, and the mean answer, which is the layer's pooled feature; for
each channel the histogram of its answers, the largest, and how sparse it is; and what the network
takes each clip for. Top clips, dead units and class means follow from it without running the
network again.

The pass is resumable: what is done is kept in shards beside the evidence, under a name that starts
with a dot, until all is done. It can be cut into parts that run on several machines and are put
together afterwards (`merge_scans`). A video that can't be read is a row with its error. A folder
holds

    evidence.json   layers (as `kinetoscope layers` tells them, and `file`, the folder of each),
                    labels, how many videos and clips, failures (path, where, error)
    clips.parquet   a row a clip, as in `Scan.clips`
    layer-000/      what a layer answered, as `scanning/table.py` says

Source: the paper's a^, the largest answer of a channel to real clips, and the display of the clips
that excite a unit most: Feichtenhofer, Pinz, Wildes, Zisserman, "What have we learned from deep
representations for action recognition?", CVPR 2018, section 3.
"""

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import EvidenceError, UnknownNameError, unknown_name
from kinetoscope.evidence.answers import Pass
from kinetoscope.evidence.evidence import (
    Provenance,
    has_evidence,
    read_evidence,
)
from kinetoscope.evidence.scanning.histogram import Histogram, edges
from kinetoscope.evidence.scanning.job import Engine, Job, Progress, beside
from kinetoscope.evidence.scanning.parts import PART, part_of
from kinetoscope.evidence.scanning.piece import CLIPS
from kinetoscope.evidence.scanning.table import CHANNELS, LayerTable
from kinetoscope.memory import keep_memory
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.units.axes import layout_for
from kinetoscope.units.folding import folded
from kinetoscope.units.layers import list_layers
from kinetoscope.units.receptive import ReceptiveField
from kinetoscope.units.unit import Unit

_PIXELS_AT_ONCE = 2**20
_TOLD = ("clip", "video", "path", "label", "predicted", "probability", "start_seconds", "seconds")


@dataclass(frozen=True, kw_only=True)
class Sparsity:
    """How rarely the channels of a layer answer above `EPSILON`.

    Args:
        places: in which share of the places that are counted, `channel`.
        clips: in which share of the clips anywhere, `channel`.
    """

    places: Tensor
    clips: Tensor


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What every unit of the scanned layers answers to every clip.

    Args:
        folder: where it lies.
        provenance: of the scan.
        layers: by name, in the order of computation, what `Layer.to_json` says of each.
        labels: the network's.
        failures: path, where (the catalog's line) and error of each video that can't be read.
    """

    folder: Path
    provenance: Provenance
    layers: Mapping[str, Mapping[str, Any]]
    labels: tuple[str, ...]
    failures: tuple[Mapping[str, str], ...]

    @cached_property
    def clips(self) -> pl.DataFrame:
        """A row a clip, in the catalog's order.

        `clip` counts them; `video` is the place in the catalog; `path` is from the catalog's root;
        `predicted`, `probability`, `probabilities` and `scores` (before softmax) are the network's;
        `start_seconds` and `seconds` (of each frame) are in display time; `error` says why the
        other columns are empty.
        """
        return pl.concat([pl.read_parquet(path) for path in self._clip_files]).sort("clip")

    @property
    def expects(self) -> ClipSpec:
        """What the clips were."""
        return ClipSpec.from_json(self.provenance.settings["expects"])

    def activations(self, layer: str) -> pl.DataFrame:
        """A row a channel and clip: `maximum`, `mean`, and `time`, `row`, `column` of the maximum.

        By channel, then clip. The place is in the layer's map; its receptive field says what it
        sees of the clip. Clips that can't be read have no rows.

        Raises:
            UnknownNameError: the layer was not scanned.
        """
        return self._table(layer).rows()

    def unit(self, unit: Unit) -> pl.DataFrame:
        """A row a clip that can be read: what one unit answered, and what is known of the clip.

        Nothing is read of other units, so that it takes milliseconds in a scan of any size. Columns
        are those of `activations`, then of `clips` but the probabilities and scores of all labels.

        Raises:
            UnknownNameError: the layer was not scanned, or has no such channel.
        """
        channels = self._layer(unit.layer)["channels"]
        if unit.channel >= channels:
            raise UnknownNameError(
                f"no unit is called {unit}",
                got=f"channel {unit.channel}",
                expected=f"a channel from 0 to {channels - 1} of {unit.layer}",
            )
        own = self._table(unit.layer).rows(channels=range(unit.channel, unit.channel + 1))
        return pl.concat([own, self._told.drop("clip")], how="horizontal")

    def top(self, unit: Unit, count: int = 9, *, lowest: bool = False) -> pl.DataFrame:
        """Of `unit`, the rows of the clips that excite it most, best first; one a file at most.

        Args:
            unit: which one.
            count: how many, if there are as many files.
            lowest: those that excite it least instead, the least first.

        Raises:
            UnknownNameError: the layer was not scanned, or has no such channel.
        """
        found = self.unit(unit)
        ranked = found.select(pl.arg_sort_by("maximum", "clip", descending=[not lowest, False]))
        first_of: dict[str, int] = {}
        for row in ranked.to_series():
            if len(first_of) == count:
                break
            first_of.setdefault(found["path"][row], row)
        return found[list(first_of.values())]

    def maxima(self, layer: str) -> Tensor:
        """Largest answers, `clip channel`, a row for each row of `clips`; NaN where unreadable."""
        return self._matrix(layer, "maximum")

    def means(self, layer: str) -> Tensor:
        """Mean answers, the layer's pooled features; otherwise as `maxima`."""
        return self._matrix(layer, "mean")

    @cached_property
    def scores(self) -> Tensor | None:
        """Before softmax, `clip label`, as `maxima`; None where there are no labels.

        Also in scans that did not keep them.
        """
        if "scores" not in self.clips.columns or not self.labels:
            return None
        scores = torch.full((len(self.clips), len(self.labels)), torch.nan)
        told = self.clips["scores"].drop_nulls().explode().to_torch()
        scores[self._read] = told.reshape(-1, len(self.labels))
        return scores

    def channel_maxima(self, layer: str) -> Tensor:
        """Each channel's largest answer to any clip; NaN if no clip could be read."""
        sums = self._sums(layer)
        if sums is not None:
            return torch.from_numpy(sums["largest"].fill_null(math.nan).to_numpy(writable=True))
        best = self.maxima(layer).nan_to_num(nan=-torch.inf).amax(dim=0)
        return best.where(best > -torch.inf, torch.nan)

    def histogram(self, layer: str) -> Histogram | None:
        """How often each channel answered what; None in scans that did not keep it.

        Of larger maps not all places are counted: `scanning/histogram.py` says which.
        """
        sums = self._sums(layer)
        if sums is None:
            return None
        counts = sums["histogram"].explode().to_numpy().reshape(len(sums), -1)
        return Histogram(counts=torch.from_numpy(counts.copy()), edges=edges())

    def sparsity(self, layer: str) -> Sparsity | None:
        """How rarely each channel answers at all; None in scans that did not keep it.

        Of larger maps not all places are counted, as for the histogram. NaN if no clip could be
        read.
        """
        sums = self._sums(layer)
        if sums is None:
            return None
        shares = sums.select(
            pl.col("above") / pl.col("places"), pl.col("excited") / pl.col("clips")
        )
        places, clips = (column.to_torch().float() for column in shares)
        return Sparsity(places=places, clips=clips)

    def receptive_field(self, layer: str) -> ReceptiveField:
        """Of a scanned layer."""
        found = self._layer(layer)
        size, stride, start = (
            tuple(found[name]) for name in ("receptive_field", "stride", "start")
        )
        return ReceptiveField(size=size, stride=stride, start=start, exact=found["exact"])

    @property
    def score_layer(self) -> str | None:
        """The last layer, if it has a channel for each label and is not the only one."""
        *others, last = self.layers
        return last if others and self.layers[last]["channels"] == len(self.labels) else None

    @property
    def layers_below_scores(self) -> list[str]:
        """The scanned layers but `score_layer`.

        That a channel of that one belongs to its label, and that the label suffers without it,
        tells nothing.
        """
        return [name for name in self.layers if name != self.score_layer]

    def check_is_of(self, network: Network, catalog: Catalog) -> None:
        """Refuse a scan of another network or catalog.

        Raises:
            EvidenceError: it is.
        """
        asked = (network.weights_hash, catalog_name(catalog))
        scanned = (self.provenance.weights_hash, self.provenance.catalog)
        if asked != scanned:
            raise EvidenceError(
                f"the scan in {self.folder} is not of {network.name} and {catalog.name}",
                got=f"weights {scanned[0]}, catalog {scanned[1]}",
                expected=f"weights {asked[0]}, catalog {asked[1]}",
            )

    def _layer(self, name: str) -> Mapping[str, Any]:
        if name not in self.layers:
            raise unknown_name("scanned layer", name, tuple(self.layers))
        return self.layers[name]

    def _table(self, layer: str) -> LayerTable:
        return LayerTable.in_folder(self.folder, self._layer(layer)["file"])

    def _sums(self, layer: str) -> pl.DataFrame | None:
        path = self.folder / self._layer(layer)["file"] / CHANNELS
        return pl.read_parquet(path) if path.exists() else None

    def _matrix(self, layer: str, column: str) -> Tensor:
        found = self._table(layer).rows(column)[column].to_torch()
        table = torch.full((len(self.clips), self._layer(layer)["channels"]), torch.nan)
        table[self._read] = found.reshape(table.shape[1], -1).T
        return table

    @cached_property
    def _clip_files(self) -> list[Path]:
        whole = self.folder / CLIPS
        return [whole] if whole.exists() else sorted(self.folder.glob(f"shards/*/{CLIPS}"))

    @cached_property
    def _told(self) -> pl.DataFrame:
        """What is told of clips that could be read beside a unit's answers."""
        found = pl.concat([pl.scan_parquet(path) for path in self._clip_files])
        return found.filter(pl.col("error").is_null()).select(_TOLD).sort("clip").collect()

    @cached_property
    def _read(self) -> Tensor:
        """The rows of `clips` that could be read."""
        return torch.from_numpy(np.flatnonzero(self.clips["error"].is_null().to_numpy()))


def read_scan(folder: Path | str) -> Scan:
    """Read a scan that is complete.

    Raises:
        EvidenceError: there is none.
    """
    folder = Path(folder)
    found = read_evidence(folder, "scan")
    return Scan(
        folder=folder,
        provenance=found.provenance,
        layers={layer["name"]: layer for layer in found.answer["layers"]},
        labels=tuple(found.answer["labels"]),
        failures=tuple(found.answer["failures"]),
    )


def scan(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    folder: Path,
    *,
    layers: Sequence[str] | None = None,
    clips: int = 1,
    clips_per_shard: int = 64,
    batch: int | None = None,
    workers: int | None = None,
    engine: Engine = "here",
    part: tuple[int, int] | None = None,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Run a catalog through a network once and keep what its units answered.

    A scan that was killed goes on where it was; one that is there already is read.

    Args:
        network: comes back as it went; run in eval mode, on its device.
        catalog: which videos.
        folder: of the evidence; complete or absent.
        layers: by name; those that the network names as worth looking at if not given.
        clips: of each video, spread evenly; a single one lies at the centre.
        clips_per_shard: how many are lost at most when the scan is killed.
        batch: clips at once through the network, in each worker; 8, and up to 16 of small clips, if
            not given. The answer is the same.
        workers: each decodes and runs the network; one a core if not given.
        engine: whether workers are threads of this process, or processes of a Ray cluster.
        part: only the first of two parts of the catalog, say, is (0, 2); `merge_scans` puts the
            parts together.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many videos are done, and of how many.

    Raises:
        UnknownNameError: a layer is not there.
        ClipError: a layer can't be read.
        EvidenceError: the disk is full; what is done is kept, and the scan can go on.
        MissingPackageError: the engine is not installed.
    """
    chosen = list_layers(network, layers or ())
    names = [layer.name for layer in chosen]
    batch = batch or _clips_at_once(network.expects)
    together = max(1, batch // clips)
    videos = part_of(len(catalog), part, together)
    provenance = _provenance(network, catalog, names, clips, None if part is None else videos)
    if not has_evidence(folder, provenance):
        job = Job(
            folder=folder,
            provenance=provenance,
            layers=chosen,
            videos=videos,
            shard=max(1, clips_per_shard // clips),
            batch=together,
        )
        keep_memory()
        with evaluating(network):
            same = folded(network, names)
            layout = layout_for(same)  # of a rehearsal, before the threads ask for it
            work = Pass(same, catalog, names, clips, batch, clip_cache, layout)
            job.fill(work, engine=engine, workers=workers, progress=progress)
        job.finish()
    shutil.rmtree(beside(folder), ignore_errors=True)
    return read_scan(folder)


def _clips_at_once(spec: ClipSpec) -> int:
    """So many that Python's share of the time is small, and the answers fit into memory."""
    return min(max(_PIXELS_AT_ONCE // (spec.frames * math.prod(spec.size)), 8), 16)


def _provenance(
    network: Network, catalog: Catalog, layers: Sequence[str], clips: int, videos: range | None
) -> Provenance:
    settings: dict[str, Any] = {
        "layers": list(layers),
        "clips": clips,
        "expects": network.expects.to_json(),
        "labels": list(network.labels),
    }
    if videos is not None:
        settings[PART] = [videos.start, videos.stop, len(catalog)]
    return Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="largest and mean answer of every channel, and their histogram",
        settings=settings,
    )


def catalog_name(catalog: Catalog) -> str:
    """A catalog by its name and a key of its entries, as provenances have it."""
    return f"{catalog.name} {catalog.key}"
