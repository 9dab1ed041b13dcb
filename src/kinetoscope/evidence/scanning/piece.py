"""What is known of a part of a catalog, whether its scan is still going on or complete?

While a scan is going on each piece is a shard: a folder of what is known of a few clips, complete
or absent. Where a catalog was scanned in parts on several machines, each piece is a scan.

    clips.parquet        a row a clip, as in `Scan.clips`
    answers.safetensors  of each layer, named by its number: 000.maximum, 000.mean, 000.at, as in
                         `Summary` but `channel clip`; 000.above, summed over the clips, `channel`;
                         and 000.counts, the histogram, `channel bin`
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Int, Integer
from safetensors import safe_open
from safetensors.numpy import save

from kinetoscope.evidence.answers import Rows
from kinetoscope.evidence.scanning.histogram import BINS, count_bins
from kinetoscope.evidence.scanning.summary import join
from kinetoscope.files import whole_folder

CLIPS = "clips.parquet"
_ANSWERS = "answers.safetensors"
_BY_CHANNEL = ("maximum", "mean", "at")
_COLUMNS = {
    "clip": pl.Int32,
    "video": pl.Int32,
    "path": pl.String,
    "where": pl.String,
    "label": pl.String,
    "predicted": pl.String,
    "probability": pl.Float32,
    "probabilities": pl.List(pl.Float32),
    "scores": pl.List(pl.Float32),
    "start_seconds": pl.Float64,
    "seconds": pl.List(pl.Float64),
    "error": pl.String,
}


@dataclass(frozen=True, kw_only=True)
class Block:
    """What some channels of a layer answered; as `Summary`, but by channel."""

    maximum: Float[np.ndarray, "channel clip"]
    mean: Float[np.ndarray, "channel clip"]
    at: Int[np.ndarray, "channel clip"]


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What is added up over clips and places, of every channel of a layer.

    Args:
        above: in how many of the places that are counted the answer is above `EPSILON`.
        counts: the histogram.
    """

    above: Int[np.ndarray, " channel"]
    counts: Integer[np.ndarray, "channel bin"]


class Piece(ABC):
    """A part of a catalog that was scanned. Layers are told by their number in the scan."""

    @abstractmethod
    def clips(self) -> pl.DataFrame:
        """A row a clip, as in `Scan.clips`."""

    @abstractmethod
    def read(self) -> Int[np.ndarray, " clip"]:
        """The numbers of the clips that could be read."""

    @abstractmethod
    def block(self, layer: int, channels: range, extent: tuple[int, int, int]) -> Block:
        """What some channels of a layer answered to the clips that could be read."""

    @abstractmethod
    def sums(self, layer: int) -> Sums:
        """What is added up over them."""


@dataclass(frozen=True)
class Shard(Piece):
    """A piece of a scan that is going on, in a folder of its own."""

    folder: Path
    widths: Sequence[int]
    """How many channels each layer has, where a shard has no clip that could be read."""

    def clips(self) -> pl.DataFrame:
        return pl.read_parquet(self.folder / CLIPS)

    def read(self) -> Int[np.ndarray, " clip"]:
        return self._read

    @cached_property
    def _read(self) -> Int[np.ndarray, " clip"]:
        return read_clips(self.clips())

    def block(self, layer: int, channels: range, extent: tuple[int, int, int]) -> Block:
        if len(self._read) == 0:
            none = np.empty((len(channels), 0), np.float32)
            return Block(maximum=none, mean=none, at=none.astype(np.int32))
        with safe_open(self.folder / _ANSWERS, "np") as file:
            found = {
                name: file.get_slice(f"{layer:03}.{name}")[channels.start : channels.stop]
                for name in _BY_CHANNEL
            }
        return Block(**found)

    def sums(self, layer: int) -> Sums:
        if len(self._read) == 0:
            width = self.widths[layer]
            none = np.zeros(width, np.int64)
            return Sums(above=none, counts=np.zeros((width, BINS), np.int64))
        with safe_open(self.folder / _ANSWERS, "np") as file:
            above, counts = (file.get_tensor(f"{layer:03}.{name}") for name in ("above", "counts"))
        return Sums(above=above, counts=counts)


def write_shard(folder: Path, done: Sequence[Rows]) -> None:
    """Write a shard, complete or not at all."""
    table = clip_table([row for rows in done for row in rows.clips])
    layers = [
        join(parts) for parts in zip(*(rows.layers for rows in done if rows.layers), strict=True)
    ]
    arrays: dict[str, np.ndarray] = {}
    for number, layer in enumerate(layers):
        for name in _BY_CHANNEL:
            arrays[f"{number:03}.{name}"] = np.ascontiguousarray(getattr(layer, name).T)
        arrays[f"{number:03}.above"] = layer.above.sum(axis=0, dtype=np.int64)
        counts = count_bins(layer.bins)
        arrays[f"{number:03}.counts"] = counts.astype(np.min_scalar_type(counts.max()))
    with whole_folder(folder) as aside:
        write_table(table.to_arrow(), aside / CLIPS)
        (aside / _ANSWERS).write_bytes(save(arrays))


def clip_table(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Rows of clips as a table."""
    return pl.DataFrame(rows, schema=_COLUMNS)


def write_table(table: pa.Table, path: Path, **settings: Any) -> None:
    """Write Parquet through a file of Python's own, which says by number that the disk is full."""
    with path.open("wb") as file:
        pq.write_table(table, file, compression="zstd", **settings)


def read_clips(clips: pl.DataFrame) -> Int[np.ndarray, " clip"]:
    """The numbers of those clips of a table that could be read."""
    return clips.filter(pl.col("error").is_null())["clip"].to_numpy()
