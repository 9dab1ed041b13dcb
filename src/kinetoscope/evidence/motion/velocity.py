"""Which way does a picture move, and how fast?

A stimulus may be one wave in a soft window, a texture that moves as a whole, or neither. So its
velocity is measured in three ways, of which the first that tells what happens in it counts:

    wave.py            the one wave that it is most like, where that explains most of it
    shared_motion.py   the motion that most of its waves share, where they do and it is fast
    structure tensor   the least-squares fit to all places of: where brightness only moves, its
                       change over time is -(u, v) times its slope in space

The last is the most exact where motion is slow, and takes fast motion for slow or none. Where a
pattern varies along one direction only, as a grating does, all three tell the motion across its
stripes, which is all that can be seen.

Source: Lucas and Kanade, IJCAI 1981, for the fit; Farid and Simoncelli, "Differentiation of
discrete multidimensional signals", IEEE TIP 2004, table I, for derivatives that agree with each
other in all directions.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kinetoscope.evidence.motion.shared_motion import find_shared_motion
from kinetoscope.evidence.motion.wave import Wave, fit_wave
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


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The strongest wave in a stream, cos 2 pi (right x + down y + over_time t) and a phase.

    Args:
        right, down: [cycles per pixel]; the way its crests go.
        over_time: [cycles per frame]; 0 or less, below 0 where it moves.
    """

    right: float
    down: float
    over_time: float

    @property
    def frequency(self) -> float:
        """Across its stripes [cycles per pixel].

        >>> Peak(right=0.03, down=-0.04, over_time=-0.1).frequency
        0.05
        """
        return math.hypot(self.right, self.down)

    @property
    def velocity(self) -> Velocity:
        """How its crests move; none where it is the same all over the picture.

        >>> Peak(right=0.125, down=0.0, over_time=-0.25).velocity
        Velocity(right=2.0, down=0.0)
        """
        if self.frequency == 0:
            return Velocity(0.0, 0.0)
        pace = -self.over_time / self.frequency**2
        return Velocity(pace * self.right, pace * self.down)


def peak_of(x: Tensor) -> Peak | None:
    """The strongest wave in a stream, `channel time height width`; None where nothing changes."""
    wave = fit_wave(x)
    return None if wave is None else _as_peak(wave, x)


_NEARLY_ALL = 0.92
"""The share of a clip that a wave must explain for the clip to be taken for it..."""

_MOST = 0.68
"""... or of values and slopes, on average: smooth textures have one long wave, noise has slopes."""


def _as_peak(wave: Wave, x: Tensor) -> Peak:
    time, *sides = x.shape[1:]
    over_time = 0.0 if time == 1 else wave.over_time
    right, down = wave.right, wave.down
    if math.hypot(right, down) * max(sides) < 0.25:  # the same all over the picture
        right = down = 0.0
    # a wave and its reverse are one: told by the way it goes, or down and right if it stands
    still = abs(over_time) < 1e-4
    backward = (down, right) < (0, 0) if still else over_time > 0
    sign = -1.0 if backward else 1.0
    return Peak(right=sign * right, down=sign * down, over_time=sign * over_time)


def velocity_of_frames(frames: Tensor) -> Velocity:
    """The dominant motion in frames, `channel time height width`; none in fewer than three.

    A grating that moves more than half a period a frame is seen as the slower motion it looks like.
    """
    frames = frames.detach().double()
    if min(frames.shape[1:]) < 3 or _stands_still(frames):
        return Velocity(0.0, 0.0)
    wave = fit_wave(frames)
    if wave is not None and (wave.share > _NEARLY_ALL or wave.share + wave.slopes > 2 * _MOST):
        return _as_peak(wave, frames).velocity
    slow = _by_slopes(frames)
    fast = find_shared_motion(frames, beside=(slow.right, slow.down))
    if fast is None or fast.share < 0.5 or max(2 * fast.against, 1.1 * fast.beside) > fast.share:
        return slow
    return Velocity(fast.right, fast.down)


def _stands_still(frames: Tensor) -> bool:
    mean = frames.mean(dim=1, keepdim=True)
    change, contrast = (frames - mean).square().mean(), frames.var(correction=0)
    return bool(change <= 1e-9 * contrast)


def _by_slopes(frames: Tensor) -> Velocity:
    """The velocity by the structure tensor."""
    over_time, down, right = (derivative(frames, axis) for axis in (1, 2, 3))
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


def derivative(x: Tensor, along: int) -> Tensor:
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
