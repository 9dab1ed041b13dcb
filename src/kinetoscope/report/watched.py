"""What does the viewer show of the clips that excite units most?"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kinetoscope.engines.here import map_here
from kinetoscope.evidence.examples.kept import kept_clip
from kinetoscope.report.pictures import enlarged, flow_picture, readable_speed
from kinetoscope.report.shelf import Shelf, Track
from kinetoscope.tensors import Size

_LEAST_SIDE = 64  # lossy pictures of fewer pixels lose their colours [pixels]
_MOVING_SHARE = 0.95  # of the moving pixels of a clip are below its speed
_CLIPS_SHARE = 0.75  # of the clips are below the speed that is drawn in full colour


def clip_tracks(
    arrays: Mapping[int, Path], shelf: Shelf
) -> tuple[dict[int, dict[str, Track]], float | None, dict[int, Size]]:
    """Keep clips as strips, all with one scale of motion, so that they can be compared.

    Args:
        arrays: where the frames and the flow of each clip are.
        shelf: where pictures are kept.

    Returns:
        The strips of each clip; the scale [pixels per frame], None without motion; and the
        extent of each clip [frames, pixels, pixels].
    """
    full_colour = _common_speed(arrays)
    tracks: dict[int, dict[str, Track]] = {}
    extents: dict[int, Size] = {}
    kept = map_here(lambda item: _kept(*item, full_colour, shelf), sorted(arrays.items()))
    for done in kept:
        if done.error is not None or done.answer is None:
            raise done.error or AssertionError("a clip without strips or an error")
        tracks[done.item[0]], extents[done.item[0]] = done.answer
    return tracks, full_colour, extents


def _kept(
    number: int, path: Path, full_colour: float | None, shelf: Shelf
) -> tuple[dict[str, Track], Size]:
    found = kept_clip(path)
    time, height, width, _ = found["frames"].shape
    frames = enlarged(found["frames"], _LEAST_SIDE)
    tracks = {"frames": shelf.strip(f"clip-{number}.frames", frames)}
    if "flow" in found and full_colour is not None:
        flow = enlarged(flow_picture(found["flow"].float(), full_colour), _LEAST_SIDE)
        tracks["flow"] = shelf.strip(f"clip-{number}.flow", flow)
    return tracks, (time, height, width)


def _common_speed(arrays: Mapping[int, Path]) -> float | None:
    speeds = [
        readable_speed([flow.float()], _MOVING_SHARE)
        for path in arrays.values()
        if (flow := kept_clip(path).get("flow")) is not None
    ]
    return float(np.quantile(speeds, _CLIPS_SHARE, method="higher")) if speeds else None
