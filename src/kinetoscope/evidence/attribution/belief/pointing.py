"""Is the heat where the reason is, when that is known?

    pointing     whether the hottest pixel lies within; where several are equally hot, their share
    energy       how much of the heat above zero lies within
    rank         of as many of the hottest pixels as there are within, how many lie within

and the same in time, of the heat of each frame: `temporal pointing`, `temporal energy`, and how the
hottest frames and those within overlap (`temporal IoU`: common frames, as a share of those in
either; hottest are as many as there are within). By chance, each is about the share of the clip
that lies within, but for the last.

Source: Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016, section 4.1
(pointing); Wang et al., "Score-CAM", CVPR workshops 2020, section 4.3 (energy); Arras, Osman and
Samek, "CLEVR-XAI", Information Fusion 2022, section 3.3 (rank accuracy). In time: our own.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinetoscope.clips.transforms import Box
from kinetoscope.errors import ClipError
from kinetoscope.tensors import Heat

Mask = Bool[Tensor, "_time _height _width"]
"""Where is within; its extent is checked against the heat."""


def pointing(heat: Heat, within: Mask | Box) -> float:
    """1 where the hottest pixel lies within, 0 where it does not; a share where several are."""
    return _pointing(heat, _mask(heat, within))


def energy(heat: Heat, within: Mask | Box) -> float:
    """The share of the heat above zero that lies within; not a number where there is none."""
    return _energy(heat, _mask(heat, within))


def rank_accuracy(heat: Heat, within: Mask | Box) -> float:
    """Of as many of the hottest pixels as there are within, the share that lies within."""
    return _rank_accuracy(heat, _mask(heat, within))


def temporal_pointing(heat: Heat, within: Mask) -> float:
    """As `pointing`, of frames."""
    return _pointing(over_time(heat), _frames(heat, within))


def temporal_energy(heat: Heat, within: Mask) -> float:
    """As `energy`, of frames."""
    return _energy(over_time(heat), _frames(heat, within))


def temporal_iou(heat: Heat, within: Mask) -> float:
    """How as many of the hottest frames as lie within overlap with these; 1 is the same."""
    right = _rank_accuracy(over_time(heat), _frames(heat, within))
    return right / (2 - right)  # of two sets of one size


def over_time(heat: Heat) -> Float[Tensor, " time"]:
    """The heat of each frame."""
    return heat.double().sum(dim=(1, 2))


def _pointing(heat: Tensor, mask: Tensor) -> float:
    return float(mask[heat == heat.max()].double().mean())


def _energy(heat: Tensor, mask: Tensor) -> float:
    above = heat.double().clamp(min=0)
    return float(above[mask].sum() / above.sum())


def _rank_accuracy(heat: Tensor, mask: Tensor) -> float:
    """Of pixels that are as hot as the last that counts, as large a share counts as has room."""
    many = int(mask.sum())
    least = heat.flatten().topk(many).values[-1]
    hotter, even = heat > least, heat == least
    room = (many - int(hotter.sum())) / int(even.sum())
    return (int((hotter & mask).sum()) + room * int((even & mask).sum())) / many


def _frames(heat: Heat, within: Mask) -> Bool[Tensor, " time"]:
    return _mask(heat, within).flatten(1).any(dim=1)


def _mask(heat: Heat, within: Mask | Box) -> Mask:
    """Where is within, checked against the heat."""
    if isinstance(within, Box):
        mask = torch.zeros(heat.shape, dtype=torch.bool)
        mask[:, *within.slices] = True
    else:
        mask = within
    if mask.shape != heat.shape or not mask.any():
        raise ClipError(
            "the mask does not fit the heat",
            got=f"{tuple(mask.shape)}, {int(mask.sum())} pixels within",
            expected=f"{tuple(heat.shape)} (time, height, width), one pixel within or more",
        )
    return mask
