"""How are the answers of one unit to all clips found at once, in a scan of any size?

A scan learns of all units of a clip together, and is asked for all clips of a unit. So at its end
the answers of each layer are written by channel: files of whole channels, a group of rows for one
channel or a few, clips in order within each. What is asked of one unit reads its group alone; what
is asked of a layer reads one column. Files are written block by block, so that memory does not grow
with the catalog.

    layer-000/channels.parquet   a row a channel: channel, largest (null if no clip was read); clips
                                 and places (how many were counted), excited and above (in how
                                 many of them the answer was above `EPSILON`); histogram
    layer-000/000000.parquet     a row a channel and clip: clip, channel, maximum, mean, and time,
                                 row, column of the maximum; named after its first channel
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from kinetoscope.evidence.scanning.histogram import BINS, PLACES
from kinetoscope.evidence.scanning.piece import Block, Piece, write_table
from kinetoscope.evidence.scanning.summary import EPSILON

CHANNELS = "channels.parquet"
_FILE_ROWS, _GROUP_ROWS = 2**21, 2**17
_ORDER = ("channel", "clip")
_ENCODING: dict[str, Any] = {
    "use_dictionary": ["time", "row", "column"],
    "column_encoding": {"clip": "DELTA_BINARY_PACKED", "channel": "DELTA_BINARY_PACKED"},
}


@dataclass(frozen=True, kw_only=True)
class LayerTable:
    """The answers of a layer, on disk.

    Args:
        paths: of the files.
        firsts: the first channel of each; None where each file has all channels of some clips, as
            scans before version 0.2 were written.
    """

    paths: tuple[Path, ...]
    firsts: tuple[int, ...] | None

    @classmethod
    def in_folder(cls, folder: Path, name: str) -> "LayerTable":
        """That of a scan, by the name that the scan's answer has for it."""
        if name.endswith(".parquet"):
            return cls(paths=tuple(sorted(folder.glob(f"shards/*/{name}"))), firsts=None)
        paths = {
            int(path.stem): path
            for path in (folder / name).glob("*.parquet")
            if path.stem.isdigit()
        }
        firsts = tuple(sorted(paths))
        return cls(paths=tuple(paths[first] for first in firsts), firsts=firsts)

    def rows(self, *columns: str, channels: range | None = None) -> pl.DataFrame:
        """Rows by channel, then clip.

        Args:
            columns: which, if not all.
            channels: which, if not all; a step is not looked at.
        """
        if channels is None and self.firsts is not None:
            return pl.concat(
                [pl.read_parquet(path, columns=list(columns) or None) for path in self.paths]
            )
        found = pl.concat([pl.scan_parquet(path) for path in self._paths(channels)])
        if channels is not None:
            found = found.filter(pl.col("channel").is_between(channels.start, channels.stop - 1))
        if self.firsts is None:
            found = found.sort(_ORDER)
        return (found.select(columns) if columns else found).collect()

    def _paths(self, channels: range | None) -> Sequence[Path]:
        if self.firsts is None or channels is None:
            return self.paths
        first, last = (bisect_right(self.firsts, each) for each in (channels.start, channels[-1]))
        return self.paths[first - 1 : last]


def layer_folder(number: int) -> str:
    """The name of a layer's folder in a scan."""
    return f"layer-{number:03}"


def write_layer(
    folder: Path, pieces: Sequence[Piece], number: int, layer: Mapping[str, Any]
) -> None:
    """Write what a layer answered to all pieces of a catalog.

    Args:
        folder: of the layer; made.
        pieces: in the order of their clips.
        number: of the layer in the scan.
        layer: as `Layer.to_json` says.
    """
    folder.mkdir(parents=True)
    clips = np.concatenate([piece.read() for piece in pieces])
    channels, extent = layer["channels"], extent_of(layer)
    per_file = max(1, min(channels, _FILE_ROWS // max(1, len(clips))))
    per_group = max(1, _GROUP_ROWS // max(1, len(clips))) * max(1, len(clips))
    largest, excited = np.empty(channels, np.float32), np.empty(channels, np.int64)
    for first, last in pairwise([*range(0, channels, per_file), channels]):
        blocks = [piece.block(number, range(first, last), extent) for piece in pieces]
        table = _table(blocks, clips, first, extent)
        maxima = table["maximum"].to_numpy().reshape(last - first, -1)
        largest[first:last] = np.fmax.reduce(maxima, axis=1, initial=-np.inf)
        excited[first:last] = (maxima > EPSILON).sum(axis=1)
        write_table(table, folder / f"{first:06}.parquet", **_ENCODING, row_group_size=per_group)
    sums = {
        "channel": np.arange(channels, dtype=np.int32),
        "largest": pa.array(largest, mask=np.full(channels, len(clips) == 0)),
        "clips": np.full(channels, len(clips)),
        "excited": excited,
        "places": np.full(channels, len(clips) * min(prod(extent), PLACES)),
        **_sums(pieces, number, channels),
    }
    write_table(pa.table(sums), folder / CHANNELS)


def extent_of(layer: Mapping[str, Any]) -> tuple[int, int, int]:
    """Time, height and width of a layer's map; 1 each where it has no places."""
    time, height, width = layer["shape"][1:] or (1, 1, 1)
    return time, height, width


def _table(
    blocks: Sequence[Block], clips: np.ndarray, first: int, extent: tuple[int, int, int]
) -> pa.Table:
    columns = {
        name: np.concatenate([getattr(block, name) for block in blocks], axis=1)
        for name in ("maximum", "mean", "at")
    }
    count = len(columns["at"])
    places = np.unravel_index(columns.pop("at").reshape(-1), extent)
    return pa.table(
        {
            "clip": np.tile(clips, count).astype(np.int32),
            "channel": np.repeat(np.arange(first, first + count, dtype=np.int32), len(clips)),
            **{name: values.reshape(-1) for name, values in columns.items()},
            **{
                name: values.astype(np.int32)
                for name, values in zip(("time", "row", "column"), places, strict=True)
            },
        }
    )


def _sums(pieces: Sequence[Piece], number: int, channels: int) -> dict[str, Any]:
    above = np.zeros(channels, np.int64)
    counts = np.zeros((channels, BINS), np.int64)
    for sums in (piece.sums(number) for piece in pieces):
        above += sums.above
        counts += sums.counts
    histogram = pa.FixedSizeListArray.from_arrays(counts.reshape(-1), BINS)
    return {"above": above, "histogram": histogram}
