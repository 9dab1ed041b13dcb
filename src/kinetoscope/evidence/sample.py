"""Which clips of a catalog stand for all of it, where all of it would take too long?

As many of each label as can be, drawn at random by a seed, and in the catalog's order. A video
that can't be read is named, and the next one of its label takes its place.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import CatalogError, KinetoscopeError


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Some clips of a catalog, one a video, opened.

    Args:
        clips: in the catalog's order.
        videos: the place of each in the catalog.
        entries: what the catalog says of each.
        failures: path, where (the catalog's line) and error of each video that can't be read.
    """

    clips: tuple[Clip, ...]
    videos: tuple[int, ...]
    entries: tuple[Entry, ...]
    failures: tuple[dict[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def labels(self) -> tuple[str | None, ...]:
        """Of each clip, as the catalog has it."""
        return tuple(entry.label for entry in self.entries)

    def truth(self, labels: Sequence[str]) -> Tensor:
        """The place of each clip's label among these, `clip`; -1 for one that is not there."""
        places = {label: place for place, label in enumerate(labels)}
        return torch.tensor([places.get(label or "", -1) for label in self.labels])

    def batches(self, spec: ClipSpec, size: int = 8) -> Iterator[ClipBatch]:
        """All clips in order, a few at a time."""
        for first in range(0, len(self.clips), size):
            yield ClipBatch.of(self.clips[first : first + size], spec)


def open_sample(
    catalog: Catalog,
    spec: ClipSpec,
    count: int,
    *,
    seed: int = 0,
    clip_cache: ClipCache | None = None,
) -> Sample:
    """Open a sample of a catalog: the clip in the middle of each chosen video.

    Args:
        catalog: which videos.
        spec: what each clip must be.
        count: how many, if there are as many.
        seed: of the choice; the same seed gives the same clips.
        clip_cache: where clips are kept that were opened before.

    Raises:
        CatalogError: no video can be read.
    """
    taken: dict[int, Clip] = {}
    failures: list[dict[str, str]] = []
    for video in _in_turn(catalog, seed):
        if len(taken) == count:
            break
        entry = catalog.entries[video]
        try:
            (taken[video],) = views_of(entry, spec, cache=clip_cache)
        except (KinetoscopeError, OSError) as error:
            told = {"path": catalog.relative_path(entry), "where": entry.where}
            failures.append({**told, "error": str(error)})
    if not taken:
        raise CatalogError(
            f"no video of {catalog.name} can be read",
            got=failures[0]["error"] if failures else "no videos",
            expected="one video or more",
            hint="kinetoscope check lists what is wrong",
        )
    videos = tuple(sorted(taken))
    return Sample(
        clips=tuple(taken[video] for video in videos),
        videos=videos,
        entries=tuple(catalog.entries[video] for video in videos),
        failures=tuple(sorted(failures, key=lambda failure: failure["path"])),
    )


def _in_turn(catalog: Catalog, seed: int) -> Iterator[int]:
    """All videos, one of each label in turn, those of a label in random order."""
    of_label: dict[str | None, list[int]] = defaultdict(list)
    for video, entry in enumerate(catalog):
        of_label[entry.label].append(video)
    numbers = np.random.default_rng(seed)
    waiting = [list(numbers.permutation(videos)) for _, videos in sorted(of_label.items(), key=str)]
    while waiting:
        for videos in waiting:
            yield int(videos.pop())
        waiting = [videos for videos in waiting if videos]
