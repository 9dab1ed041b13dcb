"""How are the clips of a scan kept beside the evidence that speaks of them?

Each video is opened once, however many units it excites. One that can't be read any more is told
with its error, and the rest is kept.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.clip import Clip
from kinetoscope.engines.here import map_here
from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.examples.kept import keep_clip
from kinetoscope.evidence.scan import Progress, Scan

ARRAYS = "clips"
"""The folder beside the evidence that holds the clips."""

_TOLD = ("path", "label", "predicted", "probability", "start_seconds", "seconds")


def keep_clips(
    catalog: Catalog,
    scan: Scan,
    wanted: Collection[int],
    folder: Path,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Keep clips of a scan; what is known of each, by its number as text.

    Args:
        catalog: that was scanned.
        scan: of it.
        wanted: the numbers of the clips.
        folder: of the evidence.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many videos are opened, and of how many.
    """
    rows = scan.clips.filter(pl.col("clip").is_in(sorted(wanted)))
    (folder / ARRAYS).mkdir()
    keeper = _Keeper(catalog, scan, folder, clip_cache)
    found: dict[str, dict[str, Any]] = {}
    videos = [group for _, group in rows.group_by("video", maintain_order=True)]
    for number, done in enumerate(map_here(keeper.write, videos), start=1):
        if done.error is not None:
            raise done.error
        found |= done.answer or {}
        if progress is not None:
            progress(number, len(videos))
    return found


@dataclass(frozen=True)
class _Keeper:
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
        name = f"{ARRAYS}/{number}.npz"
        keep_clip(self.folder / name, clip)
        return name
