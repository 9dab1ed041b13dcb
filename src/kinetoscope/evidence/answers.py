"""What do units answer to a few videos, and what does the network take these for?

A part of a scan: the videos are opened, shown to the network, and summed up in tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import torch

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.errors import KinetoscopeError
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Activation
from kinetoscope.units.reading import watch

_CLIPS = {
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
_ACTIVATIONS = {
    "clip": pl.Int32,
    "channel": pl.Int32,
    "maximum": pl.Float32,
    "mean": pl.Float32,
    "time": pl.Int32,
    "row": pl.Int32,
    "column": pl.Int32,
}


@dataclass(frozen=True)
class Rows:
    """What is known of some videos: clips, and a table for each layer."""

    clips: pl.DataFrame
    activations: list[pl.DataFrame]


@dataclass(frozen=True)
class Pass:
    """The work, as it is done for a few videos."""

    network: Network
    catalog: Catalog
    layers: Sequence[str]
    clips: int
    batch: int
    clip_cache: ClipCache | None

    def rows(self, videos: Sequence[int]) -> Rows:
        """Open some videos, run the network, and keep what its layers answered."""
        rows: list[dict[str, Any]] = []
        opened: list[Clip] = []
        for video in videos:
            try:
                views = self._open(self.catalog.entries[video])
            except (KinetoscopeError, OSError) as error:
                rows.append(self._row(video, 0, error=str(error)))
                continue
            for number, clip in enumerate(views):
                rows.append(self._row(video, number, seconds=list(clip.seconds)))
                opened.append(clip)
        read = [row for row in rows if row["error"] is None]
        parts: list[list[pl.DataFrame]] = [[] for _ in self.layers]
        for first in range(0, len(opened), self.batch):
            group = slice(first, first + self.batch)
            self._run(opened[group], read[group], parts)
        tables = [pl.concat([pl.DataFrame(schema=_ACTIVATIONS), *part]) for part in parts]
        return Rows(pl.DataFrame(rows, schema=_CLIPS), tables)

    def _open(self, entry: Entry) -> list[Clip]:
        spec = self.network.expects
        return views_of(entry, spec, clips=self.clips, cache=self.clip_cache)

    def _row(
        self,
        video: int,
        number: int,
        *,
        seconds: list[float] | None = None,
        error: str | None = None,
    ) -> dict[str, Any]:
        entry = self.catalog.entries[video]
        return {
            "clip": video * self.clips + number,
            "video": video,
            "path": self.catalog.relative_path(entry),
            "where": entry.where,
            "label": entry.label,
            "start_seconds": seconds[0] if seconds else None,
            "seconds": seconds,
            "error": error,
        }

    @torch.inference_mode()
    def _run(
        self, clips: Sequence[Clip], rows: Sequence[dict[str, Any]], parts: list[list[pl.DataFrame]]
    ) -> None:
        """Add predictions to the rows, and activations to the parts."""
        network, numbers = self.network, [row["clip"] for row in rows]
        batch = ClipBatch.of(clips, network.expects).to(network.device)
        found: dict[str, pl.DataFrame] = {}
        scores = watch(
            network,
            batch,
            self.layers,
            lambda layer, answer: found.update({layer: _summary(answer, numbers)}),
        )
        for part, layer in zip(parts, self.layers, strict=True):
            part.append(found[layer])
        probabilities = scores.softmax(dim=1).cpu()
        best, places = probabilities.max(dim=1)
        for number, row in enumerate(rows):
            row["predicted"] = network.labels[int(places[number])]
            row["probability"] = float(best[number])
            row["probabilities"] = probabilities[number].tolist()
            row["scores"] = scores[number].tolist()


def _summary(answer: Activation, clips: Sequence[int]) -> pl.DataFrame:
    """Largest and mean answer of every clip and channel, and the place of the largest."""
    count, channels, *places = answer.shape
    lines = answer.reshape(count, channels, -1)
    maximum, at = lines.max(dim=2)
    time, row, column = torch.unravel_index(at, tuple(places) or (1, 1, 1))
    columns = {
        "clip": torch.as_tensor(clips)[:, None].expand(count, channels),
        "channel": torch.arange(channels).expand(count, channels),
        "maximum": maximum,
        "mean": lines.mean(dim=2),
        "time": time,
        "row": row,
        "column": column,
    }
    arrays = {name: values.flatten().cpu().numpy() for name, values in columns.items()}
    return pl.DataFrame(arrays, schema_overrides=_ACTIVATIONS)
