"""How does heat become a video that plays anywhere?

The clip with heat painted over it, its motion beside it where the network takes motion, and beneath
them a strip of time: how much each frame speaks for the objective (red, upwards) and against it
(blue, downwards), with a line where the video is. A video is written part by part, so that a long
one takes no more memory than a short one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from kinetoscope.report.heat import AGAINST, FOR, painted_over
from kinetoscope.report.pictures import enlarged, flow_picture, readable_speed
from kinetoscope.tensors import Heat, Picture
from kinetoscope.video.encode import write_long_mp4

OverTime = Float[Tensor, " frame"]
"""The heat of each frame of a whole video, summed over its pixels."""

Screen = UInt8[Tensor, "time _height _width 3"]
"""Pictures that are put together with others of another size."""

_LEAST_SIDE = 224  # smaller clips are enlarged [pixels]
_STRIP, _GAP = 40, 4  # [pixels]
_PAPER, _LINE, _NOW = 24, 90, 255  # grey levels
_AT_ONCE = 16  # frames that are painted
_QUALITY = 75  # of 100
_SHORTEST = 3.0  # what would be over sooner is played again [seconds]
_SLOWEST, _FEW = 8.0, 64  # a clip of few frames is shown so slowly that they can be told apart


@dataclass(frozen=True, kw_only=True, eq=False)
class Watched:
    """A part of what is shown: frames, their motion if the network takes it, and their heat.

    Args:
        frames: `time height width rgb`.
        flow: `2 time height width` [pixels per frame].
        heat: by part, of the same extent.
    """

    frames: Picture
    flow: Tensor | None
    heat: Mapping[str, Heat]


@dataclass(frozen=True, kw_only=True, eq=False)
class Strip:
    """What is known of the whole video before its first frame is drawn.

    Args:
        over_time: the heat of every frame.
        full_colour: the heat that is drawn so.
        full_speed: the motion that is drawn in full colour [pixels per frame].
        frames_per_second: as the video is to be watched.
    """

    over_time: OverTime
    full_colour: float
    full_speed: float
    frames_per_second: float


def write_overlay(path: Path, parts: Iterable[Watched], strip: Strip) -> None:
    """Write a clip or a long video with heat over it; complete or absent.

    A clip of few frames is shown slowly, and again and again for some seconds.

    Args:
        path: ends in .mp4.
        parts: of the video, in order.
        strip: of all of it.
    """
    count, rate = len(strip.over_time), strip.frames_per_second
    drawn: Iterable[Screen] = _drawn(parts, strip)
    if count <= _FEW:
        rate = min(rate, _SLOWEST)
        once = list(drawn)
        drawn = chain.from_iterable([once] * max(1, round(_SHORTEST * rate / count)))
    write_long_mp4(path, drawn, rate, quality=_QUALITY)


def _drawn(parts: Iterable[Watched], strip: Strip) -> Iterator[Screen]:
    first = 0
    for part in chain.from_iterable(map(_a_few, parts)):
        screens = torch.cat([_even(each) for each in _screens(part, strip)], dim=2)
        count, _, width, _ = screens.shape
        under = _strip_pictures(strip.over_time, range(first, first + count), width)
        yield torch.cat([screens, under], dim=1)
        first += count


def _a_few(part: Watched) -> Iterator[Watched]:
    """The same, some frames at a time: what is painted takes much more room than what is kept."""
    for start in range(0, len(part.frames), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        yield Watched(
            frames=part.frames[some],
            flow=None if part.flow is None else part.flow[:, some],
            heat={name: heat[some] for name, heat in part.heat.items()},
        )


def _screens(part: Watched, strip: Strip) -> Iterator[Screen]:
    """The clip, and its motion, each with its heat. Heat that is of both is painted over both."""
    both = part.heat.get("both")
    of_frames = part.heat.get("frames", both)
    frames = enlarged(part.frames, _LEAST_SIDE)
    if of_frames is None:
        yield frames
    else:
        yield painted_over(frames, of_frames, strip.full_colour)
    of_flow = part.heat.get("flow", both)
    if part.flow is not None and of_flow is not None:
        flow = enlarged(flow_picture(part.flow, strip.full_speed), _LEAST_SIDE)
        yield painted_over(flow, of_flow, strip.full_colour)


def _even(picture: Screen) -> Screen:
    """The same, of an even number of rows and columns, which every player takes."""
    rows, columns = (length // 2 * 2 for length in picture.shape[1:3])
    return picture[:, :rows, :columns]


def _strip_pictures(over_time: OverTime, now: Sequence[int], width: int) -> Screen:
    """The strip of time, once for each frame that is shown now."""
    strip = _bars(over_time, width)
    pictures = strip.repeat(len(now), 1, 1, 1)
    for place, frame in enumerate(now):
        column = min(width - 2, int((frame + 0.5) / len(over_time) * width))
        pictures[place, _GAP:, column : column + 2] = _NOW
    return pictures


def _bars(over_time: OverTime, width: int) -> UInt8[Tensor, "tall wide 3"]:
    strip = torch.full((_GAP + _STRIP, width, 3), _PAPER, dtype=torch.uint8)
    up, down = over_time.clamp(min=0), -over_time.clamp(max=0)
    most = float(over_time.abs().max()) or 1.0
    signed = float(down.max()) > 0
    room = _STRIP // 2 if signed else _STRIP
    zero = _GAP + room
    edges = [column * len(over_time) // width for column in range(width + 1)]
    for column in range(width):
        frames = slice(edges[column], max(edges[column] + 1, edges[column + 1]))
        tall, deep = (round(float(each[frames].max()) / most * room) for each in (up, down))
        strip[zero - tall : zero, column] = torch.tensor(FOR, dtype=torch.uint8)
        strip[zero : zero + deep, column] = torch.tensor(AGAINST, dtype=torch.uint8)
    if signed:
        strip[zero, :] = strip[zero].clamp(min=_LINE)
    return strip


def speed_of(flows: Sequence[Tensor]) -> float:
    """The motion that is drawn in full colour in all of some clips [pixels per frame]."""
    return readable_speed(flows, 0.95) if flows else 1.0
