"""How does a span of a video file become a clip?

Only the frames that the clip shows are decoded. They are resized to the spec's short side, the
motion between one frame *of the clip* and the next is computed on the resized frames, and then
both are cropped. A file is opened once, also for many views of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from kinetoscope.clips.catalog import Entry
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.sampling import (
    SAME_SECOND,
    Sampling,
    Span,
    centre,
    fit,
    starting_at,
    timeline,
    uniform,
)
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.transforms import Box, Crop, box_of, resize_picture, short_side_size
from kinetoscope.errors import ClipError, KinetoscopeError
from kinetoscope.files import content_key
from kinetoscope.tensors import Picture
from kinetoscope.video.flow import FlowCache, cached_flow, flow_between
from kinetoscope.video.video import Video, open_video

# How much is decoded before it is resized: large frames are not all held at once [bytes].
_DECODED_AT_ONCE = 64 * 2**20

_VIEWS: dict[int, tuple[Crop, ...]] = {1: ("centre",), 3: ("left", "centre", "right")}


def open_clip(
    path: str | Path,
    spec: ClipSpec,
    *,
    start_seconds: float | None = None,
    span: Span | None = None,
    sampling: Sampling | None = None,
    crop: Crop = "centre",
    flow_cache: FlowCache | None = None,
) -> Clip:
    """Open one clip of a video.

    Args:
        path: any file that FFmpeg reads.
        spec: what the clip must be; the flow is computed where it is among its streams.
        start_seconds: begin with the frame on screen at this display time; None leaves the
            choice to the sampling.
        span: choose from this part of the video only, in display time.
        sampling: which clip of the video (clips/sampling.py); None for the one in the middle.
        crop: which part of the frame: by name, a box, or `random_place(generator)`.
        flow_cache: where flow is kept that was computed before.

    Raises:
        VideoError: the file is not a video, or a wanted frame can't be read.
        ClipError: the video is too short and the spec says `error`; the crop does not fit; the
            start or the span lies outside of the video.
    """
    path = Path(path)
    if start_seconds is not None and sampling is not None:
        raise ClipError(
            f"where the clip from {path} starts is said twice",
            got=f"start_seconds={start_seconds} and a sampling",
            expected="one of the two",
        )
    with open_video(path) as video:
        ticks = ticks_of(video, spec, span)
        if start_seconds is not None:
            sampling = starting_at(_tick_at(start_seconds, ticks, video))
        order = _order(sampling or centre(), ticks, spec, source=str(path))
        footage = read_footage(video, order, spec)
    # the sampling draws before the crop does, here and in the store: one seed, one clip
    box = box_of(crop, footage.size, spec.size, source=str(path))
    return cut_clip(footage, order, box, _within(_flow(footage, order, spec, flow_cache), box))


def open_views(
    path: str | Path,
    spec: ClipSpec,
    *,
    clips: int = 1,
    crops: int = 1,
    span: Span | None = None,
    flow_cache: FlowCache | None = None,
) -> list[Clip]:
    """Open what a video is evaluated on: clips spread evenly, each with some crops.

    Args:
        path: any file that FFmpeg reads.
        spec: what each clip must be.
        clips: how many; one lies at the centre, more reach from the start to the end.
        crops: 1 for the centre; 3 for left, centre and right along the longer side.
        span: of this part of the video only, in display time.
        flow_cache: where flow is kept that was computed before.

    Returns:
        All crops of the first clip, then those of the next. When each clip starts is the first of
        its `seconds`.

    Raises:
        VideoError, ClipError: as for `open_clip`; there is no such number of crops.
    """
    path = Path(path)
    if crops not in _VIEWS:
        raise ClipError("a clip is seen in one crop or in three", got=crops, expected="1 or 3")
    if clips < 1:
        raise ClipError("a video is seen in one clip or more", got=clips, expected="1 or more")
    with open_video(path) as video:
        ticks = ticks_of(video, spec, span)
        orders = [
            _order(uniform(which, of=clips), ticks, spec, source=str(path))
            for which in range(clips)
        ]
        footage = read_footage(video, [frame for order in orders for frame in order], spec)
    boxes = [box_of(crop, footage.size, spec.size, source=str(path)) for crop in _VIEWS[crops]]
    flows = [_flow(footage, order, spec, flow_cache) for order in orders]
    return [
        cut_clip(footage, order, box, _within(flow, box))
        for order, flow in zip(orders, flows, strict=True)
        for box in boxes
    ]


def open_entry(
    entry: Entry,
    spec: ClipSpec,
    *,
    sampling: Sampling | None = None,
    crop: Crop = "centre",
    flow_cache: FlowCache | None = None,
) -> Clip:
    """Open a clip of a catalog's entry, from the span that is meant.

    Raises:
        VideoError, ClipError: as for `open_clip`; the message names the entry's line.
    """
    with naming(entry):
        return open_clip(
            entry.path, spec, span=entry.span, sampling=sampling, crop=crop, flow_cache=flow_cache
        )


def open_entry_views(
    entry: Entry,
    spec: ClipSpec,
    *,
    clips: int = 1,
    crops: int = 1,
    flow_cache: FlowCache | None = None,
) -> list[Clip]:
    """Open what a catalog's entry is evaluated on; as `open_views`, within its span.

    Raises:
        VideoError, ClipError: as for `open_views`; the message names the entry's line.
    """
    with naming(entry):
        return open_views(
            entry.path, spec, clips=clips, crops=crops, span=entry.span, flow_cache=flow_cache
        )


@contextmanager
def naming(entry: Entry) -> Iterator[None]:
    """Put the line of a catalog's entry in front of what goes wrong with it."""
    try:
        yield
    except KinetoscopeError as error:
        raise type(error)(
            f"{entry.where}: {error.what}",
            got=error.got,
            expected=error.expected,
            hint=error.hint,
        ) from error


@dataclass(frozen=True, kw_only=True)
class Footage:
    """Resized frames of a video, from which clips are cut.

    Args:
        picture: the frames, once each.
        place: where in `picture` a frame of the video is.
        seconds: when a frame of the video is shown, in display time.
        path: the video.
    """

    picture: Picture
    place: dict[int, int]
    seconds: dict[int, float]
    path: Path

    @property
    def size(self) -> tuple[int, int]:
        """Height and width [pixels]."""
        return self.picture.shape[1], self.picture.shape[2]

    def places(self, order: Sequence[int]) -> list[int]:
        """Where some frames of the video are."""
        return [self.place[frame] for frame in order]


def ticks_of(video: Video, spec: ClipSpec, span: Span | None) -> list[int]:
    """The video's frames, or those of a span, one a tick of the spec's rate."""
    return timeline(
        video.seconds,
        frames_per_second=spec.frames_per_second,
        span=span,
        source=str(video.path),
    )


def read_footage(video: Video, frames: Sequence[int], spec: ClipSpec) -> Footage:
    """Decode frames of a video, once each, resized to the spec's short side."""
    wanted = sorted(set(frames))
    size = short_side_size(video.size, spec.short_side)
    at_once = max(1, _DECODED_AT_ONCE // (3 * video.size[0] * video.size[1]))
    parts = [
        resize_picture(video.frames(wanted[start : start + at_once]), size)
        for start in range(0, len(wanted), at_once)
    ]
    return Footage(
        picture=torch.cat(parts) if len(parts) > 1 else parts[0],
        place={frame: place for place, frame in enumerate(wanted)},
        seconds={frame: video.seconds[frame] for frame in wanted},
        path=video.path,
    )


def flow_along(picture: Picture, places: Sequence[int], spec: ClipSpec) -> Tensor:
    """The motion from each of some frames to the next, `2 time height width`, in half precision.

    From a frame to itself there is none; the last field is that before it. Half precision is what
    caches keep: so a clip is the same whether its flow was there already or not.
    """
    # a frame that stands still is looked at once
    distinct = [0, *(t for t in range(1, len(places)) if places[t] != places[t - 1])]
    moved = flow_between(picture[[places[t] for t in distinct]], method=spec.flow_method).half()
    flow = moved.new_zeros(2, len(places), *moved.shape[2:])
    if len(distinct) > 1:
        flow[:, [t - 1 for t in distinct[1:]]] = moved[:, :-1]
        flow[:, -1] = flow[:, -2]
    return flow


def cut_clip(footage: Footage, order: Sequence[int], box: Box, flow: Tensor | None) -> Clip:
    """The clip that shows some frames of the footage, in this order, within a box.

    Args:
        footage: has these frames.
        order: which frames of the video.
        box: which part of the resized frame.
        flow: what moves in the box, `2 time height width`, or None.
    """
    rows, columns = box.slices
    shown = footage.picture[:, rows, columns][footage.places(order)]
    frames = rearrange(shown, "time height width rgb -> rgb time height width")
    return Clip(
        frames=frames.float().div_(255),  # the channels of a pixel stay side by side in memory
        flow=None if flow is None else flow.float(),
        seconds=tuple(footage.seconds[frame] for frame in order),
        source=str(footage.path),
    )


def _within(flow: Tensor | None, box: Box) -> Tensor | None:
    rows, columns = box.slices
    return None if flow is None else flow[:, :, rows, columns].contiguous()


def _flow(
    footage: Footage, order: Sequence[int], spec: ClipSpec, cache: FlowCache | None
) -> Tensor | None:
    """The flow of a clip before its crop, where the spec wants it."""
    if "flow" not in spec.streams:
        return None
    places = footage.places(order)
    if cache is None:
        return flow_along(footage.picture, places, spec)
    settings = ("clip", tuple(order), footage.size, spec.flow_method)
    return cached_flow(
        cache,
        content_key(footage.path),
        settings,
        lambda: flow_along(footage.picture, places, spec),
    )


def _order(sampling: Sampling, ticks: Sequence[int], spec: ClipSpec, *, source: str) -> list[int]:
    """Which frames of the video a clip shows."""
    places = sampling(len(ticks), spec)
    return [ticks[place] for place in fit(places, len(ticks), spec, source=source)]


def _tick_at(start_seconds: float, ticks: Sequence[int], video: Video) -> int:
    """The last tick not later than a second; the first one where the video starts later."""
    shown = np.asarray([video.seconds[frame] for frame in ticks])
    ends = float(shown[-1]) + 1 / video.frames_per_second
    if not 0 <= start_seconds < ends + SAME_SECOND and start_seconds != shown[0]:
        raise ClipError(
            f"a clip from {video.path} can't start there",
            got=f"{start_seconds} seconds",
            expected=f"0 to {ends:.3f} seconds",
        )
    return max(0, int(np.searchsorted(shown, start_seconds + SAME_SECOND, side="right")) - 1)
