"""How does a scan go on where it was, and end whole?

The videos are cut into shards, and those into groups that are worked on together. A shard is
written when all of its groups are done. When all shards are there, what they hold is written in the
order in which it is asked for, and put in place at once. A full disk stops the scan between shards.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pyarrow.parquet as pq

from kinetoscope.engines.here import Done, map_here
from kinetoscope.engines.on_ray import map_on_ray
from kinetoscope.evidence.answers import Pass, Rows
from kinetoscope.evidence.evidence import Provenance, write_answer
from kinetoscope.evidence.scanning.disk import telling_if_full
from kinetoscope.evidence.scanning.piece import CLIPS, Piece, Shard, write_shard
from kinetoscope.evidence.scanning.table import layer_folder, write_layer
from kinetoscope.files import put_in_place, remove_leftovers, settings_key, write_text
from kinetoscope.units.layers import Layer

Progress = Callable[[int, int], None]
"""Is told how many videos are done, and of how many."""

Engine = Literal["here", "ray"]
Group = tuple[int, Sequence[int]]
"""Of which shard, and which videos."""

_QUESTION = "question.json"
_SHARDS, _WHOLE = "shards", "whole"
_CLIPS_PER_GROUP = 1024
_BUNDLE = 4  # groups that a process of a cluster works on before it answers


@dataclass(frozen=True, kw_only=True)
class Job:
    """A scan that may have been begun before.

    Args:
        folder: of the evidence; complete or absent.
        provenance: of the scan.
        layers: that are scanned.
        videos: by their place in the catalog.
        shard: videos a shard.
        batch: videos a group.
    """

    folder: Path
    provenance: Provenance
    layers: Sequence[Layer]
    videos: range
    shard: int
    batch: int

    def fill(
        self,
        work: Pass,
        *,
        engine: Engine,
        workers: int | None,
        progress: Progress | None,
    ) -> None:
        """Write the shards that are not there yet, each when all of its videos are done.

        Raises:
            EvidenceError: the disk is full.
        """
        self._begin_or_go_on()
        missing = {n: groups for n, groups in self._plan.items() if not self._shard(n).exists()}
        total = len(self.videos)
        count = total - sum(len(group) for groups in missing.values() for group in groups)
        if progress is not None:
            progress(count, total)
        items = [(number, group) for number, groups in missing.items() for group in groups]
        done: list[Rows] = []
        for each in _answers(work, items, engine, workers):
            if each.error is not None or each.answer is None:
                raise each.error or AssertionError("work without an answer or an error")
            done.append(each.answer)
            number, group = each.item
            if group == missing[number][-1]:
                self._keep(number, done)
                done = []
            count += len(group)
            if progress is not None:
                progress(count, total)

    def finish(self) -> None:
        """Write the evidence from its shards, and put all of it in place at once.

        Raises:
            EvidenceError: the disk is full.
        """
        whole = self.part / _WHOLE
        widths = [layer.channels for layer in self.layers]
        shards = [Shard(self._shard(number), widths) for number in self._plan]
        with telling_if_full(self.part, len(shards), len(shards), spare=whole):
            shutil.rmtree(whole, ignore_errors=True)
            write_scan(whole, shards, self.provenance, [layer.to_json() for layer in self.layers])
        put_in_place(whole, self.folder)

    @property
    def part(self) -> Path:
        """Where the shards lie."""
        return beside(self.folder)

    @cached_property
    def _plan(self) -> dict[int, list[Sequence[int]]]:
        """Of each shard, the videos that are worked on together."""
        shards = range(0, len(self.videos), self.shard)
        return {
            number: [
                self.videos[start : min(start + self.batch, first + self.shard)]
                for start in range(first, min(first + self.shard, len(self.videos)), self.batch)
            ]
            for number, first in enumerate(shards)
        }

    def _shard(self, number: int) -> Path:
        return self.part / _SHARDS / f"{number:05}"

    def _keep(self, number: int, done: Sequence[Rows]) -> None:
        with telling_if_full(self.part, number, len(self._plan)):
            write_shard(self._shard(number), done)

    def _begin_or_go_on(self) -> None:
        """Keep the shards of the same question; begin anew where another was asked."""
        asked = {"question": settings_key(asdict(self.provenance)), "videos": self.shard}
        question, path = json.dumps(asked), self.part / _QUESTION
        if path.exists() and path.read_text(encoding="utf-8") == question:
            remove_leftovers(self.part)
            return
        shutil.rmtree(self.part, ignore_errors=True)
        write_text(path, question)


def beside(folder: Path) -> Path:
    """Where the shards of a scan lie until it is complete."""
    return folder.with_name(f".part-{folder.name}")


def write_scan(
    folder: Path, pieces: Sequence[Piece], provenance: Provenance, layers: Sequence[dict[str, Any]]
) -> None:
    """Write the pieces of a catalog as one scan, into a folder that is not in place yet.

    Args:
        folder: made.
        pieces: in the order of their clips.
        provenance: of the scan.
        layers: as `Layer.to_json` says.
    """
    folder.mkdir(parents=True)

    def write(number: int) -> None:
        write_layer(folder / layer_folder(number), pieces, number, layers[number])

    for done in map_here(write, range(len(layers))):
        if done.error is not None:
            raise done.error
    answer = {
        "layers": [{**layer, "file": layer_folder(number)} for number, layer in enumerate(layers)],
        "labels": list(provenance.settings["labels"]),
        **_write_clips(folder / CLIPS, pieces),
    }
    write_answer(folder, "scan", provenance, answer)


def _write_clips(path: Path, pieces: Sequence[Piece]) -> dict[str, Any]:
    """Write the clips of one piece after the other; gives how many there are, and the failures."""
    videos: set[int] = set()
    clips = 0
    failures: list[dict[str, str]] = []
    with path.open("wb") as file, ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for table in _in_groups(piece.clips() for piece in pieces):
            arrow = table.to_arrow()
            writer = writer or stack.enter_context(
                pq.ParquetWriter(file, arrow.schema, compression="zstd")
            )
            writer.write_table(arrow)
            failed = table.filter(pl.col("error").is_not_null())
            videos.update(table["video"])
            clips += len(table) - len(failed)
            failures += failed.select("path", "where", "error").to_dicts()
    return {"videos": len(videos), "clips": clips, "failures": failures}


def _in_groups(tables: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in groups of as many, however many come in each table."""
    waiting = pl.DataFrame()
    for table in tables:
        waiting = pl.concat([waiting, table]) if len(waiting) else table
        while len(waiting) >= _CLIPS_PER_GROUP:
            yield waiting[:_CLIPS_PER_GROUP].rechunk()
            waiting = waiting[_CLIPS_PER_GROUP:]
    if len(waiting):
        yield waiting.rechunk()


def _answers(
    work: Pass, items: Sequence[Group], engine: Engine, workers: int | None
) -> Iterator[Done[Group, Rows]]:
    if engine == "here":
        yield from map_here(lambda item: work(item[1]), items, workers=workers)
        return
    gpus = 1.0 if work.network.device.type == "cuda" else 0.0
    bundles = [items[first : first + _BUNDLE] for first in range(0, len(items), _BUNDLE)]
    for each in map_on_ray(_Several(work), bundles, workers=workers, gpus=gpus):
        if each.answer is None:
            yield Done(each.item[0], error=each.error)
            return
        yield from (Done(*pair) for pair in zip(each.item, each.answer, strict=True))


@dataclass(frozen=True)
class _Several:
    """Travels to other processes, as do its answers: several at once wait for it but once."""

    work: Pass

    def __call__(self, items: Sequence[Group]) -> list[Rows]:
        return [self.work(videos) for _, videos in items]
