"""How is heat painted over what it was found in?

Red speaks for the objective, blue against it; the stronger, the less of the clip shines through.
Heat that has no sign is red alone. What is drawn in full colour is one number for all clips of a
method. The clip under it is grey, because its own colours would be taken for heat.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from kinetoscope.tensors import Heat, Picture

AnyHeat = Float[Tensor, "time _height _width"]
"""Heat of another extent in space than what it is laid over."""

Painted = UInt8[Tensor, "time height width 4"]
"""Colours that let through what lies under them: red, green, blue, opacity."""

FOR, AGAINST = (224, 36, 24), (24, 104, 232)
_MOST = 216  # of 255: full colour lets a little through
_LEVELS = 32  # of opacity: more can't be told apart, and make the files larger
_CURVE = 0.75  # below 1, so that weak heat is seen
_WIDEST = 128  # pixels of the shorter side; heat of larger clips is drawn at half of it, or less
_DIMMED = 0.82  # of what the clip's grey is


def heat_picture(heat: Heat, full_colour: float) -> Painted:
    """Heat as colours, to be laid over the clip.

    Args:
        heat: in units of the objective; above zero speaks for it.
        full_colour: the heat that is drawn so.
    """
    strength = (heat.abs() / full_colour).clamp(max=1) ** _CURVE
    levels = (strength * (_LEVELS - 1)).round()
    opacity = (levels / (_LEVELS - 1) * _MOST).round().to(torch.uint8)
    colours = torch.tensor([AGAINST, FOR], dtype=torch.uint8)[(heat > 0).long()]
    colours[opacity == 0] = 0  # what can't be seen need not be kept
    return torch.cat([colours, opacity[..., None]], dim=-1)


def small_enough(heat: AnyHeat) -> AnyHeat:
    """The same, or the mean of its pixels two by two, or more, where it is large."""
    factor = -(-min(heat.shape[1:]) // _WIDEST)
    if factor == 1:
        return heat
    return F.avg_pool2d(heat[:, None], factor, ceil_mode=True)[:, 0]


def lasting(native: Float[Tensor, "_step height width"], frames: int) -> Heat:
    """A map in its own resolution, each of its steps held for the frames that it stands for."""
    steps = torch.arange(frames) * len(native) // frames
    return native[steps]


def painted_over(picture: Picture, heat: AnyHeat, full_colour: float) -> Picture:
    """Pictures in grey, with heat painted over them; it is brought to their size.

    Args:
        picture: as many as the heat has frames.
        heat: in units of the objective.
        full_colour: the heat that is drawn so.
    """
    if heat.shape != picture.shape[:3]:
        size = tuple(picture.shape[1:3])
        heat = F.interpolate(heat[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    painted = heat_picture(heat, full_colour).float()
    opacity = painted[..., 3:] / 255
    mixed = greyed(picture).float() * (1 - opacity) + painted[..., :3] * opacity
    return mixed.round().to(torch.uint8)


def greyed(picture: Picture) -> Picture:
    """The brightness of pictures, a little darker."""
    weights = torch.tensor([0.2126, 0.7152, 0.0722]) * _DIMMED
    grey = (picture.float() * weights).sum(-1, keepdim=True)
    return grey.round().to(torch.uint8).expand_as(picture)
