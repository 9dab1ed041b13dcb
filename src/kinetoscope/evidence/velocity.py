"""Which way does a picture move, and how fast?

Where brightness only moves, its change over time is -(u, v) times its slope in space. The velocity
is the least-squares fit of that to all places; where a pattern varies along one direction only, as
a grating does, the fit of least length is the motion across its stripes, which is all that can be
seen.

Source: Lucas and Kanade, IJCAI 1981, for the fit; Farid and Simoncelli, "Differentiation of
discrete multidimensional signals", IEEE TIP 2004, table I, for derivatives that agree with each
other in all directions.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kinetoscope.tensors import Flow


@dataclass(frozen=True)
class Velocity:
    """A motion to the right and down [pixels per frame]."""

    right: float
    down: float

    @property
    def speed(self) -> float:
        """[pixels per frame].

        >>> Velocity(3.0, 4.0).speed
        5.0
        """
        return math.hypot(self.right, self.down)

    @property
    def direction(self) -> float:
        """Where it goes, counter-clockwise from right as seen on the screen [degrees].

        >>> Velocity(0.0, -2.0).direction
        90.0
        """
        return math.degrees(math.atan2(-self.down, self.right)) % 360


def velocity_of_frames(frames: Tensor) -> Velocity:
    """The dominant motion in frames, `channel time height width`; none in fewer than three.

    Aliased motion, faster than half a period a frame, is seen as the slower motion it looks like.
    """
    if min(frames.shape[1:]) < 3:
        return Velocity(0.0, 0.0)
    over_time, down, right = (_derivative(frames.double(), axis) for axis in (1, 2, 3))
    slopes = torch.stack([right.flatten(), down.flatten()])
    tensor, pull = slopes @ slopes.T, -slopes @ over_time.flatten()
    strength = torch.linalg.eigvalsh(tensor)[-1].item()
    if strength < 1e-12:
        return Velocity(0.0, 0.0)
    fit = torch.linalg.pinv(tensor, atol=0.2 * strength, hermitian=True) @ pull
    return Velocity(*fit.tolist())


_FILTERS = {  # taps: (smoothing, derivative)
    3: ((0.229879, 0.540242, 0.229879), (-0.425287, 0.0, 0.425287)),
    5: (
        (0.037659, 0.249153, 0.426375, 0.249153, 0.037659),
        (-0.109604, -0.276691, 0.0, 0.276691, 0.109604),
    ),
}


def _derivative(x: Tensor, along: int) -> Tensor:
    """The derivative along one axis, smoothed along the others; borders are left out."""
    for axis in (1, 2, 3):
        taps = 5 if x.shape[axis] >= 5 else 3
        kernel = _FILTERS[taps][axis == along]
        length = x.shape[axis] - taps + 1
        x = torch.stack([k * x.narrow(axis, i, length) for i, k in enumerate(kernel)]).sum(0)
    return x


def velocity_of_flow(flow: Flow) -> Velocity:
    """The mean motion of a flow field, weighted by its speed, so that stillness does not count."""
    flow = flow.double()
    speed = flow.norm(dim=0)
    total = speed.sum()
    if total == 0:
        return Velocity(0.0, 0.0)
    return Velocity(*((flow * speed).sum(dim=(1, 2, 3)) / total).tolist())
