"""How do scans of the parts of a catalog, made on several machines, become the scan of the whole?

What was kept of each clip is put in the order of the catalog, and what was added up is added up
further: the same numbers, to the last digit, as a scan of the whole catalog gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.evidence import Provenance
from kinetoscope.evidence.scan import Scan, read_scan
from kinetoscope.evidence.scanning.job import write_scan
from kinetoscope.evidence.scanning.parts import PART
from kinetoscope.evidence.scanning.piece import Block, Piece, Sums, read_clips
from kinetoscope.evidence.scanning.table import CHANNELS, LayerTable
from kinetoscope.files import whole_folder


def merge_scans(folders: Sequence[Path | str], folder: Path) -> Scan:
    """Put scans of all parts of a catalog together.

    Args:
        folders: of the scans, in any order; they stay as they are.
        folder: of the evidence that is made; complete or absent.

    Raises:
        EvidenceError: the parts are not of one scan, one is missing, or there is one too many.
    """
    parts = sorted((read_scan(each) for each in folders), key=_videos)
    _check_whole(parts)
    first = parts[0]
    with whole_folder(folder) as aside:
        aside.rmdir()
        write_scan(
            aside,
            [_Part(part) for part in parts],
            _of_the_whole(first.provenance),
            [
                {key: layer[key] for key in layer if key != "file"}
                for layer in first.layers.values()
            ],
        )
    return read_scan(folder)


@dataclass(frozen=True)
class _Part(Piece):
    """A complete scan of a part of a catalog."""

    scan: Scan

    def clips(self) -> pl.DataFrame:
        return self.scan.clips

    def read(self) -> Int[np.ndarray, " clip"]:
        return read_clips(self.scan.clips)

    def block(self, layer: int, channels: range, extent: tuple[int, int, int]) -> Block:
        found = LayerTable.in_folder(self.scan.folder, self._file(layer)).rows(channels=channels)
        shape = (len(channels), len(self.read()))
        place = tuple(found[name].to_numpy() for name in ("time", "row", "column"))
        return Block(
            maximum=found["maximum"].to_numpy().reshape(shape),
            mean=found["mean"].to_numpy().reshape(shape),
            at=np.ravel_multi_index(place, extent).astype(np.int32).reshape(shape),
        )

    def sums(self, layer: int) -> Sums:
        found = pl.read_parquet(self.scan.folder / self._file(layer) / CHANNELS)
        counts = found["histogram"].explode().to_numpy().reshape(len(found), -1)
        return Sums(above=found["above"].to_numpy(), counts=counts)

    def _file(self, layer: int) -> str:
        return list(self.scan.layers.values())[layer]["file"]


def _videos(scan: Scan) -> tuple[int, int, int]:
    """First video, one past the last, and how many there are in the catalog."""
    try:
        first, past, count = scan.provenance.settings[PART]
    except KeyError as error:
        raise EvidenceError(
            f"{scan.folder} is no scan of a part",
            got="a scan of a whole catalog",
            expected="what kinetoscope scan --part wrote",
        ) from error
    return first, past, count


def _of_the_whole(provenance: Provenance) -> Provenance:
    settings: dict[str, Any] = dict(provenance.settings)
    settings.pop(PART)
    return replace(provenance, settings=settings)


def _check_whole(parts: Sequence[Scan]) -> None:
    """Refuse parts that are not all of one scan."""
    if not parts:
        raise EvidenceError("no scan is to be merged", got="an empty list", expected="all parts")
    for part in parts[1:]:
        mine, first = (_of_the_whole(each.provenance) for each in (part, parts[0]))
        if not mine.same_question(first):
            raise EvidenceError(
                f"{part.folder} and {parts[0].folder} are not parts of one scan",
                got=_told(mine),
                expected=_told(first),
                hint="parts have the same network, catalog, layers and clips a video",
            )
    spans = [_videos(part) for part in parts]
    edges = [0, *(edge for first, past, _ in spans for edge in (first, past)), spans[0][2]]
    gaps = [pair for pair in list(pairwise(edges))[::2] if pair[0] != pair[1]]
    if gaps:
        end, start = gaps[0]
        raise EvidenceError(
            "the parts do not make up the catalog",
            got=f"videos {start} to {end - 1} twice"
            if start < end
            else f"no part with videos {end} to {start - 1}",
            expected=f"each of {spans[0][2]} videos once",
            hint="name the folder of every part once",
        )


def _told(provenance: Provenance) -> str:
    return (
        f"{provenance.network} {provenance.weights_hash}, {provenance.catalog}, "
        f"{len(provenance.settings['layers'])} layers, clips {provenance.settings['clips']}"
    )
