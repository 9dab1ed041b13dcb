"""How is a long video seen clip by clip, from its start to its end?

The video is cut into stretches of one length, and each is seen by the clip around its middle, which
may reach into its neighbours, or not fill it: a clip is as long as the network expects. The file is
decoded once, straight on, and a frame is kept, resized, until the last clip that shows it is made:
so memory depends on the length of a clip and not on that of the video.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.open import Footage, cut_clip, flow_along, read_footage, ticks_of
from kinetoscope.clips.sampling import SAME_SECOND, centre, fit, frames_spanned, starting_at
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.transforms import box_of
from kinetoscope.errors import ClipError
from kinetoscope.video.video import Video, open_video

_READ_AT_ONCE = 64  # frames that are decoded ahead of the clip that shows them


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of a video, and the clip that is shown of it.

    Args:
        start_seconds, end_seconds: of the part, in display time; the last one may be shorter.
        clip: around its middle.
        repeated: how many frames of the clip the video was too short for, and `when_short` filled.
    """

    start_seconds: float
    end_seconds: float
    clip: Clip
    repeated: int = 0


def open_stretches(
    path: str | Path, spec: ClipSpec, *, every_seconds: float | None = None
) -> Iterator[Stretch]:
    """Open a video stretch by stretch, from its start to its end.

    Args:
        path: any file that FFmpeg reads; it is closed when the last stretch was taken.
        spec: what each clip must be.
        every_seconds: length of a stretch; None takes the whole video as one.

    Raises:
        VideoError: the file is not a video, or a frame can't be read.
        ClipError: stretches have no length; the video is too short and the spec says `error`.
    """
    if every_seconds is not None and not every_seconds > 0:
        raise ClipError(
            "a stretch of a video has a length", got=every_seconds, expected="above 0 seconds"
        )
    with open_video(path) as video:
        ticks = ticks_of(video, spec, None)
        if every_seconds is None:
            spans, places = [_whole(video)], [centre()(len(ticks), spec)]
        else:
            spans = _spans(video, every_seconds)
            shown = np.asarray([video.seconds[frame] for frame in ticks])
            places = [_places_around(sum(span) / 2, shown, spec) for span in spans]
        orders = [
            [ticks[place] for place in fit(each, len(ticks), spec, source=str(video.path))]
            for each in places
        ]
        footages = _footages(video, orders, spec)
        for span, place, order, footage in zip(spans, places, orders, footages, strict=True):
            yield Stretch(
                start_seconds=span[0],
                end_seconds=span[1],
                clip=_clip(footage, order, spec),
                repeated=sum(each >= len(ticks) for each in place),
            )


def _whole(video: Video) -> tuple[float, float]:
    return video.start_seconds, video.start_seconds + video.duration_seconds


def _spans(video: Video, every_seconds: float) -> list[tuple[float, float]]:
    """From and to of each stretch [seconds]; the last one ends with the video."""
    start, end = _whole(video)
    count = max(1, int(np.ceil((end - start) / every_seconds - SAME_SECOND)))
    edges = [start + part * every_seconds for part in range(count)]
    return list(pairwise([*edges, end]))


def _places_around(second: float, shown: np.ndarray, spec: ClipSpec) -> list[int]:
    """The clip whose middle is shown at a second, as far as the video reaches on both sides."""
    middle = int(np.searchsorted(shown, second + SAME_SECOND, side="right")) - 1
    span = frames_spanned(spec)
    first = min(max(0, middle - span // 2), max(0, len(shown) - span))
    return starting_at(first)(len(shown), spec)


def _footages(video: Video, orders: list[list[int]], spec: ClipSpec) -> Iterator[Footage]:
    """Of each clip all its frames, and of the video none for longer than it is needed."""
    last_use = {frame: number for number, order in enumerate(orders) for frame in order}
    coming = iter(sorted(last_use))
    kept: Footage | None = None
    for number, order in enumerate(orders):
        while kept is None or max(order) not in kept.place:
            kept = _joined(kept, read_footage(video, list(islice(coming, _READ_AT_ONCE)), spec))
        yield kept
        kept = _only(kept, [frame for frame in kept.place if last_use[frame] > number])


def _joined(kept: Footage | None, more: Footage) -> Footage:
    if kept is None:
        return more
    offset = len(kept.place)
    return replace(
        kept,
        picture=torch.cat([kept.picture, more.picture]),
        place={**kept.place, **{frame: at + offset for frame, at in more.place.items()}},
        seconds={**kept.seconds, **more.seconds},
    )


def _only(kept: Footage, frames: list[int]) -> Footage:
    return replace(
        kept,
        picture=kept.picture[kept.places(frames)],
        place={frame: at for at, frame in enumerate(frames)},
        seconds={frame: kept.seconds[frame] for frame in frames},
    )


def _clip(footage: Footage, order: list[int], spec: ClipSpec) -> Clip:
    box = box_of("centre", footage.size, spec.size, source=str(footage.path))
    if "flow" not in spec.streams:
        return cut_clip(footage, order, box, None)
    rows, columns = box.slices
    flow = flow_along(footage.picture, footage.places(order), spec)
    return cut_clip(footage, order, box, flow[:, :, rows, columns].contiguous())
