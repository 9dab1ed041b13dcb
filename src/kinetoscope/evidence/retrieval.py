"""Which real clips excite a unit most, and where in them? Is it dead? Which labels does it like?

All of it follows from a scan. A clip counts by the largest answer of the unit anywhere in it, and
the place of that answer is told as the box of the clip that the unit sees there.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4: the nine clips that excite a unit most, each cut to the receptive field around its
maximum. Here one clip of each video at most, so that nine clips are nine scenes.

Written out, the evidence has for its answer

    units   a list of
        unit, layer, channel
        largest        answer to any clip; null where no clip could be read
        dead           whether it is never above `EPSILON`; null as above
        profile        mean over the clips of each label, by name
        top_labels     how many of the 100 clips that excite it most have each label
        top            best first, a list of
            clip           its number in the scan and among `clips`
            activation     the largest answer in it
            place          of that answer in the layer: time, row, column
            box            what is seen from there: [first, one past the last] frame, row, column
            second         in the middle of the box, display time of the video; null if not known
    clips   by number, as text
        path, label, predicted, probability, start_seconds, seconds (of each frame)
        arrays         a safetensors file beside the evidence: `frames`, bytes, time height width
                       rgb; and `flow`, half precision, 2 time height width [pixels per frame],
                       where the network takes flow. null where it can't be read any more
        error          why not; else null
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch
from einops import rearrange
from safetensors.torch import save_file

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.clip import Clip
from kinetoscope.engines.here import map_here
from kinetoscope.errors import EvidenceError, KinetoscopeError, UnknownNameError
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.scan import Progress, Scan, catalog_name
from kinetoscope.networks.network import Network
from kinetoscope.units.receptive import Box
from kinetoscope.units.unit import Unit

EPSILON = 1e-6
"""A unit that never answers above this is dead."""

ARRAYS = "clips"
"""The folder beside the evidence that holds the clips."""

_TOP_LABELS = 100
_TOLD = ("path", "label", "predicted", "probability", "start_seconds", "seconds")


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A clip, and where in it a unit answers most.

    Args:
        clip: its number in the scan.
        path: from the catalog's root.
        label: as the catalog has it.
        predicted: as the network has it.
        activation: the unit's largest answer.
        place: of that answer in the layer: time, row and column.
        box: what the unit sees from there [frames, pixels, pixels].
        second: in the middle of the box [seconds, display time]; None if the clip has no times.
    """

    clip: int
    path: str
    label: str | None
    predicted: str
    activation: float
    place: tuple[int, int, int]
    box: Box
    second: float | None


def top_clips(scan: Scan, unit: Unit, count: int = 9, *, lowest: bool = False) -> list[Hit]:
    """The clips that excite a unit most, best first; of each video at most one.

    Args:
        scan: has the unit's layer.
        unit: which one.
        count: how many, if there are as many videos.
        lowest: those that excite it least instead, the least first.

    Raises:
        UnknownNameError: the layer was not scanned, or has no such channel.
    """
    order = _ranked(scan, unit, descending=not lowest)
    best = order.unique("path", keep="first", maintain_order=True).head(count)
    return [_hit(scan, unit.layer, row) for row in best.iter_rows(named=True)]


def dead_units(scan: Scan, *, epsilon: float = EPSILON) -> list[Unit]:
    """The units of all scanned layers that no clip brings above a tiny answer."""
    return [
        Unit(layer, channel)
        for layer in scan.layers
        for channel, largest in enumerate(scan.channel_maxima(layer).tolist())
        if largest <= epsilon
    ]


def class_means(scan: Scan, unit: Unit) -> dict[str, float]:
    """The mean over the clips of each label of the unit's largest answer, in the labels' order.

    Labels without a clip are left out; labels that the network does not know come last.

    Raises:
        UnknownNameError: the layer was not scanned, or has no such channel.
    """
    rows = _rows(scan, unit).filter(pl.col("label").is_not_null())
    means = dict(rows.group_by("label", maintain_order=True).agg(pl.col("maximum").mean()).rows())
    known = [label for label in scan.labels if label in means]
    return {label: means[label] for label in [*known, *(means.keys() - set(known))]}


def write_retrieval(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    scan: Scan,
    units: Sequence[Unit],
    folder: Path,
    count: int = 9,
    *,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Write what excites units most as a folder of evidence, with the clips themselves.

    Each video is opened once, however many units it excites. Evidence that is there already is
    read.

    Args:
        network: that was scanned.
        catalog: that was scanned.
        scan: of all these units' layers.
        units: which ones.
        folder: of the evidence; complete or absent.
        count: clips of each unit.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many videos are opened, and of how many.

    Raises:
        EvidenceError: the scan is of another network or catalog.
        UnknownNameError: a unit was not scanned.
    """
    _check_same(network, catalog, scan)
    provenance = Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="largest answer to real clips",
        settings={
            "units": [str(unit) for unit in units],
            "count": count,
            "scan": dict(scan.provenance.settings),
        },
    )
    if not has_evidence(folder, provenance):
        with writing_evidence(folder, "retrieval", provenance) as (aside, answer):
            answer["units"] = [_unit_part(scan, unit, count) for unit in units]
            wanted = sorted({hit["clip"] for unit in answer["units"] for hit in unit["top"]})
            rows = scan.clips.filter(pl.col("clip").is_in(wanted))
            (aside / ARRAYS).mkdir()
            answer["clips"] = {}
            writer = _Writer(catalog, scan, aside, clip_cache)
            videos = [group for _, group in rows.group_by("video", maintain_order=True)]
            for number, done in enumerate(map_here(writer.write, videos), start=1):
                if done.error is not None:
                    raise done.error
                answer["clips"] |= done.answer or {}
                if progress is not None:
                    progress(number, len(videos))
    return read_evidence(folder, "retrieval")


@dataclass(frozen=True)
class _Writer:
    """Opens videos again, and keeps the clips of them that are wanted."""

    catalog: Catalog
    scan: Scan
    folder: Path
    clip_cache: ClipCache | None

    def write(self, rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
        """Keep the clips of one video; what is known of them, by number."""
        entry = self.catalog.entries[rows["video"][0]]
        clips: int = self.scan.provenance.settings["clips"]
        error = None
        views: list[Clip] = []
        try:
            views = views_of(entry, self.scan.expects, clips=clips, cache=self.clip_cache)
        except (KinetoscopeError, OSError) as refused:  # it could be read when it was scanned
            error = str(refused)
        parts = {}
        for row in rows.iter_rows(named=True):
            part = {name: row[name] for name in _TOLD}
            name = None if error else self._keep(row["clip"], views[row["clip"] % clips])
            parts[str(row["clip"])] = {**part, "arrays": name, "error": error}
        return parts

    def _keep(self, number: int, clip: Clip) -> str:
        frames = (clip.frames * 255).round().to(torch.uint8)
        arrays = {"frames": rearrange(frames, "rgb time height width -> time height width rgb")}
        if clip.flow is not None:
            arrays["flow"] = clip.flow.half()
        name = f"{ARRAYS}/{number}.safetensors"
        save_file({key: array.contiguous() for key, array in arrays.items()}, self.folder / name)
        return name


def _check_same(network: Network, catalog: Catalog, scan: Scan) -> None:
    asked = (network.weights_hash, catalog_name(catalog))
    scanned = (scan.provenance.weights_hash, scan.provenance.catalog)
    if asked != scanned:
        raise EvidenceError(
            f"the scan in {scan.folder} is not of {network.name} and {catalog.name}",
            got=f"weights {scanned[0]}, catalog {scanned[1]}",
            expected=f"weights {asked[0]}, catalog {asked[1]}",
        )


def _unit_part(scan: Scan, unit: Unit, count: int) -> dict[str, Any]:
    ranked = _ranked(scan, unit)
    largest: float | None = ranked["maximum"].item(0) if len(ranked) else None
    labels = ranked["label"].drop_nulls().head(_TOP_LABELS)
    return {
        "unit": str(unit),
        "layer": unit.layer,
        "channel": unit.channel,
        "largest": largest,
        "dead": None if largest is None else largest <= EPSILON,
        "profile": class_means(scan, unit),
        "top_labels": dict(
            labels.value_counts(sort=True).sort("count", "label", descending=[True, False]).rows()
        ),
        "top": [_hit_part(hit) for hit in top_clips(scan, unit, count)],
    }


def _hit_part(hit: Hit) -> dict[str, Any]:
    values = asdict(hit)
    return {name: values[name] for name in ("clip", "activation", "place", "box", "second")}


def _rows(scan: Scan, unit: Unit) -> pl.DataFrame:
    """A row a clip that could be read: what the unit answers, and what is known of the clip."""
    table = scan.activations(unit.layer)
    channels = scan.layers[unit.layer]["channels"]
    if unit.channel >= channels:
        raise UnknownNameError(
            f"no unit is called {unit}",
            got=f"channel {unit.channel}",
            expected=f"a channel from 0 to {channels - 1} of {unit.layer}",
        )
    own = table.filter(pl.col("channel") == unit.channel)
    return own.join(scan.clips, on="clip", how="left", maintain_order="left")


def _ranked(scan: Scan, unit: Unit, *, descending: bool = True) -> pl.DataFrame:
    """By the unit's answer; of equals, the catalog's first comes first."""
    return _rows(scan, unit).sort("maximum", "clip", descending=[descending, False])


def _hit(scan: Scan, layer: str, row: dict[str, Any]) -> Hit:
    place = (row["time"], row["row"], row["column"])
    extent = (scan.expects.frames, *scan.expects.size)
    box = scan.receptive_field(layer).box(place, extent)
    middle = (box[0][0] + max(box[0][0], box[0][1] - 1)) // 2
    seconds = row["seconds"]
    return Hit(
        clip=row["clip"],
        path=row["path"],
        label=row["label"],
        predicted=row["predicted"],
        activation=row["maximum"],
        place=place,
        box=box,
        second=seconds[middle] if seconds else None,
    )
