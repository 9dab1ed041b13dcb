"""How is motion made visible, and how does a small picture become one that can be looked at?

Flow is drawn twice, as the papers do: by a colour wheel on white (hue is the direction, saturation
the speed), and as red, green and blue from (right, down, speed) on grey. Everything takes and gives
whole clips at once.

Source: the wheel is that of Baker, Scharstein, Lewis, Roth, Black and Szeliski, "A Database and
Evaluation Methodology for Optical Flow", IJCV 92, 2011; (x, y, magnitude) is Feichtenhofer, Pinz,
Wildes and Zisserman, CVPR 2018, figure 1.
"""

import functools
import math
from collections.abc import Sequence

import torch
from einops import rearrange, repeat
from jaxtyping import UInt8
from torch import Tensor

from kinetoscope.tensors import Flow, Frames, Heat, Picture

Enlarged = UInt8[Tensor, "time tall wide 3"]

_ARCS = (15, 6, 4, 11, 13, 6)  # how many hues from red to yellow, green, cyan, blue, magenta, red
_VISIBLE = 0.3  # how far from the mean colour a pixel is seen well, of 1
_FAINTEST = 1 / 512  # below this there is nothing to see
_NEARLY_ALL = 0.995  # of the pixels; the few strongest may be clipped
_BEYOND = 0.75  # motion faster than the scale is drawn darker


def frames_picture(frames: Frames) -> Picture:
    """RGB in [0, 1] as pictures; what lies outside is clipped."""
    shown = frames.clamp(0, 1).mul(255).round().to(torch.uint8)
    return rearrange(shown, "channel time height width -> time height width channel")


def opacity_picture(opacity: Heat) -> Picture:
    """How much of each pixel is shown, in [0, 1], as grey pictures."""
    return frames_picture(repeat(opacity, "time height width -> 3 time height width"))


def visible_contrast(clips: Sequence[Frames]) -> float:
    """By how much the contrast of faint clips must grow to be seen; 1 where it can be.

    Returns:
        One factor for all of these, of two digits; the strongest of them is then well visible.
    """
    strengths = [(clip - _mean_colour(clip)).abs().flatten() for clip in clips]
    rank = max(1, math.ceil(_NEARLY_ALL * len(strengths[0])))
    strongest = max(float(each.kthvalue(rank).values) for each in strengths)
    if strongest >= _VISIBLE or strongest < _FAINTEST:
        return 1.0
    return float(f"{_VISIBLE / strongest:.1e}")


def with_contrast(frames: Frames, factor: float) -> Frames:
    """The same, farther from its mean colour."""
    mean = _mean_colour(frames)
    return ((frames - mean) * factor + mean).clamp(0, 1)


def flow_picture(flow: Flow, full_colour: float) -> Picture:
    """Flow by the colour wheel: still is white, `full_colour` is saturated, faster is darker.

    Args:
        flow: right and down [pixels per frame].
        full_colour: the speed that is drawn saturated [pixels per frame].
    """
    speed = torch.hypot(*flow) / full_colour
    hue = _hue(flow)
    toward_white = 1 - speed[None] * (1 - hue)
    return frames_picture(torch.where(speed[None] <= 1, toward_white, hue * _BEYOND))


def components_picture(flow: Flow, full_colour: float) -> Picture:
    """Flow as (right, down, speed) in red, green and blue; still is grey.

    Args:
        flow: right and down [pixels per frame].
        full_colour: the speed at which a colour ends [pixels per frame].
    """
    scaled = flow / (2 * full_colour)
    return frames_picture(torch.cat([scaled, torch.hypot(*scaled)[None]]) + 0.5)


def key_picture(size: int = 128) -> Picture:
    """The colour wheel itself, one picture: what a motion from the centre to each pixel looks like.

    Outside the circle it is white.
    """
    axis = torch.linspace(-1, 1, size)
    motion = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))
    inside = torch.hypot(*motion) <= 1
    return flow_picture((motion * inside)[:, None], 1.0)


def readable_speed(flows: Sequence[Flow], share: float = 1.0) -> float:
    """One scale for all of these: two digits, up to which `share` of the moving pixels are.

    Returns:
        A speed above 0 [pixels per frame].
    """
    speeds = torch.cat([torch.hypot(*flow).flatten() for flow in flows])
    moving = speeds[speeds > speeds.max() / 100]
    if not len(moving):
        return 1.0
    reached = moving.kthvalue(max(1, math.ceil(share * len(moving)))).values.item()
    digit = 10.0 ** (math.floor(math.log10(reached)) - 1)
    return float(f"{math.ceil(reached / digit - 1e-6) * digit:.1e}")


def enlarged(pictures: Picture, least: int) -> Enlarged:
    """Every pixel repeated, so that the shorter side is `least` or more; crisp, never blurred."""
    times = max(1, math.ceil(least / min(pictures.shape[1:3])))
    return repeat(
        pictures,
        "time height width channel -> time (height down) (width right) channel",
        down=times,
        right=times,
    )


def _mean_colour(frames: Frames) -> Tensor:
    return frames.mean(dim=(1, 2, 3), keepdim=True)


def _hue(flow: Flow) -> Tensor:
    """The saturated colour of each direction, in [0, 1]."""
    wheel = _wheel()
    turn = torch.atan2(-flow[1], -flow[0]) / math.pi  # from -1 to 1, as the authors have it
    place = (turn + 1) / 2 * (len(wheel) - 1)
    below = place.floor().long()
    above = (below + 1) % len(wheel)
    share = (place - below)[..., None]
    mixed = (1 - share) * wheel[below] + share * wheel[above]
    return rearrange(mixed, "time height width channel -> channel time height width")


@functools.cache
def _wheel() -> Tensor:
    """The 55 saturated colours, `hue channel` in [0, 1], from red over yellow around to red."""
    corners = torch.tensor(
        [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]],
        dtype=torch.float32,
    )
    arcs = [
        torch.lerp(start, end, (torch.arange(steps) / steps)[:, None])
        for start, end, steps in zip(corners, corners[1:], _ARCS, strict=False)
    ]
    return torch.cat(arcs)
