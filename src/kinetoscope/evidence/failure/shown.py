"""How are clips of a scan opened again, so that they can be shown once more?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.clip import Clip
from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.scan import Scan


@dataclass(frozen=True, kw_only=True)
class Opened:
    """Clips of a scan.

    Args:
        clips: by their numbers in the scan, in its order.
        failures: path, where and error of those that can't be read any more.
    """

    clips: dict[int, Clip]
    failures: list[dict[str, str]]


def open_again(
    catalog: Catalog, scan: Scan, numbers: Sequence[int], clip_cache: ClipCache | None
) -> Opened:
    """Open clips of a scan by their numbers."""
    views: int = scan.provenance.settings["clips"]
    rows = scan.clips.filter(pl.col("clip").is_in(list(numbers))).sort("clip")
    clips: dict[int, Clip] = {}
    failures: list[dict[str, str]] = []
    for row in rows.iter_rows(named=True):
        entry = catalog.entries[row["video"]]
        try:
            opened = views_of(entry, scan.expects, clips=views, cache=clip_cache)
        except (KinetoscopeError, OSError) as error:  # it could be read when it was scanned
            told = {"path": row["path"], "where": row["where"]}
            failures.append({**told, "error": str(error)})
            continue
        clips[row["clip"]] = opened[row["clip"] % views]
    return Opened(clips=clips, failures=failures)


def drawn(numbers: Sequence[int], count: int, seed: int) -> list[int]:
    """All, or so many of them at random, in their order."""
    if len(numbers) <= count:
        return list(numbers)
    chosen = np.random.default_rng(seed).choice(len(numbers), count, replace=False)
    return [numbers[place] for place in sorted(chosen)]
