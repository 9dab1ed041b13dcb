"""What does each clip look like, in a picture small enough to show hundreds?

The frame in the middle of each clip. Clips are opened as the scan opened them, so those that are
kept need no decoding.
"""

from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.transforms import resize_picture
from kinetoscope.engines.here import map_here
from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.representation.clips import Places
from kinetoscope.evidence.scan import Progress, Scan

SIDE = 48
"""Of a thumbnail [pixels]."""

Pictures = UInt8[np.ndarray, "clip height width 3"]


def thumbnail(clip: Clip) -> UInt8[np.ndarray, "height width 3"]:
    """The frame in the middle, its shape changed to a square."""
    middle = clip.frames[:, clip.time // 2]
    picture = rearrange(
        (middle * 255).round().to(torch.uint8), "rgb height width -> 1 height width rgb"
    )
    return resize_picture(picture, (SIDE, SIDE))[0].numpy()


def thumbnails(
    catalog: Catalog,
    scan: Scan,
    rows: Places,
    *,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> tuple[Pictures, list[dict[str, str]]]:
    """Pictures of some clips of a scan; grey where a video can't be read any more.

    Args:
        catalog: that was scanned.
        scan: that says which clips there are.
        rows: of `Scan.clips`, in ascending order.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many videos are done.

    Returns:
        In the order of the rows; and path, where and error of each video that can't be read.
    """
    found = np.full((len(rows), SIDE, SIDE, 3), 128, np.uint8)
    numbers = scan.clips["clip"].to_numpy()[rows]
    videos = scan.clips["video"].to_numpy()[rows]
    count: int = scan.provenance.settings["clips"]
    failures = []

    def opened(video: int) -> Sequence[Clip]:
        return views_of(catalog.entries[video], scan.expects, clips=count, cache=clip_cache)

    wanted = list(dict.fromkeys(videos.tolist()))
    for number, done in enumerate(map_here(opened, wanted), start=1):
        own = np.flatnonzero(videos == done.item)
        if isinstance(done.error, KinetoscopeError | OSError):
            entry = catalog.entries[done.item]
            told = {"path": catalog.relative_path(entry), "where": entry.where}
            failures.append({**told, "error": str(done.error)})
        elif done.answer is None:
            raise done.error or AssertionError("work without an answer or an error")
        else:
            for place in own.tolist():
                found[place] = thumbnail(done.answer[numbers[place] % count])
        if progress is not None:
            progress(number, len(wanted))
    return found, failures
