"""How does a clip look resized, cropped, mirrored, moved, or played in another way?

Every function takes a clip and gives a new one whose frames and flow still belong together: the
flow of the result is, as near as a change of the old flow can give it, the motion between the
frames of the result. Where that can't hold (`shuffle`), the function says so.

Source: flow under resizing and mirroring as in Simonyan and Zisserman, "Two-Stream Convolutional
Networks", NeurIPS 2014 (a mirrored clip has its horizontal motion negated); crops at the left,
centre and right of the longer side as in Feichtenhofer et al., "SlowFast", ICCV 2019, section 4.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional

from kinetoscope.clips.clip import Clip
from kinetoscope.errors import ClipError
from kinetoscope.tensors import Picture

Where = Literal["left", "centre", "right"]
"""Along the side that has more room: left or top, the centre, right or bottom."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle of a frame [pixels]."""

    top: int
    left: int
    height: int
    width: int

    def __post_init__(self):
        if min(self.top, self.left) < 0 or min(self.height, self.width) < 1:
            raise ClipError(
                "a box lies within the frame and has pixels",
                got=self,
                expected="a top and left of 0 or more, a height and width of 1 or more",
            )

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )


Place = Callable[[tuple[int, int], tuple[int, int]], Box]
"""From a frame's height and width, and a crop's, to where the crop lies."""

Crop = Where | Box | Place


def random_place(generator: torch.Generator) -> Place:
    """A place anywhere in the frame; two numbers are drawn a crop."""

    def place(within: tuple[int, int], size: tuple[int, int]) -> Box:
        top, left = (
            int(torch.randint(max(0, has - wants) + 1, (), generator=generator))
            for has, wants in zip(within, size, strict=True)
        )
        return Box(top=top, left=left, height=size[0], width=size[1])

    return place


def box_of(crop: Crop, within: tuple[int, int], size: tuple[int, int], *, source: str) -> Box:
    """Where a crop lies.

    >>> box_of("right", (64, 100), (64, 64), source="memory")
    Box(top=0, left=36, height=64, width=64)

    Args:
        crop: a place by name, a box, or a function that gives one.
        within: height and width of the frame [pixels].
        size: height and width of the crop [pixels]; a box brings its own.
        source: where the clip is from, for the message.

    Raises:
        ClipError: the crop does not fit in the frame.
    """
    if isinstance(crop, Box):
        box = crop
    elif callable(crop):
        box = crop(within, size)
    else:
        room = (max(0, within[0] - size[0]), max(0, within[1] - size[1]))
        along = 0 if room[0] > room[1] else 1
        start = [(each + 1) // 2 for each in room]
        start[along] = {"left": 0, "centre": start[along], "right": room[along]}[crop]
        box = Box(top=start[0], left=start[1], height=size[0], width=size[1])
    if box.top + box.height > within[0] or box.left + box.width > within[1]:
        raise ClipError(
            f"the crop does not fit in the frames of {source}",
            got=f"{box} in frames of {within[0]} x {within[1]} pixels",
            expected="a box within the frame",
        )
    return box


def crop(clip: Clip, box: Box) -> Clip:
    """Only what lies in a box.

    Raises:
        ClipError: the box reaches out of the frame.
    """
    rows, columns = box_of(box, clip.size, clip.size, source=clip.source).slices
    return _changed(clip, lambda stream: stream[:, :, rows, columns])


def resize(clip: Clip, size: tuple[int, int]) -> Clip:
    """To another height and width [pixels]; motion is scaled along each axis."""
    if size == clip.size:
        return clip
    flow = clip.flow
    if flow is not None:
        down, right = (new / old for new, old in zip(size, clip.size, strict=True))
        scale = flow.new_tensor([right, down]).reshape(2, 1, 1, 1)
        flow = _resized(flow, size) * scale
    # rounding may leave a white pixel a hair above 1
    return replace(clip, frames=_resized(clip.frames, size).clamp(0, 1), flow=flow)


def resize_short_side(clip: Clip, short_side: int) -> Clip:
    """The shorter side to this many pixels, the longer one in proportion."""
    return resize(clip, short_side_size(clip.size, short_side))


def short_side_size(size: tuple[int, int], short_side: int) -> tuple[int, int]:
    """The height and width that have this shorter side, in proportion, rounded half up.

    >>> short_side_size((240, 320), 128)
    (128, 171)
    """
    small = min(size)
    height, width = ((2 * side * short_side + small) // (2 * small) for side in size)
    return height, width


def resize_picture(picture: Picture, size: tuple[int, int]) -> UInt8[Tensor, "time _ _ 3"]:
    """Decoded frames to another height and width [pixels]."""
    if tuple(picture.shape[1:3]) == size:
        return picture
    small = _resized_images(
        rearrange(picture, "time height width rgb -> time rgb height width"), size
    )
    return rearrange(small, "time rgb height width -> time height width rgb").contiguous()


def flip(clip: Clip) -> Clip:
    """Mirrored left to right; motion to the right becomes motion to the left."""
    mirrored = _changed(clip, lambda stream: stream.flip(3))
    if mirrored.flow is None:
        return mirrored
    right, down = mirrored.flow
    return replace(mirrored, flow=torch.stack([-right, down]))


def shift(
    clip: Clip, *, right: int = 0, down: int = 0, edge: Literal["repeat", "wrap"] = "repeat"
) -> Clip:
    """Moved within its frame; motion moves along and does not change.

    Args:
        clip: what to move.
        right: by how much [pixels]; negative for left.
        down: by how much [pixels]; negative for up.
        edge: what comes in: the edge repeated, or the opposite side.
    """
    height, width = clip.size
    rows, columns = torch.arange(height) - down, torch.arange(width) - right
    if edge == "wrap":
        rows, columns = rows % height, columns % width
    else:
        rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    return _changed(clip, lambda stream: stream[:, :, rows][:, :, :, columns])


def reverse(clip: Clip) -> Clip:
    """Played backward: twice is the clip itself.

    The motion back from frame t + 1 to t is minus that from t to t + 1. The field stays on the
    pixels of frame t, though the frame it now starts from is t + 1: exact where neighbours move
    alike, off by the motion itself at the borders of what moves.
    """
    flow = clip.flow
    if flow is not None and clip.time > 1:
        # without the last, which only repeats the one before
        flow = -flow[:, :-1].flip(1)
        flow = torch.cat([flow, flow[:, -1:]], dim=1)
    return replace(clip, frames=clip.frames.flip(1), flow=flow, seconds=clip.seconds[::-1])


def freeze(clip: Clip, *, at: int | None = None) -> Clip:
    """One frame throughout, and no motion.

    Args:
        clip: what to freeze.
        at: which frame; None for the middle one.

    Raises:
        ClipError: there is no such frame.
    """
    at = clip.time // 2 if at is None else at
    still = _in_order(clip, [at] * clip.time)
    return still if still.flow is None else replace(still, flow=torch.zeros_like(still.flow))


def shuffle(clip: Clip, generator: torch.Generator) -> Clip:
    """Its frames in random order.

    Each frame keeps the field that started from it: what happens at a moment is still there, in
    the wrong order. The flow is *not* the motion to the frame that now comes next, which would be
    large and meaningless; compute it anew from the shuffled frames if that is wanted.
    """
    return _in_order(clip, torch.randperm(clip.time, generator=generator).tolist())


def retexture(clip: Clip, other: Clip, *, at: int | None = None) -> Clip:
    """Another clip's frame, moved as this clip moves: its motion with another appearance.

    The last frame is the other's; each before it is looked up in the one after it where the flow
    says, which is what flow means. So every frame is resampled once, and where nothing moves the
    picture stays as it is. What comes in at the edges is mirrored.

    Args:
        clip: has the motion; its flow stays.
        other: has the appearance.
        at: which of its frames; None for the middle one.

    Raises:
        ClipError: the clip has no flow, the two differ in size, or there is no such frame.
    """
    if clip.flow is None or clip.size != other.size:
        raise ClipError(
            f"the clip from {clip.source} can't be given another texture",
            got="no flow" if clip.flow is None else f"{clip.size} beside {other.size} pixels",
            expected="a clip with flow, and a picture of its size",
            hint='open it with a spec whose streams are ("frames", "flow")',
        )
    picture = freeze(other, at=at).frames[:, 0].double()
    flow = clip.flow.double()
    moved = torch.zeros_like(flow[:, -1])
    frames = [picture]
    for time in reversed(range(clip.time - 1)):
        moved = flow[:, time] + _looked_up(moved, flow[:, time], "bilinear", "border")
        frames.append(_looked_up(picture, moved, "bicubic", "reflection"))
    # in double precision and then rounded, a picture that does not move is the same picture
    dressed = torch.stack(frames[::-1], dim=1).to(clip.frames.dtype).clamp(0, 1)
    return replace(clip, frames=dressed)


def _looked_up(picture: Tensor, moved: Tensor, mode: str, edge: str) -> Tensor:
    """At each pixel, what the picture has as far right and down as said there."""
    height, width = picture.shape[1:]
    rows = torch.arange(height, dtype=moved.dtype, device=moved.device)[:, None]
    columns = torch.arange(width, dtype=moved.dtype, device=moved.device)
    places = [
        (at + off) * 2 / max(1, extent - 1) - 1
        for at, off, extent in ((columns, moved[0], width), (rows, moved[1], height))
    ]
    grid = torch.stack(places, dim=-1)[None]
    return functional.grid_sample(
        picture[None], grid, mode=mode, padding_mode=edge, align_corners=True
    )[0]


def play(clip: Clip, *, speed: float) -> Clip:
    """Played faster or slower, by taking the nearest frame (the earlier one of two).

    The flow adds up the fields that are passed over: exact where what moves keeps its motion
    from one of them to the next. Where a frame comes twice there is no motion between.

    Args:
        clip: what to play.
        speed: 2 is twice as fast, and half as many frames.

    Raises:
        ClipError: the speed is not above 0.
    """
    if not speed > 0:
        raise ClipError(
            f"the clip from {clip.source} can't be played so", got=speed, expected="a speed above 0"
        )
    count = int((clip.time - 1) / speed + 1e-9) + 1
    # half down; the little number is for products such as 5 * 0.1, which may come out above 0.5
    order = [max(0, math.ceil(tick * speed - 0.5 - 1e-9)) for tick in range(count)]
    played = _in_order(clip, order)
    if clip.flow is None:
        return played
    passed = [clip.flow[:, here:after].sum(1) for here, after in pairwise(order)]
    fields = [*passed, passed[-1]] if passed else [torch.zeros_like(clip.flow[:, 0])]
    return replace(played, flow=torch.stack(fields, dim=1))


def _in_order(clip: Clip, order: Sequence[int]) -> Clip:
    if not all(0 <= frame < clip.time for frame in order):
        raise ClipError(
            f"the clip from {clip.source} has no such frame",
            got=f"frames {min(order)} to {max(order)}",
            expected=f"0 to {clip.time - 1}",
        )
    return replace(
        clip,
        frames=clip.frames[:, list(order)],
        flow=None if clip.flow is None else clip.flow[:, list(order)],
        seconds=tuple(clip.seconds[frame] for frame in order if clip.seconds),
    )


def _changed(clip: Clip, change: Callable[[Tensor], Tensor]) -> Clip:
    """The same change of both streams."""
    flow = None if clip.flow is None else change(clip.flow)
    return replace(clip, frames=change(clip.frames), flow=flow)


def _resized(stream: Tensor, size: tuple[int, int]) -> Tensor:
    """A stream of a clip, resized."""
    images = rearrange(stream, "channel time height width -> time channel height width")
    small = _resized_images(images, size)
    return rearrange(small, "time channel height width -> channel time height width").contiguous()


def _resized_images(images: Tensor, size: tuple[int, int]) -> Tensor:
    """The one way in which this package resizes: bilinear, and averaged where it gets smaller.

    Without that averaging a smaller picture flickers as it moves.
    """
    return functional.interpolate(
        images, size=size, mode="bilinear", antialias=True, align_corners=False
    )
