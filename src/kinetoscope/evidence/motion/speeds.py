"""How fast do things move in a clip: how much of its motion has which speed?

Speeds are told in octaves, since twice as fast is as far as half as fast. What moves counts by its
speed, and in frames by how much there is to see of it: stillness is no motion, and a plain wall
shows none. In frames, speeds are measured place by place, with the structure tensor; motion that is
so fast that it repeats itself is taken for slower, in natural clips as in stimuli.

Source: Lucas and Kanade, IJCAI 1981, for the local fit; Villani, "Optimal transport", 2009, chapter
6, for the distance between distributions: how far motion must be moved, on average, for one to
become the other.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from kinetoscope.evidence.motion.velocity import derivative
from kinetoscope.tensors import Flow, Frames

Speeds = Float[Tensor, " bin"]
"""The share of motion in each bin of octaves; all 0 where nothing moves."""

LOWEST, HIGHEST, STEP = -4.0, 6.0, 0.5
"""Of the bins [octaves of pixels per frame]; what is slower or faster is in the first or last."""

_BINS = round((HIGHEST - LOWEST) / STEP)


def octaves() -> Float[Tensor, " edge"]:
    """Where the bins begin, and where the last one ends [octaves of pixels per frame]."""
    return torch.linspace(LOWEST, HIGHEST, _BINS + 1, dtype=torch.float64)


def speeds_of_flow(flow: Flow) -> Speeds:
    """Of a flow field [pixels per frame]."""
    speed = flow.detach().double().norm(dim=0).flatten()
    return _distribution(speed, speed)


def speeds_of_frames(frames: Frames) -> Speeds:
    """Of frames; nothing moves in fewer than three of them, or of 3 pixels on a side."""
    if min(frames.shape[1:]) < 3:
        return torch.zeros(_BINS, dtype=torch.float64)
    x = frames.detach().double()
    over_time, down, right = (derivative(x, axis) for axis in (1, 2, 3))

    side = 5 if min(x.shape[2:]) >= 9 else 1  # of 9 pixels, 5 have derivatives

    def near(product: Tensor) -> Tensor:
        """Summed over colours, and over what is next to each place."""
        return functional.avg_pool2d(product.sum(dim=0), side, stride=1, padding=side // 2)

    xx, yy, xy = near(right * right), near(down * down), near(right * down)
    xt, yt = near(right * over_time), near(down * over_time)
    slope = xx + yy
    # Where all slopes point one way, the ridge leaves the motion along them, which alone is seen.
    ridge = 0.02 * slope + 1e-12
    xx, yy = xx + ridge, yy + ridge
    by_area = xx * yy - xy * xy
    speed = torch.hypot(xy * yt - yy * xt, xy * xt - xx * yt) / by_area
    return _distribution(speed.flatten(), (slope * speed).flatten())


def speeds_distance(a: Speeds, b: Speeds) -> float | None:
    """How far apart two distributions of speeds are [octaves]; None where nothing moves in one."""
    if float(a.sum()) == 0 or float(b.sum()) == 0:
        return None
    gap = (a / a.sum()).cumsum(dim=0) - (b / b.sum()).cumsum(dim=0)
    return float(gap.abs().sum()) * STEP


def _distribution(speed: Tensor, weight: Tensor) -> Speeds:
    """The share of the weight in each bin."""
    total = float(weight.sum())
    if total < 1e-12:
        return torch.zeros(_BINS, dtype=torch.float64)
    octave = (speed.clamp(min=1e-9).log2() - LOWEST) / STEP
    place = octave.floor().long().clamp(0, _BINS - 1)
    found = torch.zeros(_BINS, dtype=torch.float64, device=speed.device)
    return (found.index_add_(0, place, weight) / total).cpu()
