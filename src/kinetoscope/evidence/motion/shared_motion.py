"""Which one motion do most waves of a clip share?

The waves of a picture that moves with velocity v lie in a plane of the spectrum: each has as many
cycles a frame as the motion carries its crests past a pixel, w = -f . v. The motion is that of the
plane in which there is most. Many waves together tell motions at which each alone repeats itself:
w is known up to whole cycles a frame only.

Source: Watson and Ahumada, "Model of human visual-motion sensing", JOSA A 2, 1985, for the plane;
Heeger, "Model for the extraction of image flow", JOSA A 4, 1987, for looking where in it most lies.
Differs: planes are searched on a grid, then fitted by least squares to the waves that are near.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.evidence.motion.spectrum import Pattern, windowed

Vector = Float[Tensor, " 2"]

_WAVES = 2048  # the strongest are looked at
_FASTEST = 6.0  # that is searched for [pixels per frame]
_GRID = 0.5  # steps of the search [pixels per frame]


@dataclass(frozen=True)
class SharedMotion:
    """A motion, and how much of a clip goes along with it.

    Args:
        right, down: [pixels per frame]; across the stripes where all waves are in one line.
        share: of the slopes in the clip that move so, in [0, 1].
        against: that move the opposite way.
        beside: that go along with the other motion that was asked about.
    """

    right: float
    down: float
    share: float
    against: float
    beside: float


def find_shared_motion(x: Pattern, beside: tuple[float, float] = (0.0, 0.0)) -> SharedMotion | None:
    """The motion with which most of a clip goes; None where it has no slopes.

    Args:
        x: the clip.
        beside: another motion, right and down [pixels per frame], to tell how much goes with it.
    """
    waves = _strongest_waves(x.detach().double())
    if float(waves.weight.sum()) < 1e-14:
        return None
    line = torch.arange(-_FASTEST, _FASTEST + _GRID / 2, _GRID).to(waves.frequency)
    grid = torch.cartesian_prod(line, line)
    grid = grid[grid.norm(dim=1) <= _FASTEST]
    # of motions that fit as well, the slower one
    best = grid[(waves.share(grid, wide=1.5) - 0.01 * grid.norm(dim=1)).argmax()]
    for _ in range(8):
        best = waves.fitted(best)
    other = torch.tensor(beside).to(best)
    share, against, along = waves.share(torch.stack([best, -best, other])).tolist()
    right, down = best.tolist()
    return SharedMotion(right, down, share, against, along)


@dataclass(frozen=True)
class _Waves:
    """The strongest waves of a clip.

    Args:
        frequency: right and down [cycles per pixel].
        over_time: [cycles per frame].
        weight: the power of each one's slope across space.
        step: what frequencies over time can be told apart [cycles per frame].
    """

    frequency: Float[Tensor, "wave 2"]
    over_time: Float[Tensor, " wave"]
    weight: Float[Tensor, " wave"]
    step: float

    def share(self, motions: Float[Tensor, "motion 2"], wide: float = 1.0) -> Tensor:
        """Of each motion, how much lies in its plane."""
        near = self._near(motions @ self.frequency.T + self.over_time, wide)
        return near @ self.weight / self.weight.sum()

    def fitted(self, motion: Vector) -> Vector:
        """The least-squares motion of the waves near a plane."""
        missed = self.frequency @ motion + self.over_time
        missed = missed - missed.round()
        weight = self.weight * self._near(missed, 1.0)
        along = self.frequency @ motion - missed
        pull = self.frequency.T @ (weight * along)
        slopes = (self.frequency.T * weight) @ self.frequency
        strength = float(torch.linalg.eigvalsh(slopes)[-1])
        return torch.linalg.pinv(slopes, atol=0.1 * strength, hermitian=True) @ pull

    def _near(self, missed: Tensor, wide: float) -> Tensor:
        return (-0.5 * ((missed - missed.round()) / (wide * self.step)).square()).exp()


def _strongest_waves(x: Pattern) -> _Waves:
    time, height, width = x.shape[1:]
    power = torch.fft.rfftn(windowed(x), dim=(1, 2, 3), norm="ortho").abs().square().sum(dim=0)
    power[..., 1 : (width + 1) // 2] *= 2  # for the half that is left out
    over_time, down, right = torch.meshgrid(
        torch.fft.fftfreq(time).to(power),
        torch.fft.fftfreq(height).to(power),
        torch.fft.rfftfreq(width).to(power),
        indexing="ij",
    )
    weight = (power * (right.square() + down.square())).flatten()
    top = weight.topk(min(_WAVES, len(weight))).indices
    frequency = torch.stack([right.flatten(), down.flatten()], dim=1)
    return _Waves(frequency[top], over_time.flatten()[top], weight[top], 1 / time)
