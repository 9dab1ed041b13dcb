"""What does every unit answer to every clip of a catalog?

One pass over the catalog keeps, for each clip and each channel of the chosen layers, the largest
answer, where in the layer it lies, and the mean answer; and what the network takes the clip for.
Top clips, dead units and class means follow from it without running the network again.

The pass is resumable: what is done is kept in shards beside the evidence, under a name that starts
with a dot, until all is done. A video that can't be read is a row with its error. A folder holds

    evidence.json                  layers (as `kinetoscope layers` tells them, and `file`), labels,
                                   how many videos and clips, failures (path, where, error)
    shards/00000/clips.parquet     a row a clip, as in `Scan.clips`
    shards/00000/layer-000.parquet a row a clip and channel, as in `Scan.activations`

Source: the paper's a^, the largest answer of a channel to real clips, and the display of the clips
that excite a unit most: Feichtenhofer, Pinz, Wildes, Zisserman, "What have we learned from deep
representations for action recognition?", CVPR 2018, section 3.
"""

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch import Tensor

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.engines.here import map_here
from kinetoscope.errors import unknown_name
from kinetoscope.evidence.answers import Pass, Rows
from kinetoscope.evidence.evidence import (
    Provenance,
    has_evidence,
    read_evidence,
    write_answer,
)
from kinetoscope.files import (
    put_in_place,
    remove_leftovers,
    settings_key,
    whole_folder,
    write_text,
)
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.units.axes import habits_of
from kinetoscope.units.layers import Layer, list_layers
from kinetoscope.units.receptive import ReceptiveField

Progress = Callable[[int, int], None]
"""Is told how many videos are done, and of how many."""

_QUESTION = "question.json"
_FOLDER = "scan"


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
        return self._read("clips.parquet", "clip")

    @property
    def expects(self) -> ClipSpec:
        """What the clips were."""
        return ClipSpec.from_json(self.provenance.settings["expects"])

    def activations(self, layer: str) -> pl.DataFrame:
        """A row a clip and channel: `maximum`, `mean`, and `time`, `row`, `column` of the maximum.

        The place is in the layer's map; its receptive field says what it sees of the clip. Clips
        that can't be read have no rows.

        Raises:
            UnknownNameError: the layer was not scanned.
        """
        if layer not in self._activations:
            self._activations[layer] = self._read(self._layer(layer)["file"], "clip", "channel")
        return self._activations[layer]

    def maxima(self, layer: str) -> Tensor:
        """Largest answers, `clip channel`, a row for each row of `clips`; NaN where unreadable."""
        return self._table(layer, "maximum")

    def means(self, layer: str) -> Tensor:
        """Mean answers, as `maxima`."""
        return self._table(layer, "mean")

    @property
    def scores(self) -> Tensor | None:
        """Before softmax, `clip label`, as `maxima`; None in scans that did not keep them."""
        if "scores" not in self.clips.columns:
            return None
        unread = [math.nan] * len(self.labels)
        return torch.tensor([unread if row is None else row for row in self.clips["scores"]])

    def channel_maxima(self, layer: str) -> Tensor:
        """Each channel's largest answer to any clip; NaN if no clip could be read."""
        maxima = self.maxima(layer)
        best = maxima.nan_to_num(nan=-torch.inf).amax(dim=0)
        return best.where(best > -torch.inf, torch.nan)

    def receptive_field(self, layer: str) -> ReceptiveField:
        """Of a scanned layer."""
        found = self._layer(layer)
        size, stride, start = (
            tuple(found[name]) for name in ("receptive_field", "stride", "start")
        )
        return ReceptiveField(size=size, stride=stride, start=start, exact=found["exact"])

    @cached_property
    def _activations(self) -> dict[str, pl.DataFrame]:
        return {}

    def _layer(self, name: str) -> Mapping[str, Any]:
        if name not in self.layers:
            raise unknown_name("scanned layer", name, tuple(self.layers))
        return self.layers[name]

    def _table(self, layer: str, column: str) -> Tensor:
        found = self.activations(layer)
        table = torch.full((len(self.clips), self._layer(layer)["channels"]), torch.nan)
        rows = self.clips["clip"].search_sorted(found["clip"]).to_torch().long()
        table[rows, found["channel"].to_torch().long()] = found[column].to_torch()
        return table

    def _read(self, name: str, *order: str) -> pl.DataFrame:
        shards = sorted((self.folder / "shards").glob(f"*/{name}"))
        return pl.concat([pl.read_parquet(shard) for shard in shards]).sort(order)


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
    batch: int = 8,
    workers: int | None = None,
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
        batch: clips at once through the network, in each worker; the answer is the same.
        workers: threads, each of which decodes and runs the network; one a core if not given.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many videos are done, and of how many.

    Raises:
        UnknownNameError: a layer is not there.
        ClipError: a layer can't be read.
    """
    chosen = list_layers(network, layers or ())
    names = [layer.name for layer in chosen]
    provenance = _provenance(network, catalog, names, clips)
    part = folder.with_name(f".part-{folder.name}")
    if not has_evidence(folder, provenance):
        plan = _plan(catalog, max(1, clips_per_shard // clips), batch)
        _begin_or_go_on(part, provenance, clips_per_shard)
        work = Pass(network, catalog, names, clips, batch, clip_cache)
        with evaluating(network):
            habits_of(network)  # once, before the threads ask for it
            _fill_shards(part, work, plan, workers, progress)
        _finish(part, folder, provenance, chosen)
    shutil.rmtree(part, ignore_errors=True)
    return read_scan(folder)


def _provenance(
    network: Network, catalog: Catalog, layers: Sequence[str], clips: int
) -> Provenance:
    settings = {"layers": list(layers), "clips": clips, "expects": network.expects.to_json()}
    return Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="largest and mean answer of every channel",
        settings={**settings, "labels": list(network.labels)},
    )


def catalog_name(catalog: Catalog) -> str:
    """A catalog by its name and a key of its entries, as provenances have it."""
    return f"{catalog.name} {catalog.key}"


# Shards: what is done so far


Plan = Mapping[int, Sequence[Sequence[int]]]
"""Of each shard, the videos that are worked on together."""


def _plan(catalog: Catalog, per_shard: int, batch: int) -> Plan:
    videos = range(len(catalog))
    return {
        number: [
            videos[start : start + batch][: first + per_shard - start]
            for start in range(first, min(first + per_shard, len(videos)), batch)
        ]
        for number, first in enumerate(range(0, len(videos), per_shard))
    }


def _begin_or_go_on(part: Path, provenance: Provenance, clips_per_shard: int) -> None:
    """Keep the shards of the same question; begin anew where another was asked."""
    question = json.dumps({"question": settings_key(asdict(provenance)), "clips": clips_per_shard})
    path = part / _QUESTION
    if path.exists() and path.read_text(encoding="utf-8") == question:
        remove_leftovers(part)
        return
    shutil.rmtree(part, ignore_errors=True)
    write_text(path, question)


def _fill_shards(
    part: Path, work: Pass, plan: Plan, workers: int | None, progress: Progress | None
) -> None:
    """Write the shards that are not there yet, each when all of its videos are done."""
    missing = {n: groups for n, groups in plan.items() if not _shard(part, n).exists()}
    total = len(work.catalog)
    count = total - sum(len(group) for groups in missing.values() for group in groups)
    items = [(number, group) for number, groups in missing.items() for group in groups]
    done: list[Rows] = []
    if progress is not None:
        progress(count, total)
    for each in map_here(lambda item: work.rows(item[1]), items, workers=workers):
        if each.error is not None or each.answer is None:
            raise each.error or AssertionError("work without an answer or an error")
        done.append(each.answer)
        number, group = each.item
        if group == missing[number][-1]:
            _write_shard(_shard(part, number), done)
            done = []
        count += len(group)
        if progress is not None:
            progress(count, total)


def _shard(part: Path, number: int) -> Path:
    return part / _FOLDER / "shards" / f"{number:05}"


def _write_shard(path: Path, done: Sequence[Rows]) -> None:
    with whole_folder(path) as aside:
        pl.concat([rows.clips for rows in done]).write_parquet(aside / "clips.parquet")
        for number in range(len(done[0].activations)):
            table = pl.concat([rows.activations[number] for rows in done])
            table.write_parquet(aside / _layer_file(number))


def _layer_file(number: int) -> str:
    return f"layer-{number:03}.parquet"


def _finish(part: Path, folder: Path, provenance: Provenance, layers: Sequence[Layer]) -> None:
    """Write the evidence beside its shards, and put all of it in place at once."""
    tables = [
        pl.read_parquet(path) for path in sorted(part.glob(f"{_FOLDER}/shards/*/clips.parquet"))
    ]
    clips = pl.concat(tables)
    failed = clips.filter(pl.col("error").is_not_null())
    answer = {
        "layers": [
            {**layer.to_json(), "file": _layer_file(number)} for number, layer in enumerate(layers)
        ],
        "labels": list(provenance.settings["labels"]),
        "videos": clips["video"].n_unique(),
        "clips": len(clips) - len(failed),
        "failures": failed.select("path", "where", "error").to_dicts(),
    }
    write_answer(part / _FOLDER, "scan", provenance, answer)
    put_in_place(part / _FOLDER, folder)
