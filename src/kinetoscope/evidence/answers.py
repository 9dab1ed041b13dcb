"""What do units answer to a few videos, and what does the network take these for?

A part of a scan: the videos are opened, shown to the network, and what it answers is summed up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.scanning.summary import Summary, join, summarize
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Scores
from kinetoscope.units.axes import habits_of
from kinetoscope.units.reading import watch


@dataclass(frozen=True)
class Rows:
    """What is known of some videos.

    Args:
        clips: a row a clip, in the words of `Scan.clips`; of one that can't be read, the error.
        layers: a summary of each layer, of the clips that could be read; empty if none could.
    """

    clips: list[dict[str, Any]]
    layers: list[Summary]


@dataclass(frozen=True)
class Pass:
    """The work, as it is done for a few videos.

    `layout` is that of clips in memory: the same in every process, since rounding depends on it.
    """

    network: Network
    catalog: Catalog
    layers: Sequence[str]
    clips: int
    batch: int
    clip_cache: ClipCache | None
    layout: torch.memory_format

    def __call__(self, videos: Sequence[int]) -> Rows:
        """Open some videos, run the network, and keep what its layers answered."""
        habits_of(self.network)  # known already, but in the first call in another process
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
        parts = [
            self._run(opened[first : first + self.batch], read[first : first + self.batch])
            for first in range(0, len(opened), self.batch)
        ]
        return Rows(rows, [join(layer) for layer in zip(*parts, strict=True)])

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
    def _run(self, clips: Sequence[Clip], rows: Sequence[dict[str, Any]]) -> list[Summary]:
        """Add predictions to the rows, and give what each layer answered."""
        network, numbers = self.network, [row["clip"] for row in rows]
        batch = ClipBatch.of(clips, network.expects, layout=self.layout)
        found: dict[str, Summary] = {}
        scores = watch(
            network,
            batch.to(network.device),
            self.layers,
            lambda layer, answer: found.update({layer: summarize(answer, numbers)}),
        )
        if network.labels:
            self._predict(scores, rows)
        return [found[layer] for layer in self.layers]

    def _predict(self, scores: Scores, rows: Sequence[dict[str, Any]]) -> None:
        probabilities = scores.softmax(dim=1)
        best, places = probabilities.max(dim=1)
        columns = (each.tolist() for each in (places, best, probabilities, scores))
        for row, place, *rest in zip(rows, *columns, strict=True):
            row["predicted"] = self.network.labels[place]
            row["probability"], row["probabilities"], row["scores"] = rest
